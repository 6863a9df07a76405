//! The antivirus scanner: what it says about some content, and nothing that it did not say.
//!
//! ```text
//! content ─▶ too large for the scanner? ─▶ INSTREAM ─▶ reply, read to its end ─▶ "stream: OK"          clean
//!                  │                          │                                  "stream: NAME FOUND"  infected
//!                  ▼                          ▼                                  anything else         an error
//!            unscannable                 self-test tells whose fault it was
//! ```
//!
//! Invariants:
//! - Clean is one exact reply, after all of the content was sent. An error is never clean.
//! - Content that the scanner would cut short is not sent: a scanner is known to answer OK on what it did not read.
//! - An error says whether the scanner is down (try again later) or the content cannot be scanned.

mod clamd;
mod reply;

#[cfg(test)]
mod hostile_servers;
#[cfg(test)]
mod real_clamd;

#[cfg(test)]
pub(crate) use clamd::test_virus;
pub use clamd::{AddressError, Clamd, ClamdAddress, ClamdConfig, Content};
pub use reply::{Scan, ScanError, Verdict};
