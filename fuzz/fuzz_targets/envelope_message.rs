//! Arbitrary bytes as a sealed message, as a manifest and as keys; and as a message that a listed sealer signed, so that the
//! fuzzer gets past the signature.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use sluse_envelope::{
    Direction, Domain, Header, Manifest, PrivateKey, PrivateKeyRing, PublicKey, SealedMessage, Signature, SigningKey,
    SubmissionId, Suite, VerifyingKey, VerifyingKeyRing, key_text,
};

struct Keys {
    sealer: SigningKey,
    sealers: VerifyingKeyRing,
    recipients: PrivateKeyRing,
}

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let sealer: SigningKey = key_text::read_private(&line("ed25519"), None).unwrap();
    let recipients = ["xwing", "x25519"].map(|name| key_text::read_private(&line(name), None).unwrap());
    Keys {
        sealers: VerifyingKeyRing::new(vec![sealer.verifying_key().clone()]),
        recipients: PrivateKeyRing::new(recipients.into()),
        sealer,
    }
});

fn line(algorithm: &str) -> String {
    format!("sluse-private-{algorithm}-v1:{}", "A".repeat(43))
}

fuzz_target!(|data: &[u8]| {
    parse(data);
    sign_and_open(data);
    if let Ok(manifest) = Manifest::from_json(data) {
        let json = manifest.to_json().expect("what was read can be written");
        let again = Manifest::from_json(&json).expect("what was written can be read");
        assert_eq!(*again.to_json().unwrap(), *json);
    }
    if let Ok(text) = std::str::from_utf8(data) {
        // Not the protected ones: each costs a deliberate second.
        if !text.contains("argon2id") {
            let _ = key_text::read_private::<PrivateKey>(text, None);
        }
        if let Ok(key) = key_text::read_public::<PublicKey>(text) {
            assert_eq!(text.lines().map(str::trim).find(|line| line.starts_with('s')), Some(&*key_text::write_public(&key)));
        }
        let _ = key_text::read_publics::<VerifyingKey>(text);
        if let Ok(id) = text.parse::<SubmissionId>() {
            assert_eq!(id.to_string(), text);
        }
        if let Ok(signature) = text.parse::<Signature>() {
            assert_eq!(signature.to_string(), text);
        }
    }
});

/// What parses is written again to the same bytes, and is never verified.
fn parse(data: &[u8]) {
    if let Some(header) = data.first_chunk()
        && let Ok(read) = Header::read(header)
    {
        assert_eq!(&read.write(), header);
    }
    if let Ok(message) = SealedMessage::parse(data) {
        assert!(message.verify(&KEYS.sealers).is_err(), "a forged signature");
    }
}

/// The data with header fields of keys that exist, of the right length and signed: opening must refuse it, since nobody
/// encrypted it.
fn sign_and_open(data: &[u8]) {
    let Some((header, body)) = data.split_first_chunk() else { return };
    let Ok(mut header) = Header::read(header) else { return };
    let recipients = KEYS.recipients.iter().find(|key| key.suite() == header.suite).expect("a key for each suite");
    header.recipient = recipients.id();
    header.sealer = KEYS.sealer.id();
    let mut message = header.write().to_vec();
    message.extend_from_slice(body);
    message.resize(72 + header.suite.enc_len() + header.padded_length as usize + 16, 0);
    let signature = KEYS.sealer.sign(Domain::MESSAGE, &message);
    message.extend_from_slice(&signature.to_bytes());
    let verified = SealedMessage::parse(&message).expect("well-formed").verify(&KEYS.sealers).expect("signed");
    for direction in [Direction::Dmz, Direction::Secure, Direction::Quarantine] {
        assert!(verified.open(&KEYS.recipients, direction, Suite::ALL).is_err(), "opened what nobody sealed");
    }
}
