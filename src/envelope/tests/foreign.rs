//! Other people's implementations against ours, both ways: Google Tink for streams and blobs, PyHPKE and @hpke/core for the
//! HPKE part, PyCA cryptography and Node for Ed25519. The other side's programs are in `tests/foreign/` at the root.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};
use sluse_envelope::stream::{StreamOpener, StreamSealer};
use sluse_envelope::{
    BlobKey, BlobOpener, BlobPlace, BlobSealer, Direction, Expected, PrivateKey, PrivateKeyRing,
    SealedMessage, Sealing, Sha256, SigningKey, SubmissionId, Suite, UnixMillis, VerifyingKey,
    VerifyingKeyRing, key_text, padding,
};

const SETUP_PYTHON: &str = "other people's code is needed; install it from the root of the repository with\n\
    python3 -m venv target/foreign && target/foreign/bin/pip install -r tests/foreign/requirements.txt && \
    export SLUSE_TEST_PYTHON=$PWD/target/foreign/bin/python";
const SETUP_NODE: &str = "other people's code is needed; install it from the root of the repository with\n\
    npm ci --prefix tests/foreign && export SLUSE_TEST_NODE_MODULES=$PWD/tests/foreign";

/// The plaintext that fits a first segment.
const FIRST: usize = (1 << 20) - 56;
const CREATED: UnixMillis = UnixMillis(1_800_000_000_000);

fn base64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn bytes(value: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(value.as_str().expect("a byte string")).unwrap()
}

fn content(size: usize) -> Vec<u8> {
    (0..=250).cycle().take(size).collect()
}

/// The bytes of a private or public key's line.
fn raw(line: &str) -> &str {
    line.rsplit(':').next().unwrap()
}

#[derive(Deserialize)]
struct Answer {
    opened: Vec<Value>,
    made: Vec<Value>,
}

