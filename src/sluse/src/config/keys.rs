//! Keys named in a configuration.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use sluse_envelope::key_file::{read_private, read_public};
use sluse_envelope::{PrivateKeyRing, PublicKey, SigningKey, VerifyingKeyRing};

use crate::blobs::Secret;
use crate::config::{ConfigError, Source};
use crate::secret_file;

/// A role's own signing key.
pub(crate) fn signing(source: &Source, path: &Path) -> Result<Arc<SigningKey>, ConfigError> {
    Ok(Arc::new(read_private(&source.resolve(path), None)?))
}

/// The keys of those whose signatures are believed; an empty list is refused.
pub(crate) fn verifying(
    source: &Source,
    key: &'static str,
    paths: &[PathBuf],
) -> Result<VerifyingKeyRing, ConfigError> {
    if paths.is_empty() {
        return Err(source.wrong(key, "is empty: nothing could ever be believed; name at least one key file"));
    }
    let keys: Result<_, ConfigError> =
        paths.iter().map(|path| Ok(read_public(&source.resolve(path))?)).collect();
    Ok(VerifyingKeyRing::new(keys?))
}

/// The key that content is sealed to.
pub(crate) fn public(source: &Source, path: &Path) -> Result<PublicKey, ConfigError> {
    Ok(read_public(&source.resolve(path))?)
}

/// The keys that open what was sealed to this role: the current one and, during a rotation, older ones.
pub(crate) fn ring(
    source: &Source,
    key: &'static str,
    paths: &[PathBuf],
) -> Result<PrivateKeyRing, ConfigError> {
    if paths.is_empty() {
        return Err(source.wrong(key, "is empty: nothing could ever be opened; name at least one key file"));
    }
    let keys: Result<_, ConfigError> =
        paths.iter().map(|path| Ok(read_private(&source.resolve(path), None)?)).collect();
    Ok(PrivateKeyRing::new(keys?))
}

/// A secret in a file of its own, which nobody but its owner may reach.
pub(crate) fn secret(source: &Source, key: &'static str, path: &Path) -> Result<Secret, ConfigError> {
    let path = source.resolve(path);
    let line = secret_file::secret_line(&path).map_err(|cause| source.wrong(key, cause.to_string()))?;
    Secret::parse(&line).ok_or_else(|| {
        let problem = format!("{} is not one line of up to 1,024 visible characters", path.display());
        source.wrong(key, problem)
    })
}

/// Certificates of a PEM file, at least one.
pub(crate) fn certificates(
    source: &Source,
    key: &'static str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let path = source.resolve(path);
    let bytes = secret_file::public(&path).map_err(|cause| source.wrong(key, format!("ca_file: {cause}")))?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        Ok(_) => Err(source.wrong(key, format!("ca_file: {} holds no certificate", path.display()))),
        Err(cause) => Err(source.wrong(key, format!("ca_file: {}: {cause}", path.display()))),
    }
}
