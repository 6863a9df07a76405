//! Small files that a configuration names: certificates, and secrets that nobody but their owner may reach.

use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use sluse_envelope::key_file::is_private;
use zeroize::Zeroizing;

/// Largest file that is read, in bytes.
const MAX_BYTES: u64 = 256 << 10;

/// Why such a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// The file system said no.
    #[error("cannot read {}: {cause}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the file system said.
        cause: io::Error,
    },
    /// Others than the owner may read or write it.
    #[error("{} holds a secret but has mode {mode:04o}, so that others can reach it: chmod 600 {}", path.display(), path.display())]
    OpenToOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A folder, a device, or far too much.
    #[error("{} is no file of at most 256 KiB", .0.display())]
    NotSmall(PathBuf),
    /// Not one line of text.
    #[error("{} does not hold one line of text", .0.display())]
    NotALine(PathBuf),
}

/// Reads a file with a secret. Blocks.
pub(crate) fn secret(path: &Path) -> Result<Zeroizing<Vec<u8>>, SecretFileError> {
    read(path, true)
}

/// Reads a file whose first and only line is a secret. Blocks.
pub(crate) fn secret_line(path: &Path) -> Result<Zeroizing<String>, SecretFileError> {
    let bytes = secret(path)?;
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    let line = text.strip_suffix('\n').unwrap_or(text);
    if line.is_empty() || line.contains(char::is_control) {
        return Err(SecretFileError::NotALine(path.to_owned()));
    }
    Ok(Zeroizing::new(line.to_owned()))
}

/// Reads a file that everybody may read. Blocks.
pub(crate) fn public(path: &Path) -> Result<Vec<u8>, SecretFileError> {
    Ok(read(path, false)?.to_vec())
}

fn read(path: &Path, is_secret: bool) -> Result<Zeroizing<Vec<u8>>, SecretFileError> {
    let failed = |cause| SecretFileError::Read { path: path.to_owned(), cause };
    // A pipe that nobody writes to would be waited for; it is refused below.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(SecretFileError::NotSmall(path.to_owned()));
    }
    if is_secret && !is_private(&metadata) {
        let mode = metadata.permissions().mode() & 0o7777;
        return Err(SecretFileError::OpenToOthers { path: path.to_owned(), mode });
    }
    if metadata.len() > MAX_BYTES {
        return Err(SecretFileError::NotSmall(path.to_owned()));
    }
    // Room for one byte too many, so that the buffer is never moved and a copy left behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0) + 1));
    #[expect(clippy::disallowed_methods, reason = "capped by take")]
    file.take(metadata.len()).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_one_line_of_a_small_file_of_its_owner() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        let told = |content: &[u8], mode: u32| {
            std::fs::write(&path, content).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            secret_line(&path).map(|line| line.to_string()).map_err(|cause| cause.to_string())
        };
        assert_eq!(told(b"geheim\n", 0o600).unwrap(), "geheim");
        assert_eq!(told(b"geheim", 0o400).unwrap(), "geheim");
        for mode in [0o640, 0o604, 0o620, 0o602] {
            let said = told(b"geheim", mode).unwrap_err();
            assert!(said.contains("chmod 600") && !said.contains("geheim"), "{said}");
        }
        for bad in [&b""[..], b"\n", b"a\nb", b"a\r\n", b"\xff"] {
            assert!(told(bad, 0o600).unwrap_err().contains("one line"), "{bad:?}");
        }
        assert!(told(&vec![b'a'; 257 << 10], 0o600).unwrap_err().contains("256 KiB"));
        assert!(public(dir.path()).unwrap_err().to_string().contains("256 KiB"));
        assert!(public(&dir.path().join("gone")).unwrap_err().to_string().starts_with("cannot read"));
    }

    #[test]
    fn a_pipe_without_a_writer_does_not_hold_up_the_start() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pipe");
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let (told, telling) = std::sync::mpsc::channel();
        std::thread::spawn(move || told.send([secret(&path).err(), public(&path).err()]));
        let both = telling.recv_timeout(std::time::Duration::from_secs(15)).unwrap();
        assert!(both.iter().all(|told| matches!(told, Some(SecretFileError::NotSmall(_)))), "{both:?}");
    }
}
