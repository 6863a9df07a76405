//! Blobs: one encrypted file per attachment, each under a key of its own that only the manifest holds.
//!
//! ```text
//! attachment ─┬─▶ SHA-256 ──────────────────────────────▶ manifest: size, digest, reference, key
//!             └─▶ zeros up to the padded length ─▶ stream ─▶ blob
//!
//! associated data = "sluse-envelope/1 blob" ‖ submission id (16) ‖ u32 attachment index ‖ direction (1)
//! ```
//!
//! The associated data keeps a blob in its place: in its submission, at its index, on its side. The size is in the
//! manifest alone; the blob shows the padded one ([`crate::padding`]).
//!
//! Invariants: no plaintext leaves the opener before its segment verified, and never any padding; only
//! [`BlobOpener::finish`] says that the content is whole and the one the manifest names.

use crate::blob_key::BlobKey;
use crate::digest::{Hasher, Sha256};
use crate::header::Direction;
use crate::id::SubmissionId;
use crate::padding;
use crate::random::NoRandomness;
use crate::segment::{OpenSegmentError, SealSegmentError};
use crate::stream::{self, OpenStreamError, StreamOpener, StreamSealer};

/// The largest content of a blob in bytes, 64 GiB: beyond any upload a portal takes, and a 64th of a thousandth of what the
/// segment counter could number.
pub const MAX_BLOB_LEN: u64 = 64 << 30;

/// What the associated data begins with.
const LABEL: &[u8] = b"sluse-envelope/1 blob";

/// Where a blob belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlobPlace {
    /// The submission.
    pub submission: SubmissionId,
    /// The attachment's position in the manifest, from 0.
    pub index: u32,
    /// Which gate it is for.
    pub direction: Direction,
}

impl BlobPlace {
    /// The associated data that binds a blob to its place.
    #[must_use]
    pub fn associated_data(&self) -> Vec<u8> {
        [LABEL, &self.submission.to_bytes(), &self.index.to_be_bytes(), &[self.direction.byte()]].concat()
    }
}

/// Why a blob was not sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealBlobError {
    /// The content is over [`MAX_BLOB_LEN`]. The sender's doing.
    #[error("more than the {MAX_BLOB_LEN} bytes a blob can hold")]
    TooLarge,
    /// The cipher or the random source failed. Ours.
    #[error(transparent)]
    Segment(#[from] SealSegmentError),
}

impl From<NoRandomness> for SealBlobError {
    fn from(error: NoRandomness) -> Self {
        Self::Segment(error.into())
    }
}

/// What a manifest says of a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedBlob {
    /// The key that opens it.
    pub key: BlobKey,
    /// Bytes of content.
    pub size: u64,
    /// The content's digest.
    pub sha256: Sha256,
    /// Bytes of ciphertext.
    pub ciphertext_len: u64,
}

/// Seals one blob under a fresh key, in constant memory.
pub struct BlobSealer {
    key: BlobKey,
    stream: StreamSealer,
    hasher: Hasher,
    size: u64,
}

impl BlobSealer {
    /// Starts a blob.
    ///
    /// # Errors
    /// When there are no random bytes.
    pub fn new(place: &BlobPlace) -> Result<Self, SealBlobError> {
        let key = BlobKey::generate()?;
        let stream = StreamSealer::new(&key, &place.associated_data())?;
        Ok(Self::with_stream(key, stream))
    }

    pub(crate) fn with_stream(key: BlobKey, stream: StreamSealer) -> Self {
        Self { key, stream, hasher: Hasher::new(), size: 0 }
    }

    /// Takes content; appends what ciphertext is complete to `out`. Emptying `out` between calls saves a copy.
    ///
    /// # Errors
    /// [`SealBlobError::TooLarge`]; the blob is then of no use.
    pub fn update(&mut self, content: &[u8], out: &mut Vec<u8>) -> Result<(), SealBlobError> {
        let size = self.size.saturating_add(content.len() as u64);
        if size > MAX_BLOB_LEN {
            return Err(SealBlobError::TooLarge);
        }
        self.hasher.update(content);
        self.stream.update(content, out)?;
        self.size = size;
        Ok(())
    }

    /// Pads and ends the blob; appends the rest of the ciphertext to `out`.
    ///
    /// # Errors
    /// Only by a defect.
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<SealedBlob, SealBlobError> {
        const ZEROS: &[u8] = &[0; 64 << 10];
        let mut missing = padding::padded(self.size).ok_or(SealBlobError::TooLarge)? - self.size;
        while missing > 0 {
            let zeros =
                usize::try_from(missing).ok().and_then(|missing| ZEROS.get(..missing)).unwrap_or(ZEROS);
            self.stream.update(zeros, out)?;
            missing -= zeros.len() as u64;
        }
        let ciphertext_len = self.stream.finish(out)?;
        Ok(SealedBlob { key: self.key, size: self.size, sha256: self.hasher.finish(), ciphertext_len })
    }
}

/// Bytes of ciphertext of a blob with `size` bytes of content.
///
/// Nothing when `size` is over [`MAX_BLOB_LEN`].
#[must_use]
pub const fn blob_len(size: u64) -> Option<u64> {
    if size > MAX_BLOB_LEN {
        return None;
    }
    match padding::padded(size) {
        Some(padded) => stream::ciphertext_len(padded),
        None => None,
    }
}

