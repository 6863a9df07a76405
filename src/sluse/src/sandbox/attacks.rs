//! Real, confined workers that turn on us: each must end with the right fault, soon, and with the parent alive.
//!
//! The test program is its own worker: [`ENTER`] runs before `main`, so `/proc/self/exe worker` never reaches the
//! test harness. Such a worker does what the product's does, unless a file says `attack NAME`.
//!
//! | module | what the worker turns to |
//! |---|---|
//! | `calls` | the system: calls, files, network, processes |
//! | `resources` | memory, stack, time, output, or its own end |
//! | `frames` | its parent: frames out of place, reports that are untrue |

#![allow(unsafe_code)]

mod calls;
mod frames;
mod resources;

use std::ffi::{CStr, c_char, c_int};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sluse_sanitize::report::sha256_hex;
use sluse_sanitize::{Format, Report, Verdict};

use super::child::{self, ChildError, Job, send};
use super::protocol::Kind;
use super::{
    Event, Fault, FieldsTask, Rules, Sandbox, SandboxConfig, SandboxLimits, SealedMemory, StartError, Task,
    TaskFile, Worker,
};

#[used]
#[unsafe(link_section = ".init_array")]
static ENTER: extern "C" fn(c_int, *const *const c_char) = enter;

/// The argument that makes this program a parent to be killed.
const DOOMED_PARENT: &str = "doomed-parent";

extern "C" fn enter(argc: c_int, argv: *const *const c_char) {
    if argc == 2 {
        // SAFETY: libc hands `argc` and `argv` of the process to the functions of `.init_array`.
        let first = unsafe { CStr::from_ptr(*argv.add(1)) };
        if first.to_bytes() == super::WORKER_ARGUMENT.as_bytes() {
            child::run(attack_or_examine);
        }
        if first.to_bytes() == DOOMED_PARENT.as_bytes() {
            doomed_parent();
        }
    }
}

/// Starts a worker that would go on for long, tells its process number, and waits to be killed.
fn doomed_parent() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut worker = sandbox_with(LIMITS, "").start(files(&["attack spin"])).await.unwrap();
        println!("{}", worker.pid().unwrap());
        let _ = worker.next().await;
    });
}

fn attack_or_examine(rules: &Rules, job: &Job, bytes: &[u8]) -> Result<(), ChildError> {
    match std::str::from_utf8(bytes).ok().and_then(|text| text.strip_prefix("attack ")) {
        Some(attack) => run_attack(attack, job, bytes),
        None => child::examine(rules, job, bytes),
    }
}

/// An honest report on `bytes`.
fn report(bytes: &[u8]) -> Report {
    Report {
        name: String::new(),
        declared: String::new(),
        found: "text".to_owned(),
        size: bytes.len() as u64,
        sha256: sha256_hex(bytes),
        rebuilt_as: None,
        rebuilt_size: None,
        rebuilt_sha256: None,
        steps: Vec::new(),
        removed: Vec::new(),
        verdict: Verdict::Refused,
        reason: "because".to_owned(),
        children: Vec::new(),
    }
}

/// A report on `bytes` that says they were rebuilt to `rebuilt`.
fn rebuilt_report(bytes: &[u8], rebuilt: &[u8]) -> Report {
    Report {
        rebuilt_as: Some(Format::Text),
        rebuilt_size: Some(rebuilt.len() as u64),
        rebuilt_sha256: Some(sha256_hex(rebuilt)),
        verdict: Verdict::Rebuilt,
        ..report(bytes)
    }
}

fn finish(job: &Job, report: &Report) -> Result<(), ChildError> {
    send(Kind::Finished, job.file, &[&serde_json::to_vec(report).unwrap()])
}

