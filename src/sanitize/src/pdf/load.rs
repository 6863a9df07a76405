//! Reads a PDF with two readers and hands it on when they agree on its pages.

use std::sync::Arc;

use hayro_syntax::object::{ObjectIdentifier, Stream as SecondStream};
use hayro_syntax::{DecryptionError, LoadPdfError, Pdf};
use lopdf::{DecompressError, Document, LoadOptions, ObjectId};

use crate::failure::Failure;
use crate::job::Job;
use crate::report::{Removed, What};

/// The header may be preceded by other bytes; readers search this far for it (ISO 32000-1, implementation note 13).
const HEADER_WITHIN: usize = 1024;

/// What one object or cross-reference stream may decode to; every object read from it takes a multiple of its text.
const MAX_OBJECT_STREAM: u64 = 64 << 20;

/// A PDF that both readers could read.
pub(super) struct Loaded {
    pub(super) document: Document,
    second: Pdf,
}

impl Loaded {
    /// How many pages the second reader sees.
    pub(super) fn pages_seen(&self) -> usize {
        self.second.pages().len()
    }

    /// Whether the second reader has the same bytes for a stream; only asked of files that were encrypted.
    pub(super) fn same_stream(&self, id: ObjectId, content: &[u8]) -> bool {
        let id = ObjectIdentifier::new(id.0, id.1.into());
        self.second.xref().get::<SecondStream<'_>>(id).is_some_and(|stream| *stream.raw_data() == *content)
    }
}

/// Loads `bytes`; notes what lies before the header and after the last end mark.
pub(super) fn load(bytes: &[u8], job: &mut Job<'_>) -> Result<Loaded, Failure> {
    let start = bytes
        .get(..bytes.len().min(HEADER_WITHIN))
        .and_then(|head| head.windows(5).position(|w| w == b"%PDF-"))
        .ok_or_else(|| Failure::Malformed("the file has no PDF header".to_owned()))?;
    let (before, pdf) = bytes.split_at(start);
    if !before.is_empty() {
        job.removed(Removed::bytes(What::Unreachable, "bytes before the header", before));
    }
    let after = pdf.windows(5).rposition(|w| w == b"%%EOF").and_then(|end| pdf.get(end + 5..)).unwrap_or_default();
    if !after.iter().all(|byte| byte.is_ascii_whitespace() || *byte == 0) {
        job.removed(Removed::bytes(What::Unreachable, "bytes after the end mark", after));
    }

    let limit = job.expandable().min(MAX_OBJECT_STREAM);
    let options = LoadOptions::with_max_decompressed_size(usize::try_from(limit).unwrap_or(usize::MAX));
    let document = Document::load_mem_with_options(pdf, options).map_err(|error| match error {
        lopdf::Error::Decompress(DecompressError::MemoryLimitExceeded { .. }) => Failure::Limit {
            name: "max_expanded_bytes",
            what: "an object stream".to_owned(),
            limit,
        },
        other => Failure::malformed(other),
    })?;
    let encrypted = || Failure::Encrypted("the document is encrypted and needs a password".to_owned());
    if document.trailer.has(b"Encrypt") {
        return Err(encrypted());
    }

    let data: Arc<Vec<u8>> = Arc::new(pdf.to_vec());
    let second = Pdf::new(data).map_err(|error| match error {
        LoadPdfError::Decryption(DecryptionError::PasswordProtected) => encrypted(),
        LoadPdfError::Decryption(_) => {
            Failure::Encrypted("the document is encrypted in a way that is not surely read".to_owned())
        }
        LoadPdfError::Invalid => Failure::Malformed("the second reader cannot read the document".to_owned()),
    })?;
    if document.encryption_state.is_some() {
        job.removed(Removed::new(What::UnknownPart, "encryption that opens without a password", 1));
    }
    Ok(Loaded { document, second })
}
