//! Workers that take all there is, wait for ever, or end early.

use super::super::child::{ChildError, Job, send};
use super::super::protocol::Kind;
use super::super::{Fault, SandboxLimits};
use super::{LIMITS, attack, attack_within, finish, report};

/// Does what an attack of this kind says; `false`: there is none of that name here.
#[expect(clippy::infinite_loop, reason = "an attack")]
pub(super) fn run(attack: &str, job: &Job, bytes: &[u8]) -> Result<bool, ChildError> {
    let mut words = attack.split(' ');
    let done: Result<(), ChildError> = match words.next().unwrap_or_default() {
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
        "output-flood" => loop {
            send(Kind::Member, job.file, &[&1u32.to_be_bytes(), &[7; 1 << 20]])?;
        },
        _ => return Ok(false),
    };
    done.map(|()| true)
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
async fn output_without_end_is_cut() {
    let (events, fault) = attack_within(LIMITS, "output-flood").await;
    assert_eq!(fault, Some(Fault::OutputOverLimit { limit: 64 << 20 }));
    assert_eq!(events.len(), 63);
}
