//! Reading a log back: checking all of it, and paging through it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::{FlockOperation, flock};

use super::event::Role;
use super::fault::{AuditError, Fault, What};
use super::head::{self, Head};
use super::line::{self, Entry, MAX_LINE, Position};
use crate::durable;

/// What a log that verifies holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Whose log it is.
    pub role: Role,
    /// Number of the first entry.
    pub first: u64,
    /// The last entry.
    pub last: Position,
    /// The last entry that the signed head covers; what follows is chained, but its loss would not show.
    pub signed: Position,
    /// When the head was signed.
    pub signed_at: SystemTime,
    /// Log files.
    pub files: usize,
}

/// Checks every line, the chain across all files and the signed head of the log in `dir`, and that the `known`
/// positions (from delivered manifests) are in it, unless they are of entries let go since. `check` says whether a signature by the log's key fits the bytes.
/// Blocks.
///
/// # Errors
/// [`AuditError::Distrusted`] with the first thing that is wrong, or a file cannot be read.
pub fn verify(
    dir: &Path,
    check: &dyn Fn(&[u8], &[u8; 64]) -> bool,
    known: &[Position],
) -> Result<Summary, AuditError> {
    // The head first: whatever is appended meanwhile comes after it.
    let head_file = head::path(dir);
    let head = Head::read(dir, check)?.ok_or_else(|| Fault {
        file: head_file.clone(),
        line: 0,
        what: What::HeadMissing,
    })?;
    let live = is_live(dir)?;
    let mut files = files(dir)?;
    // What stands before the signed beginning was let go; a crash may have kept the files from being removed.
    files.retain(|(_, first)| *first >= head.first);
    let mut anchors: Vec<Position> = known.to_vec();
    anchors.push(head.last);
    anchors.retain(|anchor| anchor.seq >= head.first);
    anchors.sort_unstable_by_key(|anchor| anchor.seq);
    let mut anchors = anchors.into_iter().peekable();

    let mut last = match files.first() {
        Some((file, _)) if head.first > 1 => start_of(file)?.unwrap_or(head.last),
        _ => Position::START,
    };
    for (index, (file, first)) in files.iter().enumerate() {
        let expected = if index == 0 { head.first } else { last.seq.saturating_add(1) };
        if *first != expected || last.seq.saturating_add(1) != expected {
            return Err(fault(file, 0, What::OutOfOrder { expected, found: *first }));
        }
        let scan = scan(file, last, |line, position, _| {
            while let Some(anchor) = anchors.next_if(|anchor| anchor.seq <= position.seq) {
                if anchor != position {
                    return Err(fault(file, line, What::Rewritten { seq: anchor.seq }));
                }
            }
            Ok(true)
        })?;
        let newest = index + 1 == files.len();
        if scan.torn && !(live && newest) {
            return Err(fault(file, scan.lines.saturating_add(1), What::Torn));
        }
        last = scan.last;
    }
    if last.seq < head.last.seq {
        let what = What::Cut { last: last.seq, signed: head.last.seq };
        return Err(fault(files.last().map_or(&head_file, |(file, _)| file), 0, what));
    }
    if let Some(missing) = anchors.next() {
        return Err(fault(&head_file, 0, What::PositionMissing(missing)));
    }
    Ok(Summary {
        role: head.role,
        first: head.first,
        last,
        signed: head.last,
        signed_at: head.time,
        files: files.len(),
    })
}

/// Up to `limit` entries from number `from` on, each checked against the one before it in its file. Blocks.
///
/// # Errors
/// A file cannot be read, or an entry on the way does not verify.
pub fn entries(dir: &Path, from: u64, limit: usize) -> Result<Vec<Entry>, AuditError> {
    let files = files(dir)?;
    let skip = files.iter().rposition(|(_, first)| *first <= from).unwrap_or(0);
    let mut found = Vec::new();
    for (file, _) in files.iter().skip(skip) {
        let Some(start) = start_of(file)? else { break };
        scan(file, start, |_, _, entry| {
            if entry.seq >= from && found.len() < limit {
                found.push(entry);
            }
            Ok(found.len() < limit)
        })?;
        if found.len() >= limit {
            break;
        }
    }
    Ok(found)
}

/// What [`scan`] saw.
pub(super) struct Scan {
    /// Position of the last whole line.
    pub(super) last: Position,
    /// Whole lines.
    pub(super) lines: u64,
    /// Bytes of the whole lines.
    pub(super) bytes: u64,
    /// Whether something without a line end follows them.
    pub(super) torn: bool,
}

