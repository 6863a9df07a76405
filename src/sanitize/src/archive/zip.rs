//! ZIP archives: read by the strict structural reader, written by the writer that says one thing only.

use super::members::{Members, verify_member};
use crate::failure::Failure;
use crate::format::{Format, Rewritten};
use crate::job::Job;
use crate::zip_structure::Zip;
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
    let zip = Zip::parse(bytes, job.limits).map_err(Failure::unproved)?;
    for entry in zip.entries() {
        verify_member(&entry.name, &entry.expand().map_err(Failure::unproved)?)?;
    }
    match zip.entries().is_empty() {
        true => Err(Failure::Unproved("it has no members".to_owned())),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests;
