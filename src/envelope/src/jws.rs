//! JSON Web Signatures (RFC 7515) in compact form with Ed25519 (`EdDSA`, RFC 8037): receipts, outcomes and delivered
//! manifests, so that any JOSE library can check them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::sign::{Signature, SigningKey, VerifyingKey, VerifyingKeyRing};

/// What a signature is for (header `typ`); a receipt never passes for a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    /// Intake's receipt to a portal.
    #[serde(rename = "sluse-receipt+jws")]
    Receipt,
    /// The bridge's outcome, back to intake.
    #[serde(rename = "sluse-outcome+jws")]
    Outcome,
    /// The bridge's signature of a delivered manifest (detached).
    #[serde(rename = "sluse-manifest+jws")]
    Manifest,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: Algorithm,
    typ: Purpose,
    kid: String,
}

#[derive(Serialize, Deserialize)]
enum Algorithm {
    #[serde(rename = "EdDSA")]
    EdDsa,
}

/// Why a signature does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// Not three base64url parts with the expected header.
    #[error("not a JWS of this purpose")]
    Shape,
    /// No listed key has this key id.
    #[error("signed by a key that is not listed")]
    UnknownKey,
    /// The signature is not the key's.
    #[error("the signature does not fit")]
    Signature,
}

/// Signs `payload`: `header.payload.signature`.
#[must_use]
pub fn sign(key: &SigningKey, purpose: Purpose, payload: &[u8]) -> String {
    let header = header(key, purpose);
    let payload = URL_SAFE_NO_PAD.encode(payload);
    let signature = key.sign_bytes(format!("{header}.{payload}").as_bytes());
    format!("{header}.{payload}.{signature}")
}

/// Signs `payload` but leaves it out (RFC 7515 appendix F): `header..signature`.
#[must_use]
pub fn sign_detached(key: &SigningKey, purpose: Purpose, payload: &[u8]) -> String {
    let header = header(key, purpose);
    let input = format!("{header}.{}", URL_SAFE_NO_PAD.encode(payload));
    format!("{header}..{}", key.sign_bytes(input.as_bytes()))
}

/// Checks a JWS and returns its payload.
///
/// # Errors
/// [`JwsError`]: then nothing of it may be used.
pub fn verify(keys: &VerifyingKeyRing, purpose: Purpose, jws: &str) -> Result<Vec<u8>, JwsError> {
    let (signed, signature) = jws.rsplit_once('.').ok_or(JwsError::Shape)?;
    let (header, payload) = signed.split_once('.').ok_or(JwsError::Shape)?;
    check(keys, purpose, header, signed, signature)?;
    URL_SAFE_NO_PAD.decode(payload).map_err(|_| JwsError::Shape)
}

/// Checks a detached JWS over `payload`.
///
/// # Errors
/// [`JwsError`]: then the payload may not be used.
pub fn verify_detached(
    keys: &VerifyingKeyRing,
    purpose: Purpose,
    jws: &str,
    payload: &[u8],
) -> Result<(), JwsError> {
    let (header, signature) = jws.split_once("..").ok_or(JwsError::Shape)?;
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(payload));
    check(keys, purpose, header, &signed, signature)
}

fn header(key: &SigningKey, purpose: Purpose) -> String {
    let header = Header { alg: Algorithm::EdDsa, typ: purpose, kid: key.id().to_string() };
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&header).unwrap_or_default())
}

fn check(
    keys: &VerifyingKeyRing,
    purpose: Purpose,
    header: &str,
    signed: &str,
    signature: &str,
) -> Result<(), JwsError> {
    let header = URL_SAFE_NO_PAD.decode(header).map_err(|_| JwsError::Shape)?;
    let header: Header = serde_json::from_slice(&header).map_err(|_| JwsError::Shape)?;
    if header.typ != purpose {
        return Err(JwsError::Shape);
    }
    let key: &VerifyingKey = keys.iter().find(|key| key.id().to_string() == header.kid).ok_or(JwsError::UnknownKey)?;
    let signature: Signature = signature.parse().map_err(|_| JwsError::Shape)?;
    key.verify_bytes(signed.as_bytes(), &signature).map_err(|_| JwsError::Signature)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_key_purpose_and_payload_only() {
        let (key, other) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        let ring = |key: &SigningKey| VerifyingKeyRing::new(vec![key.verifying_key().clone()]);
        let jws = sign(&key, Purpose::Receipt, b"payload");
        assert_eq!(verify(&ring(&key), Purpose::Receipt, &jws).unwrap(), b"payload");
        assert_eq!(verify(&ring(&other), Purpose::Receipt, &jws), Err(JwsError::UnknownKey));
        assert_eq!(verify(&ring(&key), Purpose::Outcome, &jws), Err(JwsError::Shape));
        let changed = jws.replace("cGF5bG9hZA", "cGF5bG9hZB");
        assert!(verify(&ring(&key), Purpose::Receipt, &changed).is_err());

        let detached = sign_detached(&key, Purpose::Manifest, b"payload");
        assert_eq!(verify_detached(&ring(&key), Purpose::Manifest, &detached, b"payload"), Ok(()));
        let refused = verify_detached(&ring(&key), Purpose::Manifest, &detached, b"other");
        assert_eq!(refused, Err(JwsError::Signature));
        assert_eq!(verify(&ring(&key), Purpose::Manifest, &detached), Err(JwsError::Signature));
    }

    #[test]
    fn a_header_that_names_another_algorithm_is_refused() {
        let key = SigningKey::generate().unwrap();
        let ring = VerifyingKeyRing::new(vec![key.verifying_key().clone()]);
        let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"none","typ":"sluse-receipt+jws","kid":"{}"}}"#, key.id()));
        assert_eq!(verify(&ring, Purpose::Receipt, &format!("{header}.e30.")), Err(JwsError::Shape));
    }
}
