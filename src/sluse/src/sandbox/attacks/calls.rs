//! Workers that reach for the system.

use super::super::child::{ChildError, Job};
use super::super::{Fault, Task};
use super::{LIMITS, attack, drain, files, finish, report, sandbox_with};

fn syscall(number: libc::c_long, arguments: [i64; 6]) -> i64 {
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: a test of what the kernel lets through; bad addresses are the kernel's to refuse.
    unsafe { libc::syscall(number, a, b, c, d, e, f) }
}

/// Does what an attack of this kind says; `false`: there is none of that name here.
pub(super) fn run(attack: &str, job: &Job, bytes: &[u8]) -> Result<bool, ChildError> {
    let mut words = attack.split(' ');
    let done: Result<(), ChildError> = match words.next().unwrap_or_default() {
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
        _ => return Ok(false),
    };
    done.map(|()| true)
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
