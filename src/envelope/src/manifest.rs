//! The content of a message from the DMZ: what was submitted, and how to open its blobs.
//!
//! JSON (RFC 8259), UTF-8, with exactly these members:
//!
//! ```json
//! {
//!   "form": "building-permit",
//!   "version": 3,
//!   "fields": { "anything": "that is one JSON value" },
//!   "reply_to": "outcomes.portal-a",
//!   "attachments": [
//!     {
//!       "name": "drawing.pdf",
//!       "media_type": "application/pdf",
//!       "size": 123456,
//!       "sha256": "64 lower-case hexadecimal digits",
//!       "blob": "32 lower-case hexadecimal digits",
//!       "key": "43 characters of base64url"
//!     }
//!   ]
//! }
//! ```
//!
//! `reply_to` may be left out. An attachment's position, from 0, is the index in its blob's associated data.
//!
//! Everything here was vouched for by the sealer and chosen by a citizen: names, media types and fields are untrusted
//! text. `fields` is checked to be JSON and otherwise kept as it came, for the contract to judge.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::blob::{Expected, MAX_BLOB_LEN};
use crate::blob_key::{BlobKey, BlobRef};
use crate::digest::Sha256;
use crate::message::MAX_CONTENT_LEN;

/// The most attachments a manifest may list. A form has a handful; the limit bounds what one message makes others fetch.
pub const MAX_ATTACHMENTS: usize = 1000;
/// The longest form name, attachment name, media type or reply address, in bytes of UTF-8: what file systems allow a name,
/// four times over.
pub const MAX_TEXT_LEN: usize = 1024;

/// A submission's manifest.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The form's name; its contract is looked up by it.
    pub form: String,
    /// The version of the form.
    pub version: u32,
    /// The form's fields: one JSON value, not interpreted here.
    pub fields: Box<RawValue>,
    /// Where the outcome is to be told, when that is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// The attachments, in the order of their indices.
    pub attachments: Vec<Attachment>,
}

/// One attachment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attachment {
    /// The file name the citizen gave; untrusted.
    pub name: String,
    /// The media type the portal was told; untrusted.
    pub media_type: String,
    /// Bytes of content.
    pub size: u64,
    /// The content's digest.
    pub sha256: Sha256,
    /// Where the blob is.
    pub blob: BlobRef,
    /// What opens it.
    pub key: BlobKey,
}

impl Attachment {
    /// What the blob must turn out to hold.
    #[must_use]
    pub fn expected(&self) -> Expected {
        Expected { size: self.size, sha256: self.sha256 }
    }
}

/// Why a manifest was not read or written. The sealer's doing. No variant holds any of its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Not JSON, or not with these members. Positions count from 1.
    #[error("not a manifest (line {line}, column {column})")]
    Json {
        /// Line of the fault.
        line: usize,
        /// Column of the fault.
        column: usize,
    },
    /// More than [`MAX_ATTACHMENTS`].
    #[error("{0} attachments, more than {MAX_ATTACHMENTS}")]
    TooManyAttachments(usize),
    /// A name, media type or address over [`MAX_TEXT_LEN`].
    #[error("{0} is longer than {MAX_TEXT_LEN} bytes")]
    TextTooLong(&'static str),
    /// An attachment over [`MAX_BLOB_LEN`].
    #[error("attachment {0} is larger than {MAX_BLOB_LEN} bytes")]
    AttachmentTooLarge(usize),
    /// Two attachments name one blob.
    #[error("attachment {0} names a blob that another one names")]
    BlobNamedTwice(usize),
    /// The JSON would be over [`MAX_CONTENT_LEN`].
    #[error("larger than the {MAX_CONTENT_LEN} bytes a message can hold")]
    TooLarge,
}

impl From<serde_json::Error> for ManifestError {
    fn from(error: serde_json::Error) -> Self {
        Self::Json { line: error.line(), column: error.column() }
    }
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// See [`ManifestError`].
    pub fn from_json(json: &[u8]) -> Result<Self, ManifestError> {
        if json.len() > MAX_CONTENT_LEN {
            return Err(ManifestError::TooLarge);
        }
        let manifest: Self = serde_json::from_slice(json)?;
        manifest.check()?;
        Ok(manifest)
    }

    /// Writes a manifest. The bytes hold the blob keys, and are zeroised when dropped.
    ///
    /// # Errors
    /// Whatever [`Manifest::from_json`] would refuse.
    pub fn to_json(&self) -> Result<Zeroizing<Vec<u8>>, ManifestError> {
        self.check()?;
        // Counted first and reserved once, so that no reallocation leaves a copy of the keys behind.
        let mut length = Count(0);
        serde_json::to_writer(&mut length, self)?;
        if length.0 > MAX_CONTENT_LEN {
            return Err(ManifestError::TooLarge);
        }
        let mut json = Zeroizing::new(Vec::with_capacity(length.0));
        serde_json::to_writer(&mut *json, self)?;
        Ok(json)
    }

    fn check(&self) -> Result<(), ManifestError> {
        let short = |text: &str, what| {
            if text.len() <= MAX_TEXT_LEN { Ok(()) } else { Err(ManifestError::TextTooLong(what)) }
        };
        short(&self.form, "the form's name")?;
        short(self.reply_to.as_deref().unwrap_or_default(), "the reply address")?;
        if self.attachments.len() > MAX_ATTACHMENTS {
            return Err(ManifestError::TooManyAttachments(self.attachments.len()));
        }
        let mut blobs = HashSet::new();
        for (index, attachment) in self.attachments.iter().enumerate() {
            short(&attachment.name, "an attachment's name")?;
            short(&attachment.media_type, "an attachment's media type")?;
            if attachment.size > MAX_BLOB_LEN {
                return Err(ManifestError::AttachmentTooLarge(index));
            }
            if !blobs.insert(attachment.blob) {
                return Err(ManifestError::BlobNamedTwice(index));
            }
        }
        Ok(())
    }
}

/// Counts the bytes written to it.
struct Count(usize);

impl std::io::Write for Count {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