/// Runs one of the other side's programs.
fn ask(program: impl AsRef<OsStr>, script: &str, open: &[Value], make: &[Value]) -> Answer {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/foreign").join(script);
    let mut child =
        Command::new(program).arg(&script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let request = serde_json::to_vec(&json!({ "open": open, "make": make })).unwrap();
    child.stdin.take().unwrap().write_all(&request).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{} failed", script.display());
    let answer: Answer = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((answer.opened.len(), answer.made.len()), (open.len(), make.len()));
    answer
}

fn python() -> String {
    std::env::var("SLUSE_TEST_PYTHON").expect(SETUP_PYTHON)
}

fn tink(open: &[Value], make: &[Value]) -> Answer {
    ask(python(), "blob_tink.py", open, make)
}

fn pyhpke(open: &[Value], make: &[Value]) -> Answer {
    ask(python(), "hpke_pyhpke.py", open, make)
}

fn hpke_core(open: &[Value], make: &[Value]) -> Answer {
    std::env::var_os("SLUSE_TEST_NODE_MODULES").expect(SETUP_NODE);
    ask("node", "hpke_core.mjs", open, make)
}

fn seal_stream(key: &BlobKey, associated_data: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut sealer = StreamSealer::new(key, associated_data).unwrap();
    for piece in plaintext.chunks(100_000) {
        sealer.update(piece, &mut out).unwrap();
    }
    sealer.finish(&mut out).unwrap();
    out
}

const STREAM_SIZES: [usize; 7] = [0, 1, FIRST - 1, FIRST, FIRST + 1, 2 * FIRST + 40, 3 << 20];

#[test]
fn tink_opens_our_streams_at_every_boundary() {
    let key = BlobKey::generate().unwrap();
    let open: Vec<Value> = STREAM_SIZES
        .iter()
        .map(|size| {
            let ciphertext = base64(&seal_stream(&key, b"place", &content(*size)));
            json!({ "key": key, "associated_data": base64(b"place"), "ciphertext": ciphertext })
        })
        .collect();
    for (opened, size) in tink(&open, &[]).opened.iter().zip(STREAM_SIZES) {
        assert!(bytes(opened) == content(size), "{size}");
    }
}

#[test]
fn we_open_tink_s_streams_at_every_boundary() {
    let key = BlobKey::generate().unwrap();
    let make: Vec<Value> = STREAM_SIZES
        .iter()
        .map(|size| {
            json!({ "key": key, "associated_data": base64(b"place"), "plaintext": base64(&content(*size)) })
        })
        .collect();
    for (made, size) in tink(&[], &make).made.iter().zip(STREAM_SIZES) {
        let mut opener = StreamOpener::new(key.clone(), b"place", size as u64).unwrap();
        let mut out = Vec::new();
        for piece in bytes(made).chunks(100_000) {
            opener.push(piece, &mut out).unwrap();
        }
        opener.finish().unwrap();
        assert!(out == content(size), "{size}");
    }
}

#[test]
fn tink_refuses_what_we_refuse() {
    let key = BlobKey::generate().unwrap();
    let length = FIRST + 100;
    let good = seal_stream(&key, b"place", &content(length));
    let mut flipped = good.clone();
    flipped[20] ^= 1;
    let mut cases =
        vec![flipped, good[..1 << 20].to_vec(), good[..good.len() - 1].to_vec(), [&good[..], &[0]].concat()];
    cases.push([&good[..], &good[1 << 20..]].concat());
    let open: Vec<Value> = cases
        .iter()
        .map(|ciphertext| {
            json!({ "key": key, "associated_data": base64(b"place"), "ciphertext": base64(ciphertext) })
        })
        .chain([json!({ "key": key, "associated_data": base64(b"plaice"), "ciphertext": base64(&good) })])
        .collect();
    for (index, opened) in tink(&open, &[]).opened.iter().enumerate() {
        assert!(opened.is_null(), "case {index}");
    }
    for (index, ciphertext) in cases.iter().enumerate() {
        let mut opener = StreamOpener::new(key.clone(), b"place", length as u64).unwrap();
        let refused = opener.push(ciphertext, &mut Vec::new()).is_err() || opener.finish().is_err();
        assert!(refused, "case {index}");
    }
}

#[test]
fn tink_opens_the_committed_vectors() {
    let mut vectors: Vec<Value> = serde_json::from_str(include_str!("../vectors/streams.json")).unwrap();
    vectors.retain(|vector| vector["ciphertext"].is_string());
    let blobs: Vec<Value> = serde_json::from_str(include_str!("../vectors/blobs.json")).unwrap();
    assert_eq!((vectors.len(), blobs.len()), (2, 4));
    vectors.extend(blobs);
    for (opened, vector) in tink(&vectors, &[]).opened.iter().zip(&vectors) {
        let size = usize::try_from(vector["size"].as_u64().unwrap()).unwrap();
        let plaintext = bytes(opened);
        let (start, padding) = plaintext.split_at(size);
        assert_eq!(start, content(size));
        assert!(padding.iter().all(|byte| *byte == 0));
    }
}

#[test]
fn blobs_and_tink_s_padded_streams_are_the_same() {
    let place =
        BlobPlace { submission: SubmissionId::new(CREATED).unwrap(), index: 7, direction: Direction::Dmz };
    let associated_data = base64(&place.associated_data());
    for size in [0, 4097, 3 << 20] {
        let content = content(size);
        let mut padded = content.clone();
        padded.resize(usize::try_from(padding::padded(size as u64).unwrap()).unwrap(), 0);

        let mut out = Vec::new();
        let mut sealer = BlobSealer::new(&place).unwrap();
        sealer.update(&content, &mut out).unwrap();
        let sealed = sealer.finish(&mut out).unwrap();
        let key = BlobKey::generate().unwrap();
        let answer = tink(
            &[json!({ "key": sealed.key, "associated_data": associated_data, "ciphertext": base64(&out) })],
            &[json!({ "key": key, "associated_data": associated_data, "plaintext": base64(&padded) })],
        );
        assert!(bytes(&answer.opened[0]) == padded, "{size}");

        let expected = Expected { size: size as u64, sha256: Sha256::of(&content) };
        let mut opener = BlobOpener::new(key, &place, expected).unwrap();
        let mut out = Vec::new();
        opener.push(&bytes(&answer.made[0]), &mut out).unwrap();
        opener.finish().unwrap();
        assert!(out == content, "{size}");
    }
}

type Ask = fn(&[Value], &[Value]) -> Answer;

#[test]
fn others_open_the_committed_messages() {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("../vectors/messages.json")).unwrap();
    for (ask, suites) in [(pyhpke as Ask, &["x25519"][..]), (hpke_core, &["x25519", "xwing"])] {
        let vectors: Vec<&Value> =
            vectors.iter().filter(|vector| suites.contains(&vector["suite"].as_str().unwrap())).collect();
        assert_eq!(vectors.len(), 3 * suites.len());
        let open: Vec<Value> = vectors
            .iter()
            .map(|vector| {
                json!({
                    "message": vector["message"],
                    "private_key": raw(vector["recipient_private"].as_str().unwrap()),
                    "sealer": raw(vector["sealer_public"].as_str().unwrap()),
                })
            })
            .collect();
        for (opened, vector) in ask(&open, &[]).opened.iter().zip(vectors) {
            let size = usize::try_from(vector["size"].as_u64().unwrap()).unwrap();
            assert_eq!(bytes(&opened["content"]), content(size));
            assert_eq!(opened["created"], vector["created"]);
            let direction: Direction = serde_json::from_value(vector["direction"].clone()).unwrap();
            assert_eq!(opened["direction"], direction.byte());
            let submission: SubmissionId = serde_json::from_value(vector["submission"].clone()).unwrap();
            assert_eq!(bytes(&opened["submission"]), submission.to_bytes());
            let sealer: VerifyingKey =
                key_text::read_public(vector["sealer_public"].as_str().unwrap()).unwrap();
            assert_eq!(bytes(&opened["sealer"]), sealer.id().to_bytes());
        }
    }
}

