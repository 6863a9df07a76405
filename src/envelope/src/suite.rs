//! The HPKE suites (RFC 9180 section 7) a message may be sealed with.

use std::fmt;

use serde::{Deserialize, Serialize};

/// HKDF-SHA256, the one key derivation in use (RFC 9180 section 7.2).
pub(crate) const KDF_ID: u16 = 0x0001;
/// AES-256-GCM, the one cipher in use (RFC 9180 section 7.3).
pub(crate) const AEAD_ID: u16 = 0x0002;

/// A key encapsulation; key derivation is always HKDF-SHA256 and the cipher AES-256-GCM. Named in configuration as
/// `xwing` and `x25519`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Suite {
    /// X-Wing: ML-KEM-768 and X25519 together (draft-connolly-cfrg-xwing-kem; KEM 0x647a). What is copied today stays closed
    /// to a quantum computer later. The default.
    XWing,
    /// DHKEM(X25519, HKDF-SHA256) (RFC 9180 section 4.1; KEM 0x0020), for senders whose library has no X-Wing.
    X25519,
}

impl Suite {
    /// Every suite this version knows.
    pub const ALL: &'static [Self] = &[Self::XWing, Self::X25519];

    /// The KEM's number in the IANA registry.
    #[must_use]
    pub const fn kem_id(self) -> u16 {
        match self {
            Self::XWing => 0x647a,
            Self::X25519 => 0x0020,
        }
    }

    /// The length of the KEM's output, HPKE's `enc`, in bytes.
    #[must_use]
    pub const fn enc_len(self) -> usize {
        match self {
            Self::XWing => 1120,
            Self::X25519 => 32,
        }
    }

    /// The name in configuration and key files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::XWing => "xwing",
            Self::X25519 => "x25519",
        }
    }

    /// The suite with these three numbers, when it is one of [`Suite::ALL`].
    pub(crate) fn from_ids(kem: u16, kdf: u16, aead: u16) -> Option<Self> {
        let known = Self::ALL.iter().copied().find(|suite| suite.kem_id() == kem)?;
        (kdf == KDF_ID && aead == AEAD_ID).then_some(known)
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_three_numbers_name_a_suite() {
        assert_eq!(Suite::from_ids(0x647a, 1, 2), Some(Suite::XWing));
        assert_eq!(Suite::from_ids(0x0020, 1, 2), Some(Suite::X25519));
        for (kem, kdf, aead) in [(0x0010, 1, 2), (0x647a, 2, 2), (0x647a, 1, 1), (0x0020, 1, 3), (0, 0, 0)] {
            assert_eq!(Suite::from_ids(kem, kdf, aead), None);
        }
    }
}
