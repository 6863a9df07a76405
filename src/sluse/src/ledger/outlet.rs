//! What was delivered, so that a submission that arrives twice is delivered once.
//!
//! ```text
//!   stage ─▶ staged ──delivered──▶ delivered ──forget_before──▶ gone
//! ```
//!
//! `staged` is durable before the delivery begins, so that after a crash the outlet knows that a delivery may have
//! happened and asks the destination, or delivers again under the same idempotency key.

use std::path::Path;
use std::time::SystemTime;

use rusqlite::{Connection, OptionalExtension, params};

use super::{LedgerError, time_column, word_column};
use crate::id::{CodeWord, SubmissionId};
use crate::sqlite::{Database, Schema, id_column, now_ms, to_ms};

const SCHEMA: Schema = Schema {
    what: "sluse outlet ledger",
    application_id: 0x736c_7103,
    steps: &["
        CREATE TABLE delivery (
            id          BLOB    PRIMARY KEY CHECK (length(id) = 16),
            destination TEXT    NOT NULL,
            manifest    BLOB    NOT NULL CHECK (length(manifest) = 32),
            delivered   INTEGER NOT NULL,
            changed_at  INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX delivery_changed ON delivery (delivered, changed_at);
    "],
};

/// What is on record about one delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Where to.
    pub destination: CodeWord,
    /// SHA-256 of the manifest that was staged.
    pub manifest: [u8; 32],
    /// When it was staged or, once delivered, when that was.
    pub at: SystemTime,
}

/// What [`OutletLedger::stage`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Staged {
    /// The first time this submission is seen.
    New,
    /// It was staged before; whether it reached its destination is not known.
    AlreadyStaged(Delivery),
    /// It was delivered before.
    AlreadyDelivered(Delivery),
}

/// The ledger file of the outlet.
#[derive(Debug, Clone)]
pub struct OutletLedger {
    database: Database,
}

impl OutletLedger {
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

    /// What is on record about a submission; [`Staged::New`] is never given.
    ///
    /// # Errors
    /// See [`LedgerError`].
    pub async fn find(&self, id: SubmissionId) -> Result<Option<Staged>, LedgerError> {
        Ok(self.database.read(move |connection| known_delivery(connection, id)).await?)
    }

    /// Records that a delivery is about to begin. `manifest` is the manifest's SHA-256. What is on record already stays.
    ///
    /// # Errors
    /// See [`LedgerError`].
    pub async fn stage(
        &self,
        id: SubmissionId,
        destination: &CodeWord,
        manifest: [u8; 32],
    ) -> Result<Staged, LedgerError> {
        let destination = destination.clone();
        let staged = self
            .database
            .write(move |connection| {
                if let Some(known) = known_delivery(connection, id)? {
                    return Ok(known);
                }
                connection
                    .prepare_cached("INSERT INTO delivery VALUES (?1, ?2, ?3, 0, ?4)")?
                    .execute(params![id.as_bytes(), destination.as_str(), manifest, now_ms()])?;
                Ok(Staged::New)
            })
            .await?;
        Ok(staged)
    }

    /// Records that the destination has it. `false` when it was never staged.
    ///
    /// # Errors
    /// See [`LedgerError`].
    pub async fn delivered(&self, id: SubmissionId) -> Result<bool, LedgerError> {
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

    /// Up to `limit` submissions staged before that time and not delivered, oldest first.
    ///
    /// # Errors
    /// See [`LedgerError`].
    pub async fn undelivered(
        &self,
        before: SystemTime,
        limit: u32,
    ) -> Result<Vec<SubmissionId>, LedgerError> {
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

    /// Forgets up to `limit` deliveries finished before that time: longer ago than any copy can still arrive. Gives how
    /// many; call again while it gives `limit`.
    ///
    /// # Errors
    /// See [`LedgerError`].
    pub async fn forget_before(&self, before: SystemTime, limit: u32) -> Result<usize, LedgerError> {
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
}

fn known_delivery(connection: &Connection, id: SubmissionId) -> rusqlite::Result<Option<Staged>> {
    connection
        .prepare_cached("SELECT delivered, destination, manifest, changed_at FROM delivery WHERE id = ?1")?
        .query_row([id.as_bytes()], |row| {
            let delivery = Delivery {
                destination: word_column(row, 1)?,
                manifest: row.get(2)?,
                at: time_column(row, 3)?,
            };
            let delivered: bool = row.get(0)?;
            Ok(if delivered { Staged::AlreadyDelivered(delivery) } else { Staged::AlreadyStaged(delivery) })
        })
        .optional()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn second_arrival_is_known_and_record_survives_reopening() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("outlet.db");
        let ledger = OutletLedger::open(&path).unwrap();
        let (id, place): (_, CodeWord) = (crate::id::tests::new_id(), "cases".parse().unwrap());
        let future = SystemTime::now() + Duration::from_secs(60);
        assert_eq!(ledger.stage(id, &place, [1; 32]).await.unwrap(), Staged::New);
        let again = ledger.stage(id, &"elsewhere".parse().unwrap(), [2; 32]).await.unwrap();
        assert!(matches!(again, Staged::AlreadyStaged(d) if d.manifest == [1; 32] && d.destination == place));
        assert_eq!(ledger.forget_before(future, 10).await.unwrap(), 0);
        assert_eq!(ledger.undelivered(future, 10).await.unwrap(), [id]);
        assert!(ledger.delivered(id).await.unwrap());
        assert!(!ledger.delivered(crate::id::tests::new_id()).await.unwrap());
        ledger.close().await;

        let ledger = OutletLedger::open(&path).unwrap();
        let again = ledger.stage(id, &place, [1; 32]).await.unwrap();
        assert!(matches!(again, Staged::AlreadyDelivered(_)));
        assert!(ledger.undelivered(future, 10).await.unwrap().is_empty());
        assert_eq!(ledger.forget_before(future, 10).await.unwrap(), 1);
        assert_eq!(ledger.stage(id, &place, [1; 32]).await.unwrap(), Staged::New);
    }
}
