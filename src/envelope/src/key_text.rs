//! Keys as text: one line each, with room for comments around it.
//!
//! ```text
//! text      = { comment | empty | key } ;        lines; spaces around a line do not count
//! comment   = "#" anything
//! key       = public | private | protected
//! public    = "sluse-public-"  algorithm "-v1:" base64url(public key)
//! private   = "sluse-private-" algorithm "-v1:" base64url(32 bytes)
//! protected = "sluse-private-" algorithm "-v1+argon2id:" "m=" KiB ",t=" passes ",p=" lanes ":"
//!             base64url(32-byte salt) ":" base64url(48 bytes)
//! algorithm = "xwing" | "x25519" | "ed25519"
//! ```
//!
//! base64url is without padding (RFC 4648 section 5). The 48 bytes are AES-256-GCM over the 32 of the private key: key =
//! Argon2id (RFC 9106) of passphrase and salt, nonce = 12 zero bytes (each salt gives a key of its own, used once),
//! associated data = the line up to and including the `:` before the 48 bytes.

use std::fmt;
use std::str::FromStr;

use argon2::Argon2;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroizing;

use crate::key::{PrivateKey, PublicKey};
use crate::key_id::Algorithm;
use crate::random::{self, NoRandomness};
use crate::sign::{SigningKey, VerifyingKey, VerifyingKeyRing};

/// Length of a private key of any algorithm in bytes.
const PRIVATE_LEN: usize = 32;
/// Length of Argon2id's salt in bytes: long enough that no two lines share one.
const SALT_LEN: usize = 32;
/// Length of the encrypted private key with its tag, in bytes.
const PROTECTED_LEN: usize = PRIVATE_LEN + 16;

/// What Argon2id costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl Cost {
    /// The second recommended option of RFC 9106 section 4: 64 MiB.
    const WRITTEN: Self = Self { memory_kib: 64 << 10, passes: 3, lanes: 4 };
    /// What a key file may ask of the machine that reads it: 1 GiB and about a minute.
    const MOST: Self = Self { memory_kib: 1 << 20, passes: 32, lanes: 16 };
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m={},t={},p={}", self.memory_kib, self.passes, self.lanes)
    }
}

impl FromStr for Cost {
    type Err = KeyTextError;

    fn from_str(text: &str) -> Result<Self, KeyTextError> {
        let mut numbers = text.split(',').zip(["m=", "t=", "p="]).map(|(part, name)| {
            part.strip_prefix(name).and_then(|digits| digits.parse::<u32>().ok()).ok_or(KeyTextError::BadCost)
        });
        let mut next = || numbers.next().ok_or(KeyTextError::BadCost)?;
        let cost = Self { memory_kib: next()?, passes: next()?, lanes: next()? };
        let fits = cost.memory_kib <= Self::MOST.memory_kib
            && cost.passes <= Self::MOST.passes
            && cost.lanes <= Self::MOST.lanes;
        // Written again and compared, so that each cost has one spelling.
        if fits && cost.to_string() == text { Ok(cost) } else { Err(KeyTextError::BadCost) }
    }
}

/// Why a text gives no key. No variant holds any of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyTextError {
    /// Only comments and empty lines.
    #[error("there is no key in it")]
    NoKey,
    /// More keys than are wanted.
    #[error("there is more than one key in it")]
    SeveralKeys,
    /// A line that is neither comment nor key.
    #[error("a line is not a key: expected sluse-public-… or sluse-private-…")]
    NotAKey,
    /// A private key where only a public one belongs. It may have leaked.
    #[error("it is a private key where a public one belongs; it may have leaked, so replace the pair")]
    PrivateNotPublic,
    /// A public key where the private one belongs.
    #[error("it is a public key where a private one belongs")]
    PublicNotPrivate,
    /// A key for something else.
    #[error("it is an {found} key; needed: {wanted}")]
    WrongAlgorithm {
        /// What the line says.
        found: Algorithm,
        /// What would do.
        wanted: &'static str,
    },
    /// The bytes are not a key of the algorithm, or not base64url.
    #[error("the key is damaged")]
    Damaged,
    /// The key is protected and no passphrase was given.
    #[error("the key is protected by a passphrase, and none was given")]
    NeedsPassphrase,
    /// The passphrase is not the one, or the line was changed.
    #[error("wrong passphrase, or the key is damaged")]
    WrongPassphrase,
    /// The cost of Argon2id is malformed or more than is allowed.
    #[error("the passphrase parameters are malformed or too costly")]
    BadCost,
    /// Argon2id found no memory.
    #[error("not enough memory to check the passphrase")]
    NoMemory,
    /// No random bytes for a salt.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

