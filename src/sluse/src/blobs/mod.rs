//! Large sealed content, beside the queue (claim check).
//!
//! Contract for every backend:
//! - A blob is visible under its name only when it is whole and durable; a writer that is dropped, or whose process
//!   dies, leaves nothing that can be opened.
//! - A name is written once. Blobs never change.
//! - Deleting what is not there is fine.
//! - Writing and reading hold a bounded amount of memory, whatever the blob's size.
//! - The store never looks inside a blob.

use std::time::{Duration, SystemTime};

use async_trait::async_trait;

use crate::id::BlobRef;

mod directory;

pub use directory::{DirectoryBlobs, DirectoryOptions};

/// Largest piece that a writer passes on and a reader gives, in bytes.
pub const CHUNK: usize = 1 << 20;

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
