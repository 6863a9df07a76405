//! Text formats: XML, JSON, CSV and plain text, decoded strictly, cleaned and written anew as UTF-8.
//!
//! ```text
//! bytes ─▶ decode ─▶ rewrite (xml, json, csv, plain) ─▶ identify again: still the same format? ─▶ verify
//! ```
//!
//! Invariant, checked by [`verify`]: rewriting a rewritten text changes no byte and removes nothing. That is also the
//! proof of removal: a rewriter reports what it finds, and in its own output it finds nothing.

pub(crate) mod csv;
pub(crate) mod decode;
mod json;
pub(crate) mod plain;
mod xml;

use crate::failure::Failure;
use crate::format::{Format, Rewritten};
use crate::identify::{Declared, identify};
use crate::job::Job;
use crate::limits::Limits;
use crate::report::Removed;

/// Writes a text anew; the second value is what was left behind.
type Rewrite = fn(&[u8], &Limits) -> Result<(Vec<u8>, Vec<Removed>), Failure>;

fn rewriter(format: Format) -> Rewrite {
    match format {
        Format::Xml => xml::rewrite,
        Format::Json => json::rewrite,
        Format::Csv => csv::rewrite,
        _ => plain::rewrite,
    }
}

/// Writes a text of the given format anew.
pub(crate) fn rebuild(bytes: &[u8], format: Format, job: &mut Job<'_>) -> Result<Rewritten, Failure> {
    let (bytes, removed) = rewriter(format)(bytes, job.limits)?;
    for removed in removed {
        job.removed(removed);
    }
    // What was removed may have hidden the text's true kind: `<` NUL `html>`.
    let name = format!("x.{}", format.extension());
    let identified = identify(&bytes, &Declared { name: &name, media_type: "" });
    if let Some(objection) = identified.objection {
        let objection = objection.to_string().replacen("named .", "taken as .", 1);
        return Err(Failure::Refused(format!("once cleaned, {objection}")));
    }
    Ok(Rewritten { bytes, format })
}

/// Rewriting it again changes and removes nothing.
pub(crate) fn verify(bytes: &[u8], format: Format, job: &mut Job<'_>) -> Result<(), Failure> {
    let (again, removed) = rewriter(format)(bytes, job.limits)?;
    if again != bytes || !removed.is_empty() {
        return Err(Failure::Unproved("rebuilding it again changes it".to_owned()));
    }
    // A second parser reads it too.
    if format == Format::Json {
        serde_json::from_slice::<serde::de::IgnoredAny>(bytes)
            .map_err(|error| Failure::Unproved(format!("another reader says: {error}")))?;
    }
    Ok(())
}

/// Fails once an output outgrows the limit for one file.
fn check_size(out: &str, limits: &Limits) -> Result<(), Failure> {
    match u64::try_from(out.len()) {
        Ok(size) if size <= limits.max_bytes => Ok(()),
        _ => Err(Failure::Limit {
            name: "max_bytes",
            what: "the rebuilt text".to_owned(),
            limit: limits.max_bytes,
        }),
    }
}

pub(crate) use {rebuild as rebuild_xml, verify as verify_xml};
pub(crate) use {rebuild as rebuild_json, verify as verify_json};
pub(crate) use {rebuild as rebuild_csv, verify as verify_csv};
pub(crate) use {rebuild as rebuild_text, verify as verify_text};
