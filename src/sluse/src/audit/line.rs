//! One line of the log: how it is written, hashed and read.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use super::event::{Detail, Event, Record, Role};
use super::fault::{AuditError, What};
use crate::id::{BadName, CodeWord, SubmissionId};

/// Longest line, newline included, in bytes: room for a code per attachment of the largest submission.
pub(super) const MAX_LINE: usize = 64 << 10;

/// What stands between the hashed bytes and the hash.
const HASH_KEY: &[u8] = b",\"hash\":\"";
const HASH_END: &[u8] = b"\"}";

/// A place in the log: an entry's number and hash. It commits to everything before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Position {
    /// The entry's number, from 1; 0 is the place before the first.
    pub seq: u64,
    /// The entry's SHA-256; zeros before the first.
    pub hash: [u8; 32],
}

impl Position {
    /// The place before the first entry.
    pub(super) const START: Self = Self { seq: 0, hash: [0; 32] };
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, hex::encode(self.hash))
    }
}

impl FromStr for Position {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let parse = || {
            let (seq, hash) = text.split_once(':')?;
            Some(Self { seq: seq.parse().ok()?, hash: parse_hash(hash)? })
        };
        parse().filter(|position| position.to_string() == text).ok_or(BadName::of("audit position"))
    }
}

/// An entry as it is read back.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its number, from 1.
    pub seq: u64,
    /// When it was recorded (RFC 3339, UTC, milliseconds).
    #[serde(deserialize_with = "time")]
    pub time: SystemTime,
    /// Whose log it is in.
    pub role: Role,
    /// What happened; a word, so that logs of newer versions can be read.
    pub event: CodeWord,
    /// The submission it is about.
    #[serde(default)]
    pub id: Option<SubmissionId>,
    /// Facts about it.
    #[serde(default)]
    pub detail: BTreeMap<String, Detail>,
    /// Hash of the entry before it, as hexadecimal.
    pub prev: String,
}

#[derive(Serialize)]
struct Written<'a> {
    seq: u64,
    time: String,
    role: Role,
    event: Event,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<SubmissionId>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    detail: &'a BTreeMap<&'static str, Detail>,
    prev: String,
}

/// Adds the line after `last` to `out` and gives its position.
pub(super) fn write(
    out: &mut Vec<u8>,
    last: Position,
    role: Role,
    record: &Record,
) -> Result<Position, AuditError> {
    let seq = last.seq.saturating_add(1);
    let mut line = serde_json::to_vec(&Written {
        seq,
        time: humantime::format_rfc3339_millis(SystemTime::now()).to_string(),
        role,
        event: record.event,
        id: record.id,
        detail: &record.detail,
        prev: hex::encode(last.hash),
    })
    // Maps with text keys, numbers and words always serialise.
    .map_err(|_| AuditError::Closed)?;
    // The closing brace comes after the hash.
    line.pop();
    let hash = sha256(&line);
    line.extend_from_slice(HASH_KEY);
    line.extend_from_slice(hex::encode(hash).as_bytes());
    line.extend_from_slice(HASH_END);
    line.push(b'\n');
    if line.len() > MAX_LINE {
        return Err(AuditError::TooLong { bytes: line.len(), limit: MAX_LINE });
    }
    out.extend_from_slice(&line);
    Ok(Position { seq, hash })
}

/// Reads a line (without its newline) that must stand right after `last`.
pub(super) fn read(line: &[u8], last: Position) -> Result<(Entry, Position), What> {
    let (hashed, hash) = split(line).ok_or(What::NotAnEntry)?;
    let hash = parse_hash(hash).ok_or(What::NotAnEntry)?;
    if sha256(hashed) != hash {
        return Err(What::Changed);
    }
    let entry = entry(hashed).ok_or(What::NotAnEntry)?;
    let expected = last.seq.saturating_add(1);
    if entry.seq != expected {
        return Err(What::OutOfOrder { expected, found: entry.seq });
    }
    if entry.prev != hex::encode(last.hash) {
        return Err(What::Unlinked);
    }
    Ok((entry, Position { seq: expected, hash }))
}

/// Reads a line (without its newline) by itself; its hash is not checked.
pub(super) fn parse(line: &[u8]) -> Option<Entry> {
    let (hashed, _) = split(line)?;
    entry(hashed)
}

impl Entry {
    /// The position that the entry says it follows.
    pub(super) fn follows(&self) -> Option<Position> {
        Some(Position { seq: self.seq.checked_sub(1)?, hash: parse_hash(&self.prev)? })
    }
}

fn entry(hashed: &[u8]) -> Option<Entry> {
    // The hash was put before the closing brace.
    serde_json::from_slice(&[hashed, b"}"].concat()).ok()
}

fn split(line: &[u8]) -> Option<(&[u8], &str)> {
    let line = line.strip_suffix(HASH_END)?;
    let (rest, hash) = line.split_at_checked(line.len().checked_sub(64)?)?;
    Some((rest.strip_suffix(HASH_KEY)?, std::str::from_utf8(hash).ok()?))
}

/// 64 lower-case hexadecimal characters.
pub(super) fn parse_hash(text: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    hex::decode_to_slice(text, &mut hash).ok()?;
    (hex::encode(hash) == text).then_some(hash)
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}

fn time<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<SystemTime, D::Error> {
    let text = String::deserialize(deserializer)?;
    humantime::parse_rfc3339(&text).map_err(serde::de::Error::custom)
}
