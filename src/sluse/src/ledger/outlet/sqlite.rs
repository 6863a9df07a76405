//! The outlet's ledger in an SQLite file.

use std::path::Path;
use std::time::SystemTime;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::{Delivery, OutletLedger};
use crate::id::{CodeWord, SubmissionId};
use crate::ledger::LedgerError;
use crate::ledger::sqlite::{time_column, word_column};
use crate::sqlite::{Database, Schema, id_column, now_ms, to_ms};

const SCHEMA: Schema = Schema {
    what: "sluse outlet ledger",
    application_id: 0x736c_7103,
    steps: &[
        "
        CREATE TABLE delivery (
            id          BLOB    PRIMARY KEY CHECK (length(id) = 16),
            destination TEXT    NOT NULL,
            manifest    BLOB    NOT NULL CHECK (length(manifest) = 32),
            delivered   INTEGER NOT NULL,
            changed_at  INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX delivery_changed ON delivery (delivered, changed_at);
    ",
        "
        ALTER TABLE delivery RENAME COLUMN manifest TO content;
        ALTER TABLE delivery ADD COLUMN folder TEXT NOT NULL DEFAULT '';
        UPDATE delivery SET folder = lower(
            substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' ||
            substr(hex(id), 17, 4) || '-' || substr(hex(id), 21));
    ",
    ],
};

/// The ledger file of the outlet.
#[derive(Debug, Clone)]
pub struct SqliteOutlet {
    database: Database,
}

impl SqliteOutlet {
    /// Opens the file, making it (mode 0600) where needed. Blocks.
    ///
    /// # Errors
    /// See [`LedgerError`].
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        Ok(Self { database: Database::open(path, SCHEMA, None)? })
    }
}

#[async_trait]
impl OutletLedger for SqliteOutlet {
    async fn find(&self, id: SubmissionId) -> Result<Option<Delivery>, LedgerError> {
        Ok(self.database.read(move |connection| known_delivery(connection, id)).await?)
    }

    async fn stage(
        &self,
        id: SubmissionId,
        destination: &CodeWord,
        content: [u8; 32],
        folder: &CodeWord,
    ) -> Result<Delivery, LedgerError> {
        let (destination, folder) = (destination.clone(), folder.clone());
        let staged = self
            .database
            .write(move |connection| {
                connection
                    .prepare_cached(
                        "INSERT INTO delivery (id, destination, content, folder, delivered, changed_at)
                         VALUES (?1, ?2, ?3, ?4, 0, ?5) ON CONFLICT (id) DO NOTHING",
                    )?
                    .execute(params![
                        id.as_bytes(),
                        destination.as_str(),
                        content,
                        folder.as_str(),
                        now_ms()
                    ])?;
                known_delivery(connection, id)?.ok_or(rusqlite::Error::QueryReturnedNoRows)
            })
            .await?;
        Ok(staged)
    }

    async fn delivered(&self, id: SubmissionId) -> Result<bool, LedgerError> {
        let known = self
            .database
            .write(move |connection| {
                connection
                    .prepare_cached(
                        "UPDATE delivery SET changed_at = CASE delivered WHEN 0 THEN ?2 ELSE changed_at END,
                         delivered = 1 WHERE id = ?1",
                    )?
                    .execute(params![id.as_bytes(), now_ms()])
            })
            .await?;
        Ok(known > 0)
    }

    async fn withdraw(&self, id: SubmissionId, folder: &CodeWord) -> Result<bool, LedgerError> {
        let folder = folder.clone();
        let count = self
            .database
            .write(move |connection| {
                connection
                    .prepare_cached("DELETE FROM delivery WHERE id = ?1 AND folder = ?2 AND delivered = 0")?
                    .execute(params![id.as_bytes(), folder.as_str()])
            })
            .await?;
        Ok(count > 0)
    }

    async fn undelivered(&self, before: SystemTime, limit: u32) -> Result<Vec<SubmissionId>, LedgerError> {
        let ids = self
            .database
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT id FROM delivery WHERE NOT delivered AND changed_at < ?1 ORDER BY changed_at LIMIT ?2",
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
                        "DELETE FROM delivery WHERE id IN (
                            SELECT id FROM delivery WHERE delivered = 1 AND changed_at < ?1 LIMIT ?2)",
                    )?
                    .execute(params![to_ms(before), limit])
            })
            .await?;
        Ok(count)
    }

    async fn close(&self) {
        self.database.close().await;
    }
}

fn known_delivery(connection: &Connection, id: SubmissionId) -> rusqlite::Result<Option<Delivery>> {
    connection
        .prepare_cached(
            "SELECT destination, content, folder, delivered, changed_at FROM delivery WHERE id = ?1",
        )?
        .query_row([id.as_bytes()], |row| {
            Ok(Delivery {
                destination: word_column(row, 0)?,
                content: row.get(1)?,
                folder: word_column(row, 2)?,
                delivered: row.get(3)?,
                at: time_column(row, 4)?,
            })
        })
        .optional()
}
