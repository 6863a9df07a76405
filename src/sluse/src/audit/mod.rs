//! The audit log: one JSON line per decision, chained by hash, its head signed.
//!
//! ```text
//!   audit/
//!     audit-00000000000000000001.jsonl     lines 1…n; the name is the first line's number
//!     audit-00000000000000004711.jsonl     the chain goes on across files
//!     audit.head                           signed: role, first number, last number, last hash, time
//!     audit.lock                           held while a process writes
//!     audit-00000000000000004800.torn      what a crash left of a line (see `LogRepaired`)
//!
//!   {"seq":2,"time":"…","role":"bridge","event":"relayed","id":"…","detail":{…},"prev":"<hash of 1>","hash":"<hash of 2>"}
//!    └──────────────────────── hash = SHA-256 of these bytes ─────────────────────────────────────┘
//! ```
//!
//! What shows, and how:
//! - a changed, dropped, inserted or reordered line: its hash, its link or its number is wrong;
//! - a rewritten chain, or a tail cut off: the signed head does not fit. It is at most a second old, and written at close;
//! - log and head both put back to an older state: only the [`Position`]s kept elsewhere (delivered manifests) tell.
//!   [`verify`] takes them.
//!
//! Invariants: [`AuditLog::append`] returns after the line is durable; one process writes at a time; a log whose tail does
//! not verify is never continued; no entry can hold free text, so none holds personal data.

mod event;
mod fault;
mod head;
mod line;
mod log;
mod verify;
mod writer;

pub use event::{Detail, Event, Record, Role};
pub use fault::{AuditError, Fault, What};
pub use line::{Entry, Position};
pub use log::{AuditLog, AuditOptions};
pub use verify::{Summary, entries, verify};

#[cfg(test)]
mod tests;
