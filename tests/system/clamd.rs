//! A private clamd with a database of one signature.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A running clamd; killed when dropped.
pub(crate) struct Clamd {
    folder: PathBuf,
    _memory: tempfile::TempDir,
    process: Option<Child>,
}

impl Clamd {
    /// Starts one whose files are in `folder`.
    pub(crate) fn start(folder: &Path) -> Self {
        std::fs::create_dir_all(folder.join("db")).unwrap();
        // clamd writes what it scans into its temporary folder: memory, as deploy/clamd.conf has it, and no disk.
        let memory = tempfile::tempdir_in("/dev/shm").unwrap();
        let virus = eicar();
        let hex: String = virus.iter().map(|byte| format!("{byte:02x}")).collect();
        std::fs::write(folder.join("db/local.ndb"), format!("Eicar-Test:0:*:{hex}\n")).unwrap();
        let at = |name: &str| folder.join(name).display().to_string();
        let user = if rustix::process::geteuid().is_root() { "User root\n" } else { "" };
        let config = format!(
            "DatabaseDirectory {}\nTemporaryDirectory {}\nLocalSocket {}\nPidFile {}\nForeground yes\nMaxThreads 4\n\
             StreamMaxLength 100M\nMaxFileSize 100M\nMaxScanSize 100M\nAlertExceedsMax yes\nAlertEncrypted yes\n\
             AlertEncryptedArchive yes\nAlertEncryptedDoc yes\nSelfCheck 0\nExitOnOOM yes\n{user}",
            at("db"),
            memory.path().display(),
            at("socket"),
            at("pid"),
        );
        std::fs::write(folder.join("clamd.conf"), config).unwrap();
        let mut clamd = Self { folder: folder.to_owned(), _memory: memory, process: None };
        clamd.restart();
        clamd
    }

    /// Its socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join("socket")
    }

    /// Ends it.
    pub(crate) fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
        let _ = std::fs::remove_file(self.socket());
    }

    /// Starts it again.
    pub(crate) fn restart(&mut self) {
        let process = Command::new("/usr/sbin/clamd")
            .arg("-c")
            .arg(self.folder.join("clamd.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("this test needs clamd: apt-get install -y --no-install-recommends clamav-daemon");
        self.process = Some(process);
        super::town::eventually("clamd listens", || {
            std::os::unix::net::UnixStream::connect(self.socket()).ok().map(|_| ())
        });
    }
}

impl Drop for Clamd {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The EICAR test file, put together so that this source is not one.
pub(crate) fn eicar() -> Vec<u8> {
    [r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR", "-STANDARD-ANTIVIRUS-TEST-FILE!", "$H+H*"].concat().into_bytes()
}
