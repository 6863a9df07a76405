//! A store for tests of who waits for it.

use std::time::Duration;

use async_trait::async_trait;

use super::{Access, BlobError, BlobReader, BlobWriter, Blobs, StoredBlob};
use crate::id::BlobRef;

/// A store that does something when it is asked for its blobs, and never answers.
pub(crate) struct Silent(Box<dyn Fn() + Send + Sync>);

impl Silent {
    pub(crate) fn new(asked: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Box::new(asked))
    }
}

#[async_trait]
impl Blobs for Silent {
    async fn create(&self, _: &BlobRef) -> Result<BlobWriter, BlobError> {
        std::future::pending().await
    }

    async fn open(&self, _: &BlobRef) -> Result<BlobReader, BlobError> {
        std::future::pending().await
    }

    async fn delete(&self, _: &BlobRef) -> Result<(), BlobError> {
        std::future::pending().await
    }

    async fn list(&self, _: Duration, _: usize) -> Result<Vec<StoredBlob>, BlobError> {
        (self.0)();
        std::future::pending().await
    }

    async fn probe(&self, _: Access) -> Result<(), BlobError> {
        std::future::pending().await
    }
}
