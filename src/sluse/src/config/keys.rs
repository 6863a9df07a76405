//! Keys named in a configuration.

use std::path::{Path, PathBuf};

use sluse_envelope::{KeyRing, PrivateKey, PublicKey, SigningKey, VerifyingKey};

use crate::config::{ConfigError, Source};

/// A role's own signing key.
pub(crate) fn signing(source: &Source, path: &Path) -> Result<SigningKey, ConfigError> {
    Ok(SigningKey::read(&source.resolve(path))?)
}

/// The keys of those whose signatures are believed; an empty list is refused.
pub(crate) fn verifying(
    source: &Source,
    key: &'static str,
    paths: &[PathBuf],
) -> Result<Vec<VerifyingKey>, ConfigError> {
    if paths.is_empty() {
        return Err(source.wrong(key, "is empty: nothing could ever be believed; name at least one key file"));
    }
    paths.iter().map(|path| Ok(VerifyingKey::read(&source.resolve(path))?)).collect()
}

/// The key that content is sealed to.
pub(crate) fn public(source: &Source, path: &Path) -> Result<PublicKey, ConfigError> {
    Ok(PublicKey::read(&source.resolve(path))?)
}

/// The keys that open what was sealed to this role: the current one and, during a rotation, older ones.
pub(crate) fn ring(source: &Source, key: &'static str, paths: &[PathBuf]) -> Result<KeyRing, ConfigError> {
    if paths.is_empty() {
        return Err(source.wrong(key, "is empty: nothing could ever be opened; name at least one key file"));
    }
    let keys = paths
        .iter()
        .map(|path| Ok(PrivateKey::read(&source.resolve(path))?))
        .collect::<Result<Vec<_>, ConfigError>>()?;
    Ok(KeyRing::new(keys))
}
