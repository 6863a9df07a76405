//! The intake's ledger in an SQLite file, for one intake process.

use std::path::Path;
use std::time::SystemTime;

use async_trait::async_trait;
use rusqlite::types::Type;
use rusqlite::{OptionalExtension, Row, params};

use super::{Begun, Claim, Fixed, IntakeLedger, Recorded, Submission, codes_text, states_before};
use crate::id::{CodeWord, SubmissionId};
use crate::ledger::LedgerError;
use crate::ledger::sqlite::{bad_column, time_column};
use crate::model::outcome::State;
use crate::sqlite::{Database, Schema, id_column, now_ms, to_ms};

const SCHEMA: Schema = Schema {
    what: "sluse intake ledger",
    application_id: 0x736c_7102,
    steps: &[
        "
        CREATE TABLE submission (
            id          BLOB    PRIMARY KEY CHECK (length(id) = 16),
            portal      TEXT    NOT NULL,
            key_hash    BLOB    CHECK (length(key_hash) = 32),
            state       TEXT    NOT NULL,
            codes       TEXT    NOT NULL DEFAULT '[]',
            receipt     BLOB,
            began_at    INTEGER NOT NULL,
            received_at INTEGER,
            changed_at  INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE UNIQUE INDEX submission_key ON submission (portal, key_hash) WHERE key_hash IS NOT NULL;
        CREATE INDEX submission_changed ON submission (state, changed_at);
    ",
        "
        ALTER TABLE submission ADD COLUMN holder BLOB CHECK (length(holder) = 16);
        ALTER TABLE submission ADD COLUMN content BLOB CHECK (length(content) = 32);
    ",
    ],
};

/// The ledger file of the intake.
#[derive(Debug, Clone)]
pub struct SqliteIntake {
    database: Database,
}

impl SqliteIntake {
    /// Opens the file, making it (mode 0600) where needed. Blocks.
    ///
    /// # Errors
    /// See [`LedgerError`].
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        Ok(Self { database: Database::open(path, SCHEMA, None)? })
    }
}

#[async_trait]
impl IntakeLedger for SqliteIntake {
    async fn begin(
        &self,
        portal: &CodeWord,
        key_hash: Option<[u8; 32]>,
        new_id: SubmissionId,
    ) -> Result<Begun, LedgerError> {
        let portal = portal.clone();
        let begun = self
            .database
            .write(move |connection| {
                // A repeated key: the newest request that finds no receipt is the holder.
                connection
                    .prepare_cached(
                        "INSERT INTO submission (id, portal, key_hash, state, began_at, changed_at, holder)
                         VALUES (?1, ?2, ?3, 'pending', ?4, ?4, ?1)
                         ON CONFLICT (portal, key_hash) WHERE key_hash IS NOT NULL DO UPDATE
                         SET holder = CASE WHEN receipt IS NULL THEN excluded.holder ELSE holder END
                         RETURNING id, receipt, content",
                    )?
                    .query_row(params![new_id.as_bytes(), portal.as_str(), key_hash, now_ms()], |row| {
                        let id = id_column(row, 0)?;
                        Ok(match row.get(1)? {
                            Some(receipt) => Begun::Done { id, receipt, content: row.get(2)? },
                            None => Begun::Claimed(Claim { id, holder: new_id }),
                        })
                    })
            })
            .await?;
        Ok(begun)
    }

