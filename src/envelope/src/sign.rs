//! Detached Ed25519 signatures (RFC 8032), each made for one purpose.
//!
//! ```text
//! signed bytes = domain (ASCII) ‖ 0x00 ‖ content
//! ```
//!
//! No domain holds a zero byte, so a signature made for one purpose is never one for another, whatever the contents.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::key_id::{Algorithm, KeyId};
use crate::random::{self, NoRandomness};

/// Length of a signature in bytes.
pub const SIGNATURE_LEN: usize = 64;

/// What a signature is for.
///
/// Invariant: not empty, printable ASCII and spaces only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Domain(&'static str);

impl Domain {
    /// Sealed messages.
    pub const MESSAGE: Self = Self::new("sluse-envelope/1 message signature");

    /// A purpose, best with a version in it. Made in a `const`, so that a bad name does not compile.
    ///
    /// # Panics
    /// When the name is empty or not printable ASCII.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        assert!(!name.is_empty(), "a domain needs a name");
        let mut rest = name.as_bytes();
        while let [first, others @ ..] = rest {
            assert!(matches!(first, 0x20..=0x7e), "a domain is printable ASCII");
            rest = others;
        }
        Self(name)
    }

    fn prefixed(self, content: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len() + 1 + content.len());
        bytes.extend_from_slice(self.0.as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(content);
        bytes
    }
}

/// A detached signature. In text, base64url without padding.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Signature([u8; SIGNATURE_LEN]);

impl Signature {
    /// Any 64 bytes; whether they sign anything is for [`VerifyingKey::verify`] to say.
    #[must_use]
    pub fn from_bytes(bytes: [u8; SIGNATURE_LEN]) -> Self {
        Self(bytes)
    }

    /// The 64 bytes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; SIGNATURE_LEN] {
        self.0
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({self})")
    }
}

/// The text is not 64 bytes of base64url, or the signature is not the key's over the content and domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("bad signature")]
pub struct BadSignature;

impl FromStr for Signature {
    type Err = BadSignature;

    fn from_str(text: &str) -> Result<Self, BadSignature> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| BadSignature)?;
        bytes.try_into().map(Self).map_err(|_| BadSignature)
    }
}

impl TryFrom<String> for Signature {
    type Error = BadSignature;

    fn try_from(text: String) -> Result<Self, BadSignature> {
        text.parse()
    }
}

impl From<Signature> for String {
    fn from(signature: Signature) -> Self {
        signature.to_string()
    }
}

/// A private Ed25519 key. The seed is zeroised when dropped; `ring` keeps an expanded copy that it does not zeroise.
pub struct SigningKey {
    seed: Zeroizing<[u8; 32]>,
    pair: Ed25519KeyPair,
    public: VerifyingKey,
}

impl SigningKey {
    /// A new random key.
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    pub fn generate() -> Result<Self, NoRandomness> {
        let mut seed = Zeroizing::new([0; 32]);
        random::fill(seed.as_mut())?;
        // Every 32 bytes are a seed, so this is no other failure.
        Self::from_seed(&seed).ok_or(NoRandomness)
    }

    /// The key with this seed (RFC 8032 section 5.1.5).
    pub(crate) fn from_seed(seed: &[u8; 32]) -> Option<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).ok()?;
        let public = VerifyingKey::from_bytes(pair.public_key().as_ref().try_into().ok()?);
        Some(Self { seed: Zeroizing::new(*seed), pair, public })
    }

    pub(crate) fn seed(&self) -> &[u8; 32] {
        &self.seed
    }

    /// The key that verifies this key's signatures.
    #[must_use]
    pub fn verifying_key(&self) -> &VerifyingKey {
        &self.public
    }

    /// The public key's id.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.public.id
    }

    /// Signs `content` for one purpose.
    #[must_use]
    pub fn sign(&self, domain: Domain, content: &[u8]) -> Signature {
        self.sign_bytes(&domain.prefixed(content))
    }

    /// Signs bytes that carry their purpose themselves: a JWS signing input, which begins with `eyJ`, as no domain's name does.
    pub(crate) fn sign_bytes(&self, bytes: &[u8]) -> Signature {
        let signature = self.pair.sign(bytes);
        let mut bytes = [0; SIGNATURE_LEN];
        for (to, from) in bytes.iter_mut().zip(signature.as_ref()) {
            *to = *from;
        }
        Signature(bytes)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.id())
    }
}

