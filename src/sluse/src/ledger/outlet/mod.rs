//! What was delivered, so that a submission that arrives twice is delivered once.
//!
//! ```text
//!   stage ─▶ staged ──delivered──▶ delivered ──forget_before──▶ gone
//!               └──── withdraw ─▶ gone
//! ```
//!
//! `staged` is durable before the delivery begins, so that after a crash the outlet knows that a delivery may have
//! happened, and finishes that one.
//!
//! # Several outlets
//!
//! Two outlets can hold one submission: a broker gives it to a second one when it has lost sight of the first. Each makes
//! the delivery ready in a staging folder of its own, and asks [`OutletLedger::stage`]. The first answer decides for
//! ever which of the folders is delivered, and both outlets, and any that comes later, try to rename that one. A rename happens
//! once, whoever asks and however late. So nobody needs a lock or a lease, and one that was stopped for an
//! hour at any point does no harm. What it takes: outlets that share a ledger share the destinations' folders.
//!
//! A delivery that is set aside is withdrawn: by a rename, too, so that it is either delivered or withdrawn. Only then is it
//! forgotten here, and only then is the folder removed.
//!
//! # What counts as the same submission
//!
//! The id alone. Whoever sealed it cannot count: two intakes may have queued one submission, when the first died after
//! queueing and the portal repeated its request at the second. But an id says nothing of who chose it, so an intruder with
//! an intake's key could send something under an id that he saw, to have the right one taken for a duplicate. So the
//! ledger keeps a digest of what the citizen sent, and a second arrival with other content is set aside and seen, not dropped.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;

use super::{LedgerAddress, LedgerError};
use crate::id::{CodeWord, SubmissionId};

mod postgres;
mod sqlite;
#[cfg(test)]
mod tests;

pub use postgres::PostgresOutlet;
pub(crate) use postgres::TABLES;
pub use sqlite::SqliteOutlet;

/// What is on record about one delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Where to.
    pub destination: CodeWord,
    /// Digest of what the citizen sent.
    pub content: [u8; 32],
    /// Name of the staging folder that is the one delivered.
    pub folder: CodeWord,
    /// Whether it has been delivered.
    pub delivered: bool,
    /// When it was staged or, once delivered, when that was.
    pub at: SystemTime,
}

/// The outlet's ledger. Every method fails as [`LedgerError`] says.
#[async_trait]
pub trait OutletLedger: fmt::Debug + Send + Sync {
    /// What is on record about a submission.
    async fn find(&self, id: SubmissionId) -> Result<Option<Delivery>, LedgerError>;

    /// Records that the delivery in the staging folder `folder` is ready and about to begin; what is on record already
    /// stays. Gives what is on record now: the caller's folder when it came first.
    async fn stage(
        &self,
        id: SubmissionId,
        destination: &CodeWord,
        content: [u8; 32],
        folder: &CodeWord,
    ) -> Result<Delivery, LedgerError>;

    /// Records that the destination has it. `false` when it was never staged.
    async fn delivered(&self, id: SubmissionId) -> Result<bool, LedgerError>;

    /// Forgets that the delivery in the staging folder `folder` is about to begin. `false` when that is not on record, or it was
    /// delivered.
    async fn withdraw(&self, id: SubmissionId, folder: &CodeWord) -> Result<bool, LedgerError>;

    /// Up to `limit` submissions staged before that time and not delivered, oldest first.
    async fn undelivered(&self, before: SystemTime, limit: u32) -> Result<Vec<SubmissionId>, LedgerError>;

    /// Forgets up to `limit` deliveries finished before that time: longer ago than any copy can still arrive. Gives how
    /// many; call again while it gives `limit`.
    async fn forget_before(&self, before: SystemTime, limit: u32) -> Result<usize, LedgerError>;

    /// Finishes what waits and closes the ledger.
    async fn close(&self);
}

/// Opens an outlet's ledger.
///
/// # Errors
/// See [`LedgerError`].
pub async fn open(address: &LedgerAddress) -> Result<Arc<dyn OutletLedger>, LedgerError> {
    Ok(match address {
        LedgerAddress::Sqlite(path) => Arc::new(SqliteOutlet::open(path)?),
        LedgerAddress::Postgres(server) => Arc::new(PostgresOutlet::open(server).await?),
    })
}
