//! Real, confined workers that turn on us: each must end with the right fault, soon, and with the parent alive.
//!
//! The test program is its own worker: [`ENTER`] runs before `main`, so `/proc/self/exe worker` never reaches the
//! test harness. Such a worker does what the product's does, unless a file says `attack NAME`.

#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_int};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sluse_sanitize::report::sha256_hex;
use sluse_sanitize::{Format, Report, Verdict};

use super::child::{self, ChildError, Job, send, send_all};
use super::protocol::{Header, Kind};
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

fn syscall(number: libc::c_long, arguments: [i64; 6]) -> i64 {
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: a test of what the kernel lets through; bad addresses are the kernel's to refuse.
    unsafe { libc::syscall(number, a, b, c, d, e, f) }
}

#[expect(clippy::infinite_loop, reason = "an attack")]
fn run_attack(attack: &str, job: &Job, bytes: &[u8]) -> Result<(), ChildError> {
    let mut words = attack.split(' ');
    match words.next().unwrap() {
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
        "syscall" => {
            let number = words.next().unwrap().parse().unwrap();
            let mut arguments = [0; 6];
            for (argument, word) in arguments.iter_mut().zip(words) {
                *argument = word.parse().unwrap();
            }
            syscall(number, arguments);
            finish(job, &report(bytes))
        }
        "look-around" => {
            assert_eq!(std::env::vars_os().count(), 0);
            for descriptor in 3..1024 {
                assert_eq!(syscall(libc::SYS_fcntl, [descriptor, libc::F_GETFD.into(), 0, 0, 0, 0]), -1);
            }
            finish(job, &report(bytes))
        }
        "passwd" => {
            let _ = std::fs::read("/etc/passwd");
            finish(job, &report(bytes))
        }
        "write-file" => {
            let _ = std::fs::write("/tmp/sluse-attack", b"x");
            finish(job, &report(bytes))
        }
        "connect" => {
            let _ = std::net::TcpStream::connect("127.0.0.1:3310");
            finish(job, &report(bytes))
        }
        "exec" => {
            let _ = std::process::Command::new("/bin/true").status();
            finish(job, &report(bytes))
        }
        "thread" => {
            let _ = std::thread::Builder::new().spawn(|| {});
            finish(job, &report(bytes))
        }
        "memory" => {
            let mut hoard = Vec::new();
            loop {
                hoard.push(vec![1u8; 1 << 20]);
                std::hint::black_box(&hoard);
            }
        }
        "stack" => {
            fn deeper(n: u64) -> u64 {
                let page = std::hint::black_box([n; 512]);
                if n == u64::MAX { n } else { deeper(n + 1) + page[0] }
            }
            std::hint::black_box(deeper(0));
            Ok(())
        }
        "deep-stack" => {
            fn deeper(n: u64) -> u64 {
                let page = std::hint::black_box([n; 512]);
                if n == 0 { n } else { deeper(n - 1) + page[0] }
            }
            // At least 12 MiB: more than the usual 8, and less than ours even when frames are doubled in debug builds.
            std::hint::black_box(deeper(3 * 1024));
            finish(job, &report(bytes))
        }
        "spin" => loop {
            std::hint::spin_loop();
        },
        "hang" => {
            // Waits for a frame that never comes.
            let mut byte = [0u8; 1];
            loop {
                let _ = rustix::net::recvmsg(
                    rustix::stdio::stdin(),
                    &mut [std::io::IoSliceMut::new(&mut byte)],
                    &mut rustix::net::RecvAncillaryBuffer::new(&mut []),
                    rustix::net::RecvFlags::empty(),
                );
            }
        }
        "panic" => panic!("with content in the message"),
        "exit" => {
            // SAFETY: ends the process.
            unsafe { libc::_exit(words.next().unwrap().parse().unwrap()) }
        }
        "hang-up" => {
            // SAFETY: nothing uses the descriptor after this.
            unsafe { libc::close(0) };
            loop {
                std::hint::spin_loop();
            }
        }
        "garbage" => send_all(&[0xff; 4096]),
        "half-header" => {
            send_all(&[Kind::Finished as u8, 0, 0])?;
            // SAFETY: ends the process.
            unsafe { libc::_exit(0) }
        }
        "giant-length" => {
            send_all(&Header { kind: Kind::Rebuilt, file: job.file, len: u64::MAX }.encode())?;
            loop {
                std::hint::spin_loop();
            }
        }
        "lying-length" => {
            send_all(&Header { kind: Kind::Rebuilt, file: job.file, len: 1 << 20 }.encode())?;
            send_all(b"short")?;
            // SAFETY: ends the process.
            unsafe { libc::_exit(0) }
        }
        "parents-frame" => send(Kind::File, job.file, &[]),
        "ready-again" => send(Kind::Ready, job.file, &[]),
        "fields-unasked" => send(Kind::FieldsAccepted, job.file, &[b"{}"]),
        "another-file" => {
            let payload = serde_json::to_vec(&report(bytes)).unwrap();
            send(Kind::Finished, job.file + 1, &[&payload])
        }
        "finished-twice" => {
            finish(job, &report(bytes))?;
            finish(job, &report(bytes))
        }
        "rebuilt-twice" => {
            send(Kind::Rebuilt, job.file, &[b"one"])?;
            send(Kind::Rebuilt, job.file, &[b"two"])?;
            finish(job, &rebuilt_report(bytes, b"two"))
        }
        "member-after-rebuilt" => {
            send(Kind::Rebuilt, job.file, &[b"clean"])?;
            send(Kind::Member, job.file, &[&1u32.to_be_bytes(), b"member"])
        }
        "member-at-depth" => {
            let depth: u32 = words.next().unwrap().parse().unwrap();
            send(Kind::Member, job.file, &[&depth.to_be_bytes(), b"member"])
        }
        "member-without-depth" => send(Kind::Member, job.file, &[b"abc"]),
        "member-flood" => loop {
            send(Kind::Member, job.file, &[&1u32.to_be_bytes()])?;
        },
        "output-flood" => loop {
            send(Kind::Member, job.file, &[&1u32.to_be_bytes(), &[7; 1 << 20]])?;
        },
        "other-digest" => finish(job, &report(b"another file")),
        "other-rebuilt" => {
            send(Kind::Rebuilt, job.file, &[b"evil"])?;
            finish(job, &rebuilt_report(bytes, b"nice"))
        }
        "rebuilt-without-bytes" => finish(job, &rebuilt_report(bytes, b"clean")),
        "verdict-without-bytes" => finish(job, &Report { verdict: Verdict::Rebuilt, ..report(bytes) }),
        "digest-without-verdict" => {
            finish(job, &Report { verdict: Verdict::Refused, ..rebuilt_report(bytes, b"clean") })
        }
        "bytes-without-verdict" => {
            send(Kind::Rebuilt, job.file, &[b"clean"])?;
            finish(job, &Report { verdict: Verdict::Infected, ..rebuilt_report(bytes, b"clean") })
        }
        "bytes-without-format" => {
            send(Kind::Rebuilt, job.file, &[b"clean"])?;
            finish(job, &Report { rebuilt_as: None, ..rebuilt_report(bytes, b"clean") })
        }
        "rebuilt-executable" => {
            send(Kind::Rebuilt, job.file, &[b"MZ"])?;
            finish(job, &Report { rebuilt_as: Some(Format::Executable), ..rebuilt_report(bytes, b"MZ") })
        }
        "passed" => finish(job, &Report { verdict: Verdict::Passed, ..report(bytes) }),
        "hidden-infection" => {
            send(Kind::Rebuilt, job.file, &[b"clean"])?;
            let children = vec![Report { verdict: Verdict::Infected, ..report(b"member") }];
            finish(job, &Report { children, ..rebuilt_report(bytes, b"clean") })
        }
        "member-not-shown" => {
            send(Kind::Rebuilt, job.file, &[b"clean"])?;
            let children = vec![rebuilt_report(b"member", b"x")];
            finish(job, &Report { children, ..rebuilt_report(bytes, b"clean") })
        }
        "invented-format" => finish(job, &Report { found: "virus".to_owned(), ..report(bytes) }),
        "invented-digest" => {
            let children = vec![Report { sha256: "<script>".to_owned(), ..report(b"member") }];
            finish(job, &Report { children, ..report(bytes) })
        }
        "nested-report" => {
            let mut inner = report(b"member");
            for _ in 0..6 {
                inner = Report { children: vec![inner], ..report(b"member") };
            }
            finish(job, &Report { children: vec![inner], ..report(bytes) })
        }
        "very-nested-report" => {
            let nested = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
            send(Kind::Finished, job.file, &[nested.as_bytes()])
        }
        "wide-report" => {
            let children = vec![report(b"member"); 20_000];
            finish(job, &Report { children, ..report(bytes) })
        }
        "giant-report" => send_all(&Header { kind: Kind::Finished, file: job.file, len: 17 << 20 }.encode()),
        "unknown-key" => {
            let mut payload = serde_json::to_value(report(bytes)).unwrap();
            payload["trusted"] = true.into();
            send(Kind::Finished, job.file, &[payload.to_string().as_bytes()])
        }
        "ugly-texts" => {
            let step = sluse_sanitize::Step {
                name: "a\u{202e}b".to_owned(),
                detail: Some("\u{1b}[31m".to_owned()),
                result: "x".repeat(10_000),
                microseconds: u64::MAX,
            };
            finish(
                job,
                &Report {
                    name: "liar".to_owned(),
                    reason: "\0".to_owned(),
                    steps: vec![step],
                    ..report(bytes)
                },
            )
        }
        other => panic!("no attack {other}"),
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

#[tokio::test]
async fn fields_come_first_and_in_canonical_form() {
    let fields = |json: &[u8]| {
        let schema =
            br#"{"properties":{"a":{"type":"integer"},"b":{"pattern":"^[0-9]+$","format":"email"}}}"#
                .to_vec();
        Task { fields: Some(FieldsTask { json: json.to_vec(), schema }), ..files(&["attack refuse"]) }
    };
    let sandbox = sandbox_with(LIMITS, "");
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
async fn reaching_for_files_network_or_processes_is_forbidden() {
    for name in ["passwd", "write-file", "connect", "exec", "thread"] {
        assert_eq!(attack(name).await, Some(Fault::Forbidden), "{name}");
    }
}

#[tokio::test]
async fn every_system_call_but_the_allowed_ones_is_forbidden() {
    let parent = i64::from(std::process::id());
    let exec = i64::from(libc::PROT_READ | libc::PROT_EXEC);
    let anonymous = i64::from(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    let shared = i64::from(libc::MAP_SHARED | libc::MAP_ANONYMOUS);
    let calls: &[(&str, libc::c_long, &[i64])] = &[
        ("openat", libc::SYS_openat, &[-100]),
        ("socket", libc::SYS_socket, &[1, 1]),
        ("socketpair", libc::SYS_socketpair, &[1, 1]),
        ("connect", libc::SYS_connect, &[0]),
        ("sendmsg", libc::SYS_sendmsg, &[0]),
        ("execve", libc::SYS_execve, &[]),
        ("execveat", libc::SYS_execveat, &[]),
        ("clone", libc::SYS_clone, &[]),
        ("clone3", libc::SYS_clone3, &[]),
        ("ptrace the parent", libc::SYS_ptrace, &[i64::from(libc::PTRACE_ATTACH), parent]),
        ("process_vm_readv", libc::SYS_process_vm_readv, &[parent]),
        ("process_vm_writev", libc::SYS_process_vm_writev, &[parent]),
        ("kill the parent", libc::SYS_kill, &[parent, 9]),
        ("tgkill the parent", libc::SYS_tgkill, &[parent, parent, 6]),
        ("tkill", libc::SYS_tkill, &[parent, 9]),
        ("pidfd_open", libc::SYS_pidfd_open, &[parent]),
        ("pidfd_getfd", libc::SYS_pidfd_getfd, &[0, 0]),
        ("prctl", libc::SYS_prctl, &[4, 1]),
        ("seccomp", libc::SYS_seccomp, &[]),
        ("prlimit64", libc::SYS_prlimit64, &[0, 9]),
        ("setns", libc::SYS_setns, &[]),
        ("unshare", libc::SYS_unshare, &[0x1000_0000]),
        ("mount", libc::SYS_mount, &[]),
        ("chroot", libc::SYS_chroot, &[]),
        ("bpf", libc::SYS_bpf, &[]),
        ("perf_event_open", libc::SYS_perf_event_open, &[]),
        ("userfaultfd", libc::SYS_userfaultfd, &[]),
        ("io_uring_setup", libc::SYS_io_uring_setup, &[]),
        ("memfd_create", libc::SYS_memfd_create, &[]),
        ("keyctl", libc::SYS_keyctl, &[]),
        ("add_key", libc::SYS_add_key, &[]),
        ("ioctl", libc::SYS_ioctl, &[0, 0x5413]),
        ("dup", libc::SYS_dup, &[0]),
        ("read", libc::SYS_read, &[0]),
        ("setuid", libc::SYS_setuid, &[]),
        ("capset", libc::SYS_capset, &[]),
        ("personality", libc::SYS_personality, &[]),
        ("shmget", libc::SYS_shmget, &[]),
        ("sched_setaffinity", libc::SYS_sched_setaffinity, &[parent]),
        ("landlock_restrict_self", libc::SYS_landlock_restrict_self, &[]),
        ("no such call", 100_000, &[]),
        ("mmap of code", libc::SYS_mmap, &[0, 4096, exec, anonymous, -1]),
        ("mmap of shared memory", libc::SYS_mmap, &[0, 4096, 3, shared, -1]),
        ("mmap of a file", libc::SYS_mmap, &[0, 4096, 1, i64::from(libc::MAP_PRIVATE), 3]),
        ("mprotect to code", libc::SYS_mprotect, &[0, 4096, exec]),
        ("futex wait", libc::SYS_futex, &[0, 128]),
        ("fcntl that duplicates", libc::SYS_fcntl, &[0, i64::from(libc::F_DUPFD)]),
        ("sendto with an address", libc::SYS_sendto, &[0, 0, 0, 0, 4096, 16]),
        ("sendto elsewhere", libc::SYS_sendto, &[3]),
        ("recvmsg from elsewhere", libc::SYS_recvmsg, &[3]),
        ("write elsewhere", libc::SYS_write, &[1]),
    ];
    let sandbox = sandbox_with(LIMITS, "");
    for (name, number, arguments) in calls {
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let content = format!("attack syscall {number} {}", arguments.join(" "));
        let mut worker = sandbox.start(files(&[content.trim_end()])).await.unwrap();
        assert_eq!(drain(&mut worker).await.1, Some(Fault::Forbidden), "{name}");
    }
}

#[tokio::test]
async fn an_allowed_system_call_does_no_harm_to_its_worker() {
    for number in [libc::SYS_getpid, libc::SYS_clock_gettime, libc::SYS_brk] {
        assert_eq!(attack(&format!("syscall {number}")).await, None, "{number}");
    }
}

#[tokio::test]
async fn memory_without_end_is_refused() {
    let limits = SandboxLimits { memory_bytes: 512 << 20, ..LIMITS };
    assert_eq!(attack_within(limits, "memory").await.1, Some(Fault::OutOfMemory { limit: 512 << 20 }));
}

#[tokio::test]
async fn a_stack_overflow_is_a_crash_and_a_deep_stack_is_none() {
    assert_eq!(attack("stack").await, Some(Fault::Crashed { signal: libc::SIGSEGV }));
    assert_eq!(attack("deep-stack").await, None);
}

#[tokio::test]
async fn a_loop_without_end_runs_out_of_cpu_time() {
    let limits = SandboxLimits { cpu_seconds: 1, ..LIMITS };
    assert_eq!(attack_within(limits, "spin").await.1, Some(Fault::OutOfCpuTime { seconds: 1 }));
}

#[tokio::test]
async fn waiting_without_end_runs_out_of_time() {
    for name in ["hang", "spin"] {
        let limits = SandboxLimits { wall_seconds: 1, ..LIMITS };
        assert_eq!(attack_within(limits, name).await.1, Some(Fault::TimedOut { seconds: 1 }), "{name}");
    }
}

#[tokio::test]
async fn ending_early_is_a_fault_whatever_the_exit_code() {
    assert_eq!(attack("exit 0").await, Some(Fault::Exited { code: 0 }));
    assert_eq!(attack("exit 3").await, Some(Fault::Exited { code: 3 }));
    assert_eq!(attack("panic").await, Some(Fault::Panicked));
    assert_eq!(attack("hang-up").await, Some(Fault::HungUp));
    assert_eq!(attack("half-header").await, Some(Fault::Exited { code: 0 }));
    assert_eq!(attack("lying-length").await, Some(Fault::Exited { code: 0 }));
}

#[tokio::test]
async fn frames_that_have_no_place_are_not_believed() {
    for (name, reason) in [
        ("garbage", "a frame of no known kind"),
        ("parents-frame", "a frame out of order"),
        ("ready-again", "a frame out of order"),
        ("fields-unasked", "a frame out of order"),
        ("another-file", "a frame about another file"),
        ("rebuilt-twice", "a frame out of order"),
        ("member-after-rebuilt", "a frame out of order"),
        ("giant-length", "a frame over its size limit"),
        ("giant-report", "a frame over its size limit"),
        ("member-at-depth 0", "a member at no depth that there is"),
        ("member-at-depth 5", "a member at no depth that there is"),
        ("member-without-depth", "a member at no depth that there is"),
        ("member-flood", "more members than max_nodes"),
    ] {
        assert_eq!(attack(name).await, Some(Fault::BadFrame(reason)), "{name}");
    }
}

#[tokio::test]
async fn a_report_that_is_untrue_is_not_believed() {
    for (name, reason) in [
        ("other-digest", "a report on another file"),
        ("other-rebuilt", "a rebuilt file that is not the reported one"),
        ("rebuilt-without-bytes", "the verdict rebuilt without a rebuilt file"),
        ("verdict-without-bytes", "the verdict rebuilt without a rebuilt file"),
        ("digest-without-verdict", "a rebuilt file with another verdict"),
        ("bytes-without-verdict", "a rebuilt file with another verdict"),
        ("bytes-without-format", "a rebuilt file without a type that is rebuilt, size or digest"),
        ("rebuilt-executable", "a rebuilt file without a type that is rebuilt, size or digest"),
        ("passed", "a verdict that is not a worker's to give"),
        ("hidden-infection", "an infected member in a file that is not reported as infected"),
        ("member-not-shown", "a rebuilt member that was not shown to the scanners"),
        ("invented-format", "a format that does not exist"),
        ("invented-digest", "a digest that is none"),
        ("nested-report", "a report that is nested too deep"),
        ("very-nested-report", "a report of another shape"),
        ("wide-report", "a report with too many nodes"),
        ("unknown-key", "a report of another shape"),
    ] {
        assert_eq!(attack(name).await, Some(Fault::BadFrame(reason)), "{name}");
    }
}

#[tokio::test]
async fn output_without_end_is_cut() {
    let (events, fault) = attack_within(LIMITS, "output-flood").await;
    assert_eq!(fault, Some(Fault::OutputOverLimit { limit: 64 << 20 }));
    assert_eq!(events.len(), 63);
}

#[tokio::test]
async fn a_second_result_is_not_believed() {
    let (events, fault) = attack_within(LIMITS, "finished-twice").await;
    assert_eq!(events.len(), 1);
    assert_eq!(fault, Some(Fault::BadFrame("a frame after the end")));

    let mut worker =
        sandbox_with(LIMITS, "").start(files(&["attack finished-twice", "attack refuse"])).await.unwrap();
    let (events, fault) = drain(&mut worker).await;
    assert_eq!(events.len(), 1);
    assert_eq!(fault, Some(Fault::BadFrame("a frame about another file")));
}

#[tokio::test]
async fn texts_of_a_worker_are_escaped_and_cut() {
    let (events, fault) = attack_within(LIMITS, "ugly-texts").await;
    assert_eq!(fault, None);
    let [Event::Finished { report, .. }] = &events[..] else { panic!("{events:?}") };
    assert_eq!((report.name.as_str(), report.reason.as_str()), ("name\\u{202e}.txt", "\\u{0}"));
    let step = &report.steps[0];
    assert_eq!((step.name.as_str(), step.detail.as_deref()), ("a\\u{202e}b", Some("\\u{1b}[31m")));
    assert_eq!(step.result.chars().count(), 201);
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

#[tokio::test]
async fn a_worker_sees_no_descriptor_and_no_environment() {
    // One that the parent forgot to close on exec.
    let forgotten = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stderr(), 500).unwrap();
    rustix::io::fcntl_setfd(&forgotten, rustix::io::FdFlags::empty()).unwrap();
    assert_eq!(attack("look-around").await, None);
}

#[tokio::test]
async fn a_worker_has_no_privileges_and_is_limited() {
    let worker = sandbox_with(LIMITS, "").start(Task::default()).await.unwrap();
    let read = |name: &str| {
        let text = std::fs::read_to_string(format!("/proc/{}/{name}", worker.pid().unwrap())).unwrap();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let (status, limits) = (read("status"), read("limits"));
    for line in [
        "NoNewPrivs: 1",
        "Seccomp: 2",
        "Threads: 1",
        "CapInh: 0000000000000000",
        "CapPrm: 0000000000000000",
        "CapEff: 0000000000000000",
    ] {
        assert!(status.contains(line), "{line}: {status}");
    }
    for line in [
        "Max cpu time 20 21",
        "Max address space 1073741824 1073741824",
        "Max core file size 0 0",
        "Max file size 0 0",
        "Max open files 8 8",
        "Max processes 0 0",
        "Max stack size 67108864 67108864",
    ] {
        assert!(limits.contains(line), "{line}: {limits}");
    }
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
