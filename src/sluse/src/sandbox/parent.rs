//! The parent's side: starts workers, hands them their task, and takes their word for nothing.

use std::collections::{HashSet, VecDeque};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Pid;
use sluse_sanitize::report::{plain, sha256_hex};
use sluse_sanitize::{Format, Report};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::UnixStream;
use tokio::time::Instant;

use super::SandboxLimits;
use super::child::EXIT_PANICKED;
use super::evidence::{self, Known};
use super::keeper::Keeper;
use super::memory::SealedMemory;
use super::protocol::{
    FileTask, HEADER_BYTES, Header, Kind, MAX_FIELDS_BYTES, MAX_REPORT_BYTES, MAX_SETUP_BYTES,
    MAX_TEXT_BYTES, NO_FILE, Setup,
};
use super::stem::Started;
use crate::schema::FieldError;

/// Longest time from the start of a stem or worker to its Ready: the compilation of the rules is most of it.
pub(super) const START_TIMEOUT: Duration = Duration::from_secs(30);

/// A frame's payload is taken in pieces of this size, so that a lying length costs nothing.
const PIECE_BYTES: usize = 1 << 20;

/// How workers are made.
#[derive(Debug, Clone)]
pub struct SandboxConfig {
    /// The program whose `main` knows the worker argument.
    pub exe: PathBuf,
    /// What each worker may use.
    pub limits: SandboxLimits,
    /// The text of the YARA rules.
    pub rules: Arc<str>,
    /// JSON Schemas of form fields.
    pub schemas: Vec<String>,
}

impl SandboxConfig {
    /// Workers of this same program, for files alone.
    #[must_use]
    pub fn new(limits: SandboxLimits, rules: Arc<str>) -> Self {
        Self { exe: PathBuf::from("/proc/self/exe"), limits, rules, schemas: Vec::new() }
    }
}

/// One submission's work. Fields come first, then the files in their order.
#[derive(Debug, Default)]
pub struct Task {
    /// Form fields to validate.
    pub fields: Option<FieldsTask>,
    /// Files to examine.
    pub files: Vec<TaskFile>,
    /// Limits and options for each file.
    pub settings: sluse_sanitize::Settings,
}

/// Form fields and what they must fit.
#[derive(Debug)]
pub struct FieldsTask {
    /// The fields as they came.
    pub json: Vec<u8>,
    /// Which of [`SandboxConfig::schemas`].
    pub schema: usize,
}

/// One file to examine.
#[derive(Debug, Clone)]
pub struct TaskFile {
    /// The content.
    pub content: Arc<SealedMemory>,
    /// SHA-256 of the content, in lower-case hexadecimal, as the parent has computed it.
    pub sha256: String,
    /// The name as the sender gave it.
    pub name: String,
    /// The media type as the sender gave it.
    pub media_type: String,
}

/// What a worker found. Everything in it was checked as far as it can be; none of it is more than a worker's word.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "an event is taken apart where it arrives, never kept in numbers"
)]
pub enum Event {
    /// The form fields: canonical JSON, or what is wrong with them.
    Fields(Result<Vec<u8>, Vec<FieldError>>),
    /// A nested file, to be shown to the scanners before the file it is in may pass.
    Member {
        /// Index in [`Task::files`].
        file: usize,
        /// 1 for a member of the file, 2 for a member of a member, and so on.
        depth: u32,
        /// The content.
        bytes: Vec<u8>,
    },
    /// The end of one file.
    Finished {
        /// Index in [`Task::files`].
        file: usize,
        /// The evidence.
        report: Report,
        /// The rebuilt file: present exactly when the report's verdict is `rebuilt`.
        rebuilt: Option<(Vec<u8>, Format)>,
    },
}

/// A worker could not be started: our own machine's fault, and nothing was examined.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Limits under which no worker can work.
    #[error("{key} is below {least}")]
    Limits {
        /// The key in [`SandboxLimits`].
        key: &'static str,
        /// Its least value.
        least: u64,
    },
    /// No process could be made.
    #[error("starting a worker: {0}")]
    Spawn(#[source] io::Error),
    /// The process refused to work: no confinement on this kernel, or rules that do not compile.
    #[error("a worker could not be set up: {0}")]
    SetUp(String),
    /// The process ended, or said something else, before it was ready.
    #[error("a worker ended before it was ready ({0})")]
    Ended(String),
    /// The process was not ready in time.
    #[error("a worker was not ready after {} seconds", START_TIMEOUT.as_secs())]
    TimedOut,
}

