//! sluse.
pub mod audit;
pub mod blobs;
pub mod durable;
pub mod id;
pub mod ledger;
pub mod queue;
pub mod sqlite;
