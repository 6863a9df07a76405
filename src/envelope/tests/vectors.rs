//! The committed vectors: what was sealed once opens for ever.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

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
    sealer_public: String,
    message: String,
}

#[test]
fn messages_open() {
    let vectors: Vec<Message> = serde_json::from_str(include_str!("../vectors/messages.json")).unwrap();
    assert_eq!(vectors.len(), 6);
    for vector in vectors {
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

#[test]
fn blobs_open() {
    let vectors: Vec<Blob> = serde_json::from_str(include_str!("../vectors/blobs.json")).unwrap();
    assert_eq!(vectors.len(), 3);
    for vector in vectors {
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
