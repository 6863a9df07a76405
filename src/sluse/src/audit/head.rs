//! The signed head: up to where the log was when it was last signed.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::event::Role;
use super::fault::{AuditError, Fault, What};
use super::line::{Position, parse_hash};
use crate::durable;

/// Largest head file, in bytes; the ones written are a third of it.
const MAX_HEAD: u64 = 1024;

/// What is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// Whose log it is.
    pub(super) role: Role,
    /// Number of the log's first entry; above 1 once old files were let go.
    pub(super) first: u64,
    /// The last entry when it was signed.
    pub(super) last: Position,
    /// When it was signed.
    pub(super) time: SystemTime,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    role: Role,
    first: u64,
    seq: u64,
    hash: String,
    time: String,
    signature: String,
}

impl Head {
    /// The bytes that are signed: a fixed first line, so that a signature means nothing elsewhere, then a value a line.
    fn signed_bytes(&self) -> Vec<u8> {
        let (role, first, seq) = (self.role.as_str(), self.first, self.last.seq);
        let (hash, time) = (hex::encode(self.last.hash), format_time(self.time));
        format!("sluse audit head 1\n{role}\n{first}\n{seq}\n{hash}\n{time}\n").into_bytes()
    }

    /// Signs the head and replaces the head file; durable when this returns.
    pub(super) fn write(&self, dir: &Path, sign: &dyn Fn(&[u8]) -> [u8; 64]) -> Result<(), AuditError> {
        let written = Written {
            role: self.role,
            first: self.first,
            seq: self.last.seq,
            hash: hex::encode(self.last.hash),
            time: format_time(self.time),
            signature: hex::encode(sign(&self.signed_bytes())),
        };
        let file = path(dir);
        let mut json =
            serde_json::to_vec(&written).map_err(|error| AuditError::io(&file, io::Error::other(error)))?;
        json.push(b'\n');
        durable::write(&file, &json).map_err(|error| AuditError::io(&file, error))
    }

    /// Reads the head and checks its signature; `None` when there is no head file.
    pub(super) fn read(
        dir: &Path,
        check: &dyn Fn(&[u8], &[u8; 64]) -> bool,
    ) -> Result<Option<Self>, AuditError> {
        let file = path(dir);
        let opened = match durable::open(&file) {
            Ok(opened) => opened,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(AuditError::io(&file, error)),
        };
        let mut json = Vec::new();
        #[expect(clippy::disallowed_methods, reason = "capped")]
        opened.take(MAX_HEAD).read_to_end(&mut json).map_err(|error| AuditError::io(&file, error))?;
        let fault = |what| AuditError::Distrusted(Fault { file: file.clone(), line: 0, what });
        let (head, signature) = parse(&json).ok_or_else(|| fault(What::HeadMalformed))?;
        if check(&head.signed_bytes(), &signature) { Ok(Some(head)) } else { Err(fault(What::HeadForged)) }
    }
}

/// The head file of the log in `dir`.
pub(super) fn path(dir: &Path) -> PathBuf {
    dir.join("audit.head")
}

fn parse(json: &[u8]) -> Option<(Head, [u8; 64])> {
    let written: Written = serde_json::from_slice(json).ok()?;
    let time =
        humantime::parse_rfc3339(&written.time).ok().filter(|time| format_time(*time) == written.time)?;
    let last = Position { seq: written.seq, hash: parse_hash(&written.hash)? };
    let mut signature = [0; 64];
    hex::decode_to_slice(&written.signature, &mut signature).ok()?;
    Some((Head { role: written.role, first: written.first, last, time }, signature))
}

fn format_time(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time).to_string()
}