    async fn hold(&self, claim: &Claim) -> Result<bool, LedgerError> {
        let Claim { id, holder } = *claim;
        let held = self
            .database
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT 1 FROM submission WHERE id = ?1 AND holder = ?2 AND receipt IS NULL",
                    )?
                    .exists(params![id.as_bytes(), holder.as_bytes()])
            })
            .await?;
        Ok(held)
    }

    async fn fix_content(&self, claim: &Claim, content: [u8; 32]) -> Result<Fixed, LedgerError> {
        let Claim { id, holder } = *claim;
        let known: Option<[u8; 32]> = self
            .database
            .write(move |connection| {
                connection
                    .prepare_cached(
                        "UPDATE submission SET content = coalesce(content, ?3)
                         WHERE id = ?1 AND holder = ?2 AND receipt IS NULL RETURNING content",
                    )?
                    .query_row(params![id.as_bytes(), holder.as_bytes(), content], |row| row.get(0))
                    .optional()
            })
            .await?;
        Ok(Fixed::of(known, content))
    }

    async fn abandon(&self, claim: &Claim) -> Result<(), LedgerError> {
        let Claim { id, holder } = *claim;
        self.database
            .write(move |connection| {
                connection
                    .prepare_cached(
                        "DELETE FROM submission
                         WHERE id = ?1 AND holder = ?2 AND state = 'pending' AND content IS NULL",
                    )?
                    .execute(params![id.as_bytes(), holder.as_bytes()])
            })
            .await?;
        Ok(())
    }

    async fn received(&self, id: SubmissionId, receipt: Vec<u8>) -> Result<Option<Vec<u8>>, LedgerError> {
        let stored = self
            .database
            .write(move |connection| {
                connection
                    .prepare_cached(
                        "UPDATE submission SET
                            receipt = coalesce(receipt, ?2), received_at = coalesce(received_at, ?3),
                            changed_at = CASE state WHEN 'pending' THEN ?3 ELSE changed_at END,
                            state = CASE state WHEN 'pending' THEN 'received' ELSE state END
                         WHERE id = ?1 RETURNING receipt",
                    )?
                    .query_row(params![id.as_bytes(), receipt, now_ms()], |row| row.get(0))
                    .optional()
            })
            .await?;
        Ok(stored)
    }

    async fn outcome(
        &self,
        id: SubmissionId,
        state: State,
        codes: &[CodeWord],
    ) -> Result<Recorded, LedgerError> {
        let codes = codes_text(codes);
        let recorded = self
            .database
            .write(move |connection| {
                let Some(known) = connection
                    .prepare_cached("SELECT state FROM submission WHERE id = ?1")?
                    .query_row([id.as_bytes()], |row| state_column(row, 0))
                    .optional()?
                else {
                    return Ok(Recorded::Unknown);
                };
                if !states_before(state).any(|before| before == known) {
                    return Ok(Recorded::Kept(known));
                }
                connection
                    .prepare_cached(
                        "UPDATE submission SET state = ?2, codes = ?3, changed_at = ?4 WHERE id = ?1",
                    )?
                    .execute(params![id.as_bytes(), state.as_str(), codes, now_ms()])?;
                Ok(Recorded::Changed)
            })
            .await?;
        Ok(recorded)
    }

    async fn find(&self, portal: &CodeWord, id: SubmissionId) -> Result<Option<Submission>, LedgerError> {
        let portal = portal.clone();
        let found = self
            .database
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT id, state, codes, receipt, began_at, received_at, changed_at
                         FROM submission WHERE id = ?1 AND portal = ?2",
                    )?
                    .query_row(params![id.as_bytes(), portal.as_str()], submission_row)
                    .optional()
            })
            .await?;
        Ok(found)
    }

    async fn unresolved(&self, before: SystemTime, limit: u32) -> Result<Vec<SubmissionId>, LedgerError> {
        let ids = self
            .database
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT id FROM submission WHERE state IN ('received', 'examining') AND changed_at < ?1
                         ORDER BY changed_at LIMIT ?2",
                    )?
                    .query_map(params![to_ms(before), limit], |row| id_column(row, 0))?
                    .collect()
            })
            .await?;
        Ok(ids)
    }

    async fn forget_before(&self, before: SystemTime, limit: u32) -> Result<usize, LedgerError> {
        let count = self
            .database
            .write(move |connection| {
                connection
                    .prepare_cached(
                        "DELETE FROM submission WHERE id IN (
                            SELECT id FROM submission WHERE changed_at < ?1 AND state IN
                            ('pending', 'relayed', 'relayed_in_part', 'quarantined', 'rejected', 'expired') LIMIT ?2)",
                    )?
                    .execute(params![to_ms(before), limit])
            })
            .await?;
        Ok(count)
    }

    async fn counts(&self) -> Result<Vec<(State, u64)>, LedgerError> {
        let mut counts: Vec<(State, u64)> = self
            .database
            .read(|connection| {
                connection
                    .prepare_cached("SELECT state, count(*) FROM submission GROUP BY state")?
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

fn submission_row(row: &Row<'_>) -> rusqlite::Result<Submission> {
    let codes: String = row.get(2)?;
    let received_at: Option<i64> = row.get(5)?;
    Ok(Submission {
        id: id_column(row, 0)?,
        state: state_column(row, 1)?,
        codes: serde_json::from_str(&codes)
            .map_err(|_| bad_column(2, Type::Text, "not a list of code words"))?,
        receipt: row.get(3)?,
        began_at: time_column(row, 4)?,
        received_at: received_at.map(crate::sqlite::from_ms),
        changed_at: time_column(row, 6)?,
    })
}

fn state_column(row: &Row<'_>, column: usize) -> rusqlite::Result<State> {
    let text: String = row.get(column)?;
    text.parse().map_err(|_| bad_column(column, Type::Text, "not a submission state"))
}
