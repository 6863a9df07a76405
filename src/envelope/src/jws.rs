//! Signed JSON for others to check with what they have: JWS compact serialisation (RFC 7515) with Ed25519 (RFC 8037).
//!
//! ```text
//! base64url({"alg":"EdDSA","kid":"key id","typ":"purpose"}) . base64url(payload) . base64url(signature)
//! └──────────────────────── signed bytes ────────────────────────────────────────┘
//! ```
//!
//! The purpose is in `typ` and must be the expected one. Signed bytes here never hold a zero byte and those of
//! [`crate::sign`] always do, so one key can serve both and neither signature passes for the other.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::key_id::KeyId;
use crate::sign::{Domain, Signature, SigningKey, VerifyingKeyRing};

/// The longest JWS that is read, in bytes: a receipt for a thousand attachments is a fifth of this.
pub const MAX_JWS_LEN: usize = 1 << 20;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header<'a> {
    alg: &'a str,
    kid: KeyId,
    typ: &'a str,
}

/// Why a JWS is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// Too long, not three parts of base64url, or a header that [`sign`] does not write.
    #[error("not a JWS of this kind")]
    Malformed,
    /// Signed for something else.
    #[error("signed for another purpose")]
    WrongPurpose,
    /// No listed key has the id.
    #[error("signed by key {0}, which is not listed")]
    UnknownSigner(KeyId),
    /// The listed key did not sign this.
    #[error("the signature is not that of key {0}")]
    BadSignature(KeyId),
}

/// Intake's receipt to a portal.
pub const RECEIPT: Domain = Domain::new("sluse-receipt+jws");
/// The bridge's outcome code, back to intake.
pub const OUTCOME: Domain = Domain::new("sluse-outcome+jws");
/// The bridge's signature of a delivered manifest (detached).
pub const MANIFEST: Domain = Domain::new("sluse-manifest+jws");

/// Signs `payload`, which is JSON, for one purpose.
#[must_use]
pub fn sign(key: &SigningKey, purpose: Domain, payload: &[u8]) -> String {
    let mut text = signing_input(key, purpose, payload);
    let signature = key.sign_bytes(text.as_bytes());
    text.push('.');
    text.push_str(&signature.to_string());
    text
}

/// Signs `payload` and leaves it out (RFC 7515 appendix F): `header..signature`, to lie beside the payload.
#[must_use]
pub fn sign_detached(key: &SigningKey, purpose: Domain, payload: &[u8]) -> String {
    let text = signing_input(key, purpose, payload);
    let header = text.split_once('.').map_or("", |(header, _)| header);
    format!("{header}..{}", key.sign_bytes(text.as_bytes()))
}

/// Gives the payload that a listed key signed for this purpose.
///
/// # Errors
/// See [`JwsError`].
pub fn verify(signers: &VerifyingKeyRing, purpose: Domain, text: &str) -> Result<Vec<u8>, JwsError> {
    if text.len() > MAX_JWS_LEN {
        return Err(JwsError::Malformed);
    }
    let (signed, signature) = text.rsplit_once('.').ok_or(JwsError::Malformed)?;
    let (header, payload) = signed.split_once('.').ok_or(JwsError::Malformed)?;
    let payload = URL_SAFE_NO_PAD.decode(payload).map_err(|_| JwsError::Malformed)?;
    check(signers, purpose, header, signed, signature)?;
    Ok(payload)
}

/// Checks that a listed key signed `payload`, which lies beside, for this purpose.
///
/// # Errors
/// See [`JwsError`].
pub fn verify_detached(
    signers: &VerifyingKeyRing,
    purpose: Domain,
    text: &str,
    payload: &[u8],
) -> Result<(), JwsError> {
    if text.len() > MAX_JWS_LEN {
        return Err(JwsError::Malformed);
    }
    let (header, signature) = text.split_once("..").ok_or(JwsError::Malformed)?;
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(payload));
    check(signers, purpose, header, &signed, signature)
}