/// The private keys that have a text form: [`PrivateKey`] and [`SigningKey`].
pub trait Private: Sized + private::Secret {}
/// The public keys that have a text form: [`PublicKey`] and [`VerifyingKey`].
pub trait Public: Sized + private::Open {}

mod private {
    use super::{Algorithm, Zeroizing};

    pub trait Secret: Sized {
        const WANTED: &'static str;
        fn algorithm(&self) -> Algorithm;
        fn secret(&self) -> Zeroizing<Vec<u8>>;
        /// Nothing for another kind of key; `Some(None)` for bytes that are none.
        fn from_secret(algorithm: Algorithm, bytes: &[u8; super::PRIVATE_LEN]) -> Option<Option<Self>>;
    }

    pub trait Open: Sized {
        const WANTED: &'static str;
        fn algorithm(&self) -> Algorithm;
        fn bytes(&self) -> Vec<u8>;
        fn from_bytes(algorithm: Algorithm, bytes: &[u8]) -> Option<Option<Self>>;
    }
}

const HPKE: &str = "xwing or x25519";
const SIGN: &str = "ed25519";

impl Private for PrivateKey {}
impl private::Secret for PrivateKey {
    const WANTED: &'static str = HPKE;

    fn algorithm(&self) -> Algorithm {
        Algorithm::Hpke(self.suite())
    }

    fn secret(&self) -> Zeroizing<Vec<u8>> {
        self.to_bytes()
    }

    fn from_secret(algorithm: Algorithm, bytes: &[u8; PRIVATE_LEN]) -> Option<Option<Self>> {
        let Algorithm::Hpke(suite) = algorithm else { return None };
        Some(Self::from_bytes(suite, bytes).ok())
    }
}

impl Private for SigningKey {}
impl private::Secret for SigningKey {
    const WANTED: &'static str = SIGN;

    fn algorithm(&self) -> Algorithm {
        Algorithm::Ed25519
    }

    fn secret(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.seed().to_vec())
    }

    fn from_secret(algorithm: Algorithm, bytes: &[u8; PRIVATE_LEN]) -> Option<Option<Self>> {
        (algorithm == Algorithm::Ed25519).then(|| Self::from_seed(bytes))
    }
}

impl Public for PublicKey {}
impl private::Open for PublicKey {
    const WANTED: &'static str = HPKE;

    fn algorithm(&self) -> Algorithm {
        Algorithm::Hpke(self.suite())
    }

    fn bytes(&self) -> Vec<u8> {
        self.to_bytes()
    }

    fn from_bytes(algorithm: Algorithm, bytes: &[u8]) -> Option<Option<Self>> {
        let Algorithm::Hpke(suite) = algorithm else { return None };
        Some(Self::from_bytes(suite, bytes).ok())
    }
}

impl Public for VerifyingKey {}
impl private::Open for VerifyingKey {
    const WANTED: &'static str = SIGN;

    fn algorithm(&self) -> Algorithm {
        Algorithm::Ed25519
    }

    fn bytes(&self) -> Vec<u8> {
        self.to_bytes().to_vec()
    }

    fn from_bytes(algorithm: Algorithm, bytes: &[u8]) -> Option<Option<Self>> {
        (algorithm == Algorithm::Ed25519).then(|| bytes.try_into().ok().map(Self::from_bytes))
    }
}

/// A key line, taken apart.
struct Line<'a> {
    is_private: bool,
    algorithm: Algorithm,
    is_protected: bool,
    body: &'a str,
    whole: &'a str,
}

impl<'a> Line<'a> {
    fn read(whole: &'a str) -> Option<Self> {
        let (role, rest) = whole.strip_prefix("sluse-")?.split_once('-')?;
        let (algorithm, rest) = rest.split_once('-')?;
        let (version, body) = rest.split_once(':')?;
        let is_private = match role {
            "private" => true,
            "public" => false,
            _ => return None,
        };
        let is_protected = match version {
            "v1" => false,
            "v1+argon2id" if is_private => true,
            _ => return None,
        };
        Some(Self { is_private, algorithm: Algorithm::from_name(algorithm)?, is_protected, body, whole })
    }
}

