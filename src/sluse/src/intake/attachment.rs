//! An attachment on its way in: sealed as it arrives, durable before it counts, gone if the submission fails.

use std::sync::Arc;

use bytes::Bytes;
use multer::Field;
use sluse_envelope::{Attachment, BlobPlace, BlobRef, BlobSealer, Direction, SubmissionId};

use crate::blobs::{BlobError, BlobWriter, Blobs};
use crate::contract::AttachmentRules;
use crate::intake::multipart::Parts;
use crate::intake::problem::{Problem, ours};

/// Longest file name and media type that are taken, in bytes.
const MAX_NAME_BYTES: usize = 1024;

/// The attachments of one submission that are already stored.
///
/// Invariant: unless [`Attachments::keep`] was called, dropping it removes their blobs.
pub(super) struct Attachments {
    blobs: Arc<dyn Blobs>,
    stored: Vec<Attachment>,
    total: u64,
}

impl Attachments {
    /// None yet.
    pub(super) fn new(blobs: Arc<dyn Blobs>) -> Self {
        Self { blobs, stored: Vec::new(), total: 0 }
    }

    /// Reads one `file` part to its end, sealing it as it comes.
    pub(super) async fn take(
        &mut self,
        id: SubmissionId,
        rules: &AttachmentRules,
        parts: &Parts,
        part: &mut Field<'static>,
    ) -> Result<(), Problem> {
        let index = u32::try_from(self.stored.len()).unwrap_or(u32::MAX);
        if index >= rules.max_count {
            return Err(Problem::TooLarge {
                what: "the number of attachments".to_owned(),
                key: "attachments.max_count",
                limit: rules.max_count.into(),
            });
        }
        let name = part.file_name().unwrap_or_default().to_owned();
        let media_type = part.content_type().map(ToString::to_string).unwrap_or_default();
        if name.len() > MAX_NAME_BYTES || media_type.len() > MAX_NAME_BYTES {
            return Err(Problem::Malformed(format!(
                "attachment {index}: its name or type is longer than {MAX_NAME_BYTES} bytes"
            )));
        }

        let mut sink = Sink::create(&self.blobs, id, index).await?;
        let mut size = 0_u64;
        while let Some(chunk) = parts.chunk(part).await? {
            size += chunk.len() as u64;
            check_size(rules, index, size, self.total)?;
            sink.push(&chunk).await?;
        }
        let attachment = sink.finish(name, media_type).await?;
        self.total += size;
        self.stored.push(attachment);
        Ok(())
    }

    /// What the manifest says of them.
    pub(super) fn listed(&self) -> &[Attachment] {
        &self.stored
    }

    /// They belong to an accepted submission now.
    pub(super) fn keep(mut self) {
        self.stored.clear();
    }
}

impl Drop for Attachments {
    fn drop(&mut self) {
        let refs: Vec<BlobRef> = self.stored.drain(..).map(|attachment| attachment.blob).collect();
        if !refs.is_empty() {
            let blobs = Arc::clone(&self.blobs);
            tokio::spawn(async move {
                for blob in refs {
                    if let Err(cause) = blobs.delete(&blob).await {
                        tracing::warn!(%cause, "a blob of a refused submission stays until orphans are collected");
                    }
                }
            });
        }
    }
}

fn check_size(rules: &AttachmentRules, index: u32, size: u64, before: u64) -> Result<(), Problem> {
    let over = |what, key, limit| Err(Problem::TooLarge { what, key, limit });
    if size > rules.max_bytes {
        return over(format!("attachment {index}"), "attachments.max_bytes", rules.max_bytes);
    }
    if before + size > rules.max_total_bytes {
        let what = "the sum of the attachments".to_owned();
        return over(what, "attachments.max_total_bytes", rules.max_total_bytes);
    }
    Ok(())
}

/// One blob while it is written: plaintext in, sealed segments out.
struct Sink {
    sealer: BlobSealer,
    sealed: Vec<u8>,
    blob: BlobRef,
    writer: BlobWriter,
}

impl Sink {
    async fn create(blobs: &Arc<dyn Blobs>, id: SubmissionId, index: u32) -> Result<Self, Problem> {
        let sealer = BlobSealer::new(&BlobPlace { submission: id, index, direction: Direction::Dmz })
            .map_err(|cause| ours("seal", &cause))?;
        let blob = BlobRef::generate().map_err(|cause| ours("seal", &cause))?;
        let writer = blobs.create(&blob).await.map_err(|cause| storage("create a blob", &cause))?;
        Ok(Self { sealer, sealed: Vec::new(), blob, writer })
    }

    async fn push(&mut self, chunk: &Bytes) -> Result<(), Problem> {
        self.sealer.update(chunk, &mut self.sealed).map_err(|cause| ours("seal", &cause))?;
        self.flush().await
    }

    async fn flush(&mut self) -> Result<(), Problem> {
        if !self.sealed.is_empty() {
            self.writer.write(&self.sealed).await.map_err(|cause| storage("write a blob", &cause))?;
            self.sealed.clear();
        }
        Ok(())
    }

    async fn finish(mut self, name: String, media_type: String) -> Result<Attachment, Problem> {
        let done = self.sealer.finish(&mut self.sealed).map_err(|cause| ours("seal", &cause))?;
        self.writer.write(&self.sealed).await.map_err(|cause| storage("write a blob", &cause))?;
        self.writer.finish().await.map_err(|cause| storage("keep a blob", &cause))?;
        Ok(Attachment {
            name,
            media_type,
            size: done.size,
            sha256: done.sha256,
            blob: self.blob,
            key: done.key,
        })
    }
}

fn storage(act: &'static str, cause: &BlobError) -> Problem {
    match cause {
        BlobError::Full => {
            tracing::error!(act, %cause, "no room for an attachment");
            Problem::StorageFull
        }
        other => ours(act, other),
    }
}
