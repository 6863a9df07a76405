//! Errors to portals as problem details (RFC 9457): what happened, which limit, what to do. Never what was in the request.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::queue::QueueError;
use crate::schema::FieldError;

/// A request that is not accepted. Nothing of it is kept.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    /// No portal has this token.
    #[error("send the portal's token as \"Authorization: Bearer …\"")]
    Unauthorized,
    /// The portal may not submit this form.
    #[error("this portal may not submit this form; the operator lists a portal's forms in intake.toml")]
    FormNotAllowed,
    /// No contract for this form.
    #[error("no contract defines this form; check its name")]
    UnknownForm,
    /// No contract for this version of the form.
    #[error("no contract defines this version of the form")]
    UnknownVersion,
    /// Fields break the contract's schema.
    #[error("the fields do not fit the form's schema; see errors")]
    FieldsInvalid(Vec<FieldError>),
    /// The request is no `multipart/form-data` as specified.
    #[error("{0}")]
    Malformed(String),
    /// Something is larger or more than the contract allows.
    #[error("{what} is over the limit of {limit} ({key}); send less, or ask the service's owner to raise it")]
    TooLarge {
        /// What is too large or too many.
        what: String,
        /// The contract's key.
        key: &'static str,
        /// Its value: bytes, or a count.
        limit: u64,
    },
    /// The sender stopped sending.
    #[error("nothing was received for {seconds} s; send again")]
    Silent {
        /// How long.
        seconds: u64,
    },
    /// Another request with this Idempotency-Key is under way.
    #[error("a request with this Idempotency-Key is under way; wait for its answer, then try again")]
    InProgress,
    /// The Idempotency-Key was used for other content before (draft-ietf-httpapi-idempotency-key-header section 2.7).
    #[error(
        "this Idempotency-Key was used for a submission with other content; use a new key for a new submission"
    )]
    KeyReused,
    /// Not known, or another portal's.
    #[error("no submission of this portal has this id")]
    NotFound,
    /// Too many submissions at once.
    #[error("too many submissions are under way; try again after the time in Retry-After")]
    Busy,
    /// The disk is full.
    #[error("there is no room to keep the submission; nothing of it was kept; try again later")]
    StorageFull,
    /// Queue, blob store or ledger failed.
    #[error("the submission could not be kept; nothing of it was accepted; try again later")]
    Unavailable,
}

#[derive(Serialize)]
struct Details<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: String,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit_name: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
}

impl Problem {
    fn status(&self) -> StatusCode {
        match self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::FormNotAllowed => StatusCode::FORBIDDEN,
            Self::UnknownForm | Self::UnknownVersion | Self::FieldsInvalid(_) | Self::KeyReused => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Silent { .. } => StatusCode::REQUEST_TIMEOUT,
            Self::InProgress => StatusCode::CONFLICT,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Busy | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::StorageFull => StatusCode::INSUFFICIENT_STORAGE,
        }
    }

    /// The word for it that stays the same over releases.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::FormNotAllowed => "form_not_allowed",
            Self::UnknownForm => "unknown_form",
            Self::UnknownVersion => "unknown_version",
            Self::FieldsInvalid(_) => "fields_invalid",
            Self::Malformed(_) => "malformed",
            Self::TooLarge { .. } => "too_large",
            Self::Silent { .. } => "sender_silent",
            Self::InProgress => "in_progress",
            Self::KeyReused => "key_reused",
            Self::NotFound => "not_found",
            Self::Busy => "busy",
            Self::StorageFull => "storage_full",
            Self::Unavailable => "unavailable",
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let (limit, limit_name) = match &self {
            Self::TooLarge { limit, key, .. } => (Some(*limit), Some(*key)),
            _ => (None, None),
        };
        let errors: &[FieldError] = match &self {
            Self::FieldsInvalid(errors) => errors,
            _ => &[],
        };
        let details = Details {
            r#type: format!("urn:sluse:problem:{}", self.code()),
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            detail: self.to_string(),
            code: self.code(),
            limit,
            limit_name,
            errors,
        };
        let mut response = (status, Json(details)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        match self {
            Self::Unauthorized => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::Busy | Self::Unavailable | Self::InProgress => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            }
            Self::StorageFull => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
            }
            _ => {}
        }
        response
    }
}

/// Our own failure: logged here, once, with its cause; the portal gets a code.
pub(super) fn ours(act: &'static str, cause: &dyn std::fmt::Display) -> Problem {
    tracing::error!(act, %cause, "a submission could not be kept");
    Problem::Unavailable
}

/// A queue that failed: full disk, or anything else.
pub(super) fn queue(act: &'static str, cause: &QueueError) -> Problem {
    match cause {
        QueueError::Full => {
            tracing::error!(act, %cause, "no room for a submission");
            Problem::StorageFull
        }
        other => ours(act, other),
    }
}
