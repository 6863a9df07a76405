//! Submissions known to the DMZ: for idempotency keys, receipts, and what a portal may ask about.
//!
//! ```text
//!   begin ─▶ pending ──received──▶ received ─▶ examining ─▶ relayed · relayed_in_part · quarantined
//!               │ abandon              └──────────┴───────▶ rejected · expired
//!               ▼
//!             gone
//! ```
//!
//! Invariants: a state only ever moves to the right, and a terminal state never changes. A portal sees its own
//! submissions only. The receipt that was stored first is the receipt. An outcome may overtake `received` (a crash
//! between the queue and this ledger); the receipt is then still to come and the key stays unanswered until it does.

use std::path::Path;
use std::time::SystemTime;

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{LedgerError, bad_column, time_column};
use crate::id::{CodeWord, SubmissionId};
use crate::model::outcome::State;
use crate::sqlite::{Database, Schema, id_column, now_ms, to_ms};

const SCHEMA: Schema = Schema {
    what: "sluse intake ledger",
    application_id: 0x736c_7102,
    steps: &["
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
    "],
};

/// What [`IntakeLedger::begin`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// A new submission, recorded under this id.
    New(SubmissionId),
    /// The key was used before and its submission has no receipt yet: it is being received right now, or a crash cut it
    /// short and it may be received again under this same id.
    Pending {
        /// The id recorded with the key.
        id: SubmissionId,
        /// When it was begun.
        since: SystemTime,
    },
    /// The key was used before and answered.
    Done {
        /// The id recorded with the key.
        id: SubmissionId,
        /// The receipt given then.
        receipt: Vec<u8>,
    },
}

/// What became of a reported outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// The submission is in the new state.
    Changed,
    /// It was in this state, or one further on, and stays there.
    Kept(State),
    /// No such submission is known here (any more).
    Unknown,
}

/// What the DMZ knows about one submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// Its id.
    pub id: SubmissionId,
    /// How far it has come.
    pub state: State,
    /// One code per attachment, in the submission's order; empty until the outcome is known.
    pub codes: Vec<CodeWord>,
    /// The receipt, once given.
    pub receipt: Option<Vec<u8>>,
    /// When it was begun.
    pub began_at: SystemTime,
    /// When it was accepted.
    pub received_at: Option<SystemTime>,
    /// When its state last changed.
    pub changed_at: SystemTime,
}

/// The ledger file of the intake.
#[derive(Debug, Clone)]
pub struct IntakeLedger {
    database: Database,
}

impl IntakeLedger {
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

    /// Records that a portal begins a submission. `key_hash` is the SHA-256 of its idempotency key, unique per portal.
    ///
    /// # Errors
    /// See [`LedgerError`].
    pub async fn begin(
        &self,
        portal: &CodeWord,
        key_hash: Option<[u8; 32]>,
        new_id: SubmissionId,
    ) -> Result<Begun, LedgerError> {
        let portal = portal.clone();
        let begun = self
            .database
            .write(move |connection| {
                if let Some(hash) = key_hash
                    && let Some(known) = known_key(connection, &portal, &hash)?
                {
                    return Ok(known);
                }
                connection
                    .prepare_cached(
                        "INSERT INTO submission (id, portal, key_hash, state, began_at, changed_at)
                         VALUES (?1, ?2, ?3, 'pending', ?4, ?4)",
                    )?
                    .execute(params![new_id.as_bytes(), portal.as_str(), key_hash, now_ms()])?;
                Ok(Begun::New(new_id))
            })
            .await?;
        Ok(begun)
    }

    /// Forgets a submission that was refused while it was being received, so that its key is free again. Does nothing
    /// to one that got further.
    ///
    /// # Errors
    /// See [`LedgerError`].
    pub async fn abandon(&self, id: SubmissionId) -> Result<(), LedgerError> {
        self.database
            .write(move |connection| {
                connection
                    .prepare_cached("DELETE FROM submission WHERE id = ?1 AND state = 'pending'")?
                    .execute([id.as_bytes()])
            })
            .await?;
        Ok(())
    }

