//! What a server's answer, or its silence, means: in plain words for the operator, and as a [`BlobError`] for the caller.
//!
//! Invariant: nothing of an answer is passed on but its status and the S3 error code, which is letters and digits: bodies of
//! errors may quote the request, its key and what was signed.

use std::error::Error;
use std::fmt;

use object_store::client::{HttpError, HttpErrorKind};
use sluse_sanitize::report::plain;

use crate::blobs::BlobError;
use crate::id::BlobRef;

/// Longest S3 error code that is kept, in bytes.
const MAX_CODE_BYTES: usize = 64;
/// Longest text about a connection that is shown, in characters.
const MAX_CAUSE_CHARS: usize = 200;

/// An answer that is no success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The HTTP status.
    pub(super) status: u16,
    /// The S3 error code; empty when there was none.
    pub(super) code: String,
}

impl Refusal {
    /// Reads the code out of an error's XML, of which nothing else is looked at.
    pub(super) fn new(status: u16, body: &[u8]) -> Self {
        let code = std::str::from_utf8(body)
            .ok()
            .and_then(|text| text.split_once("<Code>")?.1.split_once("</Code>"))
            .map(|(code, _)| code)
            .filter(|code| code.len() <= MAX_CODE_BYTES && code.bytes().all(|b| b.is_ascii_alphanumeric()));
        Self { status, code: code.unwrap_or_default().to_owned() }
    }

    /// Whether the same request may fare better in a moment.
    pub(super) fn is_passing(&self) -> bool {
        matches!(self.status, 408 | 429 | 500 | 502..=504) && !self.is_full()
    }

    fn is_full(&self) -> bool {
        let codes = ["QuotaExceeded", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "StorageFull"];
        self.status == 507 || codes.contains(&self.code.as_str())
    }

    /// S3's own word for it. A 404 without it is a proxy's, a wrong endpoint's, or a bucket's that is gone: the blob may be there.
    fn is_missing(&self) -> bool {
        self.status == 404 && self.code == "NoSuchKey"
    }

    /// The name is taken: RFC 9110's 412 to `If-None-Match: *`, or S3's 409 when another writer is at it.
    fn is_taken(&self) -> bool {
        self.status == 412 || self.code == "ConditionalRequestConflict"
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.status, self.code.as_str()) {
            (_, "InvalidAccessKeyId") => f.write_str("it does not know the access key: see access_key_file"),
            (_, "SignatureDoesNotMatch") => {
                f.write_str("the secret key does not belong to the access key: see secret_key_file")
            }
            (_, "RequestTimeTooSkewed") => f.write_str("its clock and this machine's differ too much"),
            (_, "NoSuchBucket") => f.write_str("it has no such bucket"),
            (_, "AuthorizationHeaderMalformed" | "PermanentRedirect" | "TemporaryRedirect")
            | (300..=399, _) => f.write_str("the bucket is in another region or at another endpoint"),
            (_, "AccessDenied") | (403, "") => f.write_str("it allows this key no such access"),
            (401, _) => f.write_str("it does not accept the key"),
            (_, "SlowDown") => f.write_str("it is overloaded and asks to slow down"),
            (status, "") => write!(f, "it answered with HTTP status {status}"),
            (status, code) => write!(f, "it answered with HTTP status {status} ({code})"),
        }
    }
}

impl Error for Refusal {}

/// Why the store at a place cannot be used, in plain words and without secrets.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {act}: {problem}")]
pub(super) struct StoreFault {
    place: String,
    act: &'static str,
    problem: String,
}

/// Something that was tried on one blob, for telling what its failure means.
#[derive(Debug, Clone)]
pub(super) struct Act<'a> {
    /// Server and bucket.
    pub(super) place: &'a str,
    /// "write a blob"
    pub(super) act: &'static str,
}

impl Act<'_> {
    /// The store cannot be used, for a reason that is known here.
    pub(super) fn fails(&self, problem: impl Into<String>) -> BlobError {
        let fault = StoreFault { place: self.place.to_owned(), act: self.act, problem: problem.into() };
        BlobError::Unavailable(Box::new(fault))
    }

    /// What an error of the client means for `name`.
    pub(super) fn failed(&self, error: &object_store::Error, name: Option<&BlobRef>) -> BlobError {
        match (refusal(error), name) {
            (Some(refusal), _) if refusal.is_full() => BlobError::Full,
            (Some(refusal), Some(name)) if refusal.is_missing() => BlobError::Missing(*name),
            (Some(refusal), Some(name)) if refusal.is_taken() => BlobError::AlreadyThere(*name),
            (Some(refusal), _) => self.fails(refusal.to_string()),
            (None, _) => self.fails(connection(error)),
        }
    }
}

/// The refusal that is the cause of an error.
pub(super) fn refusal(error: &object_store::Error) -> Option<&Refusal> {
    causes(error).find_map(|cause| cause.downcast_ref::<Refusal>())
}

/// An error and its causes, outermost first.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// What is wrong between the server and us.
fn connection(error: &object_store::Error) -> String {
    let kind = causes(error).find_map(|cause| cause.downcast_ref::<HttpError>()).map(HttpError::kind);
    match kind {
        Some(HttpErrorKind::Timeout) => "it does not answer in time".to_owned(),
        Some(kind) => {
            // The deepest cause says it best: "Connection refused", or what is wrong with a certificate.
            let deepest = causes(error).last().map(ToString::to_string).unwrap_or_default();
            let deepest: String = plain(&deepest).chars().take(MAX_CAUSE_CHARS).collect();
            let what =
                if kind == HttpErrorKind::Connect { "it cannot be reached" } else { "the connection broke" };
            format!("{what}: {deepest}")
        }
        None => "its answer is not one that S3 gives".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_body_gives_its_code_and_nothing_else() {
        let secret = "<Error><Code>SignatureDoesNotMatch</Code><StringToSign>hush</StringToSign></Error>";
        let refusal = Refusal::new(403, secret.as_bytes());
        assert_eq!(refusal.code, "SignatureDoesNotMatch");
        assert!(!refusal.to_string().contains("hush"));
        for hostile in [
            "",
            "<Code>",
            "<Code>a\u{1b}[31m</Code>",
            "<Code><script></Code>",
            "</Code><Code>",
            &format!("<Code>{}</Code>", "a".repeat(65)),
        ] {
            assert_eq!(Refusal::new(500, hostile.as_bytes()).code, "", "{hostile:?}");
        }
        assert_eq!(Refusal::new(500, b"\xff<Code>A</Code>").code, "");
    }

    #[test]
    fn a_full_store_is_not_tried_again_and_a_busy_one_is() {
        for (status, body, passing) in [
            (507, "", false),
            (503, "<Code>SlowDown</Code>", true),
            (500, "<Code>InternalError</Code>", true),
            (500, "<Code>XMinioStorageFull</Code>", false),
            (403, "<Code>QuotaExceeded</Code>", false),
            (501, "<Code>NotImplemented</Code>", false),
        ] {
            assert_eq!(Refusal::new(status, body.as_bytes()).is_passing(), passing, "{status} {body}");
        }
    }
}
