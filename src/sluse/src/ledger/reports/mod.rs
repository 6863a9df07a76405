//! What lies in quarantine, in the secure zone. A report is sealed to the quarantine key; the ledger cannot read it.
//!
//! ```text
//!   put ─▶ new ─▶ opened ─▶ proposed ─▶ released
//!           └────────┴─────────┴──────▶ destroyed      (the sealed bytes go at once)
//! ```
//!
//! Several consoles may share it: each change of state names the state before, so of two people one is quicker.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;

use super::{LedgerAddress, LedgerError};
use crate::id::{BadName, SubmissionId};

mod postgres;
mod sqlite;
#[cfg(test)]
mod tests;

pub use postgres::PostgresReports;
pub(crate) use postgres::TABLES;
pub use sqlite::SqliteReports;

/// How far staff have come with a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportState {
    /// Nobody has looked.
    New,
    /// Someone has opened it.
    Opened,
    /// One person has proposed its release; another must approve.
    Proposed,
    /// It went on to the outlet.
    Released,
    /// It was destroyed; only this line is left.
    Destroyed,
}

impl ReportState {
    /// Every state, from first to last.
    pub const ALL: [Self; 5] = [Self::New, Self::Opened, Self::Proposed, Self::Released, Self::Destroyed];

    /// The state's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Opened => "opened",
            Self::Proposed => "proposed",
            Self::Released => "released",
            Self::Destroyed => "destroyed",
        }
    }

    /// Whether nothing comes after it.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Released | Self::Destroyed)
    }
}

impl fmt::Display for ReportState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ReportState {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or(BadName::of("report state"))
    }
}

/// One line of the quarantine's listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Place in the order of arrival, for paging.
    pub number: i64,
    /// The submission.
    pub id: SubmissionId,
    /// How far staff have come.
    pub state: ReportState,
    /// When it arrived.
    pub received_at: SystemTime,
    /// When its state last changed.
    pub changed_at: SystemTime,
    /// Size of the sealed report in bytes.
    pub bytes: u64,
}

/// The quarantine reports. Every method fails as [`LedgerError`] says.
#[async_trait]
pub trait Reports: fmt::Debug + Send + Sync {
    /// Stores a report as new. `false` when one of this id is there already, in whatever state; that one stays.
    async fn put(&self, id: SubmissionId, sealed: Vec<u8>) -> Result<bool, LedgerError>;

    /// Up to `limit` reports, newest first: of one state or of all, and older than the line numbered `below`.
    async fn list(
        &self,
        state: Option<ReportState>,
        below: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Listed>, LedgerError>;

    /// One report and its sealed bytes (none once destroyed).
    async fn find(&self, id: SubmissionId) -> Result<Option<(Listed, Vec<u8>)>, LedgerError>;

    /// Moves a report from one state to another. `false`, and nothing changes, when it is not in the state `from`: then
    /// somebody else was quicker. Terminal states are never left.
    async fn advance(
        &self,
        id: SubmissionId,
        from: ReportState,
        to: ReportState,
    ) -> Result<bool, LedgerError>;

    /// How many reports are in each state, in order; states without any are left out.
    async fn counts(&self) -> Result<Vec<(ReportState, u64)>, LedgerError>;

    /// Finishes what waits and closes the ledger.
    async fn close(&self);
}

/// Opens a console's ledger of reports.
///
/// # Errors
/// See [`LedgerError`].
pub async fn open(address: &LedgerAddress) -> Result<Arc<dyn Reports>, LedgerError> {
    Ok(match address {
        LedgerAddress::Sqlite(path) => Arc::new(SqliteReports::open(path)?),
        LedgerAddress::Postgres(server) => Arc::new(PostgresReports::open(server).await?),
    })
}
