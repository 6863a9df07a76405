//! The keys messages are sealed to and opened with: HPKE recipients.

use std::fmt;

use hpke::kem::{X25519HkdfSha256, XWing};
use hpke::{Deserializable as _, HpkeError, Kem, Serializable as _};
use zeroize::{Zeroize as _, Zeroizing};

use crate::key_id::{Algorithm, KeyId};
use crate::random::{self, NoRandomness};
use crate::suite::Suite;

pub(crate) type XWingPublic = <XWing as Kem>::PublicKey;
pub(crate) type XWingPrivate = <XWing as Kem>::PrivateKey;
pub(crate) type X25519Public = <X25519HkdfSha256 as Kem>::PublicKey;
pub(crate) type X25519Private = <X25519HkdfSha256 as Kem>::PrivateKey;

/// The bytes are not a key of that suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are not an {0} key")]
pub struct InvalidKey(pub Suite);

/// A recipient's public key: what intake and portals hold.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    pub(crate) kem: PublicKem,
    id: KeyId,
}

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum PublicKem {
    /// Boxed because it holds a matrix of several kilobytes.
    XWing(Box<XWingPublic>),
    X25519(X25519Public),
}

impl PublicKey {
    /// Reads the KEM's own serialisation (RFC 9180 section 7.1.1): 1,216 bytes for X-Wing, 32 for X25519.
    ///
    /// # Errors
    /// When the length or an ML-KEM coefficient is out of range.
    pub fn from_bytes(suite: Suite, bytes: &[u8]) -> Result<Self, InvalidKey> {
        let invalid = |_: HpkeError| InvalidKey(suite);
        let kem = match suite {
            Suite::XWing => PublicKem::XWing(Box::new(XWingPublic::from_bytes(bytes).map_err(invalid)?)),
            Suite::X25519 => PublicKem::X25519(X25519Public::from_bytes(bytes).map_err(invalid)?),
        };
        Ok(Self::of(kem))
    }

    /// The KEM's own serialisation.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.kem.to_bytes()
    }

    /// The suite that messages to this key use.
    #[must_use]
    pub fn suite(&self) -> Suite {
        self.kem.suite()
    }

    /// The key's id and fingerprint.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    fn of(kem: PublicKem) -> Self {
        let id = KeyId::of(Algorithm::Hpke(kem.suite()), &kem.to_bytes());
        Self { kem, id }
    }
}

impl PublicKem {
    fn suite(&self) -> Suite {
        match self {
            Self::XWing(_) => Suite::XWing,
            Self::X25519(_) => Suite::X25519,
        }
    }

    fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::XWing(key) => key.to_bytes().to_vec(),
            Self::X25519(key) => key.to_bytes().to_vec(),
        }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({} {})", self.suite(), self.id)
    }
}

/// A recipient's private key, zeroised when dropped.
pub struct PrivateKey {
    pub(crate) kem: PrivateKem,
    public: PublicKey,
}

pub(crate) enum PrivateKem {
    /// Boxed because it holds the expanded public key too.
    XWing(Box<XWingPrivate>),
    X25519(X25519Private),
}

impl PrivateKey {
    /// A new random key.
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    pub fn generate(suite: Suite) -> Result<Self, NoRandomness> {
        let mut secret = Zeroizing::new([0; 32]);
        random::fill(secret.as_mut())?;
        // Every 32 bytes are a key of either suite, so this is no other failure.
        Self::from_bytes(suite, secret.as_ref()).map_err(|_| NoRandomness)
    }

    /// Reads the KEM's own serialisation: 32 bytes for X-Wing (the seed) and for X25519 (the scalar, clamped when used).
    ///
    /// # Errors
    /// When the length is another.
    pub fn from_bytes(suite: Suite, bytes: &[u8]) -> Result<Self, InvalidKey> {
        let invalid = |_: HpkeError| InvalidKey(suite);
        let (kem, public) = match suite {
            Suite::XWing => {
                let key = XWingPrivate::from_bytes(bytes).map_err(invalid)?;
                let public = PublicKem::XWing(Box::new(XWing::sk_to_pk(&key)));
                (PrivateKem::XWing(Box::new(key)), public)
            }
            Suite::X25519 => {
                let key = X25519Private::from_bytes(bytes).map_err(invalid)?;
                let public = PublicKem::X25519(X25519HkdfSha256::sk_to_pk(&key));
                (PrivateKem::X25519(key), public)
            }
        };
        Ok(Self { kem, public: PublicKey::of(public) })
    }

    /// The KEM's own serialisation.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut array = match &self.kem {
            PrivateKem::XWing(key) => key.to_bytes(),
            PrivateKem::X25519(key) => key.to_bytes(),
        };
        let bytes = Zeroizing::new(array.to_vec());
        array.zeroize();
        bytes
    }

    /// The public half.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// The suite of messages this key opens.
    #[must_use]
    pub fn suite(&self) -> Suite {
        self.public.suite()
    }

    /// The public key's id.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.public.id
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({} {})", self.suite(), self.id())
    }
}

/// The private keys a role opens with, found by id: the active one and, during a rotation, those before it.
#[derive(Debug, Default)]
pub struct PrivateKeyRing(Vec<PrivateKey>);

impl PrivateKeyRing {
    /// A ring of these keys.
    #[must_use]
    pub fn new(keys: Vec<PrivateKey>) -> Self {
        Self(keys)
    }

    /// The key with that id.
    #[must_use]
    pub fn find(&self, id: KeyId) -> Option<&PrivateKey> {
        self.0.iter().find(|key| key.id() == id)
    }

    /// The keys.
    pub fn iter(&self) -> impl Iterator<Item = &PrivateKey> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_round_trip_with_the_same_id() {
        for suite in Suite::ALL.iter().copied() {
            let key = PrivateKey::generate(suite).unwrap();
            assert_eq!(PrivateKey::from_bytes(suite, &key.to_bytes()).unwrap().id(), key.id());
            let public = PublicKey::from_bytes(suite, &key.public_key().to_bytes()).unwrap();
            assert_eq!(&public, key.public_key());
            assert_eq!(public.id(), key.id());
        }
    }

    #[test]
    fn keys_of_wrong_length_are_refused() {
        for suite in Suite::ALL.iter().copied() {
            for length in [0, 31, 33, 1215, 1217] {
                let bytes = vec![1; length];
                assert!(PrivateKey::from_bytes(suite, &bytes).is_err());
                assert_eq!(PublicKey::from_bytes(suite, &bytes), Err(InvalidKey(suite)));
            }
        }
    }

    #[test]
    fn an_xwing_key_with_coefficients_out_of_range_is_refused() {
        assert_eq!(PublicKey::from_bytes(Suite::XWing, &[0xff; 1216]), Err(InvalidKey(Suite::XWing)));
    }

    #[test]
    fn debug_does_not_show_the_private_key() {
        let key = PrivateKey::from_bytes(Suite::X25519, &[0x42; 32]).unwrap();
        assert_eq!(format!("{key:?}"), format!("PrivateKey(x25519 {})", key.id()));
    }
}