/// How a worker failed. The content's fault, unless said otherwise: the file it was working on is unscannable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It crashed.
    #[error("the examination crashed (signal {signal})")]
    Crashed {
        /// The signal's number; 11 for a stack that overflowed.
        signal: i32,
    },
    /// It tried something that no examination does: an attack on us, or a defect of ours.
    #[error("the examination tried something forbidden and was ended")]
    Forbidden,
    /// It needed more memory than it may use.
    #[error("the examination needed more than {limit} bytes of memory")]
    OutOfMemory {
        /// [`SandboxLimits::memory_bytes`].
        limit: u64,
    },
    /// It needed more processor time than it may use.
    #[error("the examination needed more than {seconds} seconds of processor time")]
    OutOfCpuTime {
        /// [`SandboxLimits::cpu_seconds`].
        seconds: u64,
    },
    /// It was not done in time.
    #[error("the examination was not done in {seconds} seconds")]
    TimedOut {
        /// [`SandboxLimits::wall_seconds`].
        seconds: u64,
    },
    /// A check inside it failed.
    #[error("the examination met something it did not expect")]
    Panicked,
    /// It ended by itself before it was done.
    #[error("the examination ended early (exit code {code})")]
    Exited {
        /// The exit code.
        code: i32,
    },
    /// It closed its socket before it was done, or something outside ended it.
    #[error("the examination broke off")]
    HungUp,
    /// It said something that the protocol has no place for, or something untrue.
    #[error("the examination's result is not to be believed: {0}")]
    BadFrame(&'static str),
    /// It sent more than it may.
    #[error("the examination's results are over the limit of {limit} bytes (output_bytes)")]
    OutputOverLimit {
        /// [`SandboxLimits::output_bytes`].
        limit: u64,
    },
    /// The socket failed: our own machine's fault.
    #[error("talking to the worker: {0}")]
    Socket(io::ErrorKind),
    /// The worker was asked again after its end or after a call of [`Worker::next`] was given up: the caller's fault.
    #[error("the worker is gone")]
    Gone,
}

/// Makes workers.
#[derive(Debug)]
pub struct Sandbox {
    keeper: Keeper,
    limits: SandboxLimits,
}

impl Sandbox {
    /// Starts the keeper thread.
    ///
    /// # Errors
    /// [`StartError::Limits`], or [`StartError::Spawn`] when no thread can be made. Whether workers can be made shows at the first
    /// [`start`](Self::start).
    pub fn new(config: SandboxConfig) -> Result<Self, StartError> {
        let SandboxConfig { exe, limits, rules, schemas } = config;
        limits.check().map_err(|(key, least)| StartError::Limits { key, least })?;
        let setup = serde_json::to_vec(&Setup { limits, rules: rules.to_string(), schemas })
            .map_err(|cause| StartError::Spawn(cause.into()))?;
        if setup.len() as u64 > MAX_SETUP_BYTES {
            return Err(StartError::SetUp("YARA rules and schemas are over 64 MiB together".to_owned()));
        }
        Ok(Self { keeper: Keeper::new(exe, setup).map_err(StartError::Spawn)?, limits })
    }

    /// A worker with this task. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`StartError`] when there can be none.
    pub async fn start(&self, task: Task) -> Result<Worker, StartError> {
        let Started { pid, socket } = self.keeper.start().await?;
        let mut process = Process { pid: Some(pid), keeper: self.keeper.clone() };
        let mut socket = UnixStream::from_std(socket).map_err(StartError::Spawn)?;
        match tokio::time::timeout(START_TIMEOUT, ready(&mut socket)).await {
            Ok(Ok(None)) => Ok(Worker::new(process, socket, task, self.limits)),
            Ok(Ok(Some(text))) => Err(StartError::SetUp(text)),
            Ok(Err(error)) => Err(StartError::Ended(match process.end().await {
                Ok(status) => format!("{error}; {status}"),
                Err(_) => error.to_string(),
            })),
            Err(_) => Err(StartError::TimedOut),
        }
    }
}

#[cfg(test)]
impl Sandbox {
    /// Kills the stem, as the kernel would when memory runs out.
    pub(super) fn kill_stem(&self) {
        self.keeper.kill_stem();
    }
}

