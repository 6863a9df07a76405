//! What can be wrong with an audit log.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::line::Position;
use crate::durable;

/// Why an entry was not put on record, or a log not opened. Clones share their cause.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AuditError {
    /// No room; nothing was recorded.
    #[error("{}: no room left for the audit log", .file.display())]
    Full {
        /// The file.
        file: PathBuf,
    },
    /// A file could not be read or written.
    #[error("{}: {cause}", .file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What the operating system said.
        cause: Arc<io::Error>,
    },
    /// Another process is writing this log.
    #[error("{}: another process is writing this audit log", .dir.display())]
    InUse {
        /// The log's folder.
        dir: PathBuf,
    },
    /// The record has too many details; nothing was recorded.
    #[error("an audit record of {bytes} bytes is over the limit {limit}")]
    TooLong {
        /// The line's length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The log was closed, or a sync failed, after which nothing can be promised until it is opened again.
    #[error("the audit log is closed")]
    Closed,
    /// The log does not verify. It is left as it is.
    #[error("the audit log does not verify: {0}")]
    Distrusted(#[from] Fault),
}

impl AuditError {
    pub(super) fn io(file: &Path, cause: io::Error) -> Self {
        let file = file.to_owned();
        if durable::is_full(&cause) { Self::Full { file } } else { Self::Io { file, cause: Arc::new(cause) } }
    }
}

/// Where a log is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}, line {line}: {what}", .file.display())]
pub struct Fault {
    /// The file.
    pub file: PathBuf,
    /// The line in it, from 1; 0 for the file as a whole.
    pub line: u64,
    /// What is wrong.
    pub what: What,
}

/// What is wrong with a log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum What {
    /// The line is no entry.
    #[error("not an audit entry")]
    NotAnEntry,
    /// The line was changed.
    #[error("the entry was changed: its hash does not fit its content")]
    Changed,
    /// The line before it is not the one it was written after.
    #[error("the entry does not follow the one before it")]
    Unlinked,
    /// A number is missing, double or out of order.
    #[error("entry {found} stands where entry {expected} belongs")]
    OutOfOrder {
        /// The number that belongs here.
        expected: u64,
        /// The number found.
        found: u64,
    },
    /// The last line has no end.
    #[error("the last line is cut short")]
    Torn,
    /// The signed head is not there.
    #[error("the signed head is missing")]
    HeadMissing,
    /// The head is not in the form it is written in.
    #[error("the signed head cannot be read")]
    HeadMalformed,
    /// The head's signature is not by the given key.
    #[error("the head's signature is wrong")]
    HeadForged,
    /// The log is another role's.
    #[error("this is the log of the role {0}")]
    OtherRole(&'static str),
    /// The head is older than a file that is begun only after signing.
    #[error("the signed head is older than the file that begins with entry {newest}: it was put back")]
    HeadOutdated {
        /// First entry of the newest file.
        newest: u64,
    },
    /// The log ends before the entry that the signed head names.
    #[error("the log ends at entry {last}, but entry {signed} was signed: its end was cut off")]
    Cut {
        /// Last entry found; 0 for none.
        last: u64,
        /// Last entry that was signed.
        signed: u64,
    },
    /// The entry at a signed or delivered position is another one.
    #[error("entry {seq} is not the one that was recorded: the log was rewritten")]
    Rewritten {
        /// The entry's number.
        seq: u64,
    },
    /// A position from elsewhere is not in the log.
    #[error("entry {0} is not in the log")]
    PositionMissing(Position),
}
