//! The clear header of a sealed message: what anyone may read without a key.
//!
//! All numbers are big endian.
//!
//! ```text
//!  offset length  field
//!       0      4  "SLSE"
//!       4      1  version: 1
//!       5      1  direction: 0 dmz, 1 secure, 2 quarantine
//!       6      2  KEM:  0x647a X-Wing, 0x0020 DHKEM(X25519, HKDF-SHA256)
//!       8      2  KDF:  0x0001 HKDF-SHA256
//!      10      2  AEAD: 0x0002 AES-256-GCM
//!      12     16  submission id, a UUIDv7
//!      28     16  key id of the recipient
//!      44     16  key id of the sealer
//!      60      8  time of sealing, unix milliseconds
//!      68      4  padded length: bytes of HPKE plaintext
//!      72
//! ```
//!
//! Invariant: [`Header::read`] and [`Header::write`] are each other's inverse; there is one byte form per header.

use serde::{Deserialize, Serialize};

use crate::age::UnixMillis;
use crate::id::SubmissionId;
use crate::key_id::KeyId;
use crate::message::{MAX_CONTENT_LEN, ParseError};
use crate::padding;
use crate::suite::{AEAD_ID, KDF_ID, Suite};

/// Length of the header in bytes.
pub const HEADER_LEN: usize = 72;

const MAGIC: &[u8; 4] = b"SLSE";
const VERSION: u8 = 1;

/// Which way something travels, so that what was sealed for one gate is refused at another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From a portal or intake to the bridge.
    Dmz,
    /// From the bridge to the outlet.
    Secure,
    /// From the bridge to the security staff.
    Quarantine,
}

impl Direction {
    /// The byte in headers and in blobs' associated data.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Dmz => 0,
            Self::Secure => 1,
            Self::Quarantine => 2,
        }
    }

    const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Dmz),
            1 => Some(Self::Secure),
            2 => Some(Self::Quarantine),
            _ => None,
        }
    }
}

/// A header's fields. By itself it proves nothing: anyone can write one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Which gate it is for.
    pub direction: Direction,
    /// How it is encrypted.
    pub suite: Suite,
    /// The submission it belongs to.
    pub submission: SubmissionId,
    /// The key it is sealed to.
    pub recipient: KeyId,
    /// The key that signed it.
    pub sealer: KeyId,
    /// When it was sealed, by the sealer's clock.
    pub created: UnixMillis,
    /// Bytes of HPKE plaintext: 4 for the content's length, the content, and zeros.
    pub padded_length: u32,
}

impl Header {
    /// Reads a header.
    ///
    /// # Errors
    /// Names the first field that is not one this version writes.
    pub fn read(bytes: &[u8; HEADER_LEN]) -> Result<Self, ParseError> {
        let (magic, rest) = take::<4>(bytes)?;
        if magic != *MAGIC {
            return Err(ParseError::BadMagic);
        }
        let ([version, direction], rest) = take::<2>(rest)?;
        if version != VERSION {
            return Err(ParseError::UnknownVersion(version));
        }
        let direction = Direction::from_byte(direction).ok_or(ParseError::UnknownDirection(direction))?;
        let (kem, rest) = take(rest)?;
        let (kdf, rest) = take(rest)?;
        let (aead, rest) = take(rest)?;
        let (kem, kdf, aead) = (u16::from_be_bytes(kem), u16::from_be_bytes(kdf), u16::from_be_bytes(aead));
        let suite = Suite::from_ids(kem, kdf, aead).ok_or(ParseError::UnknownSuite { kem, kdf, aead })?;
        let (submission, rest) = take(rest)?;
        let submission = SubmissionId::from_bytes(submission).map_err(|_| ParseError::BadSubmissionId)?;
        let (recipient, rest) = take(rest)?;
        let (sealer, rest) = take(rest)?;
        let (created, rest) = take(rest)?;
        let (padded_length, _) = take(rest)?;
        let padded_length = u32::from_be_bytes(padded_length);
        if u64::from(padded_length) > max_padded_length() {
            return Err(ParseError::TooLarge { length: padded_length.into(), limit: max_padded_length() });
        }
        if padding::padded(padded_length.into()) != Some(padded_length.into()) {
            return Err(ParseError::BadPaddedLength(padded_length));
        }
        Ok(Self {
            direction,
            suite,
            submission,
            recipient: KeyId::from_bytes(recipient),
            sealer: KeyId::from_bytes(sealer),
            created: UnixMillis(u64::from_be_bytes(created)),
            padded_length,
        })
    }

