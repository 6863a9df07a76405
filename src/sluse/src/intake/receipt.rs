//! The receipt: what a portal can later prove it handed in, and when.
//!
//! An `Idempotency-Key` gets the same receipt again. A receipt holds digests of the content, and the DMZ must not keep
//! what would confirm a guess; so the ledger keeps it encrypted under a key that only the portal's `Idempotency-Key` gives,
//! and of that key only a digest.

use axum::http::HeaderMap;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use serde::Serialize;
use sluse_envelope::jws;
use sluse_envelope::{Attachment, Manifest, Sha256, SigningKey, SubmissionId};

use crate::intake::problem::Problem;

/// Longest `Idempotency-Key` that is taken, in bytes.
const MAX_KEY_BYTES: usize = 255;

#[derive(Serialize)]
struct Receipt<'a> {
    id: SubmissionId,
    received_at: &'a str,
    form: &'a str,
    version: u32,
    fields_sha256: String,
    attachments: Vec<ReceiptAttachment>,
}

#[derive(Serialize)]
struct ReceiptAttachment {
    size: u64,
    sha256: Sha256,
}

/// What a request holds, for its fingerprint.
#[derive(Serialize)]
struct Sent<'a> {
    form: &'a str,
    version: u32,
    fields: &'a str,
    reply_to: Option<&'a str>,
    attachments: Vec<(&'a str, &'a str, u64, Sha256)>,
}

/// What a receipt is about.
pub(super) struct Accepted<'a> {
    pub(super) id: SubmissionId,
    pub(super) received_at: &'a str,
    pub(super) form: &'a str,
    pub(super) version: u32,
    pub(super) fields: &'a [u8],
    pub(super) attachments: &'a [Attachment],
}

/// Signs a receipt.
pub(super) fn sign(key: &SigningKey, accepted: &Accepted<'_>) -> String {
    let receipt = Receipt {
        id: accepted.id,
        received_at: accepted.received_at,
        form: accepted.form,
        version: accepted.version,
        fields_sha256: sluse_sanitize::report::sha256_hex(accepted.fields),
        attachments: accepted
            .attachments
            .iter()
            .map(|a| ReceiptAttachment { size: a.size, sha256: a.sha256 })
            .collect(),
    };
    jws::sign(key, jws::RECEIPT, &serde_json::to_vec(&receipt).unwrap_or_default())
}

/// An `Idempotency-Key` header (draft-ietf-httpapi-idempotency-key-header), never logged or kept as it is.
pub(super) struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The request's key, when it has one.
    pub(super) fn of(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
        match value.to_str() {
            Ok(key) if (1..=MAX_KEY_BYTES).contains(&key.len()) => Ok(Some(Self(key.to_owned()))),
            _ => Err(Problem::Malformed(format!(
                "the Idempotency-Key is not 1 to {MAX_KEY_BYTES} visible ASCII characters"
            ))),
        }
    }

    /// What the ledger knows it by.
    pub(super) fn digest(&self) -> [u8; 32] {
        self.derive("sluse intake idempotency lookup")
    }

    /// A digest of what the portal sent under this key, byte by byte, that says nothing to who has not the key.
    pub(super) fn fingerprint(&self, manifest: &Manifest) -> [u8; 32] {
        let sent = Sent {
            form: &manifest.form,
            version: manifest.version,
            fields: manifest.fields.get(),
            reply_to: manifest.reply_to.as_deref(),
            attachments: manifest
                .attachments
                .iter()
                .map(|a| (a.name.as_str(), a.media_type.as_str(), a.size, a.sha256))
                .collect(),
        };
        let json = serde_json::to_string(&sent).unwrap_or_default();
        self.derive(&format!("sluse intake idempotency content {json}"))
    }

    /// Encrypts a receipt for the ledger.
    pub(super) fn conceal(&self, id: SubmissionId, receipt: &str) -> Option<Vec<u8>> {
        let mut bytes = receipt.as_bytes().to_vec();
        self.cipher(id)?.seal_in_place_append_tag(NONCE(), Aad::from(id.as_bytes()), &mut bytes).ok()?;
        Some(bytes)
    }

    /// Decrypts a receipt from the ledger.
    pub(super) fn reveal(&self, id: SubmissionId, concealed: &[u8]) -> Option<String> {
        let mut bytes = concealed.to_vec();
        let receipt = self.cipher(id)?.open_in_place(NONCE(), Aad::from(id.as_bytes()), &mut bytes).ok()?;
        String::from_utf8(receipt.to_vec()).ok()
    }

    /// The cipher for one submission's one receipt: its key is used once, so a fixed nonce is unique.
    fn cipher(&self, id: SubmissionId) -> Option<LessSafeKey> {
        let key = self.derive(&format!("sluse intake idempotency receipt {id}"));
        UnboundKey::new(&AES_256_GCM, &key).ok().map(LessSafeKey::new)
    }

    fn derive(&self, label: &str) -> [u8; 32] {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, self.0.as_bytes());
        let mut derived = [0; 32];
        derived.copy_from_slice(ring::hmac::sign(&key, label.as_bytes()).as_ref());
        derived
    }
}

/// See [`IdempotencyKey::cipher`].
const NONCE: fn() -> Nonce = || Nonce::assume_unique_for_key([0; 12]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_opens_only_with_its_key_and_id() {
        let key = IdempotencyKey("k1".to_owned());
        let id = crate::id::tests::new_id();
        let concealed = key.conceal(id, "receipt").unwrap();
        assert_eq!(key.reveal(id, &concealed).as_deref(), Some("receipt"));
        assert_eq!(IdempotencyKey("k2".to_owned()).reveal(id, &concealed), None);
        assert_eq!(key.reveal(crate::id::tests::new_id(), &concealed), None);
        assert!(!concealed.windows(7).any(|w| w == b"receipt"));
    }
}
