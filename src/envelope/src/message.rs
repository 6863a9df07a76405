//! The sealed message: one per submission. Everything about it that is not a large file, under one HPKE encryption and one
//! signature.
//!
//! ```text
//! ┌────────────┬──────────────────┬─────────────────────────────────────┬───────────┐
//! │ header, 72 │ HPKE enc         │ HPKE ciphertext                     │ signature │
//! │ (clear)    │ 1,120 (X-Wing)   │ padded length + 16 (tag)            │ 64        │
//! │            │ or 32 (X25519)   │                                     │           │
//! └────────────┴──────────────────┴─────────────────────────────────────┴───────────┘
//!                                 ▲
//!        HPKE plaintext = u32 content length ‖ content ‖ zeros up to the padded length
//! ```
//!
//! Reading goes through three values, each made only by the step before it:
//!
//! ```text
//! bytes ─parse─▶ SealedMessage ─verify─▶ VerifiedMessage ─open─▶ Opened
//!                header, untrusted       a listed key signed it   content
//! ```
//!
//! Invariant: a byte string that opens is the only one for its header, encryption and signature; nothing may precede,
//! follow or replace any of it.

use std::fmt;

use hpke::aead::{AeadTag, AesGcm256};
use hpke::inout::InOutBuf;
use hpke::kdf::HkdfSha256;
use hpke::kem::{X25519HkdfSha256, XWing};
use hpke::{Deserializable as _, HpkeError, Kem, OpModeR, OpModeS, Serializable as _};
use zeroize::Zeroizing;

use crate::age::{AgeError, UnixMillis};
use crate::header::{Direction, HEADER_LEN, Header};
use crate::id::SubmissionId;
use crate::key::{PrivateKem, PrivateKeyRing, PublicKem, PublicKey};
use crate::key_id::KeyId;
use crate::padding;
use crate::sign::{Domain, SIGNATURE_LEN, Signature, SigningKey, VerifyingKeyRing};
use crate::suite::Suite;

/// The largest content in bytes, 16 MiB: a manifest with its fields is a few kilobytes, and what is large belongs in blobs.
pub const MAX_CONTENT_LEN: usize = 16 << 20;

/// HPKE's `info`: what the encryption is for.
const INFO: &[u8] = b"sluse-envelope/1 message";
/// Length of the AES-GCM tag in bytes.
const TAG_LEN: usize = 16;
/// Length of the content's own length in bytes.
const LENGTH_LEN: usize = 4;

/// What a new message says in clear, and the keys it is made with.
#[derive(Debug, Clone, Copy)]
pub struct Sealing<'a> {
    /// Which gate it is for.
    pub direction: Direction,
    /// The submission it belongs to.
    pub submission: SubmissionId,
    /// The time of sealing.
    pub created: UnixMillis,
    /// Who can open it; its suite is the message's.
    pub recipient: &'a PublicKey,
    /// Who vouches for it.
    pub sealer: &'a SigningKey,
}

/// Why nothing was sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The content is over [`MAX_CONTENT_LEN`].
    #[error("{length} bytes of content, more than the {MAX_CONTENT_LEN} a message can hold")]
    TooLarge {
        /// Bytes of content.
        length: usize,
    },
    /// HPKE refused the recipient's key, as it does an X25519 point of small order. The key is bad, not the content.
    #[error("nothing can be sealed to key {0}")]
    BadRecipient(KeyId),
}

