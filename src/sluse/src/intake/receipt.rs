//! The receipt: what a portal can later prove it handed in, and when.
//!
//! An `Idempotency-Key` gets the same receipt again. A receipt holds digests of the content, and the DMZ must not keep
//! what would confirm a guess; so the ledger keeps it encrypted under a key that only the portal's `Idempotency-Key` gives,
//! and of that key only a digest.

use axum::http::HeaderMap;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
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

    /// Encrypts a receipt for the ledger, behind its nonce: a submission may get more receipts than the one that is kept, when
    /// an answer of the ledger was lost or two intakes came to the end of it.
    pub(super) fn conceal(&self, id: SubmissionId, receipt: &str) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).ok()?;
        let mut bytes = receipt.as_bytes().to_vec();
        let unique = Nonce::assume_unique_for_key(nonce);
        self.cipher(id)?.seal_in_place_append_tag(unique, Aad::from(id.as_bytes()), &mut bytes).ok()?;
        Some([&nonce[..], &bytes].concat())
    }

    /// Decrypts a receipt from the ledger.
    pub(super) fn reveal(&self, id: SubmissionId, concealed: &[u8]) -> Option<String> {
        let (nonce, bytes) = concealed.split_first_chunk::<NONCE_LEN>()?;
        let mut bytes = bytes.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let receipt = self.cipher(id)?.open_in_place(nonce, Aad::from(id.as_bytes()), &mut bytes).ok()?;
        String::from_utf8(receipt.to_vec()).ok()
    }

    /// The cipher for one submission's receipts.
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
        for cut in 0..concealed.len() {
            assert_eq!(key.reveal(id, &concealed[..cut]), None);
        }
    }

    #[test]
    fn two_receipts_of_one_submission_are_not_encrypted_with_the_same_bytes() {
        let (key, id) = (IdempotencyKey("k1".to_owned()), crate::id::tests::new_id());
        let [a, b] = ["receipt a", "receipt b"].map(|receipt| key.conceal(id, receipt).unwrap());
        assert_ne!(a[..7], b[..7], "the same keystream");
        assert_ne!(a[NONCE_LEN..NONCE_LEN + 7], b[NONCE_LEN..NONCE_LEN + 7], "the same keystream");
        assert_eq!([a, b].map(|c| key.reveal(id, &c).unwrap()), ["receipt a", "receipt b"]);
    }
}