fn run_attack(attack: &str, job: &Job, bytes: &[u8]) -> Result<(), ChildError> {
    match attack {
        "rebuild" => {
            send(Kind::Rebuilt, job.file, &[b"clean"])?;
            finish(job, &rebuilt_report(bytes, b"clean"))
        }
        "refuse" => finish(job, &report(bytes)),
        "address" => {
            finish(job, &Report { reason: format!("{:p}", run_attack as *const ()), ..report(bytes) })
        }
        "member-and-rebuild" => {
            send(Kind::Member, job.file, &[&1u32.to_be_bytes(), b"member"])?;
            send(Kind::Rebuilt, job.file, &[b"clean"])?;
            let children = vec![rebuilt_report(b"member", b"x")];
            finish(job, &Report { children, ..rebuilt_report(bytes, b"clean") })
        }
        _ => {
            for run in [calls::run, resources::run, frames::run] {
                if run(attack, job, bytes)? {
                    return Ok(());
                }
            }
            panic!("no attack {attack}")
        }
    }
}

const LIMITS: SandboxLimits =
    SandboxLimits { memory_bytes: 1 << 30, cpu_seconds: 20, wall_seconds: 30, output_bytes: 64 << 20 };

fn sandbox_with(limits: SandboxLimits, rules: &str) -> Sandbox {
    let config = SandboxConfig::new(limits, rules.into());
    Sandbox::new(config).unwrap()
}

fn file(content: &str) -> TaskFile {
    TaskFile {
        content: Arc::new(SealedMemory::copy_of(content.as_bytes()).unwrap()),
        sha256: sha256_hex(content.as_bytes()),
        name: "name\u{202e}.txt".to_owned(),
        media_type: "text/plain".to_owned(),
    }
}

fn files(contents: &[&str]) -> Task {
    Task { files: contents.iter().map(|content| file(content)).collect(), ..Task::default() }
}

/// All events of a worker until it ends, one way or the other.
async fn drain(worker: &mut Worker) -> (Vec<Event>, Option<Fault>) {
    let mut events = Vec::new();
    loop {
        match worker.next().await {
            Ok(Some(event)) => events.push(event),
            Ok(None) => return (events, None),
            Err(fault) => return (events, Some(fault)),
        }
    }
}

async fn attack_within(limits: SandboxLimits, attack: &str) -> (Vec<Event>, Option<Fault>) {
    let mut worker = sandbox_with(limits, "").start(files(&[&format!("attack {attack}")])).await.unwrap();
    let start = Instant::now();
    let result = drain(&mut worker).await;
    assert!(start.elapsed() < Duration::from_secs(25), "{attack} took {:?}", start.elapsed());
    assert_eq!(worker.next().await.unwrap_err(), Fault::Gone);
    result
}

async fn attack(name: &str) -> Option<Fault> {
    attack_within(LIMITS, name).await.1
}

/// Whether this process has a child with this pid, as a zombie or alive.
fn exists(pid: u32) -> bool {
    std::path::Path::new(&format!("/proc/{pid}")).exists()
}

