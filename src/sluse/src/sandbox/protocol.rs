//! The frames between parent and worker.
//!
//! ```text
//! byte 0      1          5              13
//!      ┌──────┬──────────┬──────────────┬───────────────┐
//!      │ kind │ file     │ length       │ payload …     │     numbers big-endian
//!      │ u8   │ u32      │ u64          │ length bytes  │
//!      └──────┴──────────┴──────────────┴───────────────┘
//!
//! parent                                      stem
//!   Setup { limits, rules, schemas } ──────▶  detaches itself, compiles rules and schemas
//!                            ◀──────────────  Ready | SetupFailed { text }
//!   Fork + descriptor ─────────────────────▶  forks a worker, whose socket the descriptor is
//!                            ◀──────────────  Forked { process number }
//!   end of stream ─────────────────────────▶  exits with 0
//!
//! parent                                      worker
//!                            ◀──────────────  Ready | SetupFailed { text }           (once it is confined)
//!   Fields { schema's number, json } ──────▶                                        (when there are any)
//!                            ◀──────────────  FieldsAccepted { json } | FieldsRejected { errors }
//!   File { task } + descriptor ────────────▶                                        (one file at a time)
//!                            ◀──────────────  Member { depth, bytes } …
//!                            ◀──────────────  Rebuilt { bytes }                     (only when rebuilt)
//!                            ◀──────────────  Finished { report }
//!   end of stream ─────────────────────────▶  exits with 0
//! ```
//!
//! Everything after a worker's Ready comes from a process that has read hostile bytes, so the parent believes nothing in it
//! that it can check: see `parent` for sizes and order and `evidence` for what a report may say.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use serde::{Deserialize, Serialize};
use sluse_sanitize::Settings;

use super::SandboxLimits;

/// Length of a frame's header, in bytes.
pub(super) const HEADER_BYTES: usize = 13;

/// The `file` of frames that are about no file.
pub(super) const NO_FILE: u32 = u32::MAX;

/// Longest Setup payload. The rules are the greater part of it; the largest public rule sets are below 20 MiB.
pub(super) const MAX_SETUP_BYTES: u64 = 64 << 20;

/// Longest form fields in bytes. Forms have kilobytes; megabytes are attachments.
pub const MAX_FIELDS_BYTES: u64 = 4 << 20;

/// Longest report of one file as JSON. 10,000 nodes (the default `max_nodes`) of about 700 bytes are 7 MiB.
pub(super) const MAX_REPORT_BYTES: u64 = 16 << 20;

/// Longest SetupFailed text.
pub(super) const MAX_TEXT_BYTES: usize = 4096;

/// Longest File payload: a name, a media type, the limits and options.
pub(super) const MAX_FILE_TASK_BYTES: u64 = 64 << 10;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $byte:literal,)*) => {
        /// What a frame is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub(super) enum Kind { $($(#[$doc])* $name = $byte,)* }

        impl Kind {
            fn from_byte(byte: u8) -> Option<Self> {
                match byte { $($byte => Some(Self::$name),)* _ => None }
            }
        }
    };
}

kinds! {
    /// To the stem: [`Setup`] as JSON.
    Setup = 1,
    /// To the worker: which of the schemas (u32), then the fields.
    Fields = 2,
    /// To the worker: [`FileTask`] as JSON, with one descriptor of sealed memory.
    File = 3,
    /// To the stem: make a worker, with the descriptor of its socket; no payload.
    Fork = 4,
    /// From stem and worker: set up and waiting; no payload.
    Ready = 129,
    /// From stem and worker: why it could not be set up, as text.
    SetupFailed = 130,
    /// From the worker: the fields, valid and in canonical form.
    FieldsAccepted = 131,
    /// From the worker: a JSON list of field errors.
    FieldsRejected = 132,
    /// From the worker: depth (u32), then the bytes of a nested file, to be shown to the scanners.
    Member = 133,
    /// From the worker: the rebuilt file.
    Rebuilt = 134,
    /// From the worker: the report as JSON; the last frame about a file.
    Finished = 135,
    /// From the stem: the new worker's process number (i32).
    Forked = 136,
}

/// A frame's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    pub(super) file: u32,
    pub(super) len: u64,
}

impl Header {
    pub(super) fn encode(self) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        let (kind, rest) = out.split_at_mut(1);
        let (file, len) = rest.split_at_mut(4);
        kind.copy_from_slice(&[self.kind as u8]);
        file.copy_from_slice(&self.file.to_be_bytes());
        len.copy_from_slice(&self.len.to_be_bytes());
        out
    }

    /// Sends it with a descriptor attached to its first byte.
    pub(super) fn send_with(self, socket: impl AsFd, descriptor: BorrowedFd<'_>) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let descriptors = [descriptor];
        if !ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)) {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        let bytes = self.encode();
        let sent =
            rustix::net::sendmsg(socket, &[IoSlice::new(&bytes)], &mut ancillary, SendFlags::NOSIGNAL)?;
        // The kernel takes so few bytes whole or not at all.
        if sent == bytes.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
    }

    /// `None`: no such kind.
    pub(super) fn decode(bytes: [u8; HEADER_BYTES]) -> Option<Self> {
        let [kind, a, b, c, d, len @ ..] = bytes;
        Some(Self {
            kind: Kind::from_byte(kind)?,
            file: u32::from_be_bytes([a, b, c, d]),
            len: u64::from_be_bytes(len),
        })
    }
}

/// The first frame a stem gets.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Setup {
    pub(super) limits: SandboxLimits,
    pub(super) rules: String,
    pub(super) schemas: Vec<String>,
}

/// One file to examine. Name and media type are the sender's words.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileTask {
    pub(super) name: String,
    pub(super) media_type: String,
    pub(super) size: u64,
    pub(super) settings: Settings,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_comes_back_as_it_was() {
        let header = Header { kind: Kind::Member, file: 7, len: 1 << 40 };
        assert_eq!(Header::decode(header.encode()), Some(header));
    }

    #[test]
    fn a_kind_that_does_not_exist_is_no_header() {
        for kind in
            (0..=255).filter(|kind| ![1, 2, 3, 4, 129, 130, 131, 132, 133, 134, 135, 136].contains(kind))
        {
            let mut bytes = [0; HEADER_BYTES];
            bytes[0] = kind;
            assert_eq!(Header::decode(bytes), None, "{kind}");
        }
    }
}
