//! ZIP archives: read by the strict structural reader, written by the writer that says one thing only.

use std::io::Read as _;

use super::members::{Members, verify_member};
use crate::failure::Failure;
use crate::format::{Format, Rewritten};
use crate::job::Job;
use crate::report::plain;
use crate::zip_structure::{Entry, Method, Zip};
use crate::zip_write::ZipWriter;

/// Writes an archive of the rebuilt members.
pub(crate) fn rebuild(bytes: &[u8], _: Format, job: &mut Job<'_>) -> Result<Rewritten, Failure> {
    let zip = Zip::parse(bytes, job.limits)?;
    let mut members = Members::of(zip.entries().iter().map(|entry| entry.name.as_str()));
    let mut writer = ZipWriter::new(job.limits);
    for entry in zip.entries().iter() {
        if members.leaves_out(&entry.name, job) {
            continue;
        }
        let content = entry.read(job)?;
        if let Some((name, rebuilt)) = members.examine(&entry.name, &content, job)? {
            writer.add(&name, &rebuilt)?;
        }
    }
    members.finish()?;
    Ok(Rewritten { bytes: writer.finish()?, format: Format::Zip })
}

/// Parses the archive again: sound, no folders or litter, and every member is of a type that is rebuilt and named so.
pub(crate) fn verify(bytes: &[u8], _: Format, job: &mut Job<'_>) -> Result<(), Failure> {
    let unproved = |problem: String| Failure::Unproved(problem);
    let zip = Zip::parse(bytes, job.limits).map_err(|failure| unproved(failure.to_string()))?;
    for entry in zip.entries() {
        let content = content(entry)
            .ok_or_else(|| unproved(format!("the member {} cannot be read", plain(&entry.name))))?;
        verify_member(&entry.name, &content)?;
    }
    match zip.entries().is_empty() {
        true => Err(unproved("it has no members".to_owned())),
        false => Ok(()),
    }
}

/// A member of our own archive; its bytes were counted when they were rebuilt.
fn content(entry: &Entry<'_>) -> Option<Vec<u8>> {
    match entry.method {
        Method::Stored => Some(entry.compressed.to_vec()),
        Method::Deflated => {
            let mut out = Vec::new();
            let limit = entry.size.checked_add(1)?;
            let inflater = flate2::read::DeflateDecoder::new(entry.compressed).take(limit);
            #[expect(clippy::disallowed_methods, reason = "capped by `take`")]
            let read = { inflater }.read_to_end(&mut out).ok()?;
            (u64::try_from(read) == Ok(entry.size)).then_some(out)
        }
    }
}

#[cfg(test)]
mod tests;
