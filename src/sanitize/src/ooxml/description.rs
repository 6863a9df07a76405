//! What a document says of itself: the core properties (ECMA-376-2, clause 11), as plain text.

use super::package::{Package, Relationship};
use super::xml::{Event, Xml, decode};
use crate::failure::Failure;
use crate::job::Job;

/// The part's name, relationship and content type in every rebuilt package.
pub(super) const PART: &str = "docProps/core.xml";
pub(super) const RELATION: &str =
    "http://schemas.openxmlformats.org/package/2006/relationships/metadata/core-properties";
pub(super) const CONTENT_TYPE: &str = "application/vnd.openxmlformats-package.core-properties+xml";

/// Elements that are kept, in the order they are written.
const KEPT: &[&str] =
    &["dc:title", "dc:subject", "dc:creator", "cp:keywords", "dcterms:created", "dcterms:modified"];

/// Longest text of one element, in bytes; longer ones are no title.
const MAX_BYTES: usize = 4096;

/// Whether a root relationship leads to the core properties, in whichever spelling.
pub(super) fn is_description(relationship: &Relationship) -> bool {
    relationship.kind.to_ascii_lowercase().ends_with("/core-properties") && !relationship.external
}

/// Reads the part of this name: its kept elements as a new part, or nothing.
pub(super) fn kept(package: &Package<'_>, name: &str, job: &mut Job<'_>) -> Result<Option<Vec<u8>>, Failure> {
    let Some(entry) = package.part(name) else { return Ok(None) };
    let bytes = entry.read(job)?;
    // One that cannot be read is a description that goes, not a document that does.
    let Ok(texts) = decode(bytes).and_then(|text| texts(&text, job.limits.max_nesting)) else {
        return Ok(None);
    };
    Ok((!texts.is_empty()).then(|| write(&texts)))
}

/// Whether this is a part as written here: kept elements with plain text, and nothing else.
pub(super) fn is_ours(bytes: &[u8], max_nesting: u32) -> bool {
    let texts = decode(bytes.to_vec()).and_then(|text| texts(&text, max_nesting));
    texts.is_ok_and(|texts| write(&texts) == bytes)
}

fn texts(part: &str, max_nesting: u32) -> Result<Vec<(&'static str, String)>, Failure> {
    let mut xml = Xml::new(part, max_nesting);
    let mut found: Vec<(&str, String)> = Vec::new();
    let mut path: Vec<Option<usize>> = Vec::new();
    while let Some(event) = xml.next()? {
        match event {
            Event::Start(element) => {
                let local = element.name.local();
                let known = KEPT.iter().copied().find(|name| name.rsplit(':').next() == Some(local));
                let is_new = |name: &str| found.iter().all(|(other, _)| *other != name);
                let slot = known.filter(|name| path.len() == 1 && is_new(name)).map(|name| {
                    found.push((name, String::new()));
                    found.len() - 1
                });
                path.push(slot);
            }
            Event::Text(text) => {
                let place = path.last().copied().flatten().and_then(|slot| found.get_mut(slot));
                if let Some((_, known)) = place {
                    known.push_str(text);
                }
            }
            Event::End => {
                path.pop();
            }
        }
    }
    for (_, text) in &mut found {
        // Line breaks and tabs would be read back as something else.
        *text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    }
    found.retain(|(name, text)| {
        let is_date = !name.starts_with("dcterms:")
            || text.chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | ':' | '.' | '+' | 'T' | 'Z'));
        !text.is_empty() && text.len() <= MAX_BYTES && is_date
    });
    found.sort_by_key(|(name, _)| KEPT.iter().position(|known| known == name));
    Ok(found)
}

fn write(texts: &[(&str, String)]) -> Vec<u8> {
    let mut out = String::from(concat!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\r\n",
        "<cp:coreProperties",
        " xmlns:cp=\"http://schemas.openxmlformats.org/package/2006/metadata/core-properties\"",
        " xmlns:dc=\"http://purl.org/dc/elements/1.1/\" xmlns:dcterms=\"http://purl.org/dc/terms/\"",
        " xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">",
    ));
    for (name, text) in texts {
        let kind = if name.starts_with("dcterms:") { " xsi:type=\"dcterms:W3CDTF\"" } else { "" };
        out.push_str(&format!("<{name}{kind}>{}</{name}>", quick_xml::escape::partial_escape(text.as_str())));
    }
    out.push_str("</cp:coreProperties>");
    out.into_bytes()
}