/// The key lines of a text.
fn lines(text: &str) -> impl Iterator<Item = Result<Line<'_>, KeyTextError>> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| Line::read(line).ok_or(KeyTextError::NotAKey))
}

/// The one item of an iterator.
fn only<T>(mut items: impl Iterator<Item = Result<T, KeyTextError>>) -> Result<T, KeyTextError> {
    let item = items.next().ok_or(KeyTextError::NoKey)??;
    if items.next().is_some() { Err(KeyTextError::SeveralKeys) } else { Ok(item) }
}

/// Reads the one private key in a text. A passphrase that is not needed is ignored.
///
/// # Errors
/// See [`KeyTextError`].
pub fn read_private<K: Private>(text: &str, passphrase: Option<&str>) -> Result<K, KeyTextError> {
    let line = only(lines(text))?;
    if !line.is_private {
        return Err(KeyTextError::PublicNotPrivate);
    }
    let secret = if line.is_protected {
        unprotect(&line, passphrase.ok_or(KeyTextError::NeedsPassphrase)?)?
    } else {
        decode(line.body)?
    };
    K::from_secret(line.algorithm, &secret)
        .ok_or(KeyTextError::WrongAlgorithm { found: line.algorithm, wanted: K::WANTED })?
        .ok_or(KeyTextError::Damaged)
}

/// Writes a private key as a line, protected when there is a passphrase.
///
/// # Errors
/// When there are no random bytes or not enough memory for protection.
pub fn write_private<K: Private>(
    key: &K,
    passphrase: Option<&str>,
) -> Result<Zeroizing<String>, KeyTextError> {
    match passphrase {
        Some(passphrase) => protect(key, passphrase, Cost::WRITTEN),
        None => {
            let mut line = Zeroizing::new(String::with_capacity(128));
            line.push_str(&format!("sluse-private-{}-v1:", key.algorithm()));
            URL_SAFE_NO_PAD.encode_string(key.secret(), &mut line);
            Ok(line)
        }
    }
}

/// Reads the one public key in a text.
///
/// # Errors
/// See [`KeyTextError`].
pub fn read_public<K: Public>(text: &str) -> Result<K, KeyTextError> {
    only(lines(text).map(|line| public(&line?)))
}

/// Reads all the public keys in a text: a list of trusted signers, say. There may be none.
///
/// # Errors
/// See [`KeyTextError`]; one bad line spoils the list.
pub fn read_publics<K: Public>(text: &str) -> Result<Vec<K>, KeyTextError> {
    lines(text).map(|line| public(&line?)).collect()
}

fn public<K: Public>(line: &Line<'_>) -> Result<K, KeyTextError> {
    if line.is_private {
        return Err(KeyTextError::PrivateNotPublic);
    }
    let bytes = URL_SAFE_NO_PAD.decode(line.body).map_err(|_| KeyTextError::Damaged)?;
    K::from_bytes(line.algorithm, &bytes)
        .ok_or(KeyTextError::WrongAlgorithm { found: line.algorithm, wanted: K::WANTED })?
        .ok_or(KeyTextError::Damaged)
}

/// Writes a public key as a line.
#[must_use]
pub fn write_public<K: Public>(key: &K) -> String {
    format!("sluse-public-{}-v1:{}", key.algorithm(), URL_SAFE_NO_PAD.encode(key.bytes()))
}

impl FromStr for VerifyingKeyRing {
    type Err = KeyTextError;

    fn from_str(text: &str) -> Result<Self, KeyTextError> {
        Ok(Self::new(read_publics(text)?))
    }
}

/// Decodes base64url of exactly `N` bytes.
fn decode<const N: usize>(text: &str) -> Result<Zeroizing<[u8; N]>, KeyTextError> {
    let mut bytes = Zeroizing::new([0; N]);
    let length = URL_SAFE_NO_PAD.decode_slice(text, bytes.as_mut()).map_err(|_| KeyTextError::Damaged)?;
    if length == N { Ok(bytes) } else { Err(KeyTextError::Damaged) }
}

