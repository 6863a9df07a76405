//! What becomes of an archive's members, whatever the archive's format?
//!
//! Invariants: one member that is not rebuilt keeps back the whole archive, so nobody gets half a submission; all
//! members are examined all the same, so the report is complete and an infection in the last one is not missed.

use std::collections::{BTreeSet, HashSet};
use std::ops::Bound;

use crate::failure::Failure;
use crate::format::Format;
use crate::identify::{Declared, extension, fits_extension, identify, is_known_extension};
use crate::job::Job;
use crate::report::{Removed, Verdict, What, plain};

/// The examination of one archive's members, in their order.
///
/// Names are those that `zip_structure::names` has checked; a folder's ends with `/`.
pub(super) struct Members<'a> {
    listed: BTreeSet<&'a str>,
    names: Names,
    worst: Option<(Verdict, String)>,
}

impl<'a> Members<'a> {
    /// Of an archive with these names.
    pub(super) fn of(names: impl Iterator<Item = &'a str>) -> Self {
        Self { listed: names.collect(), names: Names::default(), worst: None }
    }

    /// Whether a member is a folder, which the names of its files give anyway, or litter.
    pub(super) fn leaves_out(&self, name: &str, job: &mut Job<'_>) -> bool {
        if name.ends_with('/') {
            let behind = (Bound::Excluded(name), Bound::Unbounded);
            let is_used =
                self.listed.range::<str, _>(behind).next().is_some_and(|listed| listed.starts_with(name));
            if !is_used {
                job.removed(Removed::new(What::Member, &format!("empty folder {name}"), 1));
            }
            return true;
        }
        if is_litter(name) {
            job.removed(Removed::new(What::Member, name, 1));
            return true;
        }
        false
    }

    /// Examines one member; gives its new name and content where it was rebuilt; an empty one is left out.
    pub(super) fn examine(
        &mut self,
        name: &str,
        content: &[u8],
        job: &mut Job<'_>,
    ) -> Result<Option<(String, Vec<u8>)>, Failure> {
        // There is nothing to rebuild in it, and nobody would miss it.
        if content.is_empty() {
            job.removed(Removed::new(What::Member, &format!("empty file {}", plain(name)), 1));
            return Ok(None);
        }
        if let Some((rebuilt, format)) = job.nested(content, &Declared { name, media_type: "" })? {
            return Ok(Some((self.names.fitting(name, format), rebuilt)));
        }
        let (verdict, reason) = job
            .last_child()
            .map_or((Verdict::Unscannable, String::new()), |child| (child.verdict, child.reason.clone()));
        if self.worst.as_ref().is_none_or(|(known, _)| verdict > *known) {
            self.worst = Some((verdict, format!("the archive's member {}: {reason}", plain(name))));
        }
        Ok(None)
    }

    /// Whether every member was rebuilt, and there was one.
    pub(super) fn finish(self) -> Result<(), Failure> {
        match self.worst {
            Some((Verdict::Refused, reason)) => Err(Failure::Refused(reason)),
            Some((_, reason)) => Err(Failure::Malformed(reason)),
            None if self.names.taken.is_empty() => {
                Err(Failure::Malformed("the archive has no members".to_owned()))
            }
            None => Ok(()),
        }
    }
}

/// Proves that a member of an archive that we wrote is of a type that is rebuilt, and is named so.
pub(super) fn verify_member(name: &str, content: &[u8]) -> Result<(), Failure> {
    let found = identify(content, &Declared { name, media_type: "" });
    if name.ends_with('/') || is_litter(name) || !found.format.is_rebuilt() || found.objection.is_some() {
        return Err(Failure::Unproved(format!("the member {} is still there", plain(name))));
    }
    Ok(())
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
