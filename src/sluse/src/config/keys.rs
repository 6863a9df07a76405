//! Keys named in a configuration.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use sluse_envelope::key_file::{read_private, read_public};
use sluse_envelope::{PrivateKeyRing, PublicKey, SigningKey, VerifyingKeyRing};

use crate::blobs::Secret;
use crate::config::{ConfigError, Source};

/// Largest file with a secret that is read, in bytes.
const MAX_SECRET_FILE: u64 = 4096;

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
    let (mode, text) = read_secret(&path).map_err(|cause| ConfigError::Read { path: path.clone(), cause })?;
    let name = path.display();
    if mode & 0o077 != 0 {
        let problem = format!(
            "{name} holds a secret but has mode {mode:04o}, so that others can reach it: chmod 600 {name}"
        );
        return Err(source.wrong(key, problem));
    }
    let parsed = Secret::parse(&text);
    parsed
        .ok_or_else(|| source.wrong(key, format!("{name} is not one line of up to 1,024 visible characters")))
}

/// Mode and text of a file; what is not text reads as nothing.
fn read_secret(path: &Path) -> io::Result<(u32, zeroize::Zeroizing<String>)> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    let mut text = zeroize::Zeroizing::new(String::new());
    if metadata.is_file() && metadata.len() <= MAX_SECRET_FILE {
        // A file that has grown meanwhile is cut, and then is no secret that works.
        match file.take(MAX_SECRET_FILE).read_to_string(&mut text) {
            Err(cause) if cause.kind() != io::ErrorKind::InvalidData => return Err(cause),
            _ => {}
        }
    }
    Ok((metadata.permissions().mode() & 0o7777, text))
}

/// Certificates of a PEM file, at least one.
pub(crate) fn certificates(
    source: &Source,
    key: &'static str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let path = source.resolve(path);
    let all: Result<Vec<_>, _> = CertificateDer::pem_file_iter(&path).and_then(Iterator::collect);
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        Ok(_) => Err(source.wrong(key, format!("ca_file: {} holds no certificate", path.display()))),
        Err(cause) => Err(source.wrong(key, format!("ca_file: {}: {cause}", path.display()))),
    }
}