fn protect<K: Private>(key: &K, passphrase: &str, cost: Cost) -> Result<Zeroizing<String>, KeyTextError> {
    let salt: [u8; SALT_LEN] = random::array()?;
    let salt_text = URL_SAFE_NO_PAD.encode(salt);
    let mut line =
        Zeroizing::new(format!("sluse-private-{}-v1+argon2id:{cost}:{salt_text}:", key.algorithm()));
    let mut bytes = key.secret();
    bytes.reserve_exact(PROTECTED_LEN - PRIVATE_LEN);
    derive(passphrase, &salt, cost)?
        .seal_in_place_append_tag(zero_nonce(), Aad::from(line.as_bytes()), &mut *bytes)
        .map_err(|_| KeyTextError::Damaged)?;
    URL_SAFE_NO_PAD.encode_string(&*bytes, &mut line);
    Ok(line)
}

fn unprotect(line: &Line<'_>, passphrase: &str) -> Result<Zeroizing<[u8; PRIVATE_LEN]>, KeyTextError> {
    let (cost, rest) = line.body.split_once(':').ok_or(KeyTextError::Damaged)?;
    let (salt, sealed) = rest.split_once(':').ok_or(KeyTextError::Damaged)?;
    let aad = line.whole.strip_suffix(sealed).ok_or(KeyTextError::Damaged)?;
    let cost = cost.parse()?;
    let salt = decode::<SALT_LEN>(salt)?;
    let mut sealed = decode::<PROTECTED_LEN>(sealed)?;
    let opened = derive(passphrase, &salt, cost)?
        .open_in_place(zero_nonce(), Aad::from(aad.as_bytes()), sealed.as_mut())
        .map_err(|_| KeyTextError::WrongPassphrase)?;
    let secret: &[u8; PRIVATE_LEN] = (&*opened).try_into().map_err(|_| KeyTextError::Damaged)?;
    Ok(Zeroizing::new(*secret))
}

fn derive(passphrase: &str, salt: &[u8; SALT_LEN], cost: Cost) -> Result<LessSafeKey, KeyTextError> {
    let params = argon2::Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32))
        .map_err(|_| KeyTextError::BadCost)?;
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, key.as_mut())
        .map_err(|_| KeyTextError::NoMemory)?;
    let key = UnboundKey::new(&AES_256_GCM, key.as_ref()).map_err(|_| KeyTextError::Damaged)?;
    Ok(LessSafeKey::new(key))
}

