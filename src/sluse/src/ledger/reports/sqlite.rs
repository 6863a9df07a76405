//! The quarantine reports in an SQLite file.

use std::path::Path;

use async_trait::async_trait;
use rusqlite::types::Type;
use rusqlite::{OptionalExtension, Row, params};

use super::{Listed, ReportState, Reports};
use crate::id::SubmissionId;
use crate::ledger::LedgerError;
use crate::ledger::sqlite::{bad_column, time_column};
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

/// The quarantine reports' file.
#[derive(Debug, Clone)]
pub struct SqliteReports {
    database: Database,
}

impl SqliteReports {
    /// Opens the file, making it (mode 0600) where needed. Blocks.
    ///
    /// # Errors
    /// See [`LedgerError`].
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        Ok(Self { database: Database::open(path, SCHEMA, None)? })
    }
}

#[async_trait]
impl Reports for SqliteReports {
    async fn put(&self, id: SubmissionId, sealed: Vec<u8>) -> Result<bool, LedgerError> {
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

    async fn list(
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

    async fn find(&self, id: SubmissionId) -> Result<Option<(Listed, Vec<u8>)>, LedgerError> {
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

    async fn advance(
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

    async fn counts(&self) -> Result<Vec<(ReportState, u64)>, LedgerError> {
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

    async fn close(&self) {
        self.database.close().await;
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
