//! What a document says of itself, and whether somebody signed it.

use lopdf::{Dictionary, Document, Object};

use super::tree;
use crate::options::Metadata;

/// Entries of the information dictionary that are kept (ISO 32000-2, table 349); what made the file is not the citizen's.
const KEPT: &[&str] = &["Title", "Author", "Subject", "Keywords", "CreationDate", "ModDate"];

/// Longest entry, in bytes; longer ones are no title.
const MAX_BYTES: usize = 4096;

/// The new information dictionary, empty where there is nothing to keep; and whether the old one says more.
pub(super) fn kept(document: &Document, metadata: Metadata) -> (Dictionary, bool) {
    let mut new = Dictionary::new();
    let old = tree::lookup(document, &document.trailer, b"Info").and_then(|info| info.as_dict().ok());
    let Some(old) = old else { return (new, false) };
    for key in KEPT.iter().filter(|_| metadata == Metadata::Keep) {
        if let Some(Object::String(text, format)) = tree::lookup(document, old, key.as_bytes())
            && text.len() <= MAX_BYTES
        {
            new.set(*key, Object::String(text.clone(), *format));
        }
    }
    let is_lossy = new.len() < old.len();
    (new, is_lossy)
}

/// Whether there is a signature anywhere in the document (ISO 32000-2, 12.8.1: each has a byte range).
pub(super) fn is_signed(document: &Document) -> bool {
    // Direct objects nest at most 100 deep.
    fn has_signature(object: &Object) -> bool {
        match object {
            Object::Array(items) => items.iter().any(has_signature),
            Object::Dictionary(dict) => dict.has(b"ByteRange") || dict.iter().any(|(_, v)| has_signature(v)),
            _ => false,
        }
    }
    document.objects.values().any(has_signature)
}
