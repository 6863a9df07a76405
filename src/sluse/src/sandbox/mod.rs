//! One process per submission, that opens documents and holds nothing else.
//!
//! ```text
//! bridge ──▶ Sandbox::start(task) ──▶ Worker ──▶ next() ──▶ Fields · Member … · Finished · … · None
//!               │                       │                        (or a Fault: the worker is gone)
//!        keeper thread                  │ one Unix socket, descriptor 0 of the child
//!        starts and reaps               │
//!               ├──▶ stem: detach ▶ compile rules ▶ fork, fork, …      no descriptors, no environment, no privileges,
//!               │                       ┊                              no network name space, Landlock with no rule
//!               │            ═══════════╪═══════════════════  below: untrusted from the first file on
//!               └──────────▶ worker: lock ▶ Ready ▶ fields, file, file, … ▶ exit 0
//!                              all that, and rlimits, and seccomp with about twenty system calls
//! ```
//!
//! Invariants:
//! - A worker reads hostile bytes only when Landlock and seccomp are in force; a kernel without them is an error.
//! - What a worker sends is untrusted: kinds, order and sizes are checked before anything is kept, digests are
//!   recomputed, texts are escaped.
//! - A [`Worker`] that is dropped, faulty or done has no process any more: killed, and reaped by the keeper.
//! - Nothing of a worker outlives its submission. The stem sees no submission.

pub mod child;
mod confine;
mod evidence;
mod keeper;
mod limits;
mod memory;
mod parent;
mod protocol;
mod rules;
mod stem;
mod syscalls;
mod yara;

#[cfg(test)]
mod attacks;

pub use confine::harden_parent;
pub use limits::SandboxLimits;
pub use memory::{MemoryError, MemoryWriter, SealedMemory};
pub use parent::{Event, Fault, FieldsTask, Sandbox, SandboxConfig, StartError, Task, TaskFile, Worker};
pub use protocol::MAX_FIELDS_BYTES;
pub use rules::BUNDLED_RULES;
pub use yara::{Rules, RulesError};

/// The first argument that makes this program a worker; `main` must look for it before it makes a runtime.
pub const WORKER_ARGUMENT: &str = "worker";
