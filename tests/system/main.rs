//! Whole-system tests: the real binary, one process per role, a real clamd, private folders and ports.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod big;
mod clamd;
mod commands;
mod confidential;
mod crash;
mod errors;
mod s3;
mod sanitize;
mod scanner_faults;
#[path = "../../src/sluse/src/blobs/s3/tests/server.rs"]
#[allow(dead_code)]
mod server;
mod shared_ledgers;
mod signed;
mod town;
