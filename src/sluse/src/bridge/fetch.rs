//! An attachment's bytes out of the DMZ's blob store: opened segment by segment, never on a disk.
//!
//! Invariant: what is handed out before the end is verified as to its segment only; nothing may be *used* before
//! [`Opening::next`] has said `None`, which it does only when the last segment was seen and size and digest fit.

use std::sync::Arc;

use sluse_envelope::{Attachment, BlobOpener, BlobPlace, Direction, OpenBlobError, SubmissionId};

use crate::blobs::{BlobError, BlobReader, Blobs};
use crate::sandbox::{MemoryError, MemoryWriter, SealedMemory};

/// Why an attachment's bytes cannot be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    /// The store failed: try again.
    #[error(transparent)]
    Store(#[from] BlobError),
    /// The sealed bytes are not what the manifest says: they never will be.
    #[error("the sealed attachment does not open: {0}")]
    Tampered(#[from] OpenBlobError),
    /// No anonymous memory could be had: try again.
    #[error(transparent)]
    Memory(#[from] MemoryError),
}

/// A blob while it is opened.
pub(super) struct Opening {
    reader: BlobReader,
    opener: Option<BlobOpener>,
    plain: Vec<u8>,
}

impl Opening {
    /// Begins to read the blob of attachment `index`.
    pub(super) async fn start(
        blobs: &Arc<dyn Blobs>,
        submission: SubmissionId,
        index: u32,
        attachment: &Attachment,
    ) -> Result<Self, FetchError> {
        let place = BlobPlace { submission, index, direction: Direction::Dmz };
        let opener = BlobOpener::new(attachment.key.clone(), &place, attachment.expected())?;
        let reader = blobs.open(&attachment.blob).await?;
        Ok(Self { reader, opener: Some(opener), plain: Vec::new() })
    }

    /// The next bytes; `None` when all were handed out and proved whole.
    pub(super) async fn next(&mut self) -> Result<Option<&[u8]>, FetchError> {
        self.plain.clear();
        while self.plain.is_empty() {
            let Some(opener) = &mut self.opener else { return Ok(None) };
            match self.reader.read_chunk().await? {
                Some(sealed) => opener.push(&sealed, &mut self.plain)?,
                None => {
                    if let Some(opener) = self.opener.take() {
                        opener.finish()?;
                    }
                }
            }
        }
        Ok(Some(&self.plain))
    }
}

/// The whole attachment in sealed anonymous memory.
pub(super) async fn fetch(
    blobs: &Arc<dyn Blobs>,
    submission: SubmissionId,
    index: u32,
    attachment: &Attachment,
) -> Result<SealedMemory, FetchError> {
    let mut memory = MemoryWriter::new(attachment.size)?;
    let mut opening = Opening::start(blobs, submission, index, attachment).await?;
    while let Some(bytes) = opening.next().await? {
        memory.write(bytes)?;
    }
    Ok(memory.seal()?)
}
