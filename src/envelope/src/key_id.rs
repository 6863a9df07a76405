//! Key ids: how messages and people name a key.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::hex_text::hex_text;
use crate::suite::Suite;

/// What a key is for; part of its id and of its text form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// A recipient of messages.
    Hpke(Suite),
    /// A signer.
    Ed25519,
}

impl Algorithm {
    /// Two bytes that tell the algorithms apart: the HPKE KEM's number, or TLS's signature scheme (RFC 8446 section 4.2.3).
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::Hpke(suite) => suite.kem_id(),
            Self::Ed25519 => 0x0807,
        }
    }

    /// The name in key files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hpke(suite) => suite.name(),
            Self::Ed25519 => "ed25519",
        }
    }

    /// The algorithm of that name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        let hpke = Suite::ALL.iter().copied().map(Self::Hpke);
        hpke.chain([Self::Ed25519]).find(|algorithm| algorithm.name() == name)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is hashed before algorithm and key.
const LABEL: &[u8] = b"sluse-envelope/1 key id";

/// The first 16 bytes of SHA-256(label ‖ algorithm number ‖ public key). Shown as 32 lower-case hexadecimal digits, which is
/// also the fingerprint that people compare.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId([u8; 16]);

/// The text is not 32 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a key id: expected 32 lower-case hexadecimal digits")]
pub struct BadKeyId;

impl KeyId {
    /// The id of a public key.
    pub(crate) fn of(algorithm: Algorithm, public_key: &[u8]) -> Self {
        let mut hash = ring::digest::Context::new(&ring::digest::SHA256);
        hash.update(LABEL);
        hash.update(&algorithm.number().to_be_bytes());
        hash.update(public_key);
        let mut id = [0; 16];
        for (to, from) in id.iter_mut().zip(hash.finish().as_ref()) {
            *to = *from;
        }
        Self(id)
    }

    /// An id as it stands in a header; any 16 bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        self.0
    }
}

hex_text!(KeyId, BadKeyId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bytes_under_another_algorithm_have_another_id() {
        let bytes = [7; 32];
        assert_ne!(KeyId::of(Algorithm::Hpke(Suite::X25519), &bytes), KeyId::of(Algorithm::Ed25519, &bytes));
    }

    #[test]
    fn the_text_form_is_the_only_one() {
        let id = KeyId::from_bytes(*b"0123456789abcdef");
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in ["", "30313233343536373839616263646566 ", "30313233343536373839616263646A66", "3031"] {
            assert_eq!(text.parse::<KeyId>(), Err(BadKeyId), "{text}");
        }
    }
}
