//! The HTTP client under the S3 client: what goes out is what this program says, and what comes back is bounded.
//!
//! ```text
//! object_store ─▶ Wire ─▶ reqwest ─▶ server
//!                  │  POST …?uploadId=   + If-None-Match: *    a multipart upload is written once, too
//!                  ◀─ no success         status and code only, as a Refusal
//!                  ◀─ success, no blob   whole, ≤ MAX_ANSWER_BYTES, within ANSWER_TIMEOUT
//!                  ◀─ a blob             its head within ANSWER_TIMEOUT; the rest as the reader takes it
//! ```
//!
//! Invariants: no proxies and nothing else from the environment, no redirects, no answer that is read without a limit, none
//! that makes the S3 client panic.

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use axum::http::{HeaderValue, Method, header};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody,
    HttpService,
};

use super::fault::Refusal;

/// Longest wait for a connection, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for an answer that is no blob, from the first byte sent to the last received; and for the head of one that
/// is. A part of 8 MiB needs 280 kB/s.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// Largest answer that is no blob, in bytes: a page of a listing has at most 1,000 keys of 1,024 bytes.
const MAX_ANSWER_BYTES: usize = 4 << 20;

/// The server's clock when it answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct ServerTime(pub(super) SystemTime);

/// An answer is larger than any that S3 gives.
#[derive(Debug, thiserror::Error)]
#[error("the answer has over {MAX_ANSWER_BYTES} bytes")]
struct TooLarge;

/// The part of a blob that an answer says it holds cannot be.
#[derive(Debug, thiserror::Error)]
#[error("the answer is no part of a blob")]
struct NoRange;

/// The answer did not come in time.
#[derive(Debug, thiserror::Error)]
#[error("no answer in time")]
struct TooLate;

/// A client that keeps the invariants above.
#[derive(Debug, Clone)]
pub(super) struct Wire(reqwest::Client);

impl Wire {
    /// Makes the client. `authorities`: certificates that alone are trusted, in place of the system's.
    pub(super) fn new(authorities: Option<Vec<reqwest::Certificate>>) -> Result<Self, reqwest::Error> {
        // An error says that an earlier client installed it: that is what is wanted.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("sluse/", env!("CARGO_PKG_VERSION")))
            .http1_only()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT);
        if let Some(authorities) = authorities {
            builder = builder.tls_certs_only(authorities);
        }
        Ok(Self(builder.build()?))
    }

    async fn exchange(&self, request: HttpRequest, is_blob: bool) -> Result<HttpResponse, HttpError> {
        let (mut head, body) = self.0.call(request).await?.into_parts();
        if head.status.is_success() && is_blob {
            if !head.headers.get_all(header::CONTENT_RANGE).iter().all(is_range) {
                return Err(HttpError::new(HttpErrorKind::Unknown, NoRange));
            }
            return Ok(HttpResponse::from_parts(head, body));
        }
        let body = whole(body).await?;
        if !head.status.is_success() {
            let refusal = Refusal::new(head.status.as_u16(), &body);
            // `Request` is what the S3 client tries again, whatever was asked.
            let kind = if refusal.is_passing() { HttpErrorKind::Request } else { HttpErrorKind::Unknown };
            return Err(HttpError::new(kind, refusal));
        }
        let date = head.headers.get(header::DATE).and_then(|date| date.to_str().ok());
        if let Some(time) = date.and_then(|date| httpdate::parse_http_date(date).ok()) {
            head.extensions.insert(ServerTime(time));
        }
        Ok(HttpResponse::from_parts(head, body.into()))
    }
}

#[async_trait]
impl HttpService for Wire {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let query = request.uri().query().unwrap_or_default();
        let is_blob = request.method() == Method::GET && query.is_empty();
        if request.method() == Method::POST && query.starts_with("uploadId=") {
            request.headers_mut().insert(header::IF_NONE_MATCH, HeaderValue::from_static("*"));
        }
        match tokio::time::timeout(ANSWER_TIMEOUT, self.exchange(request, is_blob)).await {
            Ok(answer) => answer,
            Err(_) => Err(HttpError::new(HttpErrorKind::Timeout, TooLate)),
        }
    }
}

impl HttpConnector for Wire {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

/// Whether one can be added to each number of a `Content-Range`: the S3 client does so, and would panic.
fn is_range(value: &HeaderValue) -> bool {
    let numbers = |text: &str| {
        let mut numbers = text.split(|c: char| !c.is_ascii_digit()).filter(|number| !number.is_empty());
        numbers.all(|number| number.parse::<u64>().is_ok_and(|number| number < u64::MAX))
    };
    value.to_str().is_ok_and(numbers)
}

/// Reads an answer to its end.
async fn whole(body: HttpResponseBody) -> Result<Bytes, HttpError> {
    let mut pieces = body.bytes_stream();
    let mut all = BytesMut::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece?;
        if all.len().saturating_add(piece.len()) > MAX_ANSWER_BYTES {
            return Err(HttpError::new(HttpErrorKind::Unknown, TooLarge));
        }
        all.extend_from_slice(&piece);
    }
    Ok(all.freeze())
}