/// Whether the process is neither gone nor a zombie of someone else's.
fn running(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[tokio::test]
async fn an_honest_worker_is_believed() {
    let mut worker =
        sandbox_with(LIMITS, "").start(files(&["attack rebuild", "attack refuse"])).await.unwrap();
    assert_eq!(worker.current(), None);
    let Ok(Some(Event::Finished { file: 0, report, rebuilt: Some((bytes, Format::Text)) })) =
        worker.next().await
    else {
        panic!("no first file")
    };
    assert_eq!((report.verdict, bytes.as_slice()), (Verdict::Rebuilt, &b"clean"[..]));
    assert_eq!(report.name, "name\\u{202e}.txt");
    let Ok(Some(Event::Finished { file: 1, report, rebuilt: None })) = worker.next().await else {
        panic!("no second file")
    };
    assert_eq!(report.verdict, Verdict::Refused);
    assert_eq!(worker.current(), Some(1));
    assert!(matches!(worker.next().await, Ok(None)));
}

#[tokio::test]
async fn members_are_shown_before_the_file_is_finished() {
    let (events, fault) = attack_within(LIMITS, "member-and-rebuild").await;
    assert_eq!(fault, None);
    assert!(matches!(&events[..], [
        Event::Member { file: 0, depth: 1, bytes },
        Event::Finished { file: 0, rebuilt: Some(_), .. },
    ] if bytes == b"member"));
}

#[tokio::test]
async fn content_of_no_known_type_is_refused_and_a_yara_match_is_an_infection() {
    let sandbox = sandbox_with(LIMITS, r#"rule marked { strings: $a = "MARK" condition: $a }"#);
    let task = files(&["\u{1}\u{2}\u{3} nothing known", "\u{1}\u{2} MARK"]);
    let (events, fault) = drain(&mut sandbox.start(task).await.unwrap()).await;
    assert_eq!(fault, None);
    let [Event::Finished { report: first, .. }, Event::Finished { report: second, .. }] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(first.verdict, Verdict::Refused);
    assert_eq!((second.verdict, second.reason.as_str()), (Verdict::Infected, "YARA rule marked"));
}

fn with_schemas(schemas: Vec<String>) -> SandboxConfig {
    SandboxConfig { schemas, ..SandboxConfig::new(LIMITS, "".into()) }
}

#[tokio::test]
async fn fields_without_a_schema_are_not_checked_and_a_schema_that_is_none_sets_nothing_up() {
    let sandbox = Sandbox::new(with_schemas(vec!["true".to_owned()])).unwrap();
    let task = Task { fields: Some(FieldsTask { json: b"{}".to_vec(), schema: 1 }), ..Task::default() };
    let (events, fault) = drain(&mut sandbox.start(task).await.unwrap()).await;
    assert!(events.is_empty() && fault.is_some(), "{events:?} {fault:?}");

    let sandbox = Sandbox::new(with_schemas(vec![r#"{"type":"nothing"}"#.to_owned()])).unwrap();
    let error = sandbox.start(Task::default()).await.unwrap_err();
    assert!(matches!(&error, StartError::SetUp(text) if text.contains("schema")), "{error}");
}

#[tokio::test]
async fn fields_come_first_and_in_canonical_form() {
    let fields = |json: &[u8]| {
        let fields = FieldsTask { json: json.to_vec(), schema: 1 };
        Task { fields: Some(fields), ..files(&["attack refuse"]) }
    };
    let schema = r#"{"properties":{"a":{"type":"integer"},"b":{"pattern":"^[0-9]+$","format":"email"}}}"#;
    let schemas = vec!["false".to_owned(), schema.to_owned()];
    let sandbox = Sandbox::new(with_schemas(schemas)).unwrap();
    let (events, fault) = drain(&mut sandbox.start(fields(br#"{ "b": 1, "a": 2 }"#)).await.unwrap()).await;
    assert_eq!(fault, None);
    assert!(
        matches!(&events[..], [Event::Fields(Ok(json)), Event::Finished { .. }] if json == br#"{"a":2,"b":1}"#)
    );

    let (events, fault) = drain(&mut sandbox.start(fields(br#"{"a":"x"}"#)).await.unwrap()).await;
    assert_eq!(fault, None);
    assert!(
        matches!(&events[..], [Event::Fields(Err(errors)), Event::Finished { .. }] if errors[0].pointer == "/a")
    );
}

#[tokio::test]
async fn a_fault_names_the_file_and_the_next_worker_does_the_rest() {
    let sandbox = sandbox_with(LIMITS, "");
    let mut worker = sandbox.start(files(&["attack refuse", "attack panic", "attack refuse"])).await.unwrap();
    let (events, fault) = drain(&mut worker).await;
    assert_eq!((events.len(), fault, worker.current()), (1, Some(Fault::Panicked), Some(1)));
    let (events, fault) = drain(&mut sandbox.start(files(&["attack refuse"])).await.unwrap()).await;
    assert_eq!((events.len(), fault), (1, None));
}

#[test]
fn a_worker_dies_with_its_parent() {
    let mut parent = std::process::Command::new("/proc/self/exe")
        .arg(DOOMED_PARENT)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(parent.stdout.as_mut().unwrap()), &mut line)
        .unwrap();
    let worker: u32 = line.trim().parse().unwrap();
    assert!(exists(worker));
    parent.kill().unwrap();
    parent.wait().unwrap();
    let begin = Instant::now();
    while running(worker) {
        assert!(begin.elapsed() < Duration::from_secs(10), "the worker lives on");
        std::thread::yield_now();
    }
}

#[tokio::test]
async fn a_dropped_worker_leaves_no_process() {
    let sandbox = sandbox_with(LIMITS, "");
    let mut worker = sandbox.start(files(&["attack spin"])).await.unwrap();
    let pid = worker.pid().unwrap();
    let _ = tokio::time::timeout(Duration::from_millis(50), worker.next()).await;
    assert!(exists(pid));
    drop(worker);
    // The keeper does things in order: what comes after the end of the first worker comes after it.
    let (_, fault) = drain(&mut sandbox.start(files(&["attack refuse"])).await.unwrap()).await;
    assert_eq!(fault, None);
    assert!(!exists(pid));
}

#[tokio::test]
async fn a_call_that_was_given_up_ends_the_worker() {
    let mut worker = sandbox_with(LIMITS, "").start(files(&["attack spin"])).await.unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(50), worker.next()).await.is_err());
    assert_eq!(worker.next().await.unwrap_err(), Fault::Gone);
}

#[tokio::test]
async fn rules_that_do_not_compile_make_no_worker() {
    let error = sandbox_with(LIMITS, "rule broken {").start(Task::default()).await.unwrap_err();
    assert!(matches!(&error, StartError::SetUp(text) if text.contains("YARA")), "{error}");
}

#[test]
fn limits_too_small_for_a_worker_are_refused() {
    for (limits, wrong) in [
        (SandboxLimits { memory_bytes: 1 << 20, ..LIMITS }, "memory_bytes"),
        (SandboxLimits { cpu_seconds: 0, ..LIMITS }, "cpu_seconds"),
        (SandboxLimits { wall_seconds: 0, ..LIMITS }, "wall_seconds"),
        (SandboxLimits { output_bytes: 0, ..LIMITS }, "output_bytes"),
    ] {
        let error = Sandbox::new(SandboxConfig::new(limits, "".into())).unwrap_err();
        assert!(matches!(error, StartError::Limits { key, .. } if key == wrong), "{error}");
    }
}

#[tokio::test]
async fn a_program_that_is_no_worker_makes_none() {
    for exe in ["/bin/true", "/bin/cat", "/nowhere"] {
        let config = SandboxConfig { exe: exe.into(), ..SandboxConfig::new(LIMITS, "".into()) };
        assert!(Sandbox::new(config).unwrap().start(Task::default()).await.is_err(), "{exe}");
    }
}

#[tokio::test]
async fn a_stem_that_cannot_fork_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let exe = folder.path().join("stem");
    // Ready, and then, for whatever it is told, that setting up failed.
    let frames =
        r"printf '\201\377\377\377\377\0\0\0\0\0\0\0\0\202\377\377\377\377\0\0\0\0\0\0\0\007no room' >&0";
    std::fs::write(&exe, format!("#!/bin/sh\n{frames}\nexec cat >/dev/null\n")).unwrap();
    std::fs::set_permissions(&exe, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let sandbox = Sandbox::new(SandboxConfig { exe, ..SandboxConfig::new(LIMITS, "".into()) }).unwrap();
    let error = sandbox.start(Task::default()).await.unwrap_err();
    assert_eq!(error.to_string(), "starting a worker: no room");
}

#[tokio::test]
async fn a_stem_that_died_is_replaced() {
    let sandbox = sandbox_with(LIMITS, "");
    let mut first = sandbox.start(files(&["attack refuse"])).await.unwrap();
    sandbox.kill_stem();
    let (events, fault) = drain(&mut sandbox.start(files(&["attack refuse"])).await.unwrap()).await;
    assert_eq!((events.len(), fault), (1, None));
    // A worker does not need the stem that it came from.
    assert_eq!(drain(&mut first).await.1, None);
}

#[tokio::test]
async fn where_things_lie_in_memory_is_new_after_a_crash() {
    let sandbox = sandbox_with(LIMITS, "");
    let place = async || {
        let (events, fault) = drain(&mut sandbox.start(files(&["attack address"])).await.unwrap()).await;
        assert_eq!(fault, None);
        let [Event::Finished { report, .. }] = &events[..] else { panic!("{events:?}") };
        report.reason.clone()
    };
    let before = place().await;
    assert_eq!(place().await, before, "workers of one stem");
    let fault = drain(&mut sandbox.start(files(&["attack stack"])).await.unwrap()).await.1;
    assert!(matches!(fault, Some(Fault::Crashed { .. })), "{fault:?}");
    assert_ne!(place().await, before);
}
