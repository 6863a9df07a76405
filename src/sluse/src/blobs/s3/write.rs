//! Writing a blob to a bucket.
//!
//! ```text
//! write ─▶ Part ≤ PART ──────────────── finish ─▶ one PUT
//!             │ full, and more comes
//!             ▼
//!          channel of 1 ─▶ task: create upload ─▶ up to SENDING parts at once ─▶ complete
//!                             │ the writer is gone without an end, or anything failed
//!                             └▶ abort
//! ```
//!
//! The upload is a task of its own, so that no future of a caller that is dropped can lose its id, and with it the means to
//! abort it.

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesOrdered;
use object_store::multipart::{MultipartStore as _, PartId};
use object_store::path::Path;
use object_store::{MultipartId, ObjectStore as _, PutMode, PutOptions, PutPayload};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::JoinHandle;

use async_trait::async_trait;

use super::{PART, S3Blobs};
use crate::blobs::{BlobError, CHUNK, WriteBlob};
use crate::id::BlobRef;

/// Parts of one blob that are sent at once.
const SENDING: usize = 2;
/// Most parts that S3 takes for one object.
const MAX_PARTS: usize = 10_000;

/// A blob being written.
pub(super) struct S3Writer {
    store: S3Blobs,
    name: BlobRef,
    part: Part,
    upload: Option<Upload>,
    written: u64,
    /// A write is under way, or failed, or was abandoned.
    interrupted: bool,
}

impl S3Writer {
    /// A writer that has sent nothing yet.
    pub(super) fn new(store: S3Blobs, name: BlobRef) -> Self {
        Self { store, name, part: Part::default(), upload: None, written: 0, interrupted: false }
    }

    /// Hands the full part over.
    async fn hand_over(&mut self) -> Result<(), BlobError> {
        let permit = self.store.parts.clone().acquire_owned().await;
        let permit = permit.map_err(|cause| BlobError::Unavailable(Box::new(cause)))?;
        let upload = self.upload.get_or_insert_with(|| Upload::start(self.store.clone(), self.name));
        let payload = std::mem::take(&mut self.part).into_payload();
        if upload.steps.send(Step::Part(payload, permit)).await.is_ok() {
            return Ok(());
        }
        match self.upload.take() {
            Some(upload) => Err(upload.failure().await),
            None => Err(BlobError::Interrupted),
        }
    }
}

#[async_trait]
impl WriteBlob for S3Writer {
    async fn write(&mut self, mut bytes: &[u8]) -> Result<(), BlobError> {
        if std::mem::replace(&mut self.interrupted, true) {
            return Err(BlobError::Interrupted);
        }
        while !bytes.is_empty() {
            if self.part.length >= PART {
                self.hand_over().await?;
            }
            let taken = self.part.take(bytes);
            bytes = bytes.get(taken..).unwrap_or_default();
            self.written = self.written.saturating_add(u64::try_from(taken).unwrap_or(u64::MAX));
        }
        self.interrupted = false;
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<u64, BlobError> {
        if self.interrupted {
            return Err(BlobError::Interrupted);
        }
        if self.upload.is_some() {
            self.hand_over().await?;
            if let Some(upload) = self.upload.take() {
                upload.finish().await?;
            }
        } else {
            let payload = std::mem::take(&mut self.part).into_payload();
            let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
            let put = self.store.client.put_opts(&self.store.path(&self.name), payload, options).await;
            let act = self.store.act("write a blob");
            put.map_err(|error| not_missing(act.failed(&error, Some(&self.name)), &act))?;
        }
        Ok(self.written)
    }
}

/// A write that finds nothing there is an answer that makes no sense.
fn not_missing(error: BlobError, act: &super::Act<'_>) -> BlobError {
    match error {
        BlobError::Missing(_) => act.fails("it answered with HTTP status 404"),
        error => error,
    }
}

/// Bytes that are to be sent at once, in pieces of at most [`CHUNK`] so that nothing large is moved as it grows.
#[derive(Default)]
struct Part {
    pieces: Vec<Bytes>,
    open: Vec<u8>,
    length: usize,
}

impl Part {
    /// Takes what there is room for; gives how much that was.
    fn take(&mut self, bytes: &[u8]) -> usize {
        let room = PART.saturating_sub(self.length).min(CHUNK.saturating_sub(self.open.len()));
        let (now, _) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
        self.open.extend_from_slice(now);
        self.length = self.length.saturating_add(now.len());
        if self.open.len() >= CHUNK {
            self.pieces.push(std::mem::take(&mut self.open).into());
        }
        now.len()
    }

