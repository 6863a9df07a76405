//! Blobs as objects of a bucket, on a server that speaks S3.
//!
//! ```text
//!   <prefix>/3f09…c2        whole and durable; 32 hex digits
//!
//!   up to PART bytes        one PUT, If-None-Match: *
//!   more                    multipart: parts of PART bytes, completed with If-None-Match: *
//! ```
//!
//! The server must honour `If-None-Match: *` on both (AWS since 2024, MinIO, Ceph); names are 128 random bits, so that where
//! it does not, a name is still used once. A write whose answer was lost may be found done by its own retry, and then says
//! [`BlobError::AlreadyThere`]: the caller's next try has a new name, and the blob is an orphan.
//!
//! Memory: a blob being written holds up to [`PART`] bytes that are not a part yet; parts that are handed over and not yet
//! sent are at most [`PARTS`] for the whole store. A blob being read holds one [`CHUNK`] and what the socket holds.
//!
//! Leftovers: a process that dies during a multipart upload leaves parts that no listing of objects shows. The bucket's
//! lifecycle rule removes them (`AbortIncompleteMultipartUpload`, see `deploy/s3/lifecycle.json`).
//!
//! Time: the age of a blob is by the server's own clock, from its `Last-Modified` to the `Date` of the listing, or by this
//! machine's where that makes it younger. So neither a clock that is wrong here nor one that is wrong there makes a blob old.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use object_store::aws::{AmazonS3, AmazonS3Builder, S3ConditionalPut};
use object_store::list::{PaginatedListOptions, PaginatedListStore as _};
use object_store::multipart::MultipartStore as _;
use object_store::path::Path;
use object_store::{BackoffConfig, ObjectStoreExt as _, RetryConfig};
use tokio::sync::Semaphore;

use super::{Access, BlobError, BlobReader, BlobWriter, Blobs, StoredBlob};
use crate::id::BlobRef;

mod address;
mod fault;
mod read;
mod wire;
mod write;

pub use address::{BadS3Address, S3Address, Secret};
use fault::Act;
use wire::{ServerTime, Wire};

/// Size of every part of a multipart upload but the last, and of the largest blob that is written by one PUT, in bytes.
/// S3 takes parts of 5 MiB and more, and some servers want all of one size.
pub const PART: usize = 8 << 20;
/// Parts that the store holds in memory beside those being filled.
pub const PARTS: usize = 8;
/// Most pages of 1,000 objects that one listing reads.
const MAX_PAGES: usize = if cfg!(test) { 20 } else { 10_000 };

/// Three tries within ten seconds: callers have tries of their own, minutes apart.
fn retries() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(2),
            base: 2.0,
        },
        max_retries: 2,
        retry_timeout: Duration::from_secs(10),
    }
}

/// A bucket.
#[derive(Debug, Clone)]
pub struct S3Blobs {
    client: Arc<AmazonS3>,
    prefix: Path,
    /// Server and bucket, for messages.
    place: Arc<str>,
    /// One permit for each of [`PARTS`].
    parts: Arc<Semaphore>,
}

impl S3Blobs {
    /// Prepares for using a bucket; nothing is sent yet.
    ///
    /// # Errors
    /// The certificates cannot be used.
    pub fn new(address: &S3Address) -> Result<Self, BlobError> {
        let unusable = |cause: Box<dyn std::error::Error + Send + Sync>| BlobError::Unavailable(cause);
        let authorities: Option<Result<Vec<_>, _>> = address
            .authorities
            .as_ref()
            .map(|all| all.iter().map(|der| reqwest::Certificate::from_der(der)).collect());
        let wire = authorities
            .transpose()
            .and_then(Wire::new)
            .map_err(|cause| unusable(format!("certificates: {cause}").into()))?;
        let client = AmazonS3Builder::new()
            .with_endpoint(&address.endpoint)
            .with_region(&address.region)
            .with_bucket_name(&address.bucket)
            .with_access_key_id(address.access_key.reveal())
            .with_secret_access_key(address.secret_key.reveal())
            .with_conditional_put(S3ConditionalPut::ETagMatch)
            .with_disable_bulk_delete(true)
            .with_retry(retries())
            .with_http_connector(wire)
            .build()
            .map_err(|cause| unusable(Box::new(cause)))?;
        Ok(Self {
            client: Arc::new(client),
            prefix: Path::from(address.prefix.as_str()),
            place: address.to_string().into(),
            parts: Arc::new(Semaphore::new(PARTS)),
        })
    }

