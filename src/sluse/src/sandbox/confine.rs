//! How a worker gives up everything, in two steps.
//!
//! ```text
//! detach   the stem, before anything is read: descriptors, name spaces, capabilities, core dumps, life without the
//!          parent ─▶ file system, TCP, signals (Landlock)
//! lock     each worker, before a hostile byte is read: memory, CPU, files, processes (rlimits), life without the
//!          parent ─▶ all but a few system calls (seccomp)
//! ```
//!
//! Each layer would do without the others against most attacks; none is relied on alone. Name spaces are best effort,
//! since many hosts forbid them: Landlock and seccomp already leave no way to a network. Where Landlock or seccomp is
//! missing, the worker refuses to work.

#![allow(unsafe_code)]

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetStatus, Scope,
};
use rustix::process::{
    DumpableBehavior, Pid, Resource, Rlimit, Signal, set_dumpable_behavior, set_parent_process_death_signal,
    setrlimit,
};
use rustix::thread::{CapabilitySet, CapabilitySets, UnshareFlags, set_capabilities, unshare_unsafe};

use super::{SandboxLimits, syscalls};

/// The stack may grow to this. Parsers recurse, and a stack of 8 MiB makes crashes of documents that are merely deep.
const STACK_BYTES: u64 = 64 << 20;

/// Descriptors: three standard ones, a Landlock rule set, a file, and a few to spare.
const DESCRIPTORS: u64 = 8;

/// Seconds between the signal that says that CPU time is over and the one that cannot be put off.
const CPU_GRACE_SECONDS: u64 = 1;

/// Why a worker could not be confined. It then works on nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConfineError {
    #[error("{act}: {cause}")]
    Act { act: &'static str, cause: rustix::io::Errno },
    #[error("Landlock: {0}")]
    Ruleset(#[from] landlock::RulesetError),
    #[error(
        "this kernel has no Landlock, so documents cannot be opened safely: Linux 5.13 or newer with `landlock` \
         in the boot parameter `lsm=` is needed"
    )]
    NoLandlock,
    #[error("seccomp: {0}")]
    Filter(#[from] seccompiler::BackendError),
    #[error(
        "this kernel has no seccomp filters (CONFIG_SECCOMP_FILTER), so documents cannot be opened safely: {0}"
    )]
    NoSeccomp(#[from] seccompiler::Error),
}

/// For the parent, which holds keys and plaintext: no core dumps, and no other process of the same user may read its
/// memory. Best effort: a host that forbids even this still has the sandbox.
pub fn harden_parent() {
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

fn act(act: &'static str, done: rustix::io::Result<()>) -> Result<(), ConfineError> {
    done.map_err(|cause| ConfineError::Act { act, cause })
}

/// Gives up what no step needs. Only for a process with one thread.
pub(super) fn detach() -> Result<(), ConfineError> {
    // SAFETY: no descriptor above 2 is used by this process: it was just started and owns the socket as descriptor 0.
    let closed = unsafe { libc::syscall(libc::SYS_close_range, 3u32, u32::MAX, 0u32) };
    if closed != 0 {
        let cause = std::io::Error::last_os_error();
        let cause = rustix::io::Errno::from_io_error(&cause).unwrap_or(rustix::io::Errno::NOSYS);
        return Err(ConfineError::Act { act: "closing descriptors", cause });
    }
    // SAFETY: `FILES` is not among the flags, so no descriptor table changes under another thread. Best effort.
    let _ = unsafe {
        unshare_unsafe(
            UnshareFlags::NEWUSER
                | UnshareFlags::NEWNET
                | UnshareFlags::NEWIPC
                | UnshareFlags::NEWUTS
                | UnshareFlags::NEWNS,
        )
    };
    let none = CapabilitySet::empty();
    let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
    act("dropping capabilities", set_capabilities(None, sets))?;
    act("giving up new privileges", rustix::thread::set_no_new_privs(true))?;
    act("forbidding core dumps", set_dumpable_behavior(DumpableBehavior::NotDumpable))?;
    // After the changes of credentials, since they reset it. A parent that died before this shows as the end of the
    // stream on the next read.
    act("tying to the parent's life", set_parent_process_death_signal(Some(Signal::KILL)))?;
    // Rust's handler would turn a stack overflow into an abort, which is what running out of memory looks like.
    for signal in [libc::SIGSEGV, libc::SIGBUS] {
        // SAFETY: restores the default action; no handler is installed.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }

    // Everything this kernel can forbid is handled, and no rule allows any of it.
    let newest = ABI::V7;
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(newest))?
        .handle_access(AccessNet::from_all(newest))?
        .scope(Scope::from_all(newest))?
        .create()?
        .restrict_self()?;
    if status.ruleset == RulesetStatus::NotEnforced {
        return Err(ConfineError::NoLandlock);
    }
    Ok(())
}

/// Forks. In the parent: the new process's number; in the new process: `None`. Only for a process with one thread.
///
/// The new process is a child of this process's parent, which so learns how it ended from the kernel.
pub(super) fn fork_sibling() -> Result<Option<Pid>, ConfineError> {
    // SAFETY: as fork(2): the new process goes on with a copy of all memory, this stack included. libc's own `fork`
    // knows no other parent; what it does besides is for other threads, and there are none.
    let number = unsafe { libc::syscall(libc::SYS_clone, libc::CLONE_PARENT | libc::SIGCHLD, 0, 0, 0, 0) };
    if number < 0 {
        let cause = std::io::Error::last_os_error();
        let cause = rustix::io::Errno::from_io_error(&cause).unwrap_or(rustix::io::Errno::AGAIN);
        return Err(ConfineError::Act { act: "forking", cause });
    }
    Ok(i32::try_from(number).ok().and_then(Pid::from_raw))
}

/// Gives up everything else. From here on only [`syscalls`] are possible.
pub(super) fn lock(limits: &SandboxLimits, filter: &syscalls::Filter) -> Result<(), ConfineError> {
    let cpu = limits.cpu_seconds;
    for (act_name, resource, soft, hard) in [
        ("limiting the stack", Resource::Stack, STACK_BYTES, STACK_BYTES),
        ("limiting memory", Resource::As, limits.memory_bytes, limits.memory_bytes),
        ("limiting CPU time", Resource::Cpu, cpu, cpu.saturating_add(CPU_GRACE_SECONDS)),
        ("limiting core dumps", Resource::Core, 0, 0),
        ("limiting files", Resource::Fsize, 0, 0),
        ("limiting descriptors", Resource::Nofile, DESCRIPTORS, DESCRIPTORS),
        ("limiting processes", Resource::Nproc, 0, 0),
        ("limiting locked memory", Resource::Memlock, 0, 0),
        ("limiting message queues", Resource::Msgqueue, 0, 0),
    ] {
        act(act_name, setrlimit(resource, Rlimit { current: Some(soft), maximum: Some(hard) }))?;
    }

    // A fork does not inherit it.
    act("tying to the parent's life", set_parent_process_death_signal(Some(Signal::KILL)))?;
    let own = rustix::process::getpid().as_raw_pid();
    seccompiler::apply_filter_all_threads(&filter.of(own))?;
    Ok(())
}
