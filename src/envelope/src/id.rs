//! The id of a submission: a UUIDv7 (RFC 9562 section 5.7).
//!
//! ```text
//!  byte   0 … 5          6 … 7            8 … 15
//!        ┌──────────────┬────────────────┬──────────────────────┐
//!        │ unix ms (48) │ 7 (4) rand(12) │ 0b10 (2)  rand (62)  │
//!        └──────────────┴────────────────┴──────────────────────┘
//! ```
//!
//! Its one text form is lower-case and hyphenated, 36 characters: usable as a file name and a queue's deduplication key.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::age::UnixMillis;
use crate::random::{self, NoRandomness};

/// Names one submission from intake to delivery.
///
/// Invariant: version 7 and variant 0b10, so that every id has exactly one byte form and one text form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SubmissionId([u8; 16]);

/// The bytes or text are not a UUIDv7 in its one form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a submission id: expected a UUIDv7, lower-case and hyphenated")]
pub struct BadSubmissionId;

impl SubmissionId {
    /// A new id for something that arrived at `now`.
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    pub fn new(now: UnixMillis) -> Result<Self, NoRandomness> {
        let [_, _, t0, t1, t2, t3, t4, t5] = now.0.to_be_bytes();
        let [r0, r1, r2, r3, r4, r5, r6, r7, r8, r9] = random::array()?;
        let (r0, r2) = (0x70 | (r0 & 0x0f), 0x80 | (r2 & 0x3f));
        Ok(Self([t0, t1, t2, t3, t4, t5, r0, r1, r2, r3, r4, r5, r6, r7, r8, r9]))
    }

    /// Reads the 16 bytes.
    ///
    /// # Errors
    /// When version or variant is not UUIDv7's.
    pub fn from_bytes(bytes: [u8; 16]) -> Result<Self, BadSubmissionId> {
        let [_, _, _, _, _, _, version, _, variant, ..] = bytes;
        if version >> 4 == 7 && variant >> 6 == 0b10 { Ok(Self(bytes)) } else { Err(BadSubmissionId) }
    }

    /// The 16 bytes, borrowed.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The 16 bytes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        self.0
    }
}

impl fmt::Display for SubmissionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl FromStr for SubmissionId {
    type Err = BadSubmissionId;

    fn from_str(text: &str) -> Result<Self, BadSubmissionId> {
        // Reading is lenient about hyphens and case; writing the result again and comparing is not.
        let digits: String = text.chars().take(36).filter(|c| *c != '-').collect();
        let mut bytes = [0; 16];
        hex::decode_to_slice(&digits, &mut bytes).map_err(|_| BadSubmissionId)?;
        let id = Self::from_bytes(bytes)?;
        if id.to_string() == text { Ok(id) } else { Err(BadSubmissionId) }
    }
}

impl TryFrom<String> for SubmissionId {
    type Error = BadSubmissionId;

    fn try_from(text: String) -> Result<Self, BadSubmissionId> {
        text.parse()
    }
}

impl From<SubmissionId> for String {
    fn from(id: SubmissionId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_ids_sort_by_time_and_round_trip() {
        let early = SubmissionId::new(UnixMillis(0x0198_0000_0000)).unwrap();
        let late = SubmissionId::new(UnixMillis(0x0198_0000_0001)).unwrap();
        assert!(early < late);
        assert!(early.to_string().starts_with("01980000-0000-7"));
        assert_eq!(early.to_string().parse(), Ok(early));
        assert_eq!(SubmissionId::from_bytes(early.to_bytes()), Ok(early));
        let json = serde_json::to_string(&early).unwrap();
        assert_eq!(serde_json::from_str::<SubmissionId>(&json).unwrap(), early);
    }

    #[test]
    fn the_example_of_rfc_9562_reads() {
        let id: SubmissionId = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f".parse().unwrap();
        assert_eq!(hex::encode(id.to_bytes()), "017f22e279b07cc398c4dc0c0c07398f");
    }

    #[test]
    fn other_spellings_paths_and_other_uuids_are_refused() {
        for text in [
            "",
            "017F22E2-79B0-7CC3-98C4-DC0C0C07398F",
            "017f22e279b07cc398c4dc0c0c07398f",
            "017f22e2-79b0-7cc3-98c4-dc0c0c07398f ",
            "017f22e2-79b0-7cc3-98c4-dc0c0c07398f0",
            "017f22e-279b0-7cc3-98c4-dc0c0c07398f",
            "{017f22e2-79b0-7cc3-98c4-dc0c0c07398f}",
            "017f22e2-79b0-4cc3-98c4-dc0c0c07398f",
            "017f22e2-79b0-7cc3-18c4-dc0c0c07398f",
            "../f22e2-79b0-7cc3-98c4-dc0c0c07398f",
            "017f22e2-79b0-7cc3-98c4-dc0c0c07398é",
        ] {
            assert_eq!(text.parse::<SubmissionId>(), Err(BadSubmissionId), "{text}");
        }
    }
}
