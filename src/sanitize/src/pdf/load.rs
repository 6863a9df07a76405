//! Reads a PDF with two readers and hands it on when they agree on its pages.

use std::collections::HashSet;
use std::sync::Arc;

use hayro_syntax::object::{Object as Seen, ObjectIdentifier};
use hayro_syntax::{DecryptionError, LoadPdfError, Pdf};
use lopdf::xref::XrefEntry;
use lopdf::{DecompressError, Document, LoadOptions, Object, ObjectId};

use crate::failure::Failure;
use crate::job::Job;
use crate::report::{Removed, What};

/// The header may be preceded by other bytes; readers search this far for it (ISO 32000-1, implementation note 13).
const HEADER_WITHIN: usize = 1024;

/// What one object or cross-reference stream may decode to; every object read from it takes a multiple of its text.
const MAX_OBJECT_STREAM: u64 = 64 << 20;

/// A PDF that two readers could read.
pub(super) struct Loaded {
    pub(super) document: Document,
    /// How many pages the second reader sees.
    pub(super) pages_seen: usize,
    /// Streams whose bytes the readers do not agree on.
    disputed: HashSet<ObjectId>,
    /// Everything that references lead to from the trailer.
    pub(super) reached: HashSet<ObjectId>,
}

impl Loaded {
    /// Fails for a stream whose bytes the readers do not agree on.
    pub(super) fn undisputed(&self, id: ObjectId) -> Result<(), Failure> {
        if self.disputed.contains(&id) { Err(disagreement(id)) } else { Ok(()) }
    }
}

fn disagreement((number, generation): ObjectId) -> Failure {
    Failure::Malformed(format!("two readers disagree on object {number} {generation}"))
}

/// Loads `bytes`; notes what lies before the header and after the last end mark.
pub(super) fn load(bytes: &[u8], job: &mut Job<'_>) -> Result<Loaded, Failure> {
    let start = bytes
        .get(..bytes.len().min(HEADER_WITHIN))
        .and_then(|head| head.windows(5).position(|w| w == b"%PDF-"))
        .ok_or_else(|| Failure::Malformed("the file has no PDF header".to_owned()))?;
    let (before, pdf) = bytes.split_at(start);
    let second = second(pdf);
    let limit = job.expandable().min(MAX_OBJECT_STREAM);
    let loaded = match first(pdf, limit, false).and_then(|document| compare(document, &second)) {
        // A cross-reference table that misses objects: look for them.
        Err(Failure::Malformed(_)) => first(pdf, limit, true).and_then(|document| compare(document, &second)),
        other => other,
    };
    let (document, disputed, reached) = loaded?;
    let loaded = Loaded { document, pages_seen: second?.pages().len(), disputed, reached };

    if !before.is_empty() {
        job.removed(Removed::bytes(What::Unreachable, "bytes before the header", before));
    }
    let after =
        pdf.windows(5).rposition(|w| w == b"%%EOF").and_then(|end| pdf.get(end + 5..)).unwrap_or_default();
    if !after.iter().all(|byte| byte.is_ascii_whitespace() || *byte == 0) {
        job.removed(Removed::bytes(What::Unreachable, "bytes after the end mark", after));
    }
    if loaded.document.encryption_state.is_some() {
        job.removed(Removed::new(What::UnknownPart, "encryption that opens without a password", 1));
    }
    Ok(loaded)
}

fn encrypted() -> Failure {
    Failure::Encrypted("the document is encrypted and needs a password".to_owned())
}

