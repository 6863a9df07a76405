//! TIFF: every page decoded and written anew into a file of one fixed layout (TIFF 6.0, Technical Note 2 on JPEG).
//!
//! ```text
//! directories ─▶ page: known tags ─▶ strips or tiles ─▶ pixels ─▶ turned upright ─┬─ black and white ─▶ CCITT group 4
//!                 └─ other tags: reported, left behind                            ├─ was JPEG       ─▶ JPEG
//!                                                                                 └─ other          ─▶ LZW
//! ```
//!
//! Invariants: sizes are held against the limits before a strip is touched; a page that cannot be decoded fails the
//! file; in the new file every byte belongs to a page, which [`verify`] asks for.

mod ccitt;
mod directory;
mod pixels;
mod strips;
mod write;

use super::check_dimensions;
use crate::failure::Failure;
use crate::job::Job;
use crate::limits::Limits;
use crate::report::{Removed, What};
use directory::{Directories, Page};
use pixels::Picture;

/// Writes a TIFF anew.
pub(super) fn rebuild(bytes: &[u8], job: &mut Job<'_>) -> Result<Vec<u8>, Failure> {
    let directories = Directories::parse(bytes, job.limits)?;
    job.expand(directories.retold)?;
    for (what, place) in &directories.left_behind {
        job.removed(Removed::new(*what, place, 1));
    }
    let (copies, kept): (Vec<_>, Vec<_>) = directories.pages.iter().partition(|page| page.is_thumbnail);
    for _ in copies {
        job.removed(Removed::new(What::Metadata, "smaller copy of a page", 1));
    }
    for page in &kept {
        check(page, job.limits)?;
        job.expand(page.decoded_size())?;
    }
    let mut pages = Vec::new();
    for page in kept {
        let picture = Picture::decode(page, job)?;
        let profile = page.profile.filter(|profile| picture.suits(profile));
        if page.profile.is_some() && profile.is_none() {
            job.removed(Removed::new(What::Metadata, "colour profile that is not sound", 1));
        }
        pages.push(picture.encode(page, profile)?);
    }
    match pages.is_empty() {
        true => Err(Failure::Malformed("it has no page".to_owned())),
        false => write::file(&pages).ok_or_else(|| Failure::Malformed("it is too large".to_owned())),
    }
}

/// Only tags that are written here, every byte belongs to a page, and every page decodes.
pub(super) fn verify(bytes: &[u8], job: &mut Job<'_>) -> Result<(), Failure> {
    let malformed = |problem: &str| Failure::Malformed(problem.to_owned());
    let directories = Directories::parse(bytes, job.limits)?;
    if !directories.left_behind.is_empty() || directories.pages.iter().any(|page| page.is_thumbnail) {
        return Err(malformed("more than pages is left"));
    }
    if !directories.covers(bytes) {
        return Err(malformed("it has bytes that belong to no page"));
    }
    for page in &directories.pages {
        check(page, job.limits)?;
        Picture::decode(page, job)?;
    }
    Ok(())
}

fn check(page: &Page<'_>, limits: &Limits) -> Result<(), Failure> {
    let pixels = u64::from(page.width) * u64::from(page.height);
    check_dimensions(page.width, page.height, page.decoded_size().div_ceil(pixels.max(1)), limits)
}

#[cfg(test)]
mod tests;
