//! ZIP archives: every member is examined on its own, and a new archive is written of the rebuilt ones.
//!
//! ```text
//! archive ─▶ zip_structure (says one thing only) ─▶ each member ─▶ nested examination ─┬─ rebuilt ─▶ zip_write
//!                                                                                     └─ not: the archive fails
//! ```
//!
//! Invariants: one member that is not rebuilt keeps back the whole archive, so nobody gets half a submission; all
//! members are examined all the same, so the report is complete and an infection in the last one is not missed.

use std::collections::{BTreeSet, HashSet};
use std::io::Read as _;
use std::ops::Bound;

use crate::failure::Failure;
use crate::format::{Format, Rewritten};
use crate::identify::{Declared, extension, fits_extension, identify, is_known_extension};
use crate::job::Job;
use crate::report::{Removed, Verdict, What, plain};
use crate::zip_structure::{Entry, Method, Zip};
use crate::zip_write::ZipWriter;

/// Writes an archive of the rebuilt members.
pub(crate) fn rebuild(bytes: &[u8], _: Format, job: &mut Job<'_>) -> Result<Rewritten, Failure> {
    let zip = Zip::parse(bytes, job.limits)?;
    let listed: BTreeSet<&str> = zip.entries().iter().map(|entry| entry.name.as_str()).collect();
    let is_used = |folder: &str| {
        let behind = (Bound::Excluded(folder), Bound::Unbounded);
        listed.range::<str, _>(behind).next().is_some_and(|name| name.starts_with(folder))
    };
    let mut names = Names::default();
    let mut writer = ZipWriter::new();
    let mut worst: Option<(Verdict, String)> = None;
    for entry in zip.entries() {
        if entry.is_dir {
            if !is_used(&entry.name) {
                job.removed(Removed::new(What::Member, &format!("empty folder {}", entry.name), 1));
            }
            continue;
        }
        if is_litter(&entry.name) {
            job.removed(Removed::new(What::Member, &entry.name, 1));
            continue;
        }
        let content = entry.read(job)?;
        match job.nested(&content, &Declared { name: &entry.name, media_type: "" })? {
            Some((rebuilt, format)) => writer.add(&names.fitting(&entry.name, format), &rebuilt)?,
            None => {
                let (verdict, reason) =
                    job.last_child().map_or((Verdict::Unscannable, String::new()), |child| {
                        (child.verdict, child.reason.clone())
                    });
                if worst.as_ref().is_none_or(|(known, _)| verdict > *known) {
                    worst = Some((verdict, format!("the archive's member {}: {reason}", plain(&entry.name))));
                }
            }
        }
    }
    match worst {
        Some((Verdict::Refused, reason)) => return Err(Failure::Refused(reason)),
        Some((_, reason)) => return Err(Failure::Malformed(reason)),
        None if names.taken.is_empty() => {
            return Err(Failure::Malformed("the archive has no members".to_owned()));
        }
        None => {}
    }
    Ok(Rewritten { bytes: writer.finish()?, format: Format::Zip })
}

/// Parses the archive again: sound, no folders or litter, and every member is of a type that is rebuilt and named so.
pub(crate) fn verify(bytes: &[u8], _: Format, job: &mut Job<'_>) -> Result<(), Failure> {
    let unproved = |problem: String| Failure::Unproved(problem);
    let zip = Zip::parse(bytes, job.limits).map_err(|failure| unproved(failure.to_string()))?;
    for entry in zip.entries() {
        let name = plain(&entry.name);
        let content = content(entry).ok_or_else(|| unproved(format!("the member {name} cannot be read")))?;
        let found = identify(&content, &Declared { name: &entry.name, media_type: "" });
        if entry.is_dir || is_litter(&entry.name) || !found.format.is_rebuilt() || found.objection.is_some() {
            return Err(unproved(format!("the member {name} is still there")));
        }
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

/// Files that macOS and Windows leave behind.
fn is_litter(name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or(name);
    name.starts_with("__MACOSX/")
        || last.starts_with("._")
        || [".DS_Store", "Thumbs.db", "desktop.ini"].iter().any(|litter| last.eq_ignore_ascii_case(litter))
}

/// The names given out so far, in lower case.
#[derive(Default)]
pub(crate) struct Names {
    taken: HashSet<String>,
}

impl Names {
    /// The member's name with an extension that fits the format, different from all before it.
    pub(crate) fn fitting(&mut self, name: &str, format: Format) -> String {
        let own = format!(".{}", format.extension());
        let trimmed = name.trim_end_matches(|c: char| c == '.' || c.is_whitespace());
        let split = extension(name).zip(trimmed.rfind('.').map(|dot| trimmed.split_at(dot)));
        let (stem, ending) = match split {
            Some((extension, halves)) if fits_extension(format, &extension) => halves,
            Some((extension, (stem, _))) if is_known_extension(&extension) => (stem, own.as_str()),
            _ => (trimmed, own.as_str()),
        };
        let mut candidate = format!("{stem}{ending}");
        for n in 2_u32.. {
            if self.taken.insert(candidate.to_lowercase()) {
                break;
            }
            candidate = format!("{stem} ({n}){ending}");
        }
        candidate
    }
}

#[cfg(test)]
mod tests;
