//! Reading `multipart/form-data` (RFC 7578) piece by piece, with bounds on size and silence.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use futures_util::StreamExt as _;
use multer::{Field, Multipart};

use crate::intake::problem::Problem;

/// The parts of one request, in order.
pub(super) struct Parts {
    parts: Multipart<'static>,
    idle: Duration,
    /// Bytes that were read and not handed out: the reader's buffer, and what headers and boundaries took.
    held: Arc<AtomicUsize>,
}

/// Most bytes that may be read without being part of any content: a header without end is cut off here.
const MAX_HELD_BYTES: usize = 4 << 20;

/// Why no more of a body is read.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("the body broke off")]
    Body,
    #[error("too much framing")]
    Framing,
}

impl Parts {
    /// Begins to read a body.
    pub(super) fn new(headers: &HeaderMap, body: Body, idle: Duration) -> Result<Self, Problem> {
        let boundary = headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| multer::parse_boundary(value).ok())
            .ok_or_else(|| {
                Problem::Malformed("the Content-Type is not multipart/form-data with a boundary".to_owned())
            })?;
        let held = Arc::new(AtomicUsize::new(0));
        let coming = Arc::clone(&held);
        let bounded = body.into_data_stream().map(move |read| {
            let bytes = read.map_err(|_| Broken::Body)?;
            let now = coming.fetch_add(bytes.len(), Ordering::Relaxed) + bytes.len();
            if now > MAX_HELD_BYTES { Err(Broken::Framing) } else { Ok(bytes) }
        });
        Ok(Self { parts: Multipart::new(bounded, boundary), idle, held })
    }

    /// The next part, once the one before it has been read to its end.
    pub(super) async fn next(&mut self) -> Result<Option<Field<'static>>, Problem> {
        within(self.idle, self.parts.next_field()).await
    }

    /// The next bytes of a part.
    pub(super) async fn chunk(&self, part: &mut Field<'static>) -> Result<Option<Bytes>, Problem> {
        let chunk = within(self.idle, part.chunk()).await?;
        if let Some(chunk) = &chunk {
            self.held.fetch_sub(chunk.len(), Ordering::Relaxed);
        }
        Ok(chunk)
    }

    /// A whole small part.
    pub(super) async fn whole(
        &self,
        part: &mut Field<'static>,
        what: &str,
        key: &'static str,
        limit: usize,
    ) -> Result<Vec<u8>, Problem> {
        let mut whole = Vec::new();
        while let Some(chunk) = self.chunk(part).await? {
            if whole.len() + chunk.len() > limit {
                return Err(Problem::TooLarge { what: what.to_owned(), key, limit: limit as u64 });
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(whole)
    }
}

async fn within<T>(
    idle: Duration,
    reading: impl Future<Output = Result<T, multer::Error>>,
) -> Result<T, Problem> {
    match tokio::time::timeout(idle, reading).await {
        Ok(Ok(read)) => Ok(read),
        Ok(Err(cause)) => Err(Problem::Malformed(explain(&cause).to_owned())),
        Err(_) => Err(Problem::Silent { seconds: idle.as_secs() }),
    }
}

/// Our own words: the library's repeat what the sender wrote.
fn explain(cause: &multer::Error) -> &'static str {
    use multer::Error;
    match cause {
        Error::IncompleteFieldData { .. } | Error::IncompleteStream | Error::StreamReadFailed(_) => {
            "the body ends before its last part does; nothing was accepted; send it again"
        }
        Error::IncompleteHeaders
        | Error::ReadHeaderFailed(_)
        | Error::DecodeHeaderName { .. }
        | Error::DecodeHeaderValue { .. } => "a part's headers cannot be read",
        _ => "the body is no well-formed multipart/form-data",
    }
}