impl Sealing<'_> {
    /// Seals `content`.
    ///
    /// # Errors
    /// See [`SealError`].
    ///
    /// # Panics
    /// When the operating system has no random bytes at all.
    pub fn seal(&self, content: &[u8]) -> Result<Vec<u8>, SealError> {
        let too_large = SealError::TooLarge { length: content.len() };
        if content.len() > MAX_CONTENT_LEN {
            return Err(too_large);
        }
        let length = u32::try_from(content.len()).map_err(|_| too_large)?;
        let padded_length = padding::padded(u64::from(length) + LENGTH_LEN as u64)
            .and_then(|padded| u32::try_from(padded).ok())
            .ok_or(too_large)?;
        let suite = self.recipient.suite();
        let header = Header {
            direction: self.direction,
            suite,
            submission: self.submission,
            recipient: self.recipient.id(),
            sealer: self.sealer.id(),
            created: self.created,
            padded_length,
        };
        let aad = header.write();

        let plaintext_start = HEADER_LEN + suite.enc_len();
        let plaintext_end = plaintext_start + padded_length as usize;
        // Reserved once, so that no reallocation leaves a copy of the plaintext behind.
        let mut message = Vec::with_capacity(plaintext_end + TAG_LEN + SIGNATURE_LEN);
        message.extend_from_slice(&aad);
        message.resize(plaintext_start, 0);
        message.extend_from_slice(&length.to_be_bytes());
        message.extend_from_slice(content);
        message.resize(plaintext_end, 0);
        let (_, body) = message.split_at_mut(HEADER_LEN);
        let (enc, plaintext) = body.split_at_mut(suite.enc_len());
        let tag = match &self.recipient.kem {
            PublicKem::XWing(key) => encrypt::<XWing>(key, &aad, enc, plaintext),
            PublicKem::X25519(key) => encrypt::<X25519HkdfSha256>(key, &aad, enc, plaintext),
        }
        .map_err(|_| SealError::BadRecipient(header.recipient))?;
        message.extend_from_slice(&tag);
        let signature = self.sealer.sign(Domain::MESSAGE, &message);
        message.extend_from_slice(&signature.to_bytes());
        Ok(message)
    }
}

/// Encrypts `plaintext` in place and writes HPKE's `enc`; gives the tag.
fn encrypt<K: Kem>(
    key: &K::PublicKey,
    aad: &[u8],
    enc: &mut [u8],
    plaintext: &mut [u8],
) -> Result<[u8; TAG_LEN], HpkeError> {
    let (encapsulated, mut context) =
        hpke::setup_sender::<AesGcm256, HkdfSha256, K>(&OpModeS::Base, key, INFO)?;
    encapsulated.write_exact(enc);
    let tag = context.seal_inout_detached(InOutBuf::from(plaintext), aad)?;
    Ok(tag.to_bytes().into())
}

/// Decrypts `ciphertext` in place.
fn decrypt<K: Kem>(
    key: &K::PrivateKey,
    aad: &[u8],
    enc: &[u8],
    ciphertext: &mut [u8],
    tag: &[u8],
) -> Result<(), HpkeError> {
    let enc = K::EncappedKey::from_bytes(enc)?;
    let mut context = hpke::setup_receiver::<AesGcm256, HkdfSha256, K>(&OpModeR::Base, key, &enc, INFO)?;
    context.open_inout_detached(InOutBuf::from(ciphertext), aad, &AeadTag::<AesGcm256>::from_bytes(tag)?)
}

/// Bytes that have the shape of a sealed message. Nothing in it is to be believed.
#[derive(Debug, Clone, Copy)]
pub struct SealedMessage<'a> {
    header: Header,
    /// Invariant: exactly as long as the header says.
    bytes: &'a [u8],
}