/// `header.payload`, the bytes that are signed.
fn signing_input(key: &SigningKey, purpose: Domain, payload: &[u8]) -> String {
    // Neither value has a character that JSON would escape.
    let header = format!(r#"{{"alg":"EdDSA","kid":"{}","typ":"{}"}}"#, key.id(), purpose.name());
    let mut text = URL_SAFE_NO_PAD.encode(header);
    text.push('.');
    URL_SAFE_NO_PAD.encode_string(payload, &mut text);
    text
}

fn check(
    signers: &VerifyingKeyRing,
    purpose: Domain,
    header: &str,
    signed: &str,
    signature: &str,
) -> Result<(), JwsError> {
    let malformed = JwsError::Malformed;
    let signature: Signature = signature.parse().map_err(|_| malformed)?;
    let header = URL_SAFE_NO_PAD.decode(header).map_err(|_| malformed)?;
    let header: Header<'_> = serde_json::from_slice(&header).map_err(|_| malformed)?;
    if header.alg != "EdDSA" {
        return Err(malformed);
    }
    if header.typ != purpose.name() {
        return Err(JwsError::WrongPurpose);
    }
    let key = signers.find(header.kid).ok_or(JwsError::UnknownSigner(header.kid))?;
    key.verify_bytes(signed.as_bytes(), &signature).map_err(|_| JwsError::BadSignature(header.kid))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PURPOSE: Domain = Domain::new("test-receipt+jwt");
    const PAYLOAD: &[u8] = br#"{"id":"x"}"#;

    fn key() -> (SigningKey, VerifyingKeyRing) {
        let key = SigningKey::generate().unwrap();
        let ring = VerifyingKeyRing::new(vec![key.verifying_key().clone()]);
        (key, ring)
    }

    fn with_header(key: &SigningKey, header: &str) -> String {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(PAYLOAD));
        format!("{signed}.{}", key.sign_bytes(signed.as_bytes()))
    }

    #[test]
    fn the_example_of_rfc_8037_comes_out_the_same() {
        let seed = URL_SAFE_NO_PAD.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
        let key = SigningKey::from_seed(&seed.try_into().unwrap()).unwrap();
        let signature = key.sign_bytes(b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc");
        assert_eq!(
            signature.to_string(),
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
        );
    }

    #[test]
    fn what_is_signed_verifies_for_its_purpose_and_signer_only() {
        let (key, ring) = key();
        let text = sign(&key, PURPOSE, PAYLOAD);
        assert_eq!(verify(&ring, PURPOSE, &text).unwrap(), PAYLOAD);
        assert_eq!(verify(&ring, Domain::new("other"), &text), Err(JwsError::WrongPurpose));
        let nobody = VerifyingKeyRing::default();
        assert_eq!(verify(&nobody, PURPOSE, &text), Err(JwsError::UnknownSigner(key.id())));
    }

    #[test]
    fn a_detached_signature_holds_for_the_payload_beside_it_only() {
        let (key, ring) = key();
        let text = sign_detached(&key, PURPOSE, PAYLOAD);
        assert_eq!(verify_detached(&ring, PURPOSE, &text, PAYLOAD), Ok(()));
        assert_eq!(verify_detached(&ring, PURPOSE, &text, b"{}"), Err(JwsError::BadSignature(key.id())));
        assert_eq!(verify(&ring, PURPOSE, &text), Err(JwsError::BadSignature(key.id())));
    }

    #[test]
    fn any_character_changed_is_refused() {
        let (key, ring) = key();
        let text = sign(&key, PURPOSE, PAYLOAD);
        for index in 0..text.len() {
            for new in ["A", "B", ".", "\0"] {
                let mut changed = text.clone();
                changed.replace_range(index..=index, new);
                assert!(changed == text || verify(&ring, PURPOSE, &changed).is_err(), "{changed}");
            }
        }
    }

    #[test]
    fn no_algorithm_another_algorithm_and_unknown_members_are_refused() {
        let (key, ring) = key();
        let id = key.id();
        verify(
            &ring,
            PURPOSE,
            &with_header(&key, &format!(r#"{{"alg":"EdDSA","kid":"{id}","typ":"test-receipt+jwt"}}"#)),
        )
        .unwrap();
        for header in [
            format!(r#"{{"alg":"none","kid":"{id}","typ":"test-receipt+jwt"}}"#),
            format!(r#"{{"alg":"HS256","kid":"{id}","typ":"test-receipt+jwt"}}"#),
            format!(r#"{{"alg":"EdDSA","kid":"{id}","typ":"test-receipt+jwt","crit":["b64"],"b64":false}}"#),
            format!(r#"{{"alg":"EdDSA","kid":"{id}","typ":"test-receipt+jwt","jwk":{{}}}}"#),
            format!(r#"{{"alg":"EdDSA","kid":"{id}"}}"#),
            r#"{"alg":"EdDSA"}"#.to_owned(),
            String::new(),
        ] {
            assert_eq!(
                verify(&ring, PURPOSE, &with_header(&key, &header)),
                Err(JwsError::Malformed),
                "{header}"
            );
        }
    }

    #[test]
    fn too_few_parts_too_many_and_too_long_are_malformed() {
        let (key, ring) = key();
        let text = sign(&key, PURPOSE, PAYLOAD);
        let (two, _) = text.rsplit_once('.').unwrap();
        for text in ["", ".", "..", two, &format!("{text}.{text}"), &"A".repeat(MAX_JWS_LEN + 1)] {
            assert_eq!(verify(&ring, PURPOSE, text), Err(JwsError::Malformed));
        }
    }

    #[test]
    fn a_detached_signature_does_not_pass_for_a_jws() {
        let (key, ring) = key();
        let text = sign(&key, PURPOSE, PAYLOAD);
        let (signed, _) = text.rsplit_once('.').unwrap();
        let detached = key.sign(const { Domain::new("a") }, signed.as_bytes());
        let forged = format!("{signed}.{detached}");
        assert_eq!(verify(&ring, PURPOSE, &forged), Err(JwsError::BadSignature(key.id())));
    }
}
