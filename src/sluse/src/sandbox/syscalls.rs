//! The system calls that a confined worker may make; any other ends it at once (`SIGSYS`).
//!
//! A worker reads frames and sealed memory, works in anonymous memory, and writes frames. Nothing here opens, creates,
//! names or reaches anything: no paths, no sockets, no processes, no signals but its own abort.

use std::collections::BTreeMap;

use libc::{c_long, pid_t};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

/// The descriptor of the socket to the parent.
pub(super) const SOCKET: i32 = 0;

/// Where the text of a failed allocation goes: `/dev/null`.
const STDERR: i32 = 2;

const INT: SeccompCmpArgLen = SeccompCmpArgLen::Dword;
const LONG: SeccompCmpArgLen = SeccompCmpArgLen::Qword;

/// Stands for the process that the filter will be of. No process has this number: it is above `PID_MAX_LIMIT`.
const OWN: pid_t = 0x7fff_ffff;

/// The filter, compiled once for all workers.
pub(super) struct Filter(BpfProgram);

impl Filter {
    /// Compiles it.
    ///
    /// # Errors
    /// On a processor that the filter compiler does not know.
    pub(super) fn compile() -> Result<Self, BackendError> {
        let filter = SeccompFilter::new(
            policy()?,
            SeccompAction::KillProcess,
            SeccompAction::Allow,
            std::env::consts::ARCH.try_into()?,
        )?;
        filter.try_into().map(Self)
    }

    /// The filter of the process `own`, which may send signals only to itself.
    pub(super) fn of(&self, own: pid_t) -> BpfProgram {
        let mut program = self.0.clone();
        for instruction in program.iter_mut().filter(|instruction| instruction.k == OWN.cast_unsigned()) {
            instruction.k = own.cast_unsigned();
        }
        program
    }
}

fn policy() -> Result<BTreeMap<i64, Vec<SeccompRule>>, BackendError> {
    let any: Vec<SeccompRule> = Vec::new();
    // Anonymous, private and never executable: no file is mapped, no code is made.
    let private = number(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    let mapped =
        vec![masked(2, number(libc::PROT_EXEC), 0)?, masked(3, private | number(libc::MAP_SHARED), private)?];
    let own = number(OWN);

    let allowed: Vec<(c_long, Vec<SeccompRule>)> = vec![
        // Frames from the parent, and the descriptor of the next file.
        (libc::SYS_recvmsg, all(vec![equal(0, INT, number(SOCKET))?])?),
        // Frames to the parent: `send` without an address.
        (libc::SYS_sendto, all(vec![equal(0, INT, number(SOCKET))?, equal(4, LONG, 0)?])?),
        // The content of sealed memory, and its size and seals before that.
        (libc::SYS_pread64, any.clone()),
        (libc::SYS_fstat, any.clone()),
        // The end of a file's descriptor; debug builds look whether it is open before they close it.
        (
            libc::SYS_fcntl,
            vec![
                SeccompRule::new(vec![equal(1, INT, number(libc::F_GET_SEALS))?])?,
                SeccompRule::new(vec![equal(1, INT, number(libc::F_GETFD))?])?,
            ],
        ),
        (libc::SYS_close, any.clone()),
        // The allocator.
        (libc::SYS_mmap, all(mapped)?),
        (libc::SYS_mprotect, all(vec![masked(2, number(libc::PROT_EXEC), 0)?])?),
        (libc::SYS_munmap, any.clone()),
        (libc::SYS_mremap, any.clone()),
        (libc::SYS_madvise, any.clone()),
        (libc::SYS_brk, any.clone()),
        // libc wakes those who wait for a one-time initialisation, even when nobody can be waiting.
        (libc::SYS_futex, all(vec![equal(1, INT, number(libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG))?])?),
        // How long a step took; only where the clock is not read without the kernel.
        (libc::SYS_clock_gettime, any.clone()),
        // Seeds of hash tables.
        (libc::SYS_getrandom, any.clone()),
        // The end: a normal one, and `abort` when memory runs out, with the allocator's last words.
        (libc::SYS_exit_group, any.clone()),
        (libc::SYS_write, all(vec![equal(0, INT, number(STDERR))?])?),
        (libc::SYS_rt_sigprocmask, any.clone()),
        (libc::SYS_getpid, any.clone()),
        (libc::SYS_gettid, any),
        (
            libc::SYS_tgkill,
            all(vec![equal(0, INT, own)?, equal(1, INT, own)?, equal(2, INT, number(libc::SIGABRT))?])?,
        ),
    ];
    Ok(allowed.into_iter().collect())
}

/// One rule whose conditions must all hold.
fn all(conditions: Vec<SeccompCondition>) -> Result<Vec<SeccompRule>, BackendError> {
    Ok(vec![SeccompRule::new(conditions)?])
}

fn equal(argument: u8, len: SeccompCmpArgLen, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, len, SeccompCmpOp::Eq, value)
}

/// `argument & mask == value`.
fn masked(argument: u8, mask: u64, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, LONG, SeccompCmpOp::MaskedEq(mask), value)
}

/// A C constant or process id as the kernel sees it in a register; none of them is negative.
fn number(value: i32) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filter_of_a_process_names_it_twice_and_nobody_else() {
        let filter = Filter::compile().unwrap();
        let named = |program: &BpfProgram, own: pid_t| {
            program.iter().filter(|instruction| instruction.k == own.cast_unsigned()).count()
        };
        let own = 0x12_3456;
        assert_eq!((named(&filter.0, OWN), named(&filter.0, own)), (2, 0));
        assert_eq!((named(&filter.of(own), OWN), named(&filter.of(own), own)), (0, 2));
    }
}
