//! The cipher under blobs, one segment at a time: Google Tink's "AES-GCM-HKDF streaming", parameters
//! `AES256_GCM_HKDF_1MB`.
//!
//! ```text
//! ┌─────────────────────── first MiB ───────────────────────┐┌─────────── each next MiB ───────────┐
//! │ 40 (1) │ salt (32) │ prefix (7) │ ciphertext │ tag (16) ││ ciphertext               │ tag (16) │ …
//! └─────────────────────────────────────────────────────────┘└─────────────────────────────────────┘
//!
//! key of all segments = HKDF-SHA256(ikm = blob key, salt = salt, info = associated data), 32 bytes
//! nonce of segment i  = prefix ‖ u32 i, big endian ‖ 1 for the last segment, else 0
//! ```
//!
//! All segments but the last are full; the last holds at least one byte unless it is the only one. The counter puts
//! segments in their order, the last byte of the nonce ends them, the associated data puts them in their place.
//!
//! Invariants: no nonce is used twice, because the counter only grows and sealing the last segment consumes the sealer;
//! no byte of a segment is given out before its tag verified.
//!
//! Here is neither buffering nor padding nor a digest; see [`crate::stream`] and [`crate::blob`].

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};
use zeroize::Zeroizing;

use crate::blob_key::BlobKey;
use crate::random::{self, NoRandomness};

/// Bytes of ciphertext in each segment but the last, the header counted in the first.
pub const SEGMENT_LEN: usize = 1 << 20;
/// Length of the header in bytes; also the header's first byte.
pub const HEADER_LEN: usize = 1 + SALT_LEN + PREFIX_LEN;
/// Length of a segment's tag in bytes.
pub const TAG_LEN: usize = 16;

const SALT_LEN: usize = 32;
const PREFIX_LEN: usize = 7;
const HEADER_LEN_BYTE: u8 = 40;

/// Why a segment was not sealed. Ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealSegmentError {
    /// All 2³² nonces are used.
    #[error("more segments than there are nonces")]
    TooManySegments,
    /// Longer than a segment may be, or not the last and not full. A defect of the caller.
    #[error("a segment of {0} bytes is not of the right length")]
    WrongLength(usize),
    /// No random bytes for salt and nonce prefix.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// `ring` refused; it gives no reason.
    #[error("the cipher refused")]
    Cipher,
}

/// Why a segment did not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenSegmentError {
    /// The header is not of this format.
    #[error("not a blob of this format")]
    BadHeader,
    /// A segment too short, too long, or not full and not the last.
    #[error("a segment of {0} bytes is not of the right length")]
    WrongLength(usize),
    /// The tag is wrong: changed bytes, another key, another place, another order, or not (or yet) the last.
    #[error("segment {0} does not verify")]
    Tampered(u32),
    /// All 2³² nonces are used.
    #[error("more segments than there are nonces")]
    TooManySegments,
}

/// What both directions share.
struct Segments {
    key: LessSafeKey,
    prefix: [u8; PREFIX_LEN],
    /// Number of the next segment; nothing after number 2³² − 1.
    next: Option<u32>,
}

impl Segments {
    /// Nothing only when `ring` refuses what it cannot refuse.
    fn new(key: &BlobKey, associated: &[u8], header: &[u8; HEADER_LEN]) -> Option<Self> {
        let (length, rest) = header.split_first()?;
        let (salt, prefix) = rest.split_first_chunk::<SALT_LEN>()?;
        if *length != HEADER_LEN_BYTE {
            return None;
        }
        let info = [associated];
        let mut derived = Zeroizing::new([0; 32]);
        Salt::new(HKDF_SHA256, salt)
            .extract(key.bytes())
            .expand(&info, &AES_256_GCM)
            .and_then(|material| material.fill(derived.as_mut()))
            .ok()?;
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, derived.as_ref()).ok()?);
        Some(Self { key, prefix: prefix.try_into().ok()?, next: Some(0) })
    }

    /// Bytes of plaintext in the next segment when it is full.
    fn capacity(&self) -> usize {
        let header = if self.next == Some(0) { HEADER_LEN } else { 0 };
        SEGMENT_LEN - header - TAG_LEN
    }

    fn fits(&self, plaintext_len: usize, last: bool) -> bool {
        if last { plaintext_len <= self.capacity() } else { plaintext_len == self.capacity() }
    }

    /// The number and nonce of the next segment; the counter moves on.
    fn take_nonce(&mut self, last: bool) -> Option<(u32, Nonce)> {
        let number = self.next?;
        self.next = number.checked_add(1);
        let mut nonce = [0; NONCE_LEN];
        let fields = self.prefix.into_iter().chain(number.to_be_bytes()).chain([u8::from(last)]);
        for (to, from) in nonce.iter_mut().zip(fields) {
            *to = from;
        }
        Some((number, Nonce::assume_unique_for_key(nonce)))
    }
}

