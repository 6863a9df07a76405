//! Key files: a [key's text](crate::key_text) on disk.
//!
//! A private key's file must be readable by its owner alone, and is created so: never over another file, mode 0600,
//! synced with its directory before anyone relies on the key. The one exception is how systemd hands over a credential
//! (`LoadCredential=`): root's, mode 0440, where the group bits stand for an access list with the service's account.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::key_text::{self, KeyTextError, Private, Public};

/// The largest key file that is read, in bytes: a list of some hundred signers with comments.
const MAX_FILE_LEN: usize = 64 << 10;

/// Why a key file was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file system said no.
    #[error("cannot {act} the key file {}: {cause}", path.display())]
    Io {
        /// `open`, `read` or `create`.
        act: &'static str,
        /// The file.
        path: PathBuf,
        /// What the file system said.
        #[source]
        cause: io::Error,
    },
    /// Others than the owner may read or write the private key.
    #[error("{} holds a private key but has mode {mode:04o}, so that others can reach it: chmod 600 {}", path.display(), path.display())]
    OpenToOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not a file, over 64 KiB, or not text.
    #[error("{} is not a key file", path.display())]
    NotAKeyFile {
        /// The path.
        path: PathBuf,
    },
    /// The text is not the key that is wanted.
    #[error("{}: {cause}", path.display())]
    Text {
        /// The file.
        path: PathBuf,
        /// What is wrong with the text.
        #[source]
        cause: KeyTextError,
    },
}

/// Reads a file with one private key.
///
/// # Errors
/// Refuses a file whose mode allows group or others anything, unless it is a credential of systemd; see
/// [`KeyFileError`].
pub fn read_private<K: Private>(path: &Path, passphrase: Option<&str>) -> Result<K, KeyFileError> {
    let text = read(path, |file| {
        let mode = file.mode() & 0o7777;
        if is_private(file) { Ok(()) } else { Err(KeyFileError::OpenToOthers { path: path.into(), mode }) }
    })?;
    key_text::read_private(&text, passphrase).map_err(text_error(path))
}

/// Reads a file with one public key.
///
/// # Errors
/// See [`KeyFileError`].
pub fn read_public<K: Public>(path: &Path) -> Result<K, KeyFileError> {
    key_text::read_public(&read(path, |_| Ok(()))?).map_err(text_error(path))
}

/// Reads a file with any number of public keys.
///
/// # Errors
/// See [`KeyFileError`].
pub fn read_publics<K: Public>(path: &Path) -> Result<Vec<K>, KeyFileError> {
    key_text::read_publics(&read(path, |_| Ok(()))?).map_err(text_error(path))
}

/// Writes a private key to a new file of mode 0600, durably.
///
/// # Errors
/// Refuses to replace a file; see [`KeyFileError`].
pub fn write_private<K: Private>(path: &Path, key: &K, passphrase: Option<&str>) -> Result<(), KeyFileError> {
    let line = key_text::write_private(key, passphrase).map_err(text_error(path))?;
    create(path, &line, 0o600).map_err(io_error("create", path))
}

/// Writes a public key to a new file of mode 0644, durably.
///
/// # Errors
/// Refuses to replace a file; see [`KeyFileError`].
pub fn write_public<K: Public>(path: &Path, key: &K) -> Result<(), KeyFileError> {
    create(path, &key_text::write_public(key), 0o644).map_err(io_error("create", path))
}

fn io_error(act: &'static str, path: &Path) -> impl FnOnce(io::Error) -> KeyFileError {
    move |cause| KeyFileError::Io { act, path: path.into(), cause }
}

fn text_error(path: &Path) -> impl FnOnce(KeyTextError) -> KeyFileError {
    move |cause| KeyFileError::Text { path: path.into(), cause }
}

/// Whether nobody can reach a file but its owner, or the account that systemd hands it to as a credential.
#[must_use]
pub fn is_private(file: &Metadata) -> bool {
    closed(file.mode() & 0o7777, file.uid(), file.gid())
}

fn closed(mode: u32, owner: u32, group: u32) -> bool {
    mode & 0o077 == 0 || (mode, owner, group) == (0o440, 0, 0)
}

