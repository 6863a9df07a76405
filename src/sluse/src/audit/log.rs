//! The log open for writing: a handle for many tasks, and the thread that serves them.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::event::{Record, Role};
use super::fault::AuditError;
use super::line::Position;
use super::writer::Writer;

/// Records that may wait before callers are held back.
const WAITING: usize = 1024;
/// Records that share one sync.
const BATCH: usize = 512;

/// How a log is kept.
#[derive(Debug, Clone, Copy)]
pub struct AuditOptions {
    /// Size in bytes at which the next file is begun.
    pub max_file_bytes: u64,
    /// Longest time that an entry stays unsigned.
    pub sign_every: Duration,
}

impl Default for AuditOptions {
    fn default() -> Self {
        Self { max_file_bytes: 64 << 20, sign_every: Duration::from_secs(1) }
    }
}

/// A log open for writing; clones share its thread.
#[derive(Debug, Clone)]
pub struct AuditLog {
    sender: mpsc::Sender<Message>,
}

type Reply<T> = oneshot::Sender<Result<T, AuditError>>;

enum Message {
    Append(Record, Reply<Position>),
    Forget(SystemTime, Reply<usize>),
    Close(Reply<Position>),
}

impl AuditLog {
    /// Opens the log in `dir`, making it where needed, after verifying its newest file and its signed head. What a crash
    /// left of a line is moved to a file beside it, and that is put on record. Blocks.
    ///
    /// `sign` signs bytes with the role's key; `check` says whether such a signature fits.
    ///
    /// # Errors
    /// [`AuditError::Distrusted`], [`AuditError::InUse`], or a file cannot be used.
    pub fn open(
        dir: &Path,
        role: Role,
        options: AuditOptions,
        sign: impl Fn(&[u8]) -> [u8; 64] + Send + 'static,
        check: &dyn Fn(&[u8], &[u8; 64]) -> bool,
    ) -> Result<Self, AuditError> {
        let writer = Writer::open(dir, role, options, Box::new(sign), check)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|error| AuditError::io(dir, error))?;
        let (sender, receiver) = mpsc::channel(WAITING);
        thread::Builder::new()
            .name("audit-writer".to_owned())
            .spawn(move || runtime.block_on(serve(writer, options.sign_every, receiver)))
            .map_err(|error| AuditError::io(dir, error))?;
        Ok(Self { sender })
    }

    /// Puts a record on the log; durable when this returns.
    ///
    /// # Errors
    /// [`AuditError::Full`], [`AuditError::TooLong`], [`AuditError::Closed`], or the file cannot be written.
    pub async fn append(&self, record: Record) -> Result<Position, AuditError> {
        let (reply, answer) = oneshot::channel();
        self.sender.send(Message::Append(record, reply)).await.map_err(|_| AuditError::Closed)?;
        answer.await.map_err(|_| AuditError::Closed)?
    }

    /// Removes the oldest files as far as all in them is older than `before`, and puts that on record; the signed head
    /// then says where the log begins. The newest file stays. Gives how many files went.
    ///
    /// # Errors
    /// Nothing went, or a file could not be removed and will be at the next opening.
    pub async fn forget_before(&self, before: SystemTime) -> Result<usize, AuditError> {
        let (reply, answer) = oneshot::channel();
        self.sender.send(Message::Forget(before, reply)).await.map_err(|_| AuditError::Closed)?;
        answer.await.map_err(|_| AuditError::Closed)?
    }

    /// Writes what waits, signs the head and ends the log. Gives the last position.
    ///
    /// # Errors
    /// The head cannot be written, or the log was closed already.
    pub async fn close(&self) -> Result<Position, AuditError> {
        let (reply, answer) = oneshot::channel();
        self.sender.send(Message::Close(reply)).await.map_err(|_| AuditError::Closed)?;
        answer.await.map_err(|_| AuditError::Closed)?
    }
}

async fn serve(mut writer: Writer, sign_every: Duration, mut messages: mpsc::Receiver<Message>) {
    let mut waiting = Vec::with_capacity(BATCH);
    let mut closing = Vec::new();
    let mut sign_due = Instant::now();
    loop {
        let received = if writer.all_signed() {
            let received = messages.recv_many(&mut waiting, BATCH).await;
            sign_due = Instant::now() + sign_every;
            received
        } else {
            let left = sign_due.saturating_duration_since(Instant::now());
            timeout(left, messages.recv_many(&mut waiting, BATCH)).await.unwrap_or(usize::MAX)
        };
        if received == 0 {
            break;
        }
        let (mut records, mut replies, mut forgetting) = (Vec::new(), Vec::new(), Vec::new());
        for message in waiting.drain(..) {
            match message {
                Message::Append(record, reply) => {
                    records.push(record);
                    replies.push(reply);
                }
                Message::Forget(before, reply) => forgetting.push((before, reply)),
                Message::Close(reply) => {
                    messages.close();
                    closing.push(reply);
                }
            }
        }
        for (reply, result) in replies.into_iter().zip(writer.append(&records)) {
            // A caller that has gone away has its entry all the same.
            drop(reply.send(result));
        }
        for (before, reply) in forgetting {
            drop(reply.send(writer.forget_before(before)));
        }
        if !writer.all_signed() && Instant::now() >= sign_due {
            // When this fails the next round tries again; entries are chained and durable meanwhile.
            drop(writer.sign_head());
            sign_due = Instant::now() + sign_every;
        }
    }
    let result = writer.close();
    for reply in closing {
        drop(reply.send(result.clone()));
    }
}
