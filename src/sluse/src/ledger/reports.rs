//! What lies in quarantine, in the secure zone. A report is sealed to the quarantine key; this file cannot read it.
//!
//! ```text
//!   put ─▶ new ─▶ opened ─▶ proposed ─▶ released
//!           └────────┴─────────┴──────▶ destroyed      (the sealed bytes go at once)
//! ```

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::time::SystemTime;

use rusqlite::types::Type;
use rusqlite::{OptionalExtension, Row, params};

use super::{LedgerError, bad_column, time_column};
use crate::id::{BadName, SubmissionId};
use crate::sqlite::{Database, Schema, id_column, now_ms};

const SCHEMA: Schema = Schema {
    what: "sluse quarantine reports",
    application_id: 0x736c_7104,
    steps: &["
        CREATE TABLE report (
            number      INTEGER PRIMARY KEY AUTOINCREMENT,
            id          BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
            state       TEXT    NOT NULL,
            received_at INTEGER NOT NULL,
            changed_at  INTEGER NOT NULL,
            sealed      BLOB    NOT NULL
        ) STRICT;
        CREATE INDEX report_state ON report (state, number);
    "],
};

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

/// The quarantine reports' file.
#[derive(Debug, Clone)]
pub struct Reports {
    database: Database,
}

impl Reports {
    /// Opens the file, making it (mode 0600) where needed. Blocks.
    ///
    /// # Errors
    /// See [`LedgerError`].
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        Ok(Self { database: Database::open(path, SCHEMA, None)? })
    }

    /// Finishes what waits and closes the file.
    pub async fn close(&self) {
        self.database.close().await;
    }

    /// Stores a report as new. `false` when one of this id is there already, in whatever state; that one stays.
    ///
    /// # Errors
    /// See [`LedgerError`].
    pub async fn put(&self, id: SubmissionId, sealed: Vec<u8>) -> Result<bool, LedgerError> {
        let stored = self
            .database
            .write(move |connection| {
                connection
                    .prepare_cached(
                        "INSERT INTO report (id, state, received_at, changed_at, sealed) VALUES (?1, 'new', ?2, ?2, ?3)
                         ON CONFLICT (id) DO NOTHING",
                    )?
                    .execute(params![id.as_bytes(), now_ms(), sealed])
            })
            .await?;
        Ok(stored > 0)
    }

    /// Up to `limit` reports, newest first: of one state or of all, and older than the line numbered `below`.
    ///
    /// # Errors
    /// See [`LedgerError`].
    pub async fn list(
        &self,
        state: Option<ReportState>,
        below: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Listed>, LedgerError> {
        let below = below.unwrap_or(i64::MAX);
        let list = self
            .database
            .read(move |connection| match state {
                Some(state) => connection
                    .prepare_cached(
                        "SELECT number, id, state, received_at, changed_at, length(sealed) FROM report
                         WHERE number < ?1 AND state = ?3 ORDER BY number DESC LIMIT ?2",
                    )?
                    .query_map(params![below, limit, state.as_str()], listed_row)?
                    .collect(),
                None => connection
                    .prepare_cached(
                        "SELECT number, id, state, received_at, changed_at, length(sealed) FROM report
                         WHERE number < ?1 ORDER BY number DESC LIMIT ?2",
                    )?
                    .query_map(params![below, limit], listed_row)?
                    .collect::<rusqlite::Result<Vec<_>>>(),
            })
            .await?;
        Ok(list)
    }

    /// One report and its sealed bytes (none once destroyed).
    ///
    /// # Errors
    /// See [`LedgerError`].
    pub async fn find(&self, id: SubmissionId) -> Result<Option<(Listed, Vec<u8>)>, LedgerError> {
        let found = self
            .database
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT number, id, state, received_at, changed_at, length(sealed), sealed
                         FROM report WHERE id = ?1",
                    )?
                    .query_row([id.as_bytes()], |row| Ok((listed_row(row)?, row.get(6)?)))
                    .optional()
            })
            .await?;
        Ok(found)
    }

    /// Moves a report from one state to another. `false`, and nothing changes, when it is not in the state `from`: then
    /// somebody else was quicker. Terminal states are never left.
    ///
    /// # Errors
    /// See [`LedgerError`].
    pub async fn advance(
        &self,
        id: SubmissionId,
        from: ReportState,
        to: ReportState,
    ) -> Result<bool, LedgerError> {
        if from.is_terminal() {
            return Ok(false);
        }
        let changed = self
            .database
            .write(move |connection| {
                connection
                    .prepare_cached(
                        "UPDATE report SET state = ?3, changed_at = ?4,
                         sealed = CASE ?3 WHEN 'destroyed' THEN x'' ELSE sealed END WHERE id = ?1 AND state = ?2",
                    )?
                    .execute(params![id.as_bytes(), from.as_str(), to.as_str(), now_ms()])
            })
            .await?;
        Ok(changed > 0)
    }

    /// How many reports are in each state; states without any are left out.
    ///
    /// # Errors
    /// See [`LedgerError`].
    pub async fn counts(&self) -> Result<Vec<(ReportState, u64)>, LedgerError> {
        let mut counts: Vec<(ReportState, u64)> = self
            .database
            .read(|connection| {
                connection
                    .prepare_cached("SELECT state, count(*) FROM report GROUP BY state")?
                    .query_map([], |row| Ok((state_column(row, 0)?, row.get::<_, i64>(1)?.unsigned_abs())))?
                    .collect()
            })
            .await?;
        counts.sort_unstable();
        Ok(counts)
    }
}