/// Reads a small text file after `allow` has seen the metadata of the very file that is open.
fn read(
    path: &Path,
    allow: impl FnOnce(&Metadata) -> Result<(), KeyFileError>,
) -> Result<Zeroizing<String>, KeyFileError> {
    let not_a_key_file = || KeyFileError::NotAKeyFile { path: path.into() };
    let file = File::open(path).map_err(io_error("open", path))?;
    let metadata = file.metadata().map_err(io_error("read", path))?;
    if !metadata.is_file() {
        return Err(not_a_key_file());
    }
    allow(&metadata)?;
    // Room for one byte too many, so that the buffer is never moved and a file too large shows.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_FILE_LEN + 1));
    #[expect(clippy::disallowed_methods, reason = "capped by take")]
    file.take(MAX_FILE_LEN as u64 + 1).read_to_end(&mut bytes).map_err(io_error("read", path))?;
    if bytes.len() > MAX_FILE_LEN {
        return Err(not_a_key_file());
    }
    match String::from_utf8(std::mem::take(&mut *bytes)) {
        Ok(text) => Ok(Zeroizing::new(text)),
        Err(error) => {
            drop(Zeroizing::new(error.into_bytes()));
            Err(not_a_key_file())
        }
    }
}

/// Creates a file with one line, synced together with its directory.
fn create(path: &Path, line: &str, mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(line.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::key::{PrivateKey, PublicKey};
    use crate::sign::{SigningKey, VerifyingKey};
    use crate::suite::Suite;

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn written_keys_are_private_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bridge.key");
        let key = PrivateKey::generate(Suite::XWing).unwrap();
        write_private(&path, &key, None).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(read_private::<PrivateKey>(&path, None).unwrap().id(), key.id());
        let path = folder.path().join("bridge.pub");
        write_public(&path, key.public_key()).unwrap();
        assert_eq!(&read_public::<PublicKey>(&path).unwrap(), key.public_key());
    }

    #[test]
    fn a_protected_key_file_reads_with_its_passphrase() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("quarantine.key");
        let key = SigningKey::generate().unwrap();
        write_private(&path, &key, Some("long passphrase")).unwrap();
        assert_eq!(read_private::<SigningKey>(&path, Some("long passphrase")).unwrap().id(), key.id());
        let error = read_private::<SigningKey>(&path, None).unwrap_err();
        assert!(matches!(error, KeyFileError::Text { cause: KeyTextError::NeedsPassphrase, .. }));
    }

    #[test]
    fn a_private_key_open_to_group_or_others_is_refused_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bridge.key");
        write_private(&path, &SigningKey::generate().unwrap(), None).unwrap();
        for mode in [0o640, 0o604, 0o620, 0o601, 0o644, 0o666] {
            set_mode(&path, mode);
            let error = read_private::<SigningKey>(&path, None).unwrap_err();
            assert!(matches!(error, KeyFileError::OpenToOthers { mode: found, .. } if found == mode));
            let text = error.to_string();
            assert!(text.contains(&format!("chmod 600 {}", path.display())), "{text}");
            assert!(text.contains(&format!("0{mode:o}")), "{text}");
        }
        set_mode(&path, 0o400);
        read_private::<SigningKey>(&path, None).unwrap();
    }

    #[test]
    fn a_credential_of_systemd_is_private_and_what_only_looks_like_one_is_not() {
        assert!(closed(0o440, 0, 0));
        for (mode, owner, group) in
            [(0o440, 1000, 0), (0o440, 0, 1000), (0o460, 0, 0), (0o640, 0, 0), (0o444, 0, 0)]
        {
            assert!(!closed(mode, owner, group), "{mode:o} {owner}:{group}");
        }
    }

    #[test]
    fn an_existing_key_is_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bridge.key");
        let key = SigningKey::generate().unwrap();
        write_private(&path, &key, None).unwrap();
        let error = write_private(&path, &SigningKey::generate().unwrap(), None).unwrap_err();
        assert!(matches!(error, KeyFileError::Io { act: "create", .. }));
        assert_eq!(read_private::<SigningKey>(&path, None).unwrap().id(), key.id());
    }

    #[test]
    fn a_folder_a_huge_file_and_bytes_that_are_no_text_are_not_key_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let refused =
            |path: &Path| matches!(read_public::<VerifyingKey>(path), Err(KeyFileError::NotAKeyFile { .. }));
        assert!(refused(folder.path()));
        fs::write(&path, vec![b'#'; MAX_FILE_LEN + 1]).unwrap();
        assert!(refused(&path));
        fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(refused(&path));
        fs::write(&path, vec![b'#'; MAX_FILE_LEN]).unwrap();
        assert!(matches!(
            read_public::<VerifyingKey>(&path),
            Err(KeyFileError::Text { cause: KeyTextError::NoKey, .. })
        ));
    }
}