/// Seals segments in order.
pub struct SegmentSealer(Segments);

impl SegmentSealer {
    /// Starts a stream with fresh salt and nonce prefix; gives the header, which goes before the first segment.
    ///
    /// # Errors
    /// When there are no random bytes.
    pub fn new(key: &BlobKey, associated: &[u8]) -> Result<(Self, [u8; HEADER_LEN]), SealSegmentError> {
        let mut header = [HEADER_LEN_BYTE; HEADER_LEN];
        if let Some((_, random)) = header.split_first_mut() {
            random::fill(random)?;
        }
        Ok((Self::with_header(key, associated, &header)?, header))
    }

    /// Starts a stream with a given header. A header used twice with one key and associated data breaks the encryption.
    pub(crate) fn with_header(
        key: &BlobKey,
        associated: &[u8],
        header: &[u8; HEADER_LEN],
    ) -> Result<Self, SealSegmentError> {
        Segments::new(key, associated, header).map(Self).ok_or(SealSegmentError::Cipher)
    }

    /// Bytes of plaintext in the next segment when it is full.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.0.capacity()
    }

    /// Seals a segment that others follow, in place; gives the tag, which goes after it.
    ///
    /// # Errors
    /// When the segment is not full, or is the last of 2³².
    pub fn seal(&mut self, plaintext: &mut [u8]) -> Result<[u8; TAG_LEN], SealSegmentError> {
        self.seal_as(plaintext, false)
    }

    /// Seals the last segment in place; gives the tag, which goes after it.
    ///
    /// # Errors
    /// When the segment is too long.
    pub fn seal_last(mut self, plaintext: &mut [u8]) -> Result<[u8; TAG_LEN], SealSegmentError> {
        self.seal_as(plaintext, true)
    }

    fn seal_as(&mut self, plaintext: &mut [u8], last: bool) -> Result<[u8; TAG_LEN], SealSegmentError> {
        if !self.0.fits(plaintext.len(), last) {
            return Err(SealSegmentError::WrongLength(plaintext.len()));
        }
        let (_, nonce) = self.0.take_nonce(last).ok_or(SealSegmentError::TooManySegments)?;
        let tag = self.0.key.seal_in_place_separate_tag(nonce, Aad::empty(), plaintext);
        tag.ok().and_then(|tag| tag.as_ref().try_into().ok()).ok_or(SealSegmentError::Cipher)
    }
}

/// Opens segments in order.
pub struct SegmentOpener(Segments);

impl SegmentOpener {
    /// Starts with the stream's header.
    ///
    /// # Errors
    /// When the header is not of this format.
    pub fn new(
        key: &BlobKey,
        associated: &[u8],
        header: &[u8; HEADER_LEN],
    ) -> Result<Self, OpenSegmentError> {
        Segments::new(key, associated, header).map(Self).ok_or(OpenSegmentError::BadHeader)
    }

    /// Opens a segment that others follow: `in_out` holds ciphertext and tag from `start` on, and afterwards begins with
    /// the plaintext, whose length is given. After an error it holds nothing of the plaintext.
    ///
    /// # Errors
    /// See [`OpenSegmentError`].
    pub fn open(&mut self, in_out: &mut [u8], start: usize) -> Result<usize, OpenSegmentError> {
        self.open_as(in_out, start, false)
    }

    /// Opens the last segment, as [`SegmentOpener::open`] does.
    ///
    /// # Errors
    /// See [`OpenSegmentError`].
    pub fn open_last(mut self, in_out: &mut [u8], start: usize) -> Result<usize, OpenSegmentError> {
        self.open_as(in_out, start, true)
    }

