//! Writing the log's files. One thread at a time has the writer, and one process the log.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use rustix::fs::{FlockOperation, flock};

use super::event::{Event, Record, Role};
use super::fault::{AuditError, What};
use super::head::{self, Head};
use super::line::{self, Position};
use super::log::AuditOptions;
use super::verify::{Scan, fault, files, first_entry, scan, start_of};
use crate::durable;

/// How long to wait for the lock: a process that ends, or a verification that looks whether one is writing.
const LOCK_WAIT: Duration = Duration::from_millis(500);

/// Signs bytes with the role's key.
type Sign = Box<dyn Fn(&[u8]) -> [u8; 64] + Send>;

/// A log open for writing.
pub(super) struct Writer {
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
    /// A sync failed: nothing more can be promised.
    broken: bool,
    /// Released when the writer ends.
    _lock: File,
}

impl Writer {
    /// Verifies the log's newest part, moves aside what a crash left of a line, and goes on at the end.
    pub(super) fn open(
        dir: &Path,
        role: Role,
        options: AuditOptions,
        sign: Sign,
        check: &dyn Fn(&[u8], &[u8; 64]) -> bool,
    ) -> Result<Self, AuditError> {
        durable::create_dir(dir).map_err(|error| AuditError::io(dir, error))?;
        let lock = lock(dir)?;
        let newest = files(dir)?.pop();
        let head = match Head::read(dir, check)? {
            Some(head) if head.role == role => head,
            Some(head) => return Err(fault(&head::path(dir), 0, What::OtherRole(head.role.as_str()))),
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
        writer.repair()?;
        // A crash may have come between the head that says so and the removal.
        writer.remove_forgotten()?;
        Ok(writer)
    }

    /// Whether the signed head covers every entry.
    pub(super) fn all_signed(&self) -> bool {
        self.last == self.signed
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
        let file = open_for_writing(&path)?;
        // The last lines may have been written and never synced; the head must not get ahead of them.
        file.sync_data().map_err(|error| AuditError::io(&path, error))?;
        self.file = Some(file);
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

    /// Writes and syncs the records; one result for each.
    pub(super) fn append(&mut self, records: &[Record]) -> Vec<Result<Position, AuditError>> {
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

    /// See [`AuditLog::forget_before`](super::AuditLog::forget_before).
    pub(super) fn forget_before(&mut self, before: SystemTime) -> Result<usize, AuditError> {
        let mut first = self.first;
        // A file's entries are all older than the next one's first.
        for (file, number) in files(&self.dir)?.into_iter().skip(1) {
            match first_entry(&file)? {
                Some(entry) if entry.time < before => first = number,
                _ => break,
            }
        }
        if first == self.first {
            return Ok(0);
        }
        let record = Record::of(Event::Forgotten).with("first_kept_entry", first);
        self.append(&[record]).into_iter().try_for_each(|result| result.map(drop))?;
        self.first = first;
        self.write_head()?;
        self.remove_forgotten()
    }

    /// Removes the files before the first entry that the signed head names.
    fn remove_forgotten(&self) -> Result<usize, AuditError> {
        let mut removed = 0;
        for (file, number) in files(&self.dir)? {
            if number < self.first {
                durable::remove(&file).map_err(|error| AuditError::io(&file, error))?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Signs the head unless it covers every entry already.
    pub(super) fn sign_head(&mut self) -> Result<(), AuditError> {
        if self.all_signed() { Ok(()) } else { self.write_head() }
    }

    fn write_head(&mut self) -> Result<(), AuditError> {
        let head = Head { role: self.role, first: self.first, last: self.last, time: SystemTime::now() };
        head.write(&self.dir, &*self.sign)?;
        self.signed = self.last;
        Ok(())
    }

    /// Signs the head, lets the log go, and gives the last position.
    pub(super) fn close(mut self) -> Result<Position, AuditError> {
        self.sign_head().map(|()| self.last)
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
