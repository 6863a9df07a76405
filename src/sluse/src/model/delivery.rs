//! What the bridge hands to the outlet: the manifest that will be delivered, its signature, and the keys of its files.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sluse_envelope::{BlobKey, BlobRef, SubmissionId};
use sluse_sanitize::{Removed, Verdict};

/// `manifest.json` as the case system gets it. Signed by the bridge over its exact bytes (`manifest.sig`).
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Which submission.
    pub id: SubmissionId,
    /// The outlet's destination.
    pub destination: String,
    /// Name of the form.
    pub form: String,
    /// Version of the form's fields.
    pub version: u32,
    /// The form's data: valid against the contract's schema, written anew.
    pub fields: Box<RawValue>,
    /// Where an answer goes, as the portal said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// Id of the key that sealed it in the DMZ.
    pub sealed_by: String,
    /// When it was sealed (RFC 3339).
    pub sealed_at: String,
    /// When it was examined (RFC 3339).
    pub examined_at: String,
    /// Place in the bridge's audit log where the decision stands.
    pub audit: AuditPosition,
    /// Whether attachments are missing that the citizen sent.
    pub in_part: bool,
    /// Every attachment that was sent, in order.
    pub attachments: Vec<Attachment>,
}

/// A place in an audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditPosition {
    /// Number of the entry.
    pub seq: u64,
    /// SHA-256 (hex) of the entry, and through its chain of all before it.
    pub hash: String,
}

/// One attachment in a manifest.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attachment {
    /// Position in the submission, from 0.
    pub index: u32,
    /// The examination's verdict.
    pub verdict: Verdict,
    /// Why, in plain words.
    pub reason: String,
    /// SHA-256 (hex) of what the citizen sent.
    pub original_sha256: String,
    /// Size of what the citizen sent, in bytes.
    pub original_size: u64,
    /// What the rebuilt file no longer has.
    pub removed: Vec<Removed>,
    /// The delivered file; absent when it was withheld.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<File>,
}

/// A delivered file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Safe name, unique in the submission; its extension is the rebuilt type's.
    pub name: String,
    /// Media type of the rebuilt file.
    pub media_type: String,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 (hex).
    pub sha256: String,
}

/// Content of the sealed message from bridge to outlet.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delivery {
    /// The manifest's exact bytes, as text.
    pub manifest: String,
    /// Detached JWS over them.
    pub signature: String,
    /// Where each delivered file's sealed bytes are, in the manifest's order of files.
    pub blobs: Vec<SealedFile>,
}

/// Where the sealed bytes of a file are, and the key to them.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedFile {
    /// Position in the submission, from 0: bound into the encryption.
    pub index: u32,
    /// Object in the blob store.
    pub blob: BlobRef,
    /// Its key.
    pub key: BlobKey,
}