    /// Records that the submission is durable, and its receipt. Gives the receipt to answer with: the one that was
    /// stored first. `None` when the submission is not known.
    ///
    /// # Errors
    /// See [`LedgerError`].
    pub async fn received(&self, id: SubmissionId, receipt: Vec<u8>) -> Result<Option<Vec<u8>>, LedgerError> {
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

    /// Records how far a submission has come, and a code per attachment.
    ///
    /// # Errors
    /// See [`LedgerError`].
    pub async fn outcome(
        &self,
        id: SubmissionId,
        state: State,
        codes: &[CodeWord],
    ) -> Result<Recorded, LedgerError> {
        let codes = serde_json::Value::from_iter(codes.iter().map(CodeWord::as_str)).to_string();
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
                if known.is_terminal() || state <= known {
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

    /// What is known about a submission of this portal; `None` also when it is another's.
    ///
    /// # Errors
    /// See [`LedgerError`].
    pub async fn find(&self, portal: &CodeWord, id: SubmissionId) -> Result<Option<Submission>, LedgerError> {
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

    /// Up to `limit` accepted submissions without an outcome whose state has not changed since `before`, oldest first.
    ///
    /// # Errors
    /// See [`LedgerError`].
    pub async fn unresolved(&self, before: SystemTime, limit: u32) -> Result<Vec<SubmissionId>, LedgerError> {
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

    /// Forgets up to `limit` submissions last changed before that time which are terminal, or were never accepted.
    /// Gives how many; call again while it gives `limit`.
    ///
    /// # Errors
    /// See [`LedgerError`].
    pub async fn forget_before(&self, before: SystemTime, limit: u32) -> Result<usize, LedgerError> {
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

    /// How many submissions are in each state; states without any are left out.
    ///
    /// # Errors
    /// See [`LedgerError`].
    pub async fn counts(&self) -> Result<Vec<(State, u64)>, LedgerError> {
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
}

fn known_key(connection: &Connection, portal: &CodeWord, hash: &[u8; 32]) -> rusqlite::Result<Option<Begun>> {
    connection
        .prepare_cached("SELECT id, receipt, began_at FROM submission WHERE portal = ?1 AND key_hash = ?2")?
        .query_row(params![portal.as_str(), hash], |row| {
            let id = id_column(row, 0)?;
            Ok(match row.get(1)? {
                Some(receipt) => Begun::Done { id, receipt },
                None => Begun::Pending { id, since: time_column(row, 2)? },
            })
        })
        .optional()
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    fn open() -> (tempfile::TempDir, IntakeLedger) {
        let dir = tempfile::tempdir().unwrap();
        let ledger = IntakeLedger::open(&dir.path().join("intake.db")).unwrap();
        (dir, ledger)
    }

    fn word(text: &str) -> CodeWord {
        text.parse().unwrap()
    }

    async fn new(ledger: &IntakeLedger) -> SubmissionId {
        let id = crate::id::tests::new_id();
        assert_eq!(ledger.begin(&word("portal"), None, id).await.unwrap(), Begun::New(id));
        id
    }

    fn future() -> SystemTime {
        SystemTime::now() + Duration::from_secs(60)
    }

    #[tokio::test]
    async fn key_gives_the_same_id_and_receipt_again() {
        let (_dir, ledger) = open();
        let (portal, key, id) = (word("portal"), Some([7; 32]), crate::id::tests::new_id());
        assert_eq!(ledger.begin(&portal, key, id).await.unwrap(), Begun::New(id));
        let again = ledger.begin(&portal, key, crate::id::tests::new_id()).await.unwrap();
        assert!(matches!(again, Begun::Pending { id: known, .. } if known == id));
        assert_eq!(ledger.received(id, b"first".to_vec()).await.unwrap().unwrap(), b"first");
        assert_eq!(ledger.received(id, b"second".to_vec()).await.unwrap().unwrap(), b"first");
        let again = ledger.begin(&portal, key, crate::id::tests::new_id()).await.unwrap();
        assert_eq!(again, Begun::Done { id, receipt: b"first".to_vec() });
        let other = crate::id::tests::new_id();
        assert_eq!(ledger.begin(&word("other"), key, other).await.unwrap(), Begun::New(other));
    }

    #[tokio::test]
    async fn concurrent_begins_of_one_key_make_one_submission() {
        let (_dir, ledger) = open();
        let tasks: Vec<_> = (0..32)
            .map(|_| {
                let ledger = ledger.clone();
                tokio::spawn(async move {
                    ledger.begin(&word("portal"), Some([1; 32]), crate::id::tests::new_id()).await.unwrap()
                })
            })
            .collect();
        let mut new = 0;
        for task in tasks {
            new += usize::from(matches!(task.await.unwrap(), Begun::New(_)));
        }
        assert_eq!(new, 1);
        assert_eq!(ledger.counts().await.unwrap(), [(State::Pending, 1)]);
    }

    #[tokio::test]
    async fn abandoned_key_is_free_and_received_one_stays() {
        let (_dir, ledger) = open();
        let (portal, key, first) = (word("portal"), Some([2; 32]), crate::id::tests::new_id());
        ledger.begin(&portal, key, first).await.unwrap();
        ledger.abandon(first).await.unwrap();
        let second = crate::id::tests::new_id();
        assert_eq!(ledger.begin(&portal, key, second).await.unwrap(), Begun::New(second));
        ledger.received(second, vec![1]).await.unwrap();
        ledger.abandon(second).await.unwrap();
        assert!(ledger.find(&portal, second).await.unwrap().is_some());
        assert_eq!(ledger.received(first, vec![1]).await.unwrap(), None);
    }

    #[tokio::test]
    async fn terminal_state_never_changes() {
        let (_dir, ledger) = open();
        let id = new(&ledger).await;
        ledger.received(id, vec![1]).await.unwrap();
        for terminal in State::ALL.into_iter().filter(|state| state.is_terminal()) {
            let id = new(&ledger).await;
            let codes = [word("clean"), word("macro_removed")];
            assert_eq!(ledger.outcome(id, State::Examining, &[]).await.unwrap(), Recorded::Changed);
            assert_eq!(ledger.outcome(id, terminal, &codes).await.unwrap(), Recorded::Changed);
            for later in State::ALL {
                assert_eq!(ledger.outcome(id, later, &[]).await.unwrap(), Recorded::Kept(terminal));
            }
            ledger.received(id, vec![9]).await.unwrap();
            let found = ledger.find(&word("portal"), id).await.unwrap().unwrap();
            assert_eq!((found.state, &found.codes[..], found.receipt), (terminal, &codes[..], Some(vec![9])));
        }
        assert_eq!(
            ledger.outcome(crate::id::tests::new_id(), State::Relayed, &[]).await.unwrap(),
            Recorded::Unknown
        );
    }

    #[tokio::test]
    async fn portal_does_not_see_anothers_submission() {
        let (_dir, ledger) = open();
        let id = new(&ledger).await;
        assert!(ledger.find(&word("other"), id).await.unwrap().is_none());
        assert!(ledger.find(&word("portal"), id).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn accepted_without_outcome_is_never_forgotten() {
        let (_dir, ledger) = open();
        let (pending, received, done) = (new(&ledger).await, new(&ledger).await, new(&ledger).await);
        for id in [received, done] {
            ledger.received(id, vec![1]).await.unwrap();
        }
        ledger.outcome(done, State::Relayed, &[]).await.unwrap();
        assert_eq!(ledger.forget_before(UNIX_EPOCH, 10).await.unwrap(), 0);
        assert_eq!(ledger.unresolved(future(), 10).await.unwrap(), [received]);
        assert_eq!(ledger.forget_before(future(), 10).await.unwrap(), 2);
        assert_eq!(ledger.counts().await.unwrap(), [(State::Received, 1)]);
        assert!(ledger.find(&word("portal"), pending).await.unwrap().is_none());
    }
}
