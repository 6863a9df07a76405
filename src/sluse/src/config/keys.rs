//! Keys named in a configuration.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sluse_envelope::key_file::{read_private, read_public};
use sluse_envelope::{PrivateKeyRing, PublicKey, SigningKey, VerifyingKeyRing};

use crate::config::{ConfigError, Source};

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