/// Fresh messages of ours that the other side opens, and fresh ones of theirs that we open.
fn messages_cross(ask: Ask, suite: Suite) {
    let recipient = PrivateKey::generate(suite).unwrap();
    let sealer = SigningKey::generate().unwrap();
    let sealers = VerifyingKeyRing::new(vec![sealer.verifying_key().clone()]);
    let private_key = base64(&recipient.to_bytes());
    let sealer_public = base64(&sealer.verifying_key().to_bytes());
    let signing_seed = key_text::write_private(&sealer, None).unwrap();
    let submission = SubmissionId::new(CREATED).unwrap();
    let sizes = [0, 1, 4092, 4093, 70_000];

    let ours = sizes.map(|size| {
        let sealing = Sealing {
            direction: Direction::Secure,
            submission,
            created: CREATED,
            recipient: recipient.public_key(),
            sealer: &sealer,
        };
        sealing.seal(&content(size)).unwrap()
    });
    let case = |message: &[u8]| json!({ "message": base64(message), "private_key": private_key, "sealer": sealer_public });
    let mut open: Vec<Value> = ours.iter().map(|message| case(message)).collect();
    // One bit in each part: magic, enc, ciphertext, signature.
    let changed = [0, 80, ours[0].len() - 100, ours[0].len() - 1];
    open.extend(changed.map(|index| {
        let mut message = ours[0].clone();
        message[index] ^= 1;
        case(&message)
    }));
    let make = sizes.map(|size| {
        json!({
            "suite": suite,
            "recipient": base64(&recipient.public_key().to_bytes()),
            "signing_seed": raw(&signing_seed),
            "direction": Direction::Quarantine.byte(),
            "submission": base64(&submission.to_bytes()),
            "created": CREATED,
            "content": base64(&content(size)),
        })
    });
    let answer = ask(&open, &make);

    for (opened, size) in answer.opened.iter().zip(sizes) {
        assert_eq!(bytes(&opened["content"]), content(size));
        assert_eq!(bytes(&opened["recipient"]), recipient.id().to_bytes());
    }
    for opened in &answer.opened[sizes.len()..] {
        assert!(opened.is_null());
    }
    let keys = PrivateKeyRing::new(vec![recipient]);
    for (made, size) in answer.made.iter().zip(sizes) {
        let message = bytes(made);
        let verified = SealedMessage::parse(&message).unwrap().verify(&sealers).unwrap();
        assert_eq!((verified.header().submission, verified.header().created), (submission, CREATED));
        let opened = verified.open(&keys, Direction::Quarantine, &[suite]).unwrap();
        assert_eq!(opened.content(), content(size));
    }
}

#[test]
fn x25519_messages_cross_with_pyhpke() {
    messages_cross(pyhpke, Suite::X25519);
}

#[test]
fn x25519_messages_cross_with_hpke_core() {
    messages_cross(hpke_core, Suite::X25519);
}

#[test]
fn xwing_messages_cross_with_hpke_core() {
    messages_cross(hpke_core, Suite::XWing);
}