    pub(crate) fn open_as(
        &mut self,
        in_out: &mut [u8],
        start: usize,
        last: bool,
    ) -> Result<usize, OpenSegmentError> {
        let wrong_length = OpenSegmentError::WrongLength(in_out.len());
        let plaintext_len = in_out.len().checked_sub(start + TAG_LEN).ok_or(wrong_length)?;
        if !self.0.fits(plaintext_len, last) {
            return Err(wrong_length);
        }
        let (number, nonce) = self.0.take_nonce(last).ok_or(OpenSegmentError::TooManySegments)?;
        let opened = self.0.key.open_within(nonce, Aad::empty(), in_out, start..);
        opened.map(|plaintext| plaintext.len()).map_err(|_| OpenSegmentError::Tampered(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> BlobKey {
        BlobKey::from_bytes([9; 32])
    }

    fn full_segment(capacity: usize) -> Vec<u8> {
        vec![5; capacity]
    }

    #[test]
    fn the_counter_ends_with_an_error_and_never_starts_again() {
        let (mut sealer, _) = SegmentSealer::new(&key(), b"").unwrap();
        sealer.0.next = Some(u32::MAX);
        let mut segment = full_segment(sealer.capacity());
        sealer.seal(&mut segment).unwrap();
        for _ in 0..2 {
            assert_eq!(sealer.seal(&mut segment), Err(SealSegmentError::TooManySegments));
        }
        assert_eq!(sealer.seal_last(&mut []), Err(SealSegmentError::TooManySegments));
    }

    #[test]
    fn an_opener_at_the_end_of_its_counter_refuses() {
        let (_, header) = SegmentSealer::new(&key(), b"").unwrap();
        let mut opener = SegmentOpener::new(&key(), b"", &header).unwrap();
        opener.0.next = None;
        let mut segment = full_segment(SEGMENT_LEN);
        assert_eq!(opener.open(&mut segment, 0), Err(OpenSegmentError::TooManySegments));
    }

    #[test]
    fn a_short_segment_that_is_not_the_last_is_refused_both_ways() {
        let (mut sealer, header) = SegmentSealer::new(&key(), b"").unwrap();
        assert_eq!(sealer.seal(&mut [0; 10]), Err(SealSegmentError::WrongLength(10)));
        let mut opener = SegmentOpener::new(&key(), b"", &header).unwrap();
        assert_eq!(opener.open(&mut [0; 26], 0), Err(OpenSegmentError::WrongLength(26)));
        assert_eq!(opener.open_last(&mut [0; 15], 0), Err(OpenSegmentError::WrongLength(15)));
    }

    #[test]
    fn a_header_of_another_length_is_refused() {
        let (_, mut header) = SegmentSealer::new(&key(), b"").unwrap();
        header[0] = 24;
        assert!(matches!(SegmentOpener::new(&key(), b"", &header), Err(OpenSegmentError::BadHeader)));
    }

    #[test]
    fn nonces_follow_the_drawing() {
        let mut segments = Segments::new(&key(), b"", &[HEADER_LEN_BYTE; HEADER_LEN]).unwrap();
        segments.next = Some(0x0102_0304);
        let (_, nonce) = segments.take_nonce(true).unwrap();
        assert_eq!(hex::encode(nonce.as_ref()), "282828282828280102030401");
        let (_, nonce) = segments.take_nonce(false).unwrap();
        assert_eq!(hex::encode(nonce.as_ref()), "282828282828280102030500");
    }

    #[test]
    fn a_segment_that_does_not_verify_leaves_no_plaintext() {
        let (sealer, header) = SegmentSealer::new(&key(), b"a").unwrap();
        let mut bytes = b"secret secret secret".to_vec();
        let tag = sealer.seal_last(&mut bytes).unwrap();
        bytes.extend_from_slice(&tag);
        bytes[0] ^= 1;
        let opener = SegmentOpener::new(&key(), b"a", &header).unwrap();
        assert_eq!(opener.open_last(&mut bytes, 0), Err(OpenSegmentError::Tampered(0)));
        assert!(!bytes.windows(6).any(|window| window == b"secret"));
    }
}
