//! What security staff get of a submission that was not delivered whole, or of which originals are kept.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sluse_envelope::{BlobKey, BlobRef, SubmissionId};
use sluse_sanitize::Report;

use crate::model::outcome::{AttachmentCode, State};

/// Content of the sealed message from bridge to console.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuarantineReport {
    /// Which submission.
    pub id: SubmissionId,
    /// What became of the submission.
    pub state: State,
    /// Name of the form, escaped.
    pub form: String,
    /// Version of the form's fields.
    pub version: u32,
    /// When it was sealed in the DMZ (RFC 3339).
    pub sealed_at: String,
    /// When it was examined (RFC 3339).
    pub examined_at: String,
    /// Why the submission as a whole was not delivered, when it is not one attachment's doing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// The form's data as it came, when nothing was delivered: kept so that a release has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<Box<RawValue>>,
    /// Every attachment that was sent, in order.
    pub attachments: Vec<QuarantinedAttachment>,
}

/// One attachment in a report.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuarantinedAttachment {
    /// What the portal was told.
    pub code: AttachmentCode,
    /// The evidence, with all that is nested in it.
    pub report: Report,
    /// The original, sealed to the quarantine key; absent when nobody needs it or it was destroyed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<Kept>,
}

/// Where an original is kept.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// Object in the secure zone's blob store.
    pub blob: BlobRef,
    /// Its key.
    pub key: BlobKey,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 (hex).
    pub sha256: String,
}
