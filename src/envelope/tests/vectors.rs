//! The committed vectors: what was sealed once opens for ever, and what was refused once stays refused.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use sluse_envelope::stream::StreamOpener;
use sluse_envelope::{
    BlobKey, BlobOpener, BlobPlace, Direction, Domain, Expected, KeyId, PrivateKey, PrivateKeyRing,
    PublicKey, SealedMessage, Sha256, Signature, SigningKey, SubmissionId, Suite, UnixMillis, VerifyingKey,
    VerifyingKeyRing, key_text,
};

fn content(size: usize) -> Vec<u8> {
    (0..=250).cycle().take(size).collect()
}

fn bytes(base64: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(base64).unwrap()
}

#[derive(Deserialize)]
struct Message {
    suite: Suite,
    direction: Direction,
    submission: SubmissionId,
    created: UnixMillis,
    size: usize,
    recipient_private: String,
    sealer_private: String,
    sealer_public: String,
    message: String,
}

fn messages() -> Vec<Message> {
    let vectors: Vec<Message> = serde_json::from_str(include_str!("../vectors/messages.json")).unwrap();
    assert_eq!(vectors.len(), 6);
    vectors
}

#[test]
fn messages_open() {
    for vector in messages() {
        let sealers: VerifyingKeyRing = vector.sealer_public.parse().unwrap();
        let recipient: PrivateKey = key_text::read_private(&vector.recipient_private, None).unwrap();
        let message = bytes(&vector.message);
        let verified = SealedMessage::parse(&message).unwrap().verify(&sealers).unwrap();
        let header = verified.header();
        assert_eq!(
            (header.suite, header.direction, header.submission, header.created, header.recipient),
            (vector.suite, vector.direction, vector.submission, vector.created, recipient.id())
        );
        let keys = PrivateKeyRing::new(vec![recipient]);
        let opened = verified.open(&keys, vector.direction, &[vector.suite]).unwrap();
        assert_eq!(opened.content(), content(vector.size));
    }
}

#[derive(Deserialize)]
struct Key {
    private: String,
    passphrase: String,
    protected: String,
    public: String,
    id: KeyId,
}

#[test]
fn keys_read_and_have_their_ids() {
    let vectors: Vec<Key> = serde_json::from_str(include_str!("../vectors/keys.json")).unwrap();
    assert_eq!(vectors.len(), 3);
    for vector in vectors {
        let passphrase = Some(vector.passphrase.as_str());
        if vector.private.contains("ed25519") {
            let public: VerifyingKey = key_text::read_public(&vector.public).unwrap();
            assert_eq!(public.id(), vector.id);
            for text in [&vector.private, &vector.protected] {
                let key: SigningKey = key_text::read_private(text, passphrase).unwrap();
                assert_eq!(key.verifying_key(), &public);
                assert_eq!(*key_text::write_private(&key, None).unwrap(), vector.private);
            }
        } else {
            let public: PublicKey = key_text::read_public(&vector.public).unwrap();
            assert_eq!(public.id(), vector.id);
            for text in [&vector.private, &vector.protected] {
                let key: PrivateKey = key_text::read_private(text, passphrase).unwrap();
                assert_eq!(key.public_key(), &public);
                assert_eq!(*key_text::write_private(&key, None).unwrap(), vector.private);
            }
        }
    }
}

#[derive(Deserialize)]
struct Signed {
    public: String,
    domain: String,
    size: usize,
    signature: Signature,
}

#[test]
fn signatures_verify() {
    const DOMAIN: &str = "sluse-envelope/1 test vector";
    let vectors: Vec<Signed> = serde_json::from_str(include_str!("../vectors/signatures.json")).unwrap();
    assert_eq!(vectors.len(), 3);
    for vector in vectors {
        assert_eq!(vector.domain, DOMAIN);
        let key: VerifyingKey = key_text::read_public(&vector.public).unwrap();
        key.verify(const { Domain::new(DOMAIN) }, &content(vector.size), &vector.signature).unwrap();
    }
}

#[derive(Deserialize)]
struct Stream {
    key: BlobKey,
    associated_data: String,
    size: usize,
    ciphertext: Option<String>,
}

#[test]
fn short_streams_open() {
    let vectors: Vec<Stream> = serde_json::from_str(include_str!("../vectors/streams.json")).unwrap();
    let mut opened = 0;
    for vector in vectors {
        let Some(ciphertext) = vector.ciphertext else { continue };
        let mut opener =
            StreamOpener::new(vector.key, &bytes(&vector.associated_data), vector.size as u64).unwrap();
        let mut out = Vec::new();
        opener.push(&bytes(&ciphertext), &mut out).unwrap();
        opener.finish().unwrap();
        assert_eq!(out, content(vector.size));
        opened += 1;
    }
    assert_eq!(opened, 2);
}

#[derive(Deserialize)]
struct Blob {
    submission: SubmissionId,
    index: u32,
    direction: Direction,
    associated_data: String,
    key: BlobKey,
    size: usize,
    sha256: Sha256,
    ciphertext: String,
}

fn blobs() -> Vec<Blob> {
    let vectors: Vec<Blob> = serde_json::from_str(include_str!("../vectors/blobs.json")).unwrap();
    assert_eq!(vectors.len(), 4);
    vectors
}

