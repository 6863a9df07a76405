//! sluse.
pub mod blobs;
pub mod durable;
pub mod id;
pub mod queue;
pub mod sqlite;