fn first(pdf: &[u8], limit: u64, force_reconstruct: bool) -> Result<Document, Failure> {
    let max_decompressed_size = Some(usize::try_from(limit).unwrap_or(usize::MAX));
    let options = LoadOptions { max_decompressed_size, force_reconstruct, ..LoadOptions::default() };
    let document = Document::load_mem_with_options(pdf, options).map_err(|error| match error {
        lopdf::Error::Decompress(DecompressError::MemoryLimitExceeded { .. }) => {
            Failure::Limit { name: "max_expanded_bytes", what: "an object stream".to_owned(), limit }
        }
        lopdf::Error::Unimplemented(_) => {
            Failure::Malformed("the first reader does not know how the document is stored".to_owned())
        }
        other => Failure::malformed(format!("the first reader cannot read the document: {other}")),
    })?;
    if document.trailer.has(b"Encrypt") { Err(encrypted()) } else { Ok(document) }
}

fn second(pdf: &[u8]) -> Result<Pdf, Failure> {
    Pdf::new(Arc::new(pdf.to_vec())).map_err(|error| match error {
        LoadPdfError::Decryption(DecryptionError::PasswordProtected) => encrypted(),
        LoadPdfError::Decryption(_) => {
            Failure::Encrypted("the document is encrypted in a way that is not surely read".to_owned())
        }
        LoadPdfError::Invalid => Failure::Malformed("the second reader cannot read the document".to_owned()),
    })
}

type Compared = (Document, HashSet<ObjectId>, HashSet<ObjectId>);

/// Holds what the first reader has against the second: no object that is referred to may be missing, and a stream that came out
/// empty is taken from the second.
fn compare(mut document: Document, second: &Result<Pdf, Failure>) -> Result<Compared, Failure> {
    let second = second.as_ref().map_err(Clone::clone)?.xref();
    let seen = |id: ObjectId| second.get::<Seen<'_>>(ObjectIdentifier::new(id.0, id.1.into()));
    let reached = reached(&document);
    for id in &reached {
        if document.objects.contains_key(id) {
            continue;
        }
        if !matches!(seen(*id), None | Some(Seen::Null(_))) {
            return Err(disagreement(*id));
        }
        // The table has it, and neither reader can read it.
        if matches!(
            document.reference_table.get(id.0),
            Some(XrefEntry::Normal { .. } | XrefEntry::Compressed { .. })
        ) {
            return Err(Failure::Malformed(format!("object {} {} cannot be read", id.0, id.1)));
        }
    }
    let mut disputed = HashSet::new();
    for (id, object) in &mut document.objects {
        let Object::Stream(stream) = object else { continue };
        if !reached.contains(id) {
            continue;
        }
        match seen(*id) {
            Some(Seen::Stream(other)) => {
                let other = other.raw_data();
                if stream.content.is_empty() {
                    stream.content = other.into_owned();
                } else if stream.content.trim_ascii_end() != other.trim_ascii_end() {
                    disputed.insert(*id);
                }
            }
            _ => {
                disputed.insert(*id);
            }
        }
    }
    Ok((document, disputed, reached))
}

/// Everything that references lead to from the trailer.
pub(super) fn reached(document: &Document) -> HashSet<ObjectId> {
    let mut reached = HashSet::new();
    let mut queue = Vec::new();
    document.trailer.iter().for_each(|(_, value)| references(value, &mut queue));
    while let Some(id) = queue.pop() {
        if reached.insert(id)
            && let Some(object) = document.objects.get(&id)
        {
            references(object, &mut queue);
        }
    }
    reached
}

/// Direct objects nest at most 100 deep.
fn references(object: &Object, found: &mut Vec<ObjectId>) {
    match object {
        Object::Reference(id) => found.push(*id),
        Object::Array(items) => items.iter().for_each(|item| references(item, found)),
        Object::Dictionary(dict) => dict.iter().for_each(|(_, value)| references(value, found)),
        Object::Stream(stream) => stream.dict.iter().for_each(|(_, value)| references(value, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pdf::tests::encrypted;

    #[test]
    fn each_reader_by_itself_asks_for_the_password() {
        let bytes = encrypted("secret");
        assert!(matches!(first(&bytes, MAX_OBJECT_STREAM, false), Err(Failure::Encrypted(_))));
        assert!(matches!(second(&bytes), Err(Failure::Encrypted(_))));
    }
}
