//! The thread that forks and reaps workers.
//!
//! One thread does both for the whole life of a sandbox: the kernel ends stem and workers when the *thread* that
//! started them ends (`PR_SET_PDEATHSIG`), and the runtime's threads come and go.
//!
//! All workers of a stem lie in memory as it does. So a stem that a worker failed under is not used again: what an
//! attacker learned from a crash is of no use for the next.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::mpsc;

use rustix::process::Pid;
use tokio::sync::oneshot;

use super::parent::StartError;
use super::stem::{self, Started, Stem};

enum Order {
    Start(oneshot::Sender<Result<Started, StartError>>),
    End(Pid, Option<oneshot::Sender<io::Result<ExitStatus>>>),
    #[cfg(test)]
    KillStem,
}

/// A handle on the thread. When the last one is gone the thread carries out what is left to do and ends.
#[derive(Debug, Clone)]
pub(super) struct Keeper {
    orders: mpsc::Sender<Order>,
}

impl Keeper {
    /// Starts the thread; `exe` is the program whose `main` knows the worker argument, `setup` what each stem is told.
    pub(super) fn new(exe: PathBuf, setup: Vec<u8>) -> io::Result<Self> {
        let (orders, inbox) = mpsc::channel();
        std::thread::Builder::new().name("sandbox-keeper".to_owned()).spawn(move || {
            let mut nursery = Nursery { exe, setup, stem: None };
            for order in inbox {
                match order {
                    Order::Start(reply) => {
                        if let Err(Ok(unwanted)) = reply.send(nursery.worker()) {
                            let _ = stem::end(unwanted.pid);
                        }
                    }
                    Order::End(pid, reply) => {
                        let status = nursery.end(pid);
                        if let Some(reply) = reply {
                            let _ = reply.send(status);
                        }
                    }
                    #[cfg(test)]
                    Order::KillStem => nursery.stem.as_ref().unwrap().kill(),
                }
            }
        })?;
        Ok(Self { orders })
    }

    /// Starts a process.
    pub(super) async fn start(&self) -> Result<Started, StartError> {
        let (reply, answer) = oneshot::channel();
        self.orders.send(Order::Start(reply)).map_err(|_| StartError::Spawn(gone()))?;
        answer.await.map_err(|_| StartError::Spawn(gone()))?
    }

    /// Kills a process that has not ended by itself, and tells how it ended.
    pub(super) async fn end(&self, pid: Pid) -> io::Result<ExitStatus> {
        let (reply, answer) = oneshot::channel();
        self.orders.send(Order::End(pid, Some(reply))).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// As [`end`](Self::end), for those who cannot wait.
    pub(super) fn end_later(&self, pid: Pid) {
        if self.orders.send(Order::End(pid, None)).is_err() {
            let _ = stem::end(pid);
        }
    }
}

#[cfg(test)]
impl Keeper {
    /// Kills the stem behind the thread's back.
    pub(super) fn kill_stem(&self) {
        self.orders.send(Order::KillStem).unwrap();
    }
}

fn gone() -> io::Error {
    io::Error::other("the thread that starts workers is gone")
}

/// What the thread holds.
struct Nursery {
    exe: PathBuf,
    setup: Vec<u8>,
    stem: Option<Stem>,
}

impl Nursery {
    fn worker(&mut self) -> Result<Started, StartError> {
        if let Some(started) = self.stem.as_mut().and_then(|stem| stem.fork().ok()) {
            return Ok(started);
        }
        // No stem, or one that is gone: the error of a fresh one is the one to tell.
        self.stem = None;
        let stem = self.stem.insert(Stem::start(&self.exe, &self.setup)?);
        stem.fork().map_err(StartError::Spawn)
    }

    fn end(&mut self, pid: Pid) -> io::Result<ExitStatus> {
        let status = stem::end(pid)?;
        let ours = status.signal() == Some(libc::SIGKILL);
        if !ours && !status.success() {
            self.stem = None;
        }
        Ok(status)
    }
}
