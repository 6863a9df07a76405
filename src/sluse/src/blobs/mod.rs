//! Large sealed content, beside the queue (claim check).
//!
//! Contract for every backend:
//! - A blob is visible under its name only when it is whole and durable; a writer that is dropped, or whose process
//!   dies, leaves nothing that can be opened.
//! - A name is written once. Blobs never change.
//! - Deleting what is not there is fine.
//! - Writing and reading hold a bounded amount of memory, whatever the blob's size.
//! - The store never looks inside a blob.
//!
//! | backend | for |
//! |---|---|
//! | [`DirectoryBlobs`] | roles on one machine |
//! | [`S3Blobs`] | roles on several machines |
//!
//! # Orphans
//!
//! A blob that no message names any more, or never did, is an orphan: a process died between the two, or a deletion failed.
//! Orphans are told by age alone, so that roles that know nothing of each other can collect them in one store:
//!
//! - A message is never acted on when it is older than [`MAX_MESSAGE_AGE`], by the date that its signer put in it: the bridge
//!   sets such a submission aside, and the outlet such a delivery, before they open a blob. Redriving does not make it younger.
//!   The limit is what makes age a proof: without it a delivery could wait longer than its blobs are kept.
//! - Its blobs were written before it was signed. So a blob is at least as old as any message that names it, and one older than
//!   [`ORPHAN_AGE`] is named by none that is acted on, whichever intake, bridge or outlet wrote, reads or collects it.
//! - The days between the two are for uploads, and for the clocks of signer, reader, store and collector, which may differ by
//!   that much. [`S3Blobs`] also takes the store's clock or the collector's, whichever makes the blob younger.
//! - A blob is never written again and never touched, so its age is that of its writing. Copied or restored, it is younger.
//! - The reader of a store collects there: the bridge in the DMZ's, the outlet in the secure zone's. A writer needs no right to
//!   list: names are random, so that whoever takes over an intake cannot find the blobs of others to delete them.
//! - Collecting twice, or by several at once, is fine: names are used once, and deleting what is not there is fine.
//! - Withheld originals are named by reports that are kept for good: their store has no collection. The bridge's configuration
//!   is refused when it is the same store as one that has.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;

use crate::id::BlobRef;

#[cfg(test)]
mod contract;
mod directory;
mod s3;
#[cfg(test)]
pub(crate) mod silent;

pub use directory::{DirectoryBlobs, DirectoryOptions};
pub use s3::{BadS3Address, PART, PARTS, S3Address, S3Blobs, Secret};

/// Largest piece that a writer passes on and a reader gives, in bytes.
pub const CHUNK: usize = 1 << 20;

/// Age at which no message is acted on any more.
pub const MAX_MESSAGE_AGE: Duration = Duration::from_secs(365 * 86_400);
/// Age at which no message that is acted on can name a blob.
pub const ORPHAN_AGE: Duration = Duration::from_secs(400 * 86_400);

/// Where a store is.
#[derive(Debug, Clone)]
pub enum BlobAddress {
    /// A folder of this machine.
    Directory(PathBuf),
    /// A bucket.
    S3(Box<S3Address>),
}

impl BlobAddress {
    /// Whether both are one store. Blocks.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Directory(a), Self::Directory(b)) => {
                let real = |path: &PathBuf| std::fs::canonicalize(path).unwrap_or_else(|_| path.clone());
                real(a) == real(b)
            }
            (Self::S3(a), Self::S3(b)) => a.is_same(b),
            _ => false,
        }
    }
}

/// Something that a role needs to be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// To write blobs.
    Write,
    /// To open blobs.
    Read,
    /// To delete blobs.
    Delete,
    /// To list blobs.
    List,
}

/// A blob being written.
pub type BlobWriter = Box<dyn WriteBlob>;
/// A blob being read.
pub type BlobReader = Box<dyn ReadBlob>;

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// No room; the sender should come back later.
    #[error("the blob store has no room left")]
    Full,
    /// No blob has that name.
    #[error("blob {0} is not there")]
    Missing(BlobRef),
    /// A blob already has that name.
    #[error("blob {0} is there already")]
    AlreadyThere(BlobRef),
    /// An earlier write or read of this blob failed or was cut short, so it cannot go on.
    #[error("an earlier step on this blob was not finished")]
    Interrupted,
    /// The store cannot be used.
    #[error("the blob store cannot be used: {0}")]
    Unavailable(Box<dyn std::error::Error + Send + Sync>),
}

/// A blob in the store's listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBlob {
    /// Its name.
    pub name: BlobRef,
    /// Its size in bytes.
    pub bytes: u64,
    /// When it became visible, or its last byte was written.
    pub stored_at: SystemTime,
}

/// A store of blobs.
#[async_trait]
pub trait Blobs: Send + Sync {
    /// Begins a blob, which nobody can open under its name before [`WriteBlob::finish`].
    ///
    /// # Errors
    /// [`BlobError::Full`], or the store cannot be used.
    async fn create(&self, name: &BlobRef) -> Result<BlobWriter, BlobError>;

    /// Opens a blob.
    ///
    /// # Errors
    /// [`BlobError::Missing`], or the store cannot be used.
    async fn open(&self, name: &BlobRef) -> Result<BlobReader, BlobError>;

    /// Removes a blob; a missing one is fine.
    ///
    /// # Errors
    /// The store cannot be used.
    async fn delete(&self, name: &BlobRef) -> Result<(), BlobError>;

    /// Up to `limit` blobs stored longer ago than `age`, in no order: for the collection of orphans.
    ///
    /// # Errors
    /// The store cannot be used.
    async fn list(&self, age: Duration, limit: usize) -> Result<Vec<StoredBlob>, BlobError>;

    /// Tries an access, and leaves nothing behind.
    ///
    /// # Errors
    /// What such an access would fail with.
    async fn probe(&self, access: Access) -> Result<(), BlobError>;
}

/// Writes one blob. Dropped before [`finish`](Self::finish), everything written is removed.
#[async_trait]
pub trait WriteBlob: Send {
    /// Adds bytes. Dropping the future makes the blob [`BlobError::Interrupted`].
    ///
    /// # Errors
    /// [`BlobError::Full`], or the store cannot be used; the blob is then lost.
    async fn write(&mut self, bytes: &[u8]) -> Result<(), BlobError>;

    /// Ends the blob; durable and visible when this returns `Ok`. Gives its size in bytes.
    ///
    /// # Errors
    /// [`BlobError::AlreadyThere`], [`BlobError::Full`], or the store cannot be used; the blob is then lost.
    async fn finish(self: Box<Self>) -> Result<u64, BlobError>;
}

/// Reads one blob from its beginning.
#[async_trait]
pub trait ReadBlob: Send {
    /// The blob's size in bytes.
    fn size(&self) -> u64;

    /// The next 1 to [`CHUNK`] bytes; `None` at the end.
    ///
    /// # Errors
    /// The store cannot be used, or the blob ended before its size.
    async fn read_chunk(&mut self) -> Result<Option<Vec<u8>>, BlobError>;
}
