//! The key and the name of one blob, as they stand in a manifest.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::hex_text::hex_text;
use crate::random::{self, NoRandomness};

/// The random 256-bit key of one blob; zeroised when dropped. In text, base64url without padding.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct BlobKey([u8; 32]);

impl BlobKey {
    /// A new random key.
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    pub fn generate() -> Result<Self, NoRandomness> {
        let mut key = Self([0; 32]);
        random::fill(&mut key.0)?;
        Ok(key)
    }

    /// The key with these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for BlobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BlobKey(…)")
    }
}

impl Serialize for BlobKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(URL_SAFE_NO_PAD.encode(self.0)))
    }
}

impl<'de> Deserialize<'de> for BlobKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        let mut key = Self([0; 32]);
        match URL_SAFE_NO_PAD.decode_slice(text.as_bytes(), &mut key.0) {
            Ok(32) => Ok(key),
            _ => Err(de::Error::custom("a blob key is 32 bytes of base64url")),
        }
    }
}

/// The name a blob is stored under: 32 random lower-case hexadecimal digits. Says nothing of submission or content, and is
/// safe as a file name and in a URL.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BlobRef([u8; 16]);

/// The text is not a blob reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a blob reference: expected 32 lower-case hexadecimal digits")]
pub struct BadBlobRef;

impl BlobRef {
    /// A new random name.
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    pub fn generate() -> Result<Self, NoRandomness> {
        random::array().map(Self)
    }
}

hex_text!(BlobRef, BadBlobRef);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_round_trips_as_json_and_debug_does_not_show_it() {
        let key = BlobKey::generate().unwrap();
        let json = serde_json::to_string(&key).unwrap();
        assert!(serde_json::from_str::<BlobKey>(&json).unwrap() == key);
        assert_eq!(format!("{key:?}"), "BlobKey(…)");
    }

    #[test]
    fn keys_of_another_length_or_alphabet_are_refused() {
        for length in [0, 31, 33, 64] {
            let json = format!("\"{}\"", URL_SAFE_NO_PAD.encode(vec![0; length]));
            assert!(serde_json::from_str::<BlobKey>(&json).is_err(), "{length}");
        }
        assert!(serde_json::from_str::<BlobKey>(&format!("\"{}\"", "/".repeat(43))).is_err());
    }

    #[test]
    fn a_reference_that_is_a_path_or_another_spelling_is_refused() {
        let reference = BlobRef::generate().unwrap();
        assert_eq!(reference.to_string().parse(), Ok(reference));
        for text in [
            "",
            "../../../../../../../etc/passwd0",
            "0123456789ABCDEF0123456789ABCDEF",
            "0123456789abcdef0123456789abcde",
            "0123456789abcdef0123456789abcdef/",
            "0123456789abcdef0123456789abcdeg",
        ] {
            assert_eq!(text.parse::<BlobRef>(), Err(BadBlobRef), "{text}");
        }
    }
}
