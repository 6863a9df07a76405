//! Makes the test vectors: `cargo run -p sluse-envelope --example make_vectors -- FOLDER`.
//!
//! The committed ones were made once and are not made again: they are what keeps the format from changing. Byte strings
//! are base64url without padding; every content is the bytes 0, 1, … 250, 0, 1, … as far as `size` says. `refused.json` is
//! written by hand: what must not open, as changes to these.

use std::error::Error;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sluse_envelope::stream::StreamSealer;
use sluse_envelope::{
    BlobKey, BlobPlace, BlobSealer, Direction, Domain, PrivateKey, Sealing, Sha256, SigningKey, SubmissionId,
    Suite, UnixMillis, key_text,
};

const CREATED: UnixMillis = UnixMillis(1_800_000_000_000);
const DOMAIN: &str = "sluse-envelope/1 test vector";

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("give the folder to write to")?;
    for (name, vectors) in [
        ("keys", keys()?),
        ("messages", messages()?),
        ("signatures", signatures()?),
        ("streams", streams()?),
        ("blobs", blobs()?),
    ] {
        let mut text = serde_json::to_string_pretty(&vectors)?;
        text.push('\n');
        std::fs::write(Path::new(&folder).join(format!("{name}.json")), text)?;
    }
    Ok(())
}

fn base64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn content(size: usize) -> Vec<u8> {
    (0..=250).cycle().take(size).collect()
}

fn keys() -> Result<Value, Box<dyn Error>> {
    let mut vectors = Vec::new();
    for suite in Suite::ALL.iter().copied() {
        let key = PrivateKey::generate(suite)?;
        vectors.push(json!({
            "private": *key_text::write_private(&key, None)?,
            "passphrase": "rødgrød med fløde",
            "protected": *key_text::write_private(&key, Some("rødgrød med fløde"))?,
            "public": key_text::write_public(key.public_key()),
            "id": key.id(),
        }));
    }
    let key = SigningKey::generate()?;
    vectors.push(json!({
        "private": *key_text::write_private(&key, None)?,
        "passphrase": "rødgrød med fløde",
        "protected": *key_text::write_private(&key, Some("rødgrød med fløde"))?,
        "public": key_text::write_public(key.verifying_key()),
        "id": key.id(),
    }));
    Ok(vectors.into())
}

fn messages() -> Result<Value, Box<dyn Error>> {
    let mut vectors = Vec::new();
    for suite in Suite::ALL.iter().copied() {
        for (direction, size) in [(Direction::Dmz, 0), (Direction::Secure, 1), (Direction::Quarantine, 4093)]
        {
            let recipient = PrivateKey::generate(suite)?;
            let sealer = SigningKey::generate()?;
            let submission = SubmissionId::new(CREATED)?;
            let sealing = Sealing {
                direction,
                submission,
                created: CREATED,
                recipient: recipient.public_key(),
                sealer: &sealer,
            };
            vectors.push(json!({
                "suite": suite,
                "direction": direction,
                "submission": submission,
                "created": CREATED,
                "size": size,
                "recipient_private": *key_text::write_private(&recipient, None)?,
                "sealer_private": *key_text::write_private(&sealer, None)?,
                "sealer_public": key_text::write_public(sealer.verifying_key()),
                "message": base64(&sealing.seal(&content(size))?),
            }));
        }
    }
    Ok(vectors.into())
}

fn signatures() -> Result<Value, Box<dyn Error>> {
    let key = SigningKey::generate()?;
    let vectors = [0, 1, 1000].map(|size| {
        json!({
            "public": key_text::write_public(key.verifying_key()),
            "domain": DOMAIN,
            "size": size,
            "signature": key.sign(const { Domain::new(DOMAIN) }, &content(size)),
        })
    });
    Ok(json!(vectors))
}

/// Around every boundary of segments; of long ones only the header and a digest, from which the rest follows.
fn streams() -> Result<Value, Box<dyn Error>> {
    let first = (1 << 20) - 56;
    let mut vectors = Vec::new();
    for size in [0, 1, first - 1, first, first + 1, 2 * first + 40, 3 << 20] {
        let key = BlobKey::generate()?;
        let associated_data = b"stream vector";
        let mut out = Vec::new();
        let mut sealer = StreamSealer::new(&key, associated_data)?;
        sealer.update(&content(size), &mut out)?;
        sealer.finish(&mut out)?;
        vectors.push(json!({
            "key": key,
            "associated_data": base64(associated_data),
            "size": size,
            "header": base64(out.get(..40).ok_or("no header")?),
            "ciphertext_sha256": Sha256::of(&out),
            "ciphertext": (out.len() < 10_000).then(|| base64(&out)),
        }));
    }
    Ok(vectors.into())
}

fn blobs() -> Result<Value, Box<dyn Error>> {
    let mut vectors = Vec::new();
    for (direction, index, size) in [
        (Direction::Dmz, 0, 0),
        (Direction::Secure, 1, 1),
        (Direction::Quarantine, 999, 4097),
        (Direction::Dmz, 2, 4096),
    ] {
        let place = BlobPlace { submission: SubmissionId::new(CREATED)?, index, direction };
        let mut out = Vec::new();
        let mut sealer = BlobSealer::new(&place)?;
        sealer.update(&content(size), &mut out)?;
        let sealed = sealer.finish(&mut out)?;
        vectors.push(json!({
            "submission": place.submission,
            "index": index,
            "direction": direction,
            "associated_data": base64(&place.associated_data()),
            "key": sealed.key,
            "size": size,
            "sha256": sealed.sha256,
            "ciphertext": base64(&out),
        }));
    }
    Ok(vectors.into())
}