/// A public Ed25519 key.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifyingKey {
    bytes: [u8; 32],
    id: KeyId,
}

impl VerifyingKey {
    /// Any 32 bytes; bytes that are no curve point verify nothing.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self { bytes, id: KeyId::of(Algorithm::Ed25519, &bytes) }
    }

    /// The 32 bytes of RFC 8032.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 32] {
        self.bytes
    }

    /// The key's id and fingerprint.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// Checks that this key signed `content` for this purpose.
    ///
    /// # Errors
    /// When it did not.
    pub fn verify(&self, domain: Domain, content: &[u8], signature: &Signature) -> Result<(), BadSignature> {
        self.verify_bytes(&domain.prefixed(content), signature)
    }

    /// As [`SigningKey::sign_bytes`].
    pub(crate) fn verify_bytes(&self, bytes: &[u8], signature: &Signature) -> Result<(), BadSignature> {
        UnparsedPublicKey::new(&ED25519, &self.bytes).verify(bytes, &signature.0).map_err(|_| BadSignature)
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({})", self.id)
    }
}

/// The signers that are listed as trusted for one purpose, found by id.
#[derive(Debug, Clone, Default)]
pub struct VerifyingKeyRing(Vec<VerifyingKey>);

impl VerifyingKeyRing {
    /// A ring of these keys. An empty ring trusts nobody.
    #[must_use]
    pub fn new(keys: Vec<VerifyingKey>) -> Self {
        Self(keys)
    }

    /// The key with that id.
    #[must_use]
    pub fn find(&self, id: KeyId) -> Option<&VerifyingKey> {
        self.0.iter().find(|key| key.id == id)
    }

    /// The keys.
    pub fn iter(&self) -> impl Iterator<Item = &VerifyingKey> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECEIPT: Domain = Domain::new("test receipt/1");

    #[test]
    fn the_first_vector_of_rfc_8032_gives_its_public_key() {
        let seed = hex::decode("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").unwrap();
        let key = SigningKey::from_seed(&seed.try_into().unwrap()).unwrap();
        assert_eq!(
            hex::encode(key.verifying_key().to_bytes()),
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
        );
    }

    #[test]
    fn a_signature_holds_for_its_key_domain_and_content_only() {
        let key = SigningKey::generate().unwrap();
        let signature = key.sign(RECEIPT, b"content");
        let public = key.verifying_key();
        assert_eq!(public.verify(RECEIPT, b"content", &signature), Ok(()));
        assert_eq!(public.verify(Domain::MESSAGE, b"content", &signature), Err(BadSignature));
        assert_eq!(public.verify(RECEIPT, b"contents", &signature), Err(BadSignature));
        let other = SigningKey::generate().unwrap();
        assert_eq!(other.verifying_key().verify(RECEIPT, b"content", &signature), Err(BadSignature));
        assert_eq!(signature.to_string().parse(), Ok(signature));
    }

    #[test]
    fn moving_bytes_between_domain_and_content_does_not_verify() {
        let key = SigningKey::generate().unwrap();
        let signature = key.sign(Domain::new("ab"), b"c");
        assert_eq!(key.verifying_key().verify(Domain::new("a"), b"bc", &signature), Err(BadSignature));
    }

    #[test]
    fn debug_does_not_show_the_seed() {
        let key = SigningKey::generate().unwrap();
        let shown = format!("{key:?}");
        assert_eq!(shown, format!("SigningKey({})", key.id()));
    }
}