/// Why bytes are not a sealed message. The sender's or the transport's doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Fewer bytes than the header says or needs.
    #[error("cut short: {actual} bytes of {expected}")]
    Truncated {
        /// Bytes there should be.
        expected: usize,
        /// Bytes there are.
        actual: usize,
    },
    /// More bytes than the header says.
    #[error("bytes after the end: {actual} bytes instead of {expected}")]
    Extended {
        /// Bytes there should be.
        expected: usize,
        /// Bytes there are.
        actual: usize,
    },
    /// It does not begin with `SLSE`.
    #[error("not a sealed message")]
    BadMagic,
    /// A format version this program does not know.
    #[error("format version {0} is unknown")]
    UnknownVersion(u8),
    /// A direction byte this version does not define.
    #[error("direction {0} is unknown")]
    UnknownDirection(u8),
    /// A suite this version does not define.
    #[error("HPKE suite {kem:#06x} {kdf:#06x} {aead:#06x} is unknown")]
    UnknownSuite {
        /// KEM number.
        kem: u16,
        /// KDF number.
        kdf: u16,
        /// AEAD number.
        aead: u16,
    },
    /// The submission id is not a UUIDv7.
    #[error("the submission id is not a UUIDv7")]
    BadSubmissionId,
    /// The header asks for more than a message may hold.
    #[error("{length} bytes of content and padding, more than {limit}")]
    TooLarge {
        /// Bytes the header announces.
        length: u64,
        /// Most there may be.
        limit: u64,
    },
    /// The padded length is not one that padding gives.
    #[error("padded length {0} is not one that padding gives")]
    BadPaddedLength(u32),
}

/// Why a message is not trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// No listed key has the sealer's id.
    #[error("sealed by key {0}, which is not listed")]
    UnknownSealer(KeyId),
    /// The listed key did not sign these bytes.
    #[error("the signature is not that of key {0}")]
    BadSignature(KeyId),
}

impl<'a> SealedMessage<'a> {
    /// Checks the shape and reads the header. Takes no memory and believes nothing.
    ///
    /// # Errors
    /// See [`ParseError`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let (header, _) = bytes
            .split_first_chunk::<HEADER_LEN>()
            .ok_or(ParseError::Truncated { expected: HEADER_LEN, actual: bytes.len() })?;
        let header = Header::read(header)?;
        let expected =
            HEADER_LEN + header.suite.enc_len() + header.padded_length as usize + TAG_LEN + SIGNATURE_LEN;
        let actual = bytes.len();
        match actual.cmp(&expected) {
            std::cmp::Ordering::Less => Err(ParseError::Truncated { expected, actual }),
            std::cmp::Ordering::Greater => Err(ParseError::Extended { expected, actual }),
            std::cmp::Ordering::Equal => Ok(Self { header, bytes }),
        }
    }

    /// The header: for routing, logs and key look-up only.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Checks that the sealer named in the header is listed and signed every byte.
    ///
    /// # Errors
    /// See [`VerifyError`].
    pub fn verify(self, sealers: &VerifyingKeyRing) -> Result<VerifiedMessage<'a>, VerifyError> {
        let sealer = self.header.sealer;
        let key = sealers.find(sealer).ok_or(VerifyError::UnknownSealer(sealer))?;
        let bad = VerifyError::BadSignature(sealer);
        let (signed, signature) = self.bytes.split_last_chunk::<SIGNATURE_LEN>().ok_or(bad)?;
        key.verify(Domain::MESSAGE, signed, &Signature::from_bytes(*signature)).map_err(|_| bad)?;
        Ok(VerifiedMessage { message: self })
    }
}

/// A message every byte of which a listed key signed. Only [`SealedMessage::verify`] makes one.
#[derive(Debug, Clone, Copy)]
pub struct VerifiedMessage<'a> {
    message: SealedMessage<'a>,
}

/// Why a message could not be opened. What is refused stays sealed, for an operator to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It was sealed for another gate: sent back, or put on the wrong queue.
    #[error("sealed for direction {found:?}, not {expected:?}")]
    WrongDirection {
        /// What is opened here.
        expected: Direction,
        /// What the header says.
        found: Direction,
    },
    /// A suite that this bridge's configuration does not accept.
    #[error("suite {0} is not accepted here")]
    SuiteNotAccepted(Suite),
    /// Sealed to a key that is not on the ring, or to one of another suite. Ours, when the key was retired too early.
    #[error("sealed to key {0}, which is not here")]
    UnknownRecipient(KeyId),
    /// HPKE did not open: the sealer encrypted something else than it signed.
    #[error("the encryption does not open: tampered with, or badly sealed")]
    Tampered,
    /// The content's length and padding do not fit each other.
    #[error("the padding is not what the content's length asks for")]
    BadPadding,
}

