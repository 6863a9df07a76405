//! The stem, which gives up most and then only forks; and the worker, forked from it, which gives up the rest and examines
//! one submission.
//!
//! A worker holds no key, no path and no address; it has one socket, and on it frames from the parent, who tells it nothing
//! but the bytes it is to work on. Failing is cheap: the parent takes any end but the orderly one for a fault.

#![allow(unsafe_code)]

use std::io;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendFlags};
use serde::de::DeserializeOwned;
use sluse_sanitize::job::Seen;
use sluse_sanitize::{Declared, Failure, Inspector, Step};

use super::SandboxLimits;
use super::confine::{self, ConfineError};
use super::memory::{MemoryError, SealedMemory};
use super::protocol::{
    FileTask, HEADER_BYTES, Header, Kind, MAX_FIELDS_BYTES, MAX_FILE_TASK_BYTES, MAX_REPORT_BYTES,
    MAX_SETUP_BYTES, MAX_TEXT_BYTES, NO_FILE, Setup,
};
use super::syscalls::Filter;
use super::yara::{Rules, RulesError};
use crate::schema::{Schema, SchemaError};

/// Exit code of a worker that a panic ended; the one that Rust programs have.
pub(super) const EXIT_PANICKED: i32 = 101;
/// Exit code of a worker that could not be set up, or whose parent does not keep to the protocol.
pub(super) const EXIT_UNFIT: i32 = 70;