/// Reads a file's lines, which must follow `last`; `visit` gets each with its line number and says whether to go on.
pub(super) fn scan(
    file: &Path,
    mut last: Position,
    mut visit: impl FnMut(u64, Position, Entry) -> Result<bool, AuditError>,
) -> Result<Scan, AuditError> {
    let mut reader = BufReader::with_capacity(MAX_LINE, open(file)?);
    let (mut lines, mut bytes) = (0_u64, 0_u64);
    while let Some(text) = next_line(&mut reader, file)? {
        let Some(content) = text.strip_suffix(b"\n") else {
            let too_long = text.len() >= MAX_LINE && !rest_is_unterminated(&mut reader, file)?;
            if too_long {
                return Err(fault(file, lines.saturating_add(1), What::NotAnEntry));
            }
            return Ok(Scan { last, lines, bytes, torn: true });
        };
        lines = lines.saturating_add(1);
        let (entry, position) = line::read(content, last).map_err(|what| fault(file, lines, what))?;
        last = position;
        bytes = bytes.saturating_add(u64::try_from(text.len()).unwrap_or(u64::MAX));
        if !visit(lines, position, entry)? {
            break;
        }
    }
    Ok(Scan { last, lines, bytes, torn: false })
}

/// The position that a file's first line says it follows; `None` for a file without a whole line.
pub(super) fn start_of(file: &Path) -> Result<Option<Position>, AuditError> {
    let Some(entry) = first_entry(file)? else { return Ok(None) };
    entry.follows().map(Some).ok_or_else(|| fault(file, 1, What::NotAnEntry))
}

/// A file's first entry, not yet checked; `None` for a file without a whole line.
pub(super) fn first_entry(file: &Path) -> Result<Option<Entry>, AuditError> {
    let mut reader = BufReader::with_capacity(MAX_LINE, open(file)?);
    let Some(text) = next_line(&mut reader, file)? else { return Ok(None) };
    let Some(content) = text.strip_suffix(b"\n") else { return Ok(None) };
    line::parse(content).map(Some).ok_or_else(|| fault(file, 1, What::NotAnEntry))
}

/// The log's files with the numbers in their names, in order.
pub(super) fn files(dir: &Path) -> Result<Vec<(PathBuf, u64)>, AuditError> {
    let io = |error| AuditError::io(dir, error);
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).map_err(io)? {
        let entry = entry.map_err(io)?;
        let name = entry.file_name();
        let number = name
            .to_str()
            .and_then(|name| name.strip_prefix("audit-")?.strip_suffix(".jsonl"))
            .filter(|digits| digits.len() == 20)
            .and_then(|digits| digits.parse().ok());
        files.extend(number.map(|number| (entry.path(), number)));
    }
    files.sort_unstable_by_key(|(_, first)| *first);
    Ok(files)
}

/// Whether a process is writing the log.
fn is_live(dir: &Path) -> Result<bool, AuditError> {
    let file = dir.join("audit.lock");
    match durable::open(&file) {
        Ok(lock) => Ok(flock(&lock, FlockOperation::NonBlockingLockShared).is_err()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(AuditError::io(&file, error)),
    }
}

fn open(file: &Path) -> Result<File, AuditError> {
    durable::open(file).map_err(|error| AuditError::io(file, error))
}

/// The next line with its newline, or what is there of it, at most [`MAX_LINE`] bytes; `None` at the end.
fn next_line(reader: &mut BufReader<File>, file: &Path) -> Result<Option<Vec<u8>>, AuditError> {
    let mut text = Vec::new();
    let limit = u64::try_from(MAX_LINE).unwrap_or(u64::MAX);
    reader.take(limit).read_until(b'\n', &mut text).map_err(|error| AuditError::io(file, error))?;
    Ok(if text.is_empty() { None } else { Some(text) })
}

/// Whether no line ends in what is left of the file.
fn rest_is_unterminated(reader: &mut BufReader<File>, file: &Path) -> Result<bool, AuditError> {
    while let Some(text) = next_line(reader, file)? {
        if text.ends_with(b"\n") {
            return Ok(false);
        }
    }
    Ok(true)
}

pub(super) fn fault(file: &Path, line: u64, what: What) -> AuditError {
    AuditError::Distrusted(Fault { file: file.to_owned(), line, what })
}
