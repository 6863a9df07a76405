//! The parent's side of the stem: the process that workers are forked from.
//!
//! Starting the program, linking it, making name spaces and compiling the rules costs some ten milliseconds of CPU;
//! forking a process that has done all that costs a fraction of one. So it is done once, by the stem, which waits on
//! its own socket and is told nothing but to fork. It never sees a byte of a submission, and a worker shares nothing
//! with it that either could change.

use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, WaitOptions};
use sluse_sanitize::report::plain;

use super::WORKER_ARGUMENT;
use super::parent::{START_TIMEOUT, StartError};
use super::protocol::{HEADER_BYTES, Header, Kind, MAX_TEXT_BYTES, NO_FILE};

/// A stem that is set up.
#[derive(Debug)]
pub(super) struct Stem {
    /// Until it was waited for.
    pid: Option<Pid>,
    socket: UnixStream,
}

/// A worker that was just forked, and our end of its socket.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) pid: Pid,
    pub(super) socket: UnixStream,
}

impl Stem {
    /// Starts a stem and waits until it is set up; `setup` is the payload of its Setup frame.
    pub(super) fn start(exe: &Path, setup: &[u8]) -> Result<Self, StartError> {
        let mut stem = Self::spawn(exe).map_err(StartError::Spawn)?;
        match stem.set_up(setup) {
            Ok(None) => Ok(stem),
            Ok(Some(text)) => Err(StartError::SetUp(text)),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                Err(StartError::TimedOut)
            }
            Err(error) => Err(StartError::Ended(match stem.pid.take().map(end) {
                Some(Ok(status)) => format!("{error}; {status}"),
                _ => error.to_string(),
            })),
        }
    }

    /// Kills the process behind our back.
    #[cfg(test)]
    pub(super) fn kill(&self) {
        rustix::process::kill_process(self.pid.unwrap(), Signal::KILL).unwrap();
    }

    fn spawn(exe: &Path) -> io::Result<Self> {
        let (socket, theirs) = UnixStream::pair()?;
        socket.set_read_timeout(Some(START_TIMEOUT))?;
        socket.set_write_timeout(Some(START_TIMEOUT))?;
        let child = Command::new(exe)
            .arg(WORKER_ARGUMENT)
            .env_clear()
            .current_dir("/")
            // A group of its own: the terminal's Ctrl-C is for the bridge, which finishes what its workers have in hand.
            .process_group(0)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { pid: Some(Pid::from_child(&child)), socket })
    }

    /// Sends the Setup frame.
    fn set_up(&mut self, setup: &[u8]) -> io::Result<Option<String>> {
        self.socket
            .write_all(&Header { kind: Kind::Setup, file: NO_FILE, len: setup.len() as u64 }.encode())?;
        self.socket.write_all(setup)?;
        self.answer(Kind::Ready, 0)
    }

    /// Waits until it has done what it was told; the text is its reason for not doing it.
    fn answer(&mut self, done: Kind, payload: u64) -> io::Result<Option<String>> {
        let mut bytes = [0; HEADER_BYTES];
        self.socket.read_exact(&mut bytes)?;
        match Header::decode(bytes) {
            Some(Header { kind, len, .. }) if kind == done && len == payload => Ok(None),
            Some(Header { kind: Kind::SetupFailed, len, .. }) if len <= MAX_TEXT_BYTES as u64 => {
                let mut text = Vec::new();
                #[expect(clippy::disallowed_methods, reason = "capped by take")]
                (&mut self.socket).take(len).read_to_end(&mut text)?;
                Ok(Some(plain(&String::from_utf8_lossy(&text))))
            }
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// Forks a worker. After an error the stem is of no more use.
    pub(super) fn fork(&mut self) -> io::Result<Started> {
        let (socket, theirs) = UnixStream::pair()?;
        socket.set_nonblocking(true)?;
        Header { kind: Kind::Fork, file: NO_FILE, len: 0 }.send_with(&self.socket, theirs.as_fd())?;
        if let Some(text) = self.answer(Kind::Forked, 4)? {
            return Err(io::Error::other(text));
        }
        let mut pid = [0; 4];
        self.socket.read_exact(&mut pid)?;
        let pid = Pid::from_raw(i32::from_be_bytes(pid)).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Started { pid, socket })
    }
}

impl Drop for Stem {
    fn drop(&mut self) {
        let _ = self.pid.take().map(end);
    }
}

/// Kills a child of this process that has not ended by itself, and tells how it ended.
///
/// A worker that ends by itself closes its socket only after its exit status is settled, so killing it then does not
/// change what it died of.
pub(super) fn end(pid: Pid) -> io::Result<ExitStatus> {
    // A child that is not waited for keeps its number, so it is the right process.
    rustix::process::kill_process(pid, Signal::KILL)?;
    loop {
        match rustix::process::waitpid(Some(pid), WaitOptions::empty()) {
            Err(rustix::io::Errno::INTR) => {}
            Ok(Some((_, status))) => return Ok(ExitStatus::from_raw(status.as_raw())),
            Ok(None) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}