impl VerifiedMessage<'_> {
    /// The header, as the sealer signed it.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.message.header
    }

    /// Checks the time of sealing; see [`UnixMillis::check_age`].
    ///
    /// # Errors
    /// Too old, or from the future.
    pub fn check_age(
        &self,
        now: UnixMillis,
        max_age: std::time::Duration,
        max_clock_skew: std::time::Duration,
    ) -> Result<(), AgeError> {
        self.header().created.check_age(now, max_age, max_clock_skew)
    }

    /// Decrypts, all or nothing.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(
        &self,
        keys: &PrivateKeyRing,
        expected: Direction,
        accepted: &[Suite],
    ) -> Result<Opened, OpenError> {
        let SealedMessage { header, bytes } = self.message;
        if header.direction != expected {
            return Err(OpenError::WrongDirection { expected, found: header.direction });
        }
        if !accepted.contains(&header.suite) {
            return Err(OpenError::SuiteNotAccepted(header.suite));
        }
        let key = keys
            .find(header.recipient)
            .filter(|key| key.suite() == header.suite)
            .ok_or(OpenError::UnknownRecipient(header.recipient))?;

        let (aad, body) = bytes.split_at_checked(HEADER_LEN).ok_or(OpenError::Tampered)?;
        let (enc, body) = body.split_at_checked(header.suite.enc_len()).ok_or(OpenError::Tampered)?;
        let (ciphertext, rest) =
            body.split_at_checked(header.padded_length as usize).ok_or(OpenError::Tampered)?;
        let (tag, _) = rest.split_at_checked(TAG_LEN).ok_or(OpenError::Tampered)?;
        let mut plaintext = Zeroizing::new(ciphertext.to_vec());
        match &key.kem {
            PrivateKem::XWing(key) => decrypt::<XWing>(key, aad, enc, &mut plaintext, tag),
            PrivateKem::X25519(key) => decrypt::<X25519HkdfSha256>(key, aad, enc, &mut plaintext, tag),
        }
        .map_err(|_| OpenError::Tampered)?;

        let length = content_length(&plaintext).ok_or(OpenError::BadPadding)?;
        plaintext.copy_within(LENGTH_LEN..LENGTH_LEN + length, 0);
        plaintext.truncate(length);
        Ok(Opened { header, content: plaintext })
    }
}

/// The length of the content in an HPKE plaintext, when length, padding and padded length agree.
fn content_length(plaintext: &[u8]) -> Option<usize> {
    let (length, rest) = plaintext.split_first_chunk::<LENGTH_LEN>()?;
    let length = u32::from_be_bytes(*length);
    let padded = padding::padded(u64::from(length) + LENGTH_LEN as u64)?;
    if padded != u64::try_from(plaintext.len()).ok()? || length as usize > MAX_CONTENT_LEN {
        return None;
    }
    let (_, zeros) = rest.split_at_checked(length as usize)?;
    padding::is_zero(zeros).then_some(length as usize)
}

/// What a message held. Only [`VerifiedMessage::open`] makes one, so a listed key signed it and a key of ours opened it.
pub struct Opened {
    header: Header,
    content: Zeroizing<Vec<u8>>,
}

impl Opened {
    /// The header, signed and authenticated.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The content, exactly as it was sealed.
    #[must_use]
    pub fn content(&self) -> &[u8] {
        &self.content
    }

    /// Gives the content away; it is zeroised when dropped.
    #[must_use]
    pub fn into_content(self) -> Zeroizing<Vec<u8>> {
        self.content
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opened({}, {} bytes)", self.header.submission, self.content.len())
    }
}

#[cfg(test)]
mod tests;