    fn into_payload(mut self) -> PutPayload {
        if !self.open.is_empty() {
            self.pieces.push(self.open.into());
        }
        self.pieces.into_iter().collect()
    }
}

enum Step {
    /// The next part, and its place among those that the store holds.
    Part(PutPayload, OwnedSemaphorePermit),
    /// There are no more.
    End,
}

/// A multipart upload in a task of its own. Dropped, the upload is aborted.
struct Upload {
    steps: mpsc::Sender<Step>,
    task: JoinHandle<Result<(), BlobError>>,
}

impl Upload {
    fn start(store: S3Blobs, name: BlobRef) -> Self {
        let (steps, received) = mpsc::channel(1);
        Self { steps, task: tokio::spawn(upload(store, name, received)) }
    }

    async fn finish(self) -> Result<(), BlobError> {
        let sent = self.steps.send(Step::End).await;
        match self.task.await {
            // It ended before it was told to: then it failed.
            Ok(Ok(())) if sent.is_err() => Err(BlobError::Interrupted),
            Ok(ended) => ended,
            Err(cause) => Err(BlobError::Unavailable(Box::new(cause))),
        }
    }

    /// Why the task ended early.
    async fn failure(self) -> BlobError {
        self.finish().await.err().unwrap_or(BlobError::Interrupted)
    }
}

async fn upload(store: S3Blobs, name: BlobRef, steps: mpsc::Receiver<Step>) -> Result<(), BlobError> {
    let (path, act) = (store.path(&name), store.act("write a blob"));
    let id = store.client.create_multipart(&path).await;
    let id = id.map_err(|error| not_missing(act.failed(&error, None), &act))?;
    let ended = transfer(&store, &name, &path, &id, steps).await;
    if ended.is_err()
        && let Err(error) = store.client.abort_multipart(&path, &id).await
    {
        let cause = act.failed(&error, None);
        tracing::debug!(%cause, "an upload could not be given up; the bucket's lifecycle rule removes it");
    }
    ended
}

/// Sends parts as they come, and completes the upload after the last.
async fn transfer(
    store: &S3Blobs,
    name: &BlobRef,
    path: &Path,
    id: &MultipartId,
    mut steps: mpsc::Receiver<Step>,
) -> Result<(), BlobError> {
    let act = store.act("write a blob");
    let failed = |error: object_store::Error| not_missing(act.failed(&error, Some(name)), &act);
    let mut sending: FuturesOrdered<BoxFuture<'_, object_store::Result<PartId>>> = FuturesOrdered::new();
    let mut sent: Vec<PartId> = Vec::new();
    loop {
        tokio::select! {
            Some(part) = sending.next() => sent.push(part.map_err(failed)?),
            step = steps.recv(), if sending.len() < SENDING => match step {
                Some(Step::Part(payload, permit)) => {
                    let n = sent.len().saturating_add(sending.len());
                    if n >= MAX_PARTS {
                        return Err(act.fails("the blob is larger than 10,000 parts of 8 MiB"));
                    }
                    sending.push_back(Box::pin(async move {
                        let _held = permit;
                        store.client.put_part(path, id, n, payload).await
                    }));
                }
                Some(Step::End) => break,
                None => return Err(BlobError::Interrupted),
            },
        }
    }
    while let Some(part) = sending.next().await {
        sent.push(part.map_err(failed)?);
    }
    store.client.complete_multipart(path, id, sent).await.map(drop).map_err(failed)
}