fn listed_row(row: &Row<'_>) -> rusqlite::Result<Listed> {
    Ok(Listed {
        number: row.get(0)?,
        id: id_column(row, 1)?,
        state: state_column(row, 2)?,
        received_at: time_column(row, 3)?,
        changed_at: time_column(row, 4)?,
        bytes: row.get::<_, i64>(5)?.unsigned_abs(),
    })
}

fn state_column(row: &Row<'_>, column: usize) -> rusqlite::Result<ReportState> {
    let text: String = row.get(column)?;
    text.parse().map_err(|_| bad_column(column, Type::Text, "not a report state"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open() -> (tempfile::TempDir, Reports) {
        let dir = tempfile::tempdir().unwrap();
        let reports = Reports::open(&dir.path().join("reports.db")).unwrap();
        (dir, reports)
    }

    #[tokio::test]
    async fn put_is_idempotent_and_paging_visits_each_once() {
        let (_dir, reports) = open();
        let ids: Vec<_> = (0..7).map(|_| crate::id::tests::new_id()).collect();
        for id in &ids {
            assert!(reports.put(*id, vec![1, 2, 3]).await.unwrap());
            assert!(!reports.put(*id, vec![9]).await.unwrap());
        }
        let (mut seen, mut below) = (Vec::new(), None);
        loop {
            let page = reports.list(None, below, 3).await.unwrap();
            let Some(last) = page.last() else { break };
            below = Some(last.number);
            seen.extend(page.iter().map(|line| line.id));
        }
        seen.reverse();
        assert_eq!(seen, ids);
        let (line, sealed) = reports.find(ids[3]).await.unwrap().unwrap();
        assert_eq!((line.bytes, sealed), (3, vec![1, 2, 3]));
    }

    #[tokio::test]
    async fn of_two_reviewers_one_is_quicker() {
        let (_dir, reports) = open();
        let id = crate::id::tests::new_id();
        reports.put(id, vec![1]).await.unwrap();
        assert!(reports.advance(id, ReportState::New, ReportState::Proposed).await.unwrap());
        assert!(!reports.advance(id, ReportState::New, ReportState::Destroyed).await.unwrap());
        assert!(reports.advance(id, ReportState::Proposed, ReportState::Destroyed).await.unwrap());
        assert!(!reports.advance(id, ReportState::Destroyed, ReportState::New).await.unwrap());
        let (line, sealed) = reports.find(id).await.unwrap().unwrap();
        assert_eq!((line.state, sealed), (ReportState::Destroyed, vec![]));
        assert!(!reports.put(id, vec![1]).await.unwrap());
        assert_eq!(reports.counts().await.unwrap(), [(ReportState::Destroyed, 1)]);
        assert!(reports.list(Some(ReportState::New), None, 9).await.unwrap().is_empty());
        assert_eq!(reports.list(Some(ReportState::Destroyed), None, 9).await.unwrap().len(), 1);
    }
}
