//! The thread that starts and reaps workers.
//!
//! One thread does both for the whole life of a sandbox: the kernel ends a worker when the *thread* that started it
//! ends (`PR_SET_PDEATHSIG`), and the runtime's threads come and go.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;

use tokio::sync::oneshot;

use super::WORKER_ARGUMENT;

enum Order {
    Start(oneshot::Sender<io::Result<Started>>),
    End(Child, Option<oneshot::Sender<io::Result<ExitStatus>>>),
}

/// A process that was just started, and our end of its socket.
pub(super) struct Started {
    pub(super) child: Child,
    pub(super) socket: UnixStream,
}

/// A handle on the thread. When the last one is gone the thread carries out what is left to do and ends.
#[derive(Debug, Clone)]
pub(super) struct Keeper {
    orders: mpsc::Sender<Order>,
}

impl Keeper {
    /// Starts the thread; `exe` is the program whose `main` knows the worker argument.
    pub(super) fn new(exe: PathBuf) -> io::Result<Self> {
        let (orders, inbox) = mpsc::channel();
        std::thread::Builder::new().name("sandbox-keeper".to_owned()).spawn(move || {
            for order in inbox {
                match order {
                    Order::Start(reply) => {
                        if let Err(Ok(unwanted)) = reply.send(start(&exe)) {
                            let _ = end(unwanted.child);
                        }
                    }
                    Order::End(child, reply) => {
                        let status = end(child);
                        if let Some(reply) = reply {
                            let _ = reply.send(status);
                        }
                    }
                }
            }
        })?;
        Ok(Self { orders })
    }

    /// Starts a process.
    pub(super) async fn start(&self) -> io::Result<Started> {
        let (reply, answer) = oneshot::channel();
        self.orders.send(Order::Start(reply)).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// Kills a process that has not ended by itself, and tells how it ended.
    pub(super) async fn end(&self, child: Child) -> io::Result<ExitStatus> {
        let (reply, answer) = oneshot::channel();
        self.orders.send(Order::End(child, Some(reply))).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// As [`end`](Self::end), for those who cannot wait.
    pub(super) fn end_later(&self, child: Child) {
        if let Err(mpsc::SendError(Order::End(child, _))) = self.orders.send(Order::End(child, None)) {
            let _ = end(child);
        }
    }
}

fn gone() -> io::Error {
    io::Error::other("the thread that starts workers is gone")
}

fn start(exe: &Path) -> io::Result<Started> {
    let (socket, theirs) = UnixStream::pair()?;
    socket.set_nonblocking(true)?;
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
    Ok(Started { child, socket })
}

/// A process that ends by itself closes its socket only after its exit status is settled, so killing it then does not
/// change what it died of.
fn end(mut child: Child) -> io::Result<ExitStatus> {
    child.kill()?;
    child.wait()
}
