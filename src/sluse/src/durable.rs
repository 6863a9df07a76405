//! Atomic, synced changes to the file system.
//!
//! Invariant: when a function here returns `Ok`, the change survives a power cut; when it returns an error or the
//! process dies half-way, the final name holds either the old content or the new, never a part.
//!
//! ```text
//!   write temp (same folder, 0600) ─▶ fsync temp ─▶ rename over final name ─▶ fsync folder
//! ```
//!
//! A full disk is `io::ErrorKind::StorageFull` (or `QuotaExceeded`); [`is_full`] asks for both.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{CWD, OFlags, RenameFlags};

/// Whether the error says that there is no room left.
#[must_use]
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Replaces (or makes) the file `path` with `content`, mode 0600.
///
/// # Errors
/// Any I/O failure; the old content is then still in place.
pub fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let temp = TempFile::create_beside(path)?;
    (&temp.file).write_all(content)?;
    temp.replace(path)
}

/// Makes the folder `path` (mode 0700) and its missing parents; a folder that exists is left as it is.
///
/// # Errors
/// Any I/O failure, or something other than a folder has that name.
pub fn create_dir(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        // Whoever made it may have died before the sync. A parent that may not be read is the system's own.
        drop(sync_parent(path));
        return Ok(());
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        create_dir(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => sync_parent(path),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => sync_parent(path),
        Err(error) => Err(error),
    }
}

/// Makes an empty file `path` (mode 0600) unless it is there. Says whether it was made.
///
/// # Errors
/// Any I/O failure.
pub fn create_file(path: &Path) -> io::Result<bool> {
    match new_file(path) {
        Ok(file) => {
            file.sync_all()?;
            sync_parent(path)?;
            Ok(true)
        }
        // Whoever made it may have died before the sync.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => sync_parent(path).map(|()| false),
        Err(error) => Err(error),
    }
}

/// Removes a file; one that is not there is fine. Says whether it was there.
///
/// # Errors
/// Any I/O failure.
pub fn remove(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => sync_parent(path).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Makes the entries of a folder durable: what was created, renamed or removed in it.
///
/// # Errors
/// Any I/O failure.
pub fn sync_dir(path: &Path) -> io::Result<()> {
    OpenOptions::new().read(true).custom_flags(flags(OFlags::DIRECTORY)).open(path)?.sync_all()
}

/// Makes the entry of `path` in its folder durable.
///
/// # Errors
/// Any I/O failure.
pub fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_dir(parent),
        _ => sync_dir(Path::new(".")),
    }
}

/// Opens a file for reading; a symbolic link in the last place is refused.
///
/// # Errors
/// Any I/O failure.
pub fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(flags(OFlags::NOFOLLOW)).open(path)
}

/// Bytes that an unprivileged process may still write to the file system that holds `path`.
///
/// # Errors
/// Any I/O failure.
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    let stat = rustix::fs::statvfs(path)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// A file that is removed when dropped, unless it was given its final name.
#[derive(Debug)]
pub struct TempFile {
    path: PathBuf,
    file: File,
    /// Whether `path` still names the temporary file.
    unpublished: bool,
}

impl TempFile {
    /// Makes a file of mode 0600 in the folder `dir` under the name `name`, which nothing has yet.
    ///
    /// # Errors
    /// Any I/O failure.
    pub fn create_in(dir: &Path, name: &str) -> io::Result<Self> {
        let path = dir.join(name);
        let file = new_file(&path)?;
        Ok(Self { path, file, unpublished: true })
    }

    fn create_beside(path: &Path) -> io::Result<Self> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let name =
            path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no file name"))?;
        let mut temp = std::ffi::OsString::from(".");
        temp.push(name);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        temp.push(format!(".{}-{number}.tmp", std::process::id()));
        let temp = path.with_file_name(temp);
        // A process that had this number before may have died here.
        fs::remove_file(&temp)
            .or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })?;
        let file = new_file(&temp)?;
        Ok(Self { path: temp, file, unpublished: true })
    }

    /// The open file.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Syncs the content and gives the file the name `path`, replacing what had it.
    ///
    /// # Errors
    /// Any I/O failure; the temporary file is then removed.
    pub fn replace(mut self, path: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.path, path)?;
        self.unpublished = false;
        sync_parent(path)
    }

    /// Syncs the content and gives the file the name `path`, which must be free.
    ///
    /// # Errors
    /// `AlreadyExists`, or any I/O failure; the temporary file is then removed.
    pub fn publish(mut self, path: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        rustix::fs::renameat_with(CWD, &self.path, CWD, path, RenameFlags::NOREPLACE)?;
        self.unpublished = false;
        sync_parent(path)
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        if self.unpublished {
            // Nothing can be told from here; leftovers are removed at the next start.
            drop(fs::remove_file(&self.path));
        }
    }
}

fn new_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Open flags as the standard library takes them.
fn flags(flags: OFlags) -> i32 {
    i32::try_from(flags.bits()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn write_replaces_whole_and_leaves_no_temp() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        write(&path, b"first, longer").unwrap();
        write(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(names(dir.path()), ["a"]);
    }

    #[test]
    fn publish_never_overwrites() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        write(&path, b"old").unwrap();
        let temp = TempFile::create_in(dir.path(), "t").unwrap();
        assert_eq!(temp.publish(&path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(dir.path()), ["a"]);
    }

    #[test]
    fn dropped_temp_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        drop(TempFile::create_in(dir.path(), "t").unwrap());
        assert!(names(dir.path()).is_empty());
    }

    #[test]
    fn create_dir_makes_parents_and_accepts_what_exists() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("a/b/c");
        create_dir(&deep).unwrap();
        create_dir(&deep).unwrap();
        assert_eq!(fs::metadata(&deep).unwrap().permissions().mode() & 0o777, 0o700);
        write(&dir.path().join("f"), b"").unwrap();
        assert!(create_dir(&dir.path().join("f")).is_err());
    }

    #[test]
    fn symbolic_link_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        write(&dir.path().join("a"), b"secret").unwrap();
        std::os::unix::fs::symlink("a", dir.path().join("l")).unwrap();
        assert!(open(&dir.path().join("l")).is_err());
        assert!(open(&dir.path().join("a")).is_ok());
    }

    #[test]
    fn full_disk_is_told_apart() {
        assert!(is_full(&io::Error::from_raw_os_error(28)));
        assert!(!is_full(&io::Error::from_raw_os_error(5)));
        assert!(free_bytes(Path::new("/")).unwrap() > 0);
    }
}