/// What ends a worker early.
#[derive(Debug, thiserror::Error)]
pub(super) enum ChildError {
    #[error(transparent)]
    Confine(#[from] ConfineError),
    #[error(transparent)]
    Rules(#[from] RulesError),
    #[error(transparent)]
    Schema(#[from] SchemaError),
    #[error("reading a file: {0}")]
    Memory(#[from] MemoryError),
    #[error("the socket to the parent: {0}")]
    Socket(#[from] io::Error),
    #[error("the parent sent {0}")]
    Parent(&'static str),
}

impl From<Errno> for ChildError {
    fn from(errno: Errno) -> Self {
        Self::Socket(errno.into())
    }
}

/// The whole life of a stem, and of the workers that are forked from it. The first thing a process started with [`WORKER_ARGUMENT`](super::WORKER_ARGUMENT)
/// must call, while it has one thread.
pub fn main() -> ! {
    run(examine)
}

/// That life with another way to examine files: tests attack through it.
pub(super) fn run(examine: fn(&Rules, &Job, &[u8]) -> Result<(), ChildError>) -> ! {
    // The parent reports a panic; its message could carry content.
    std::panic::set_hook(Box::new(|_| {}));
    let code = match std::panic::catch_unwind(|| live(examine)) {
        Ok(Ok(())) => 0,
        Ok(Err(_)) => EXIT_UNFIT,
        Err(_) => EXIT_PANICKED,
    };
    // SAFETY: ends the process. Nothing is left to flush, and exit handlers might need forbidden system calls.
    unsafe { libc::_exit(code) }
}

/// Which process this is after the stem's work.
enum Role {
    /// The stem, whose parent wants no more workers.
    Stem,
    /// A worker, confined.
    Worker,
}

/// What all workers have in common. None drops it: the kernel would have to copy what that changes.
struct Common {
    limits: SandboxLimits,
    filter: Filter,
    rules: Rules,
    schemas: Vec<Schema>,
}

fn live(examine: fn(&Rules, &Job, &[u8]) -> Result<(), ChildError>) -> Result<(), ChildError> {
    let common = ManuallyDrop::new(or_tell(set_up())?);
    send(Kind::Ready, NO_FILE, &[])?;
    match fork_workers(&common)? {
        Role::Stem => Ok(()),
        Role::Worker => serve(&common, examine),
    }
}

/// Tells the parent of an error before it ends this process.
fn or_tell<T>(done: Result<T, ChildError>) -> Result<T, ChildError> {
    if let Err(error) = &done {
        let text = error.to_string();
        let cut = text.as_bytes().get(..MAX_TEXT_BYTES).unwrap_or(text.as_bytes());
        send(Kind::SetupFailed, NO_FILE, &[cut])?;
    }
    done
}

fn set_up() -> Result<Common, ChildError> {
    confine::detach()?;
    let Some((header, None)) = receive_header()? else {
        return Err(ChildError::Parent("no setup"));
    };
    let setup: Setup = match header.kind {
        Kind::Setup => json(&receive_payload(header, MAX_SETUP_BYTES)?)?,
        _ => return Err(ChildError::Parent("something else than the setup")),
    };
    // Regular expressions ask once how many processors there are, which later they could not.
    let _ = Schema::parse(br#"{"properties":{"a":{"pattern":"^a+$"}}}"#)?.check(br#"{"a":"aa"}"#);
    Ok(Common {
        limits: setup.limits,
        filter: Filter::compile().map_err(ConfineError::from)?,
        rules: Rules::compile(&setup.rules)?,
        schemas: setup
            .schemas
            .iter()
            .map(|schema| Schema::parse(schema.as_bytes()))
            .collect::<Result<_, _>>()?,
    })
}

/// The stem's life. Each worker leaves it with its own socket in place of the stem's.
fn fork_workers(common: &Common) -> Result<Role, ChildError> {
    while let Some((header, descriptor)) = receive_header()? {
        let (Header { kind: Kind::Fork, len: 0, .. }, Some(socket)) = (header, descriptor) else {
            return Err(ChildError::Parent("a frame that is not for a stem"));
        };
        match or_tell(confine::fork_sibling().map_err(ChildError::from))? {
            Some(pid) => send(Kind::Forked, NO_FILE, &[&pid.as_raw_pid().to_be_bytes()])?,
            None => {
                rustix::stdio::dup2_stdin(&socket)?;
                drop(socket);
                or_tell(confine::lock(&common.limits, &common.filter).map_err(ChildError::from))?;
                return Ok(Role::Worker);
            }
        }
    }
    Ok(Role::Stem)
}

/// A worker's life, once it is confined.
fn serve(
    common: &Common,
    examine: fn(&Rules, &Job, &[u8]) -> Result<(), ChildError>,
) -> Result<(), ChildError> {
    send(Kind::Ready, NO_FILE, &[])?;
    while let Some((header, descriptor)) = receive_header()? {
        match (header.kind, descriptor) {
            (Kind::Fields, None) => {
                check_fields(&common.schemas, &receive_payload(header, 4 + MAX_FIELDS_BYTES)?)?;
            }
            (Kind::File, Some(descriptor)) => {
                let task: FileTask = json(&receive_payload(header, MAX_FILE_TASK_BYTES)?)?;
                let bytes = SealedMemory::received(descriptor, task.size)?.to_vec()?;
                examine(&common.rules, &Job { file: header.file, task }, &bytes)?;
            }
            _ => return Err(ChildError::Parent("a frame that is not for a worker")),
        }
    }
    Ok(())
}

fn json<T: DeserializeOwned>(payload: &[u8]) -> Result<T, ChildError> {
    serde_json::from_slice(payload).map_err(|_| ChildError::Parent("JSON of another shape"))
}

/// One file that is being examined.
pub(super) struct Job {
    pub(super) file: u32,
    pub(super) task: FileTask,
}

fn check_fields(schemas: &[Schema], payload: &[u8]) -> Result<(), ChildError> {
    let (number, fields) =
        payload.split_first_chunk().ok_or(ChildError::Parent("fields without a schema"))?;
    let number = usize::try_from(u32::from_be_bytes(*number)).unwrap_or(usize::MAX);
    let schema = schemas.get(number).ok_or(ChildError::Parent("the number of no schema"))?;
    match schema.check(fields) {
        Ok(canonical) => send(Kind::FieldsAccepted, NO_FILE, &[&canonical]),
        Err(errors) => {
            let errors = serde_json::to_vec(&errors).map_err(io::Error::from)?;
            send(Kind::FieldsRejected, NO_FILE, &[&errors])
        }
    }
}

pub(super) fn examine(rules: &Rules, job: &Job, bytes: &[u8]) -> Result<(), ChildError> {
    let FileTask { name, media_type, settings, .. } = &job.task;
    let mut inspector = Eyes { rules, file: job.file };
    let declared = Declared { name, media_type };
    let (mut rebuilt, mut report) =
        sluse_sanitize::sanitize(bytes, &declared, settings, &mut inspector).into_parts();

    let mut payload = serde_json::to_vec(&report).map_err(io::Error::from)?;
    if payload.len() as u64 > MAX_REPORT_BYTES {
        let over = Failure::Limit {
            name: "report bytes",
            what: "the report on it".to_owned(),
            limit: MAX_REPORT_BYTES,
        };
        rebuilt = None;
        report.verdict = report.verdict.max(over.verdict());
        report.reason = over.to_string();
        report.rebuilt_as = None;
        report.rebuilt_size = None;
        report.rebuilt_sha256 = None;
        report.steps.clear();
        report.removed.clear();
        report.children.clear();
        payload = serde_json::to_vec(&report).map_err(io::Error::from)?;
    }
    if let Some((bytes, _)) = rebuilt {
        send(Kind::Rebuilt, job.file, &[&bytes])?;
    }
    send(Kind::Finished, job.file, &[&payload])
}

/// YARA for everything, and the parent's scanner for what it could not see by itself: nested files.
struct Eyes<'a> {
    rules: &'a Rules,
    file: u32,
}

impl Inspector for Eyes<'_> {
    fn inspect(&mut self, bytes: &[u8], seen: Seen) -> Result<Vec<Step>, Failure> {
        if seen.depth > 0 && send(Kind::Member, self.file, &[&seen.depth.to_be_bytes(), bytes]).is_err() {
            // SAFETY: ends the process: without its parent it has nothing to work for.
            unsafe { libc::_exit(EXIT_UNFIT) }
        }
        self.rules.inspect(bytes).map(|step| vec![step])
    }
}

/// Sends one frame whose payload is the parts, one after the other.
pub(super) fn send(kind: Kind, file: u32, parts: &[&[u8]]) -> Result<(), ChildError> {
    let len = parts.iter().map(|part| part.len() as u64).sum();
    send_all(&Header { kind, file, len }.encode())?;
    parts.iter().try_for_each(|part| send_all(part))
}

/// Sends bytes as they are.
pub(super) fn send_all(mut bytes: &[u8]) -> Result<(), ChildError> {
    while !bytes.is_empty() {
        match rustix::net::send(rustix::stdio::stdin(), bytes, SendFlags::NOSIGNAL) {
            Err(Errno::INTR) => {}
            sent => bytes = bytes.get(sent?..).unwrap_or_default(),
        }
    }
    Ok(())
}

/// The next header and the descriptor that came with it; `None` at the end of the stream.
fn receive_header() -> Result<Option<(Header, Option<OwnedFd>)>, ChildError> {
    let mut bytes = [0; HEADER_BYTES];
    let mut descriptor = None;
    match receive(&mut bytes, &mut descriptor)? {
        0 => Ok(None),
        HEADER_BYTES => {
            let header = Header::decode(bytes).ok_or(ChildError::Parent("an unknown frame"))?;
            Ok(Some((header, descriptor)))
        }
        _ => Err(ChildError::Parent("half a header")),
    }
}

/// A frame's payload, of at most `cap` bytes.
fn receive_payload(header: Header, cap: u64) -> Result<Vec<u8>, ChildError> {
    if header.len > cap {
        return Err(ChildError::Parent("a payload over its cap"));
    }
    let mut payload =
        vec![0; usize::try_from(header.len).map_err(|_| ChildError::Parent("a giant payload"))?];
    let received = receive(&mut payload, &mut None)?;
    if received == payload.len() { Ok(payload) } else { Err(ChildError::Parent("half a payload")) }
}

/// Fills `buffer` unless the stream ends; a descriptor that comes with the bytes is kept in `descriptor`.
fn receive(buffer: &mut [u8], descriptor: &mut Option<OwnedFd>) -> Result<usize, ChildError> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [io::IoSliceMut::new(rest)];
        let received = match rustix::net::recvmsg(
            rustix::stdio::stdin(),
            &mut parts,
            &mut ancillary,
            RecvFlags::CMSG_CLOEXEC,
        ) {
            Err(Errno::INTR) => continue,
            received => received?.bytes,
        };
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                *descriptor = descriptors.last();
            }
        }
        match received {
            0 => break,
            n => filled += n,
        }
    }
    Ok(filled)
}
