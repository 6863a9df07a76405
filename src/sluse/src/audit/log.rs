//! Writing the log: one thread, one sync for all that wait.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use rustix::fs::{FlockOperation, flock};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::event::{Event, Record, Role};
use super::fault::{AuditError, What};
use super::head::{self, Head};
use super::line::{self, Position};
use super::verify::{Scan, fault, files, scan, start_of};
use crate::durable;

/// Records that may wait before callers are held back.
const WAITING: usize = 1024;
/// Records that share one sync.
const BATCH: usize = 512;

/// How long to wait for the lock: a process that ends, or a verification that looks whether one is writing.
const LOCK_WAIT: Duration = Duration::from_millis(500);

type Sign = Box<dyn Fn(&[u8]) -> [u8; 64] + Send>;

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

enum Message {
    Append(Record, oneshot::Sender<Result<Position, AuditError>>),
    Close(oneshot::Sender<Result<Position, AuditError>>),
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
        durable::create_dir(dir).map_err(|error| AuditError::io(dir, error))?;
        let lock = lock(dir)?;
        let mut writer = Writer::open(dir, role, options, Box::new(sign), check, lock)?;
        writer.repair()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|error| AuditError::io(dir, error))?;
        let (sender, receiver) = mpsc::channel(WAITING);
        thread::Builder::new()
            .name("audit-writer".to_owned())
            .spawn(move || runtime.block_on(writer.serve(receiver)))
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

struct Writer {
    dir: PathBuf,
    role: Role,
    options: AuditOptions,
    sign: Sign,
    /// The file being written; absent before the first entry.
    file: Option<File>,
    path: PathBuf,
    /// Bytes of whole, synced lines in the file.
    bytes: u64,
    /// Bytes after them, left by a crash.
    torn: bool,
    first: u64,
    last: Position,
    signed: Position,
    sign_due: Instant,
    /// A sync failed: nothing more can be promised.
    broken: bool,
    /// Released when the writer ends.
    _lock: File,
}

impl Writer {
    fn open(
        dir: &Path,
        role: Role,
        options: AuditOptions,
        sign: Sign,
        check: &dyn Fn(&[u8], &[u8; 64]) -> bool,
        lock: File,
    ) -> Result<Self, AuditError> {
        let newest = files(dir)?.pop();
        let head = match Head::read(dir, check)? {
            Some(head) if head.role == role => head,
            Some(_) => return Err(fault(&head::path(dir), 0, What::HeadForged)),
            None if newest.is_some() => return Err(fault(&head::path(dir), 0, What::HeadMissing)),
            None => {
                // Before any entry, so that a log without a head is never an innocent one.
                let head = Head { role, first: 1, last: Position::START, time: SystemTime::now() };
                head.write(dir, &*sign)?;
                head
            }
        };
        let mut writer = Self {
            dir: dir.to_owned(),
            role,
            options,
            sign,
            file: None,
            path: dir.to_owned(),
            bytes: 0,
            torn: false,
            first: head.first,
            last: head.last,
            signed: head.last,
            sign_due: Instant::now(),
            broken: false,
            _lock: lock,
        };
        match newest {
            Some((path, first)) => writer.resume(path, first)?,
            None if head.last.seq >= head.first => {
                let what = What::Cut { last: head.first.saturating_sub(1), signed: head.last.seq };
                return Err(fault(dir, 0, what));
            }
            None => {}
        }
        Ok(writer)
    }

    /// Verifies the newest file, whose name says that it starts with entry `first`, and goes on at its end.
    fn resume(&mut self, path: PathBuf, first: u64) -> Result<(), AuditError> {
        let signed = self.signed;
        let scan: Scan = if signed.seq.saturating_add(1) == first {
            scan(&path, signed, |_, _, _| Ok(true))?
        } else if signed.seq < first {
            // A file is signed before the next is begun.
            return Err(fault(&head::path(&self.dir), 0, What::HeadOutdated { newest: first }));
        } else {
            let cut = |last| fault(&path, 0, What::Cut { last, signed: signed.seq });
            let start = start_of(&path)?.ok_or_else(|| cut(first.saturating_sub(1)))?;
            if start.seq.saturating_add(1) != first {
                let found = start.seq.saturating_add(1);
                return Err(fault(&path, 1, What::OutOfOrder { expected: first, found }));
            }
            let scan = scan(&path, start, |line, position, _| {
                if position.seq == signed.seq && position != signed {
                    return Err(fault(&path, line, What::Rewritten { seq: signed.seq }));
                }
                Ok(true)
            })?;
            if scan.last.seq < signed.seq {
                return Err(cut(scan.last.seq));
            }
            scan
        };
        self.file = Some(open_for_writing(&path)?);
        (self.path, self.bytes, self.torn, self.last) = (path, scan.bytes, scan.torn, scan.last);
        Ok(())
    }

    /// Moves what a crash left of a line to a file of its own and puts that on record.
    fn repair(&mut self) -> Result<(), AuditError> {
        let Some(file) = self.file.as_mut().filter(|_| self.torn) else { return Ok(()) };
        let io = |error| AuditError::io(&self.path, error);
        let mut source = durable::open(&self.path).map_err(io)?;
        source.seek(SeekFrom::Start(self.bytes)).map_err(io)?;
        let next = self.last.seq.saturating_add(1);
        let side = free_name(&self.dir, &format!("audit-{next:020}.torn"));
        // A crash during an earlier repair may have left its copy.
        durable::remove(&self.dir.join(".torn.tmp")).map_err(io)?;
        let temp = durable::TempFile::create_in(&self.dir, ".torn.tmp").map_err(io)?;
        let moved = io::copy(&mut source, &mut temp.file()).map_err(io)?;
        temp.publish(&side).map_err(io)?;
        file.set_len(self.bytes).and_then(|()| file.sync_all()).map_err(io)?;
        self.torn = false;
        self.append(&[Record::of(Event::LogRepaired).with("moved_bytes", moved)])
            .into_iter()
            .try_for_each(|result| result.map(drop))
    }

