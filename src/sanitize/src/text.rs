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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::bench;

    fn proof(text: &str, format: Format) -> Result<(), Failure> {
        bench(&Limits::default(), |job| verify(text.as_bytes(), format, job)).0
    }

    #[test]
    fn the_proof_refuses_what_no_rewrite_leaves() {
        const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
        let xml = |rest: &str| format!("{HEAD}{rest}\n");
        for (honest, format) in [
            ("a,b\n'=1,2\n".to_owned(), Format::Csv),
            ("text\n".to_owned(), Format::Text),
            (xml("<a/>"), Format::Xml),
            ("{\"a\":1}".to_owned(), Format::Json),
        ] {
            proof(&honest, format).unwrap();
        }
        for (left, format) in [
            ("a,b\n=cmd|' /C calc'!A0,2\n".to_owned(), Format::Csv),
            ("a,b\nx;=HYPERLINK(1),2\n".to_owned(), Format::Csv),
            ("a\0b".to_owned(), Format::Text),
            ("gpj.\u{202e}exe".to_owned(), Format::Text),
            (xml("<!DOCTYPE a SYSTEM \"http://evil/\"><a/>"), Format::Xml),
            (xml("<?xml-stylesheet href=\"http://evil/\"?><a/>"), Format::Xml),
            (xml("<a><!-- hidden --></a>"), Format::Xml),
            ("{\"a\" : 1}".to_owned(), Format::Json),
        ] {
            assert!(matches!(proof(&left, format), Err(Failure::Unproved(_))), "{left}");
        }
        assert!(proof(&xml("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"), Format::Xml).is_err());
    }

    #[test]
    fn a_text_that_is_a_page_once_cleaned_is_refused() {
        for (text, format) in
            [("<\0html><script>x</script>", Format::Text), ("<\0html><script>,x\n", Format::Csv)]
        {
            let (result, ..) = bench(&Limits::default(), |job| rebuild(text.as_bytes(), format, job));
            assert!(matches!(result, Err(Failure::Refused(_))), "{text}");
        }
    }
}