    fn path(&self, name: &BlobRef) -> Path {
        self.prefix.clone().join(name.to_string())
    }

    fn act(&self, act: &'static str) -> Act<'_> {
        Act { place: &self.place, act }
    }

    /// One page of the listing; also what the server's clock said.
    async fn page(
        &self,
        token: Option<String>,
        max_keys: Option<usize>,
    ) -> Result<(Vec<StoredBlob>, Option<String>, SystemTime), BlobError> {
        let act = self.act("list blobs");
        let prefix = if self.prefix.is_root() { String::new() } else { format!("{}/", self.prefix) };
        let options = PaginatedListOptions { page_token: token, max_keys, ..Default::default() };
        let page = self.client.list_paginated(Some(&prefix), options).await;
        let page = page.map_err(|error| act.failed(&error, None))?;
        let Some(ServerTime(time)) = page.result.extensions.get() else {
            return Err(act.fails("its answer has no date"));
        };
        let blobs = page.result.objects.into_iter().filter_map(|object| {
            // Whatever else an operator may have put there is no blob.
            let name: BlobRef = object.location.filename()?.parse().ok()?;
            (object.location == self.path(&name)).then(|| StoredBlob {
                name,
                bytes: object.size,
                stored_at: object.last_modified.into(),
            })
        });
        Ok((blobs.collect(), page.page_token, *time))
    }
}

#[async_trait]
impl Blobs for S3Blobs {
    async fn create(&self, name: &BlobRef) -> Result<BlobWriter, BlobError> {
        Ok(Box::new(write::S3Writer::new(self.clone(), *name)))
    }

    async fn open(&self, name: &BlobRef) -> Result<BlobReader, BlobError> {
        Ok(Box::new(read::S3Reader::open(self.clone(), *name).await?))
    }

    async fn delete(&self, name: &BlobRef) -> Result<(), BlobError> {
        match self.client.delete(&self.path(name)).await {
            Ok(()) => Ok(()),
            Err(error) => match self.act("delete a blob").failed(&error, Some(name)) {
                BlobError::Missing(_) => Ok(()),
                error => Err(error),
            },
        }
    }

    async fn list(&self, age: Duration, limit: usize) -> Result<Vec<StoredBlob>, BlobError> {
        let mut found = Vec::new();
        let mut token = None;
        for _ in 0..MAX_PAGES {
            let (page, next, server_time) = self.page(token, None).await?;
            let now = server_time.min(SystemTime::now());
            let old = |blob: &StoredBlob| now.duration_since(blob.stored_at).unwrap_or_default() >= age;
            found.extend(page.into_iter().filter(old));
            if found.len() >= limit || next.is_none() {
                break;
            }
            token = next;
        }
        found.truncate(limit);
        Ok(found)
    }

    async fn probe(&self, access: Access) -> Result<(), BlobError> {
        let name = BlobRef::generate().map_err(|cause| BlobError::Unavailable(Box::new(cause)))?;
        match access {
            Access::Write => {
                // An upload that is given up: it leaves nothing, also where the key may not delete.
                let (act, path) = (self.act("write a blob"), self.path(&name));
                let id = self.client.create_multipart(&path).await;
                let id = id.map_err(|error| act.failed(&error, None))?;
                let aborted = self.client.abort_multipart(&path, &id).await;
                aborted.map_err(|error| self.act("give up an upload").failed(&error, None))
            }
            Access::Read => match self.open(&name).await {
                Ok(_) | Err(BlobError::Missing(_)) => Ok(()),
                Err(error) => Err(error),
            },
            Access::Delete => self.delete(&name).await,
            Access::List => self.page(None, Some(1)).await.map(drop),
        }
    }
}

#[cfg(test)]
mod tests;