    async fn serve(mut self, mut messages: mpsc::Receiver<Message>) {
        let mut waiting = Vec::with_capacity(BATCH);
        let mut closing = Vec::new();
        loop {
            let received = if self.last == self.signed {
                messages.recv_many(&mut waiting, BATCH).await
            } else {
                let left = self.sign_due.saturating_duration_since(Instant::now());
                timeout(left, messages.recv_many(&mut waiting, BATCH)).await.unwrap_or(usize::MAX)
            };
            if received == 0 {
                break;
            }
            let (mut records, mut replies) = (Vec::new(), Vec::new());
            for message in waiting.drain(..) {
                match message {
                    Message::Append(record, reply) => {
                        records.push(record);
                        replies.push(reply);
                    }
                    Message::Close(reply) => {
                        messages.close();
                        closing.push(reply);
                    }
                }
            }
            for (reply, result) in replies.into_iter().zip(self.append(&records)) {
                // A caller that has gone away has its entry all the same.
                drop(reply.send(result));
            }
            if self.last != self.signed && Instant::now() >= self.sign_due {
                // The next round tries again; entries are chained and durable meanwhile.
                drop(self.sign_head());
                self.sign_due = Instant::now() + self.options.sign_every;
            }
        }
        let result = self.sign_head().map(|()| self.last);
        drop(self);
        for reply in closing {
            drop(reply.send(result.clone()));
        }
    }

    /// Writes and syncs the records; one result for each.
    fn append(&mut self, records: &[Record]) -> Vec<Result<Position, AuditError>> {
        if records.is_empty() {
            return Vec::new();
        }
        if self.broken {
            return vec![Err(AuditError::Closed); records.len()];
        }
        let (mut lines, mut last) = (Vec::new(), self.last);
        let results: Vec<_> = records
            .iter()
            .map(|record| {
                let position = line::write(&mut lines, last, self.role, record)?;
                last = position;
                Ok(position)
            })
            .collect();
        match self.store(&lines) {
            Ok(()) => {
                if self.last == self.signed {
                    self.sign_due = Instant::now() + self.options.sign_every;
                }
                self.last = last;
                results
            }
            Err(error) => results.into_iter().map(|result| result.and(Err(error.clone()))).collect(),
        }
    }

    /// Adds whole lines to the file; on an error none of them is in it.
    fn store(&mut self, lines: &[u8]) -> Result<(), AuditError> {
        if self.file.is_none() || self.bytes >= self.options.max_file_bytes {
            self.begin_file()?;
        }
        let Some(file) = self.file.as_ref() else { return Err(AuditError::Closed) };
        if let Err(error) = file.write_all_at(lines, self.bytes) {
            // Without the part that was written the next attempt starts clean; if that fails, so does everything after.
            self.broken = file.set_len(self.bytes).is_err();
            return Err(AuditError::io(&self.path, error));
        }
        if let Err(error) = file.sync_data() {
            // What is on the disk is now unknown, and a second sync would not tell.
            self.broken = true;
            return Err(AuditError::io(&self.path, error));
        }
        self.bytes = self.bytes.saturating_add(u64::try_from(lines.len()).unwrap_or(u64::MAX));
        Ok(())
    }

    /// Signs what there is and begins the next file.
    fn begin_file(&mut self) -> Result<(), AuditError> {
        self.sign_head()?;
        let path = self.dir.join(format!("audit-{:020}.jsonl", self.last.seq.saturating_add(1)));
        durable::create_file(&path).map_err(|error| AuditError::io(&path, error))?;
        self.file = Some(open_for_writing(&path)?);
        (self.path, self.bytes) = (path, 0);
        Ok(())
    }

    fn sign_head(&mut self) -> Result<(), AuditError> {
        if self.last == self.signed {
            return Ok(());
        }
        let head = Head { role: self.role, first: self.first, last: self.last, time: SystemTime::now() };
        head.write(&self.dir, &*self.sign)?;
        self.signed = self.last;
        Ok(())
    }
}

fn lock(dir: &Path) -> Result<File, AuditError> {
    let path = dir.join("audit.lock");
    let io = |error| AuditError::io(&path, error);
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path).map_err(io)?;
    let deadline = Instant::now() + LOCK_WAIT;
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(5));
            }
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(AuditError::InUse { dir: dir.to_owned() }),
            Err(error) => return Err(io(error.into())),
        }
    }
}

fn open_for_writing(path: &Path) -> Result<File, AuditError> {
    OpenOptions::new().write(true).open(path).map_err(|error| AuditError::io(path, error))
}

/// The name, or the name with the first number that is free.
fn free_name(dir: &Path, name: &str) -> PathBuf {
    let first = dir.join(name);
    if !first.exists() {
        return first;
    }
    (1_u32..).map(|number| dir.join(format!("{name}-{number}"))).find(|path| !path.exists()).unwrap_or(first)
}