/// Why a blob did not open. All but [`OpenBlobError::TooLarge`] mean that store, transport or sealer gave other bytes than
/// the manifest names; the manifest itself is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenBlobError {
    /// The manifest asks for more than [`MAX_BLOB_LEN`]. The sealer's doing.
    #[error("more than the {MAX_BLOB_LEN} bytes a blob can hold")]
    TooLarge,
    /// The bytes do not begin as a blob does.
    #[error("not a blob")]
    BadHeader,
    /// Fewer bytes than the size in the manifest asks for.
    #[error("cut short: {missing} bytes are missing")]
    Truncated {
        /// Bytes of ciphertext that did not come.
        missing: u64,
    },
    /// More bytes than the size in the manifest asks for.
    #[error("bytes after the end")]
    Extended,
    /// A segment does not verify. Segment 0: changed, or another blob's (key, submission, index or direction). A later one:
    /// changed or reordered. The last one: also when the blob is longer than the manifest says.
    #[error("segment {segment} does not verify: changed, reordered, or another blob's")]
    Tampered {
        /// Number of the segment, from 0.
        segment: u32,
    },
    /// What follows the content is not zeros: the size in the manifest is too small, or something is hidden there.
    #[error("the padding is not zeros")]
    Padding,
    /// The content's digest is not the manifest's.
    #[error("the content's SHA-256 is {found}, not {expected} as the manifest says")]
    Digest {
        /// What the manifest says.
        expected: Sha256,
        /// What was computed.
        found: Sha256,
    },
}

impl From<OpenStreamError> for OpenBlobError {
    fn from(error: OpenStreamError) -> Self {
        match error {
            OpenStreamError::TooLong | OpenStreamError::Segment(OpenSegmentError::TooManySegments) => {
                Self::TooLarge
            }
            OpenStreamError::Truncated { missing } => Self::Truncated { missing },
            OpenStreamError::Extended => Self::Extended,
            // The stream hands over segments of the right length only, so a wrong length is the header's.
            OpenStreamError::Segment(OpenSegmentError::BadHeader | OpenSegmentError::WrongLength(_)) => {
                Self::BadHeader
            }
            OpenStreamError::Segment(OpenSegmentError::Tampered(segment)) => Self::Tampered { segment },
        }
    }
}

/// What a blob must turn out to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// Bytes of content.
    pub size: u64,
    /// The content's digest.
    pub sha256: Sha256,
}

/// Opens one blob, in constant memory.
pub struct BlobOpener {
    stream: StreamOpener,
    hasher: Hasher,
    expected: Expected,
    /// Bytes of content still to come; what comes after is padding.
    remaining: u64,
    /// The first error; it stays.
    failed: Option<OpenBlobError>,
}

impl BlobOpener {
    /// Starts to open the blob that the manifest describes.
    ///
    /// # Errors
    /// [`OpenBlobError::TooLarge`].
    pub fn new(key: BlobKey, place: &BlobPlace, expected: Expected) -> Result<Self, OpenBlobError> {
        if expected.size > MAX_BLOB_LEN {
            return Err(OpenBlobError::TooLarge);
        }
        let padded = padding::padded(expected.size).ok_or(OpenBlobError::TooLarge)?;
        Ok(Self {
            stream: StreamOpener::new(key, &place.associated_data(), padded)?,
            hasher: Hasher::new(),
            expected,
            remaining: expected.size,
            failed: None,
        })
    }

    /// Takes ciphertext, in any pieces; appends the content of the segments that are complete and verified to `out`. After
    /// an error `out` is as before, and the error stays. What is given out must not be used for anything before
    /// [`BlobOpener::finish`] agreed.
    ///
    /// # Errors
    /// See [`OpenBlobError`].
    pub fn push(&mut self, ciphertext: &[u8], out: &mut Vec<u8>) -> Result<(), OpenBlobError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let before = out.len();
        self.take(ciphertext, out).inspect_err(|error| {
            self.failed = Some(*error);
            out.truncate(before);
        })
    }

    fn take(&mut self, ciphertext: &[u8], out: &mut Vec<u8>) -> Result<(), OpenBlobError> {
        let before = out.len();
        self.stream.push(ciphertext, out)?;
        let released = out.get(before..).unwrap_or_default();
        let content_len =
            usize::try_from(self.remaining).map_or(released.len(), |remaining| remaining.min(released.len()));
        let (content, zeros) = released.split_at(content_len);
        if !padding::is_zero(zeros) {
            return Err(OpenBlobError::Padding);
        }
        self.hasher.update(content);
        self.remaining -= content_len as u64;
        out.truncate(before + content_len);
        Ok(())
    }

    /// Checks that the blob is complete and holds what was expected.
    ///
    /// # Errors
    /// The error that stayed, [`OpenBlobError::Truncated`], or [`OpenBlobError::Digest`].
    pub fn finish(self) -> Result<(), OpenBlobError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.stream.finish()?;
        let found = self.hasher.finish();
        if found == self.expected.sha256 {
            Ok(())
        } else {
            Err(OpenBlobError::Digest { expected: self.expected.sha256, found })
        }
    }
}

#[cfg(test)]
mod tests;