    /// The header's bytes.
    #[must_use]
    pub fn write(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        let fields: [&[u8]; 10] = [
            MAGIC,
            &[VERSION, self.direction.byte()],
            &self.suite.kem_id().to_be_bytes(),
            &KDF_ID.to_be_bytes(),
            &AEAD_ID.to_be_bytes(),
            &self.submission.to_bytes(),
            &self.recipient.to_bytes(),
            &self.sealer.to_bytes(),
            &self.created.0.to_be_bytes(),
            &self.padded_length.to_be_bytes(),
        ];
        for (to, from) in bytes.iter_mut().zip(fields.into_iter().flatten()) {
            *to = *from;
        }
        bytes
    }
}

/// The padded length of the largest content.
pub(crate) const fn max_padded_length() -> u64 {
    match padding::padded(MAX_CONTENT_LEN as u64 + 4) {
        Some(length) => length,
        None => u64::MAX,
    }
}

/// Splits off the first `N` bytes.
fn take<const N: usize>(bytes: &[u8]) -> Result<([u8; N], &[u8]), ParseError> {
    let (head, rest) = bytes
        .split_first_chunk::<N>()
        .ok_or(ParseError::Truncated { expected: HEADER_LEN, actual: bytes.len() })?;
    Ok((*head, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header {
            direction: Direction::Secure,
            suite: Suite::XWing,
            submission: "017f22e2-79b0-7cc3-98c4-dc0c0c07398f".parse().unwrap(),
            recipient: KeyId::from_bytes([1; 16]),
            sealer: KeyId::from_bytes([2; 16]),
            created: UnixMillis(0x0102_0304_0506_0708),
            padded_length: 4096,
        }
    }

    fn read_with(offset: usize, byte: u8) -> Result<Header, ParseError> {
        let mut bytes = header().write();
        bytes[offset] = byte;
        Header::read(&bytes)
    }

    #[test]
    fn every_byte_is_where_the_table_says() {
        let expected = "534c5345 01 01 647a 0001 0002 017f22e279b07cc398c4dc0c0c07398f \
                        01010101010101010101010101010101 02020202020202020202020202020202 \
                        0102030405060708 00001000";
        assert_eq!(hex::encode(header().write()), expected.replace(' ', ""));
        assert_eq!(Header::read(&header().write()), Ok(header()));
    }

    #[test]
    fn whatever_reads_writes_back_to_the_same_bytes() {
        let bytes = header().write();
        for offset in 0..HEADER_LEN {
            for bit in 0..8 {
                let mut changed = bytes;
                changed[offset] ^= 1 << bit;
                if let Ok(read) = Header::read(&changed) {
                    assert_eq!(read.write(), changed, "byte {offset} bit {bit}");
                }
            }
        }
    }

    #[test]
    fn another_format_is_bad_magic() {
        assert_eq!(read_with(0, b'P'), Err(ParseError::BadMagic));
    }

    #[test]
    fn versions_before_and_after_are_unknown() {
        assert_eq!(read_with(4, 0), Err(ParseError::UnknownVersion(0)));
        assert_eq!(read_with(4, 2), Err(ParseError::UnknownVersion(2)));
    }

    #[test]
    fn a_fourth_direction_is_unknown() {
        assert_eq!(read_with(5, 3), Err(ParseError::UnknownDirection(3)));
    }

    #[test]
    fn a_suite_with_no_encryption_or_another_kem_is_unknown() {
        assert_eq!(read_with(11, 0xff), Err(ParseError::UnknownSuite { kem: 0x647a, kdf: 1, aead: 0x00ff }));
        assert_eq!(read_with(6, 0), Err(ParseError::UnknownSuite { kem: 0x007a, kdf: 1, aead: 2 }));
    }

    #[test]
    fn a_submission_id_of_another_version_is_refused() {
        assert_eq!(read_with(12 + 6, 0x4c), Err(ParseError::BadSubmissionId));
    }

    #[test]
    fn a_huge_or_odd_padded_length_is_refused() {
        assert_eq!(
            read_with(68, 0xff),
            Err(ParseError::TooLarge { length: 0xff00_1000, limit: max_padded_length() })
        );
        assert_eq!(read_with(71, 1), Err(ParseError::BadPaddedLength(4097)));
        assert_eq!(read_with(70, 0), Err(ParseError::BadPaddedLength(0)));
    }
}