#[test]
fn blobs_open() {
    for vector in blobs() {
        let place =
            BlobPlace { submission: vector.submission, index: vector.index, direction: vector.direction };
        assert_eq!(place.associated_data(), bytes(&vector.associated_data));
        let expected = Expected { size: vector.size as u64, sha256: vector.sha256 };
        let mut opener = BlobOpener::new(vector.key, &place, expected).unwrap();
        let mut out = Vec::new();
        opener.push(&bytes(&vector.ciphertext), &mut out).unwrap();
        opener.finish().unwrap();
        assert_eq!(out, content(vector.size));
    }
}

#[derive(Deserialize)]
struct Refused {
    messages: Vec<RefusedMessage>,
    blobs: Vec<RefusedBlob>,
}

fn refused() -> Refused {
    serde_json::from_str(include_str!("../vectors/refused.json")).unwrap()
}

/// What is done to the bytes of a vector.
#[derive(Deserialize)]
struct Change {
    set: Option<(usize, String)>,
    truncate: Option<usize>,
    append: Option<String>,
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        if let Some((at, new)) = &self.set {
            let new = hex::decode(new).unwrap();
            bytes[*at..*at + new.len()].copy_from_slice(&new);
        }
        if let Some(length) = self.truncate {
            bytes.truncate(length);
        }
        bytes.extend(hex::decode(self.append.as_deref().unwrap_or_default()).unwrap());
    }
}

#[derive(Deserialize)]
struct RefusedMessage {
    name: String,
    vector: usize,
    #[serde(flatten)]
    change: Change,
    /// The vector whose sealer signs again after the change.
    sign_as: Option<usize>,
    /// The vectors whose keys the reader has, instead of the message's own.
    sealer_of: Option<usize>,
    recipient_of: Option<usize>,
    open_as: Option<Direction>,
    accepted: Option<Vec<Suite>>,
    now: Option<u64>,
    error: String,
}

#[test]
fn refused_messages_are_refused_each_for_its_reason() {
    let vectors = messages();
    for case in refused().messages {
        let vector = &vectors[case.vector];
        let mut message = bytes(&vector.message);
        case.change.apply(&mut message);
        if let Some(signer) = case.sign_as {
            let key: SigningKey = key_text::read_private(&vectors[signer].sealer_private, None).unwrap();
            let (signed, signature) = message.split_last_chunk_mut::<64>().unwrap();
            *signature = key.sign(Domain::MESSAGE, signed).to_bytes();
        }
        let sealers = vectors[case.sealer_of.unwrap_or(case.vector)].sealer_public.parse().unwrap();
        let recipient = &vectors[case.recipient_of.unwrap_or(case.vector)].recipient_private;
        let keys = PrivateKeyRing::new(vec![key_text::read_private(recipient, None).unwrap()]);
        let now = UnixMillis(case.now.unwrap_or(vector.created.0));
        let open = || -> Result<(), Box<dyn std::fmt::Debug>> {
            let parsed = SealedMessage::parse(&message).map_err(debug)?;
            let verified = parsed.verify(&sealers).map_err(debug)?;
            verified.check_age(now, Duration::from_secs(60), Duration::from_secs(5)).map_err(debug)?;
            let direction = case.open_as.unwrap_or(vector.direction);
            let accepted = case.accepted.as_deref().unwrap_or(Suite::ALL);
            verified.open(&keys, direction, accepted).map(drop).map_err(debug)
        };
        assert_eq!(variant(open()), case.error, "{}", case.name);
    }
}

#[derive(Deserialize)]
struct RefusedBlob {
    name: String,
    vector: usize,
    #[serde(flatten)]
    change: Change,
    submission: Option<SubmissionId>,
    index: Option<u32>,
    direction: Option<Direction>,
    key_of: Option<usize>,
    size: Option<u64>,
    sha256: Option<Sha256>,
    error: String,
}

#[test]
fn refused_blobs_are_refused_each_for_its_reason() {
    let vectors = blobs();
    for case in refused().blobs {
        let vector = &vectors[case.vector];
        let mut blob = bytes(&vector.ciphertext);
        case.change.apply(&mut blob);
        let place = BlobPlace {
            submission: case.submission.unwrap_or(vector.submission),
            index: case.index.unwrap_or(vector.index),
            direction: case.direction.unwrap_or(vector.direction),
        };
        let expected = Expected {
            size: case.size.unwrap_or(vector.size as u64),
            sha256: case.sha256.unwrap_or(vector.sha256),
        };
        let key = vectors[case.key_of.unwrap_or(case.vector)].key.clone();
        let open = || -> Result<(), Box<dyn std::fmt::Debug>> {
            let mut opener = BlobOpener::new(key, &place, expected).map_err(debug)?;
            opener.push(&blob, &mut Vec::new()).map_err(debug)?;
            opener.finish().map_err(debug)
        };
        assert_eq!(variant(open()), case.error, "{}", case.name);
    }
}

fn debug(error: impl std::fmt::Debug + 'static) -> Box<dyn std::fmt::Debug> {
    Box::new(error)
}

/// The name of an error's variant.
fn variant(result: Result<(), Box<dyn std::fmt::Debug>>) -> String {
    let shown = result.map_or_else(|error| format!("{error:?}"), |()| "opened".into());
    shown.split([' ', '(', '{']).next().unwrap().to_owned()
}
