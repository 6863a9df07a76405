//! Reading a blob from a bucket: one GET, taken up again where a connection was cut.
//!
//! Invariant: what is read is one object from its first byte to its last: a GET that goes on says `If-Match` with the ETag of
//! the first, and its answer must be that object's very range.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore as _};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::S3Blobs;
use crate::blobs::{BlobError, CHUNK, ReadBlob};
use crate::id::BlobRef;

/// Longest silence of the server within a blob.
const IDLE: Duration = Duration::from_secs(10);
/// Longest time for one [`CHUNK`], retries included: a server that sends less than 17 kB/s counts as down.
const CHUNK_TIMEOUT: Duration = Duration::from_secs(60);
/// How often reading is taken up again without a byte of progress.
const RESUMES: u32 = 3;
/// Pause before the first of these; doubled for each further one.
const PAUSE: Duration = Duration::from_millis(100);

type Pieces = BoxStream<'static, object_store::Result<Bytes>>;

/// The one object that is read.
struct Object {
    store: S3Blobs,
    name: BlobRef,
    path: Path,
    etag: String,
    size: u64,
}

/// A blob being read.
pub(super) struct S3Reader {
    object: Object,
    /// Bytes that were handed out.
    offset: u64,
    /// Bytes that came with the last piece and did not fit its chunk.
    rest: Bytes,
    /// Absent while a read is under way, and for good once one failed or was abandoned.
    pieces: Option<Pieces>,
}

impl S3Reader {
    /// Begins the GET.
    pub(super) async fn open(store: S3Blobs, name: BlobRef) -> Result<Self, BlobError> {
        let (path, act) = (store.path(&name), store.act("read a blob"));
        let got = store.client.get_opts(&path, GetOptions::default()).await;
        let got = got.map_err(|error| act.failed(&error, Some(&name)))?;
        let etag = got.meta.e_tag.clone().ok_or_else(|| act.fails("its answer has no ETag"))?;
        let size = got.meta.size;
        let pieces = Some(got.into_stream());
        let object = Object { store, name, path, etag, size };
        Ok(Self { object, offset: 0, rest: Bytes::new(), pieces })
    }

    /// Fills a chunk, or what is left of the blob.
    async fn fill(&mut self, mut pieces: Pieces) -> Result<(Pieces, Vec<u8>), BlobError> {
        let object = &self.object;
        let act = object.store.act("read a blob");
        let left = usize::try_from(object.size.saturating_sub(self.offset)).unwrap_or(usize::MAX);
        let wanted = left.min(CHUNK);
        let mut chunk = Vec::with_capacity(wanted);
        let mut resumes = 0;
        while chunk.len() < wanted {
            if self.rest.is_empty() {
                let cut = match timeout(IDLE, pieces.next()).await {
                    Ok(Some(Ok(piece))) => {
                        resumes = if piece.is_empty() { resumes } else { 0 };
                        self.rest = piece;
                        continue;
                    }
                    Ok(Some(Err(error))) => act.failed(&error, Some(&object.name)),
                    Ok(None) => act.fails("the blob ended before its size"),
                    Err(_) => act.fails("it stopped in the middle of a blob"),
                };
                if resumes == RESUMES {
                    return Err(cut);
                }
                sleep(PAUSE * (1 << resumes)).await;
                resumes += 1;
                let got = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
                pieces = object.resume(self.offset.saturating_add(got)).await?;
            } else {
                let now = self.rest.split_to(self.rest.len().min(wanted - chunk.len()));
                chunk.extend_from_slice(&now);
            }
        }
        Ok((pieces, chunk))
    }
}

impl Object {
    /// A GET from `offset` on.
    async fn resume(&self, offset: u64) -> Result<Pieces, BlobError> {
        let act = self.store.act("read on in a blob");
        let options = GetOptions {
            range: Some(GetRange::Offset(offset)),
            if_match: Some(self.etag.clone()),
            ..GetOptions::default()
        };
        let got = self.store.client.get_opts(&self.path, options).await;
        let got = got.map_err(|error| match act.failed(&error, Some(&self.name)) {
            BlobError::AlreadyThere(_) => act.fails("the blob is another one now"),
            error => error,
        })?;
        if got.meta.size != self.size || got.meta.e_tag.as_ref() != Some(&self.etag) {
            return Err(act.fails("the blob is another one now"));
        }
        Ok(got.into_stream())
    }
}

#[async_trait]
impl ReadBlob for S3Reader {
    fn size(&self) -> u64 {
        self.object.size
    }

    async fn read_chunk(&mut self) -> Result<Option<Vec<u8>>, BlobError> {
        let pieces = self.pieces.take().ok_or(BlobError::Interrupted)?;
        let deadline = Instant::now() + CHUNK_TIMEOUT;
        let filled = timeout_at(deadline, self.fill(pieces)).await;
        let (pieces, chunk) = filled
            .unwrap_or_else(|_| Err(self.object.store.act("read a blob").fails("it sends too slowly")))?;
        self.pieces = Some(pieces);
        self.offset = self.offset.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
        Ok(if chunk.is_empty() { None } else { Some(chunk) })
    }
}