fn zero_nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::Suite;

    const CHEAP: Cost = Cost { memory_kib: 64, passes: 1, lanes: 1 };

    fn private_key() -> PrivateKey {
        PrivateKey::from_bytes(Suite::XWing, &[7; 32]).unwrap()
    }

    #[test]
    fn keys_of_every_kind_round_trip_among_comments() {
        for suite in Suite::ALL.iter().copied() {
            let key = PrivateKey::generate(suite).unwrap();
            let text = format!("# a key\r\n\n  {}  \n# end", *write_private(&key, None).unwrap());
            assert_eq!(read_private::<PrivateKey>(&text, None).unwrap().id(), key.id());
            let text = write_public(key.public_key());
            assert!(text.starts_with(&format!("sluse-public-{suite}-v1:")));
            assert_eq!(&read_public::<PublicKey>(&text).unwrap(), key.public_key());
        }
        let key = SigningKey::generate().unwrap();
        let text = write_private(&key, None).unwrap();
        assert!(text.starts_with("sluse-private-ed25519-v1:"));
        assert_eq!(read_private::<SigningKey>(&text, None).unwrap().id(), key.id());
        let text = write_public(key.verifying_key());
        assert_eq!(&read_public::<VerifyingKey>(&text).unwrap(), key.verifying_key());
    }

    #[test]
    fn a_list_of_signers_reads_whole_or_not_at_all() {
        let keys = [SigningKey::generate().unwrap(), SigningKey::generate().unwrap()];
        let text = format!(
            "# portal\n{}\n# intake\n{}\n",
            write_public(keys[0].verifying_key()),
            write_public(keys[1].verifying_key())
        );
        let ring: VerifyingKeyRing = text.parse().unwrap();
        assert!(keys.iter().all(|key| ring.find(key.id()).is_some()));
        assert_eq!("# none yet\n".parse::<VerifyingKeyRing>().unwrap().iter().count(), 0);
        assert_eq!(format!("{text}x").parse::<VerifyingKeyRing>().unwrap_err(), KeyTextError::NotAKey);
        assert_eq!(read_public::<VerifyingKey>(&text), Err(KeyTextError::SeveralKeys));
        assert_eq!(read_public::<VerifyingKey>(""), Err(KeyTextError::NoKey));
    }

    #[test]
    fn private_and_public_are_never_mistaken_for_each_other() {
        let key = private_key();
        let text = write_private(&key, None).unwrap();
        assert_eq!(read_public::<PublicKey>(&text), Err(KeyTextError::PrivateNotPublic));
        let text = write_public(key.public_key());
        assert_eq!(read_private::<PrivateKey>(&text, None).unwrap_err(), KeyTextError::PublicNotPrivate);
    }

    #[test]
    fn a_signing_key_does_not_open_messages_nor_the_reverse() {
        let text = write_private(&SigningKey::generate().unwrap(), None).unwrap();
        assert_eq!(
            read_private::<PrivateKey>(&text, None).unwrap_err(),
            KeyTextError::WrongAlgorithm { found: Algorithm::Ed25519, wanted: HPKE }
        );
        let text = write_public(private_key().public_key());
        assert_eq!(
            read_public::<VerifyingKey>(&text),
            Err(KeyTextError::WrongAlgorithm { found: Algorithm::Hpke(Suite::XWing), wanted: SIGN })
        );
    }

    #[test]
    fn damaged_lines_are_refused() {
        let good = write_private(&private_key(), None).unwrap();
        for (text, error) in [
            (good.replace("-v1:", "-v2:"), KeyTextError::NotAKey),
            (good.replace("-v1:", "-v1+scrypt:"), KeyTextError::NotAKey),
            (good.replace("xwing", "rsa"), KeyTextError::NotAKey),
            (good.replace("private", "secret"), KeyTextError::NotAKey),
            (good[..good.len() - 1].to_owned(), KeyTextError::Damaged),
            (format!("{}A", *good), KeyTextError::Damaged),
            (format!("{}=", *good), KeyTextError::Damaged),
            (format!("{}\n{}", *good, *good), KeyTextError::SeveralKeys),
        ] {
            assert_eq!(read_private::<PrivateKey>(&text, None).unwrap_err(), error, "{text}");
        }
    }

    #[test]
    fn a_protected_key_opens_with_its_passphrase_only() {
        let key = private_key();
        let line = protect(&key, "hest og æble", CHEAP).unwrap();
        assert!(line.starts_with("sluse-private-xwing-v1+argon2id:m=64,t=1,p=1:"));
        assert_eq!(read_private::<PrivateKey>(&line, Some("hest og æble")).unwrap().id(), key.id());
        for (passphrase, error) in [
            (Some("hest og aeble"), KeyTextError::WrongPassphrase),
            (Some(""), KeyTextError::WrongPassphrase),
            (None, KeyTextError::NeedsPassphrase),
        ] {
            assert_eq!(read_private::<PrivateKey>(&line, passphrase).unwrap_err(), error);
        }
        assert_ne!(*line, *protect(&key, "hest og æble", CHEAP).unwrap(), "each salt is new");
    }

    #[test]
    fn a_protected_key_moved_to_another_algorithm_does_not_open() {
        let line = protect(&private_key(), "p", CHEAP).unwrap().replace("xwing", "x25519");
        assert_eq!(read_private::<PrivateKey>(&line, Some("p")).unwrap_err(), KeyTextError::WrongPassphrase);
    }

    #[test]
    fn a_key_file_cannot_ask_for_endless_memory_or_time() {
        let line = protect(&private_key(), "p", CHEAP).unwrap();
        for cost in [
            "m=1048577,t=1,p=1",
            "m=64,t=33,p=1",
            "m=64,t=1,p=17",
            "m=4294967296,t=1,p=1",
            "m=1,t=1,p=1",
            "m=64,t=0,p=1",
            "m=64,t=1,p=0",
            "m=064,t=1,p=1",
            "m=64,t=1",
            "m=64,t=1,p=1,x=1",
            "t=1,m=64,p=1",
            "",
        ] {
            let changed = line.replace("m=64,t=1,p=1", cost);
            assert_eq!(
                read_private::<PrivateKey>(&changed, Some("p")).unwrap_err(),
                KeyTextError::BadCost,
                "{cost}"
            );
        }
    }

    #[test]
    fn the_written_cost_is_one_that_is_read() {
        assert_eq!(Cost::WRITTEN.to_string().parse(), Ok(Cost::WRITTEN));
    }
}
