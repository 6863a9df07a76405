//! Sealed submissions: what lies on a queue or in a blob store outside the secure zone is this and nothing else.
//!
//! ```text
//!  submission ─┬─ form, fields, file names, digests ──▶ sealed message, 1 ──▶ queue
//!              │            │ keys of the blobs
//!              └─ attachment, attachment, … ──────────▶ blob, one for each ──▶ blob store
//! ```
//!
//! A **sealed message** is encrypted to the recipient's public key (HPKE) and signed by its sealer (Ed25519). It holds the
//! [`Manifest`], and with it the random key of each **blob**, which is a file encrypted in segments (AES-256-GCM, the format
//! of Google Tink's streaming encryption). Who destroys the message has destroyed the attachments.
//!
//! This text and the tables in the modules it names specify every byte; `vectors/` holds examples, which this crate and
//! others' implementations of HPKE, Ed25519 and Tink are tested against.
//!
//! # The format, version 1
//!
//! Numbers are unsigned and big endian. ‖ joins byte strings; texts in quotes are ASCII without a terminator.
//!
//! ## Sealed message
//!
//! ```text
//!  offset         length  field
//!       0              4  "SLSE"
//!       4              1  version: 1
//!       5              1  direction: 0 dmz, 1 secure, 2 quarantine
//!       6              2  HPKE KEM:  0x647a X-Wing, 0x0020 DHKEM(X25519, HKDF-SHA256)
//!       8              2  HPKE KDF:  0x0001 HKDF-SHA256
//!      10              2  HPKE AEAD: 0x0002 AES-256-GCM
//!      12             16  submission id: a UUIDv7
//!      28             16  key id of the recipient
//!      44             16  key id of the sealer
//!      60              8  time of sealing: milliseconds since 1970-01-01T00:00:00Z
//!      68              4  P, the padded length
//!      72              E  HPKE enc: 1,120 bytes with X-Wing, 32 with X25519
//!      72 + E          P  HPKE ciphertext
//!      72 + E + P     16  its tag
//!      88 + E + P     64  Ed25519 signature
//!     152 + E + P         end
//!
//!  HPKE (RFC 9180), base mode, one message:
//!     info       "sluse-envelope/1 message"
//!     aad        bytes 0 to 71
//!     plaintext  content length L (4) ‖ content (L) ‖ zeros up to P
//!
//!  signed bytes  "sluse-envelope/1 message signature" ‖ 0x00 ‖ bytes 0 to 88 + E + P − 1
//! ```
//!
//! L is at most 16 MiB ([`message::MAX_CONTENT_LEN`]) and P is exactly `padded(4 + L)`.
//!
//! ## Blob
//!
//! ```text
//!  offset         length  field
//!       0              1  40
//!       1             32  salt
//!      33              7  nonce prefix
//!      40    ≤ 1,048,536  segment 0: ciphertext ‖ tag (16), to the end of the first MiB
//!   i·2^20   ≤ 1,048,576  segment i: ciphertext ‖ tag (16), to the end of its MiB
//!
//!  key of the segments  HKDF-SHA256(ikm = blob key (32), salt, info = associated data), 32 bytes
//!  nonce of segment i   nonce prefix ‖ u32 i ‖ (last segment: 0x01, else 0x00)
//!  AAD of a segment     empty
//!  associated data      "sluse-envelope/1 blob" ‖ submission id (16) ‖ u32 attachment index ‖ direction (1)
//!  plaintext            content (S) ‖ zeros up to padded(S)
//! ```
//!
//! All segments but the last are full. S, at most 64 GiB ([`blob::MAX_BLOB_LEN`]), and the content's SHA-256 are in the
//! manifest. This is Tink's `AES256_GCM_HKDF_1MB`.
//!
//! ## Padding
//!
//! ```text
//!  padded(n) = 4096                                        when n ≤ 4096, else
//!              n rounded up to a multiple of 2^(e − s)     e = ⌊log2 n⌋, s = ⌊log2 e⌋ + 1
//! ```
//!
//! ## Key id
//!
//! ```text
//!  first 16 bytes of SHA-256("sluse-envelope/1 key id" ‖ u16 algorithm ‖ public key)
//!  algorithm: 0x647a X-Wing, 0x0020 X25519, 0x0807 Ed25519
//! ```
//!
//! The text form of keys is in [`key_text`], that of the manifest in [`manifest`].
//!
//! # What is visible without a key
//!
//! Format version, direction, suite, submission id, both key ids, time of sealing, and each length's class. No form, name,
//! number of attachments or sender.
//!
//! # What is not promised
//!
//! Signatures say who sealed, not who submitted. HPKE's base mode has no forward secrecy for the recipient: who gets a
//! private key opens everything sealed to it, so keys are rotated and old ones destroyed. Replay within the allowed age is
//! for the reader's memory of ids to catch. Private keys, blob keys and message contents are zeroised when
//! dropped, but `ring` and `aes-gcm` keep expanded keys that they do not zeroise, and buffers that callers pass as `out` are
//! theirs to clear.
//!
//! # The parts
//!
//! - [`message`]: seal, and parse → verify → open; [`Header`], [`Suite`], [`UnixMillis`]
//! - [`blob`]: attachments, over [`stream`] (any chunking) over [`segment`] (the cipher)
//! - [`manifest`]: the content of a message from the DMZ
//! - [`sign`]: detached signatures with a purpose, for messages and whatever else is signed
//! - [`key_text`], [`key_file`]: keys as lines and files; [`PrivateKey`], [`PublicKey`], [`KeyId`]
//! - [`padding`]: length classes
//!
//! # Example
//!
//! ```
//! use std::time::Duration;
//! use sluse_envelope::{
//!     Direction, PrivateKey, PrivateKeyRing, SealedMessage, Sealing, SigningKey, SubmissionId, Suite, UnixMillis,
//!     VerifyingKeyRing,
//! };
//!
//! let bridge = PrivateKey::generate(Suite::XWing)?;
//! let intake = SigningKey::generate()?;
//!
//! let now = UnixMillis::now();
//! let sealing = Sealing {
//!     direction: Direction::Dmz,
//!     submission: SubmissionId::new(now)?,
//!     created: now,
//!     recipient: bridge.public_key(),
//!     sealer: &intake,
//! };
//! let bytes = sealing.seal(b"content")?;
//!
//! let sealers = VerifyingKeyRing::new(vec![intake.verifying_key().clone()]);
//! let keys = PrivateKeyRing::new(vec![bridge]);
//! let verified = SealedMessage::parse(&bytes)?.verify(&sealers)?;
//! verified.check_age(UnixMillis::now(), Duration::from_secs(86_400), Duration::from_secs(60))?;
//! let opened = verified.open(&keys, Direction::Dmz, &[Suite::XWing])?;
//! assert_eq!(opened.content(), b"content");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod age;
pub mod blob;
mod blob_key;
mod digest;
mod header;
mod hex_text;
mod id;
pub mod jws;
mod key;
pub mod key_file;
mod key_id;
pub mod key_text;
pub mod manifest;
pub mod message;
pub mod padding;
mod random;
pub mod segment;
pub mod sign;
pub mod stream;
mod suite;

pub use age::{AgeError, UnixMillis};
pub use blob::{BlobOpener, BlobPlace, BlobSealer, Expected, OpenBlobError, SealBlobError, SealedBlob};
pub use blob_key::{BadBlobRef, BlobKey, BlobRef};
pub use digest::{BadDigest, Sha256};
pub use header::{Direction, HEADER_LEN, Header};
pub use id::{BadSubmissionId, SubmissionId};
pub use key::{InvalidKey, PrivateKey, PrivateKeyRing, PublicKey};
pub use key_id::{Algorithm, BadKeyId, KeyId};
pub use manifest::{Attachment, Manifest, ManifestError};
pub use message::{
    OpenError, Opened, ParseError, SealError, SealedMessage, Sealing, VerifiedMessage, VerifyError,
};
pub use random::NoRandomness;
pub use sign::{BadSignature, Domain, Signature, SigningKey, VerifyingKey, VerifyingKeyRing};
pub use suite::Suite;
