//! Windows metafiles: drawings as lists of records, read one by one and written anew.
//!
//! ```text
//! EMF  header │ record … │ EOF         record: type u32 │ size in bytes u32 │ data
//! WMF  [placeable] header │ record … │ EOF    record: size in words u32 │ function u16 │ data
//!
//! record ─┬─ drawing or state on the allow list ─▶ each part read, checked, and laid out anew without gaps
//!         └─ anything else: left behind (escapes, private comments, OpenGL, colour profile names)
//! ```
//!
//! Invariants: a record that is kept holds exactly what its type calls for, so there is no room to hide in; every
//! bitmap's header fits its bits; objects are selected and deleted only while they exist; the header's counts are
//! computed from what is written. So rebuilding a rebuilt metafile changes no byte, and [`verify`] asks for that.

mod emf;
mod wmf;

use std::collections::BTreeMap;

use crate::failure::Failure;
use crate::format::{Format, Rewritten};
use crate::identify::{Declared, identify};
use crate::job::Job;
use crate::report::{Removed, What};

/// What was left behind and where, with the number of records.
type Dropped = BTreeMap<(What, &'static str), u32>;

const SLACK: (What, &str) = (What::Unreachable, "bytes behind a record's data");
const TRAILING: (What, &str) = (What::Unreachable, "bytes behind the drawing");
const NO_OBJECT: (What, &str) = (What::UnknownPart, "use of a drawing object that does not exist");

/// Writes a metafile anew.
pub(crate) fn rebuild(bytes: &[u8], format: Format, job: &mut Job<'_>) -> Result<Rewritten, Failure> {
    let limits = job.limits;
    let mut pictures = |bytes: &[u8]| job.nested(bytes, &Declared::default());
    let (bytes, dropped) = match format {
        Format::Emf => emf::rewrite(bytes, limits, &mut pictures)?,
        _ => wmf::rewrite(bytes, limits)?,
    };
    for ((what, place), count) in dropped {
        job.removed(Removed::new(what, place, count));
    }
    Ok(Rewritten { bytes, format })
}

/// Nothing is left that a rebuild would leave behind or write otherwise, and no record can do more than draw.
pub(crate) fn verify(bytes: &[u8], format: Format, job: &mut Job<'_>) -> Result<(), Failure> {
    let unproved = |problem: String| Failure::Unproved(problem);
    let only_draws = match format {
        Format::Emf => emf::only_draws(bytes),
        _ => wmf::only_draws(bytes),
    };
    if !only_draws {
        return Err(unproved("a record does more than draw, or the header's counts are wrong".to_owned()));
    }
    let limits = job.limits;
    let again = match format {
        Format::Emf => emf::rewrite(bytes, limits, &mut |picture| proved(picture, job)),
        _ => wmf::rewrite(bytes, limits),
    };
    let (again, dropped) = again.map_err(|failure| unproved(failure.to_string()))?;
    match dropped.is_empty() && again == bytes {
        true => Ok(()),
        false => Err(unproved("it does not rebuild to itself".to_owned())),
    }
}

/// A picture inside, when it passes its own verification. There are no more levels than the rebuild had left.
fn proved(bytes: &[u8], job: &mut Job<'_>) -> Result<Option<(Vec<u8>, Format)>, Failure> {
    let format = identify(bytes, &Declared::default()).format;
    let Some((_, verify)) = format.rebuilder() else { return Ok(None) };
    verify(bytes, format, job).map(|()| Some((bytes.to_vec(), format)))
}

fn drop_one(dropped: &mut Dropped, what: (What, &'static str)) {
    let count = dropped.entry(what).or_default();
    *count = count.saturating_add(1);
}

/// Saved states left after going back to one: −1 is the last, 1 the first (MS-EMF 2.3.11.6, MS-WMF 2.3.5.10).
fn restored(saved: i32, level: i32) -> Option<i32> {
    match level {
        ..0 => saved.checked_add(level).filter(|&left| left >= 0),
        0 => None,
        _ => (level <= saved).then_some(level - 1),
    }
}

#[cfg(test)]
pub(crate) mod tests;