/// Waits until a worker is confined; the text is its reason for not being so.
async fn ready(socket: &mut UnixStream) -> io::Result<Option<String>> {
    match read_header(socket).await? {
        Some(Header { kind: Kind::Ready, len: 0, .. }) => Ok(None),
        Some(Header { kind: Kind::SetupFailed, len, .. }) if len <= MAX_TEXT_BYTES as u64 => {
            let text = read_payload(socket, len).await?;
            Ok(Some(plain(&String::from_utf8_lossy(&text))))
        }
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// A process that does not outlive this value.
#[derive(Debug)]
struct Process {
    pid: Option<Pid>,
    keeper: Keeper,
}

impl Process {
    async fn end(&mut self) -> io::Result<ExitStatus> {
        match self.pid.take() {
            Some(pid) => self.keeper.end(pid).await,
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(pid) = self.pid.take() {
            self.keeper.end_later(pid);
        }
    }
}

/// A worker with its task. Dropping it kills the process.
#[derive(Debug)]
pub struct Worker {
    process: Process,
    socket: UnixStream,
    limits: SandboxLimits,
    /// What is left of [`SandboxLimits::wall_seconds`] and [`SandboxLimits::output_bytes`].
    wall_left: Duration,
    output_left: u64,
    fields: Option<FieldsTask>,
    files: VecDeque<TaskFile>,
    file_settings: sluse_sanitize::Settings,
    /// Files handed to the worker so far.
    handed: usize,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// The worker waits for us.
    Idle,
    /// The worker has the fields.
    Fields,
    /// The worker has a file.
    File(Current),
    /// The process ended in order.
    Done,
    /// The process is being ended, or was: nothing more comes.
    Gone,
}

/// The file a worker is working on, and what it sent about it.
#[derive(Debug)]
struct Current {
    index: usize,
    file: TaskFile,
    members: HashSet<String>,
    shown: u32,
    rebuilt: Option<Vec<u8>>,
}

impl Worker {
    fn new(process: Process, socket: UnixStream, task: Task, limits: SandboxLimits) -> Self {
        Self {
            process,
            socket,
            limits,
            wall_left: Duration::from_secs(limits.wall_seconds),
            output_left: limits.output_bytes,
            fields: task.fields,
            files: task.files.into(),
            file_settings: task.settings,
            handed: 0,
            stage: Stage::Idle,
        }
    }

    /// The process, while there is one.
    #[cfg(test)]
    pub(super) fn pid(&self) -> Option<u32> {
        self.process.pid.map(|pid| pid.as_raw_pid().unsigned_abs())
    }

    /// Index of the file that the last event or fault was about; `None` before the first.
    ///
    /// After a fault this is the file to call unscannable; files after it were not looked at and need a fresh worker.
    /// A fault may come after the file's `Finished`: what was said there no longer counts.
    #[must_use]
    pub fn current(&self) -> Option<usize> {
        self.handed.checked_sub(1)
    }

    /// The next thing the worker has to say; `None` once, when all is done and the process ended in order.
    ///
    /// The clock of [`SandboxLimits::wall_seconds`] runs only in here, so a caller may take its time in between.
    /// A call that is given up before it returns ends the worker.
    ///
    /// # Errors
    /// A [`Fault`]; then the process is gone.
    pub async fn next(&mut self) -> Result<Option<Event>, Fault> {
        let start = Instant::now();
        // Were this call dropped halfway through a frame, the stream would be out of step: so it is gone until proven well.
        let stage = std::mem::replace(&mut self.stage, Stage::Gone);
        let step = tokio::time::timeout(self.wall_left, self.step(stage)).await;
        self.wall_left = self.wall_left.saturating_sub(start.elapsed());
        let broken = match step {
            Ok(Ok((event, stage))) => {
                self.stage = stage;
                return Ok(event);
            }
            Ok(Err(broken)) => broken,
            Err(_) => Broken::Fault(Fault::TimedOut { seconds: self.limits.wall_seconds }),
        };
        let status = self.process.end().await;
        Err(match broken {
            Broken::Fault(fault) => fault,
            Broken::EndOfStream => {
                status.map_or_else(|error| Fault::Socket(error.kind()), |status| self.died(status))
            }
        })
    }

    async fn step(&mut self, stage: Stage) -> Result<(Option<Event>, Stage), Broken> {
        let stage = match stage {
            Stage::Idle => self.hand_out().await?,
            stage => stage,
        };
        match stage {
            Stage::Fields => Ok((Some(self.fields_event().await?), Stage::Idle)),
            Stage::File(current) => self.file_event(current).await,
            Stage::Idle => self.finish().await,
            Stage::Done | Stage::Gone => Err(Fault::Gone.into()),
        }
    }

    /// Gives the worker its next piece of work; still idle when there is none left.
    async fn hand_out(&mut self) -> Result<Stage, Broken> {
        if let Some(FieldsTask { json, schema }) = self.fields.take() {
            if json.len() as u64 > MAX_FIELDS_BYTES {
                return Err(Fault::BadFrame("fields over 4 MiB").into());
            }
            let schema = u32::try_from(schema).unwrap_or(u32::MAX).to_be_bytes();
            send(&mut self.socket, Kind::Fields, NO_FILE, &[&schema, &json]).await?;
            return Ok(Stage::Fields);
        }
        let Some(file) = self.files.pop_front() else { return Ok(Stage::Idle) };
        let index = self.handed;
        self.handed += 1;
        let task = FileTask {
            name: file.name.clone(),
            media_type: file.media_type.clone(),
            size: file.content.len(),
            settings: self.file_settings.clone(),
        };
        let task = serde_json::to_vec(&task).map_err(|error| Fault::Socket(io::Error::from(error).kind()))?;
        let number = u32::try_from(index).map_err(|_| Fault::BadFrame("too many files"))?;
        let header = Header { kind: Kind::File, file: number, len: task.len() as u64 };
        let (socket, content) = (&self.socket, file.content.as_fd());
        socket.async_io(Interest::WRITABLE, || header.send_with(socket, content)).await?;
        self.socket.write_all(&task).await?;
        Ok(Stage::File(Current { index, file, members: HashSet::new(), shown: 0, rebuilt: None }))
    }

    async fn fields_event(&mut self) -> Result<Event, Broken> {
        let (header, payload) = self
            .read(NO_FILE, |kind| match kind {
                Kind::FieldsAccepted | Kind::FieldsRejected => Some(MAX_FIELDS_BYTES),
                _ => None,
            })
            .await?;
        if header.kind == Kind::FieldsAccepted {
            serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&payload)
                .map_err(|_| Fault::BadFrame("accepted fields that are no JSON object"))?;
            return Ok(Event::Fields(Ok(payload)));
        }
        let mut errors: Vec<FieldError> =
            serde_json::from_slice(&payload).map_err(|_| Fault::BadFrame("field errors of another shape"))?;
        if errors.is_empty() {
            return Err(Fault::BadFrame("rejected fields without an error").into());
        }
        for FieldError { pointer, message } in &mut errors {
            *pointer = plain(pointer);
            *message = plain(message);
        }
        Ok(Event::Fields(Err(errors)))
    }

    /// One event about the current file.
    async fn file_event(&mut self, mut current: Current) -> Result<(Option<Event>, Stage), Broken> {
        let number = u32::try_from(current.index).map_err(|_| Fault::BadFrame("too many files"))?;
        let max_bytes = self.file_settings.limits.max_bytes;
        loop {
            let (header, mut payload) = self
                .read(number, |kind| match kind {
                    Kind::Member => Some(max_bytes.saturating_add(4)),
                    Kind::Rebuilt => Some(max_bytes),
                    Kind::Finished => Some(MAX_REPORT_BYTES),
                    _ => None,
                })
                .await?;
            match header.kind {
                Kind::Member if current.rebuilt.is_none() => {
                    current.shown += 1;
                    if current.shown > self.file_settings.limits.max_nodes {
                        return Err(Fault::BadFrame("more members than max_nodes").into());
                    }
                    let depth = payload.first_chunk().map(|depth| u32::from_be_bytes(*depth));
                    let depth =
                        depth.filter(|depth| (1..=self.file_settings.limits.max_depth).contains(depth));
                    let depth = depth.ok_or(Fault::BadFrame("a member at no depth that there is"))?;
                    payload.drain(..4);
                    current.members.insert(sha256_hex(&payload));
                    let event = Event::Member { file: current.index, depth, bytes: payload };
                    return Ok((Some(event), Stage::File(current)));
                }
                Kind::Rebuilt if current.rebuilt.is_none() => current.rebuilt = Some(payload),
                Kind::Finished => {
                    let untrusted: Report = serde_json::from_slice(&payload)
                        .map_err(|_| Fault::BadFrame("a report of another shape"))?;
                    let known = Known {
                        file: &current.file,
                        limits: &self.file_settings.limits,
                        members: &current.members,
                        rebuilt: current.rebuilt.as_deref(),
                    };
                    let report = evidence::check(untrusted, &known).map_err(Fault::BadFrame)?;
                    let rebuilt = current.rebuilt.zip(report.rebuilt_as);
                    let event = Event::Finished { file: current.index, report, rebuilt };
                    return Ok((Some(event), Stage::Idle));
                }
                _ => return Err(Fault::BadFrame("a frame out of order").into()),
            }
        }
    }

    /// Nothing is left to do: the worker must end, and end well.
    async fn finish(&mut self) -> Result<(Option<Event>, Stage), Broken> {
        self.socket.shutdown().await?;
        if read_header(&mut self.socket).await?.is_some() {
            return Err(Fault::BadFrame("a frame after the end").into());
        }
        let status = self.process.end().await?;
        if status.success() { Ok((None, Stage::Done)) } else { Err(self.died(status).into()) }
    }

    /// Reads one frame about `file`; `cap` tells how long a frame of a kind may be, and which kinds may come now.
    async fn read(
        &mut self,
        file: u32,
        cap: impl Fn(Kind) -> Option<u64>,
    ) -> Result<(Header, Vec<u8>), Broken> {
        let header = read_header(&mut self.socket).await?.ok_or(Broken::EndOfStream)?;
        let cap = cap(header.kind).ok_or(Fault::BadFrame("a frame out of order"))?;
        if header.file != file {
            return Err(Fault::BadFrame("a frame about another file").into());
        }
        if header.len > cap {
            return Err(Fault::BadFrame("a frame over its size limit").into());
        }
        let limit = self.limits.output_bytes;
        self.output_left =
            self.output_left.checked_sub(header.len).ok_or(Fault::OutputOverLimit { limit })?;
        Ok((header, read_payload(&mut self.socket, header.len).await?))
    }

    /// What an exit status means for a worker that was not done.
    fn died(&self, status: ExitStatus) -> Fault {
        match (status.code(), status.signal()) {
            (Some(EXIT_PANICKED), _) => Fault::Panicked,
            (Some(code), _) => Fault::Exited { code },
            (_, Some(libc::SIGSYS)) => Fault::Forbidden,
            (_, Some(libc::SIGABRT)) => Fault::OutOfMemory { limit: self.limits.memory_bytes },
            (_, Some(libc::SIGXCPU)) => Fault::OutOfCpuTime { seconds: self.limits.cpu_seconds },
            (_, Some(libc::SIGKILL) | None) => Fault::HungUp,
            (_, Some(signal)) => Fault::Crashed { signal },
        }
    }
}

/// Why a step did not work out; what the end of the stream means shows in the exit status.
#[derive(Debug)]
enum Broken {
    Fault(Fault),
    EndOfStream,
}

impl From<Fault> for Broken {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof => {
                Self::EndOfStream
            }
            io::ErrorKind::InvalidData => Self::Fault(Fault::BadFrame("a frame of no known kind")),
            kind => Self::Fault(Fault::Socket(kind)),
        }
    }
}

async fn send(socket: &mut UnixStream, kind: Kind, file: u32, parts: &[&[u8]]) -> io::Result<()> {
    let len = parts.iter().map(|part| part.len() as u64).sum();
    socket.write_all(&Header { kind, file, len }.encode()).await?;
    for part in parts {
        socket.write_all(part).await?;
    }
    Ok(())
}

/// The next header; `None` at the end of the stream.
async fn read_header(socket: &mut UnixStream) -> io::Result<Option<Header>> {
    let mut bytes = [0; HEADER_BYTES];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match socket.read(rest).await? {
            0 if filled == 0 => return Ok(None),
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => filled += read,
        }
    }
    Header::decode(bytes).map(Some).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// A payload whose length was checked; memory is taken as the bytes come.
async fn read_payload(socket: &mut UnixStream, len: u64) -> io::Result<Vec<u8>> {
    let mut payload = Vec::new();
    let mut limited = socket.take(len);
    loop {
        payload.reserve(PIECE_BYTES.min(usize::try_from(limited.limit()).unwrap_or(PIECE_BYTES)));
        if limited.read_buf(&mut payload).await? == 0 {
            break;
        }
    }
    if payload.len() as u64 == len { Ok(payload) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}
