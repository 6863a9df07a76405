//! The queue in an SQLite file: several named queues, several processes.
//!
//! Times are wall-clock milliseconds, which all processes share. A message is due when `due_at` has come; a lease moves
//! `due_at` to its end, so an expired lease needs no one to notice it. When the clock is found to have been set back,
//! everything timed by the later clock becomes due: work may be done twice, but never waits for the clock to catch up.
//!
//! A `put` wakes a waiting `lease` of the same process at once; other processes look every 20 ms.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::{
    DeadLetter, Depth, LeaseReceipt, Leased, Listed, MAX_BODY, Message, Place, Put, Queue, QueueError,
};
use crate::id::{BadName, CodeWord, SubmissionId};
use crate::sqlite::{Database, DatabaseError, Schema, from_ms, id_column, now_ms};

const SCHEMA: Schema = Schema {
    what: "sluse queue",
    application_id: 0x736c_7101,
    steps: &["
        CREATE TABLE message (
            number      INTEGER PRIMARY KEY AUTOINCREMENT,
            queue       TEXT    NOT NULL,
            id          BLOB    NOT NULL CHECK (length(id) = 16),
            enqueued_at INTEGER NOT NULL,
            due_at      INTEGER NOT NULL,   -- when a lease may take it; of a leased one, the lease's end
            set_at      INTEGER NOT NULL,   -- when due_at was set
            leased      INTEGER NOT NULL,
            fence       INTEGER NOT NULL,   -- grows with each lease
            attempt     INTEGER NOT NULL,
            body        BLOB    NOT NULL
        ) STRICT;
        CREATE UNIQUE INDEX message_id ON message (queue, id);
        CREATE INDEX message_due ON message (queue, due_at, number, leased, enqueued_at);
        CREATE TABLE dead (
            number      INTEGER PRIMARY KEY AUTOINCREMENT,
            queue       TEXT    NOT NULL,
            id          BLOB    NOT NULL CHECK (length(id) = 16),
            enqueued_at INTEGER NOT NULL,
            died_at     INTEGER NOT NULL,
            attempt     INTEGER NOT NULL,
            reason      TEXT    NOT NULL,
            body        BLOB    NOT NULL
        ) STRICT;
        CREATE UNIQUE INDEX dead_id ON dead (queue, id);
    "],
};

/// How often a waiting lease looks for what other processes put and for delays that ended.
const POLL: Duration = Duration::from_millis(20);
/// Messages of one lease call, whatever `max` says.
const MAX_LEASED: usize = 1000;

/// How a queue file is used.
#[derive(Debug, Clone, Copy)]
pub struct QueueOptions {
    /// How long a holder has before it must extend; default 15 s.
    pub lease: Duration,
    /// Bound on the file's size in bytes; a put beyond it is [`QueueError::Full`].
    pub max_bytes: Option<u64>,
}

impl Default for QueueOptions {
    fn default() -> Self {
        Self { lease: Duration::from_secs(15), max_bytes: None }
    }
}

/// Gives the time in milliseconds since 1970.
type Clock = fn() -> i64;

/// An open queue file, from which the queues in it are taken by name.
#[derive(Debug)]
pub struct SqliteQueues {
    database: Database,
    lease: Duration,
    clock: Clock,
    poll: Duration,
    wake: Mutex<HashMap<CodeWord, Arc<Notify>>>,
}

impl SqliteQueues {
    /// Opens the file, making it (mode 0600) where needed. Blocks.
    ///
    /// # Errors
    /// See [`DatabaseError`].
    pub fn open(path: &Path, options: QueueOptions) -> Result<Self, DatabaseError> {
        let database = Database::open(path, SCHEMA, options.max_bytes)?;
        Ok(Self { database, lease: options.lease, clock: now_ms, poll: POLL, wake: Mutex::default() })
    }

    /// The queue of that name; it exists by being named.
    #[must_use]
    pub fn queue(&self, name: &CodeWord) -> SqliteQueue {
        let mut wake = self.wake.lock().unwrap_or_else(PoisonError::into_inner);
        SqliteQueue {
            name: Arc::from(name.as_str()),
            database: self.database.clone(),
            lease_ms: i64::try_from(self.lease.as_millis()).unwrap_or(i64::MAX),
            clock: self.clock,
            poll: self.poll,
            wake: Arc::clone(wake.entry(name.clone()).or_default()),
            latest: Arc::new(AtomicI64::new(i64::MAX)),
        }
    }

    /// Finishes what waits and closes the file; the queues taken from it fail from then on.
    pub async fn close(&self) {
        self.database.close().await;
    }
}

/// One queue of an open file.
#[derive(Debug, Clone)]
pub struct SqliteQueue {
    name: Arc<str>,
    database: Database,
    lease_ms: i64,
    clock: Clock,
    poll: Duration,
    wake: Arc<Notify>,
    /// Latest time seen by a lease: a smaller one means that the clock was set back. Unset, it counts as set back.
    latest: Arc<AtomicI64>,
}

impl From<DatabaseError> for QueueError {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Full { .. } => Self::Full,
            DatabaseError::Corrupt { .. } | DatabaseError::Foreign { .. } | DatabaseError::Newer { .. } => {
                Self::Damaged(Box::new(error))
            }
            _ => Self::Unavailable(Box::new(error)),
        }
    }
}

#[async_trait]
impl Queue for SqliteQueue {
    async fn put(&self, message: Message) -> Result<Put, QueueError> {
        let bytes = message.body.len();
        if bytes > MAX_BODY {
            return Err(QueueError::TooLarge { bytes });
        }
        let clock = self.clock;
        let name = Arc::clone(&self.name);
        let stored = self
            .database
            .write(move |connection| {
                connection
                    .prepare_cached(
                        "INSERT INTO message (queue, id, enqueued_at, due_at, set_at, leased, fence, attempt, body)
                         VALUES (?1, ?2, ?3, ?3, ?3, 0, 0, 0, ?4) ON CONFLICT (queue, id) DO NOTHING",
                    )?
                    .execute(params![&*name, message.id.as_bytes(), clock(), message.body])
            })
            .await?;
        if stored == 0 {
            return Ok(Put::AlreadyThere);
        }
        self.wake.notify_one();
        Ok(Put::Stored)
    }

    async fn lease(&self, max: usize, wait: Duration) -> Result<Vec<Leased>, QueueError> {
        let deadline = Instant::now() + wait;
        loop {
            let taken = self.take(max.min(MAX_LEASED)).await?;
            if !taken.is_empty() || max == 0 {
                return Ok(taken);
            }
            loop {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Ok(Vec::new());
                }
                let woken = timeout(left.min(self.poll), self.wake.notified()).await.is_ok();
                if woken || self.any_due().await? {
                    break;
                }
            }
        }
    }

    async fn extend(&self, receipt: &LeaseReceipt) -> Result<(), QueueError> {
        let clock = self.clock;
        let (number, fence, lease_ms) = (receipt.number, receipt.fence, self.lease_ms);
        let changed = self
            .database
            .write(move |connection| {
                let now = clock();
                connection
                    .prepare_cached(
                        "UPDATE message SET due_at = ?1, set_at = ?2 WHERE number = ?3 AND fence = ?4 AND leased",
                    )?
                    .execute(params![now.saturating_add(lease_ms), now, number, fence])
            })
            .await?;
        held(changed)
    }

    async fn ack(&self, receipt: LeaseReceipt) -> Result<(), QueueError> {
        let changed = self
            .database
            .write(move |connection| {
                connection
                    .prepare_cached("DELETE FROM message WHERE number = ?1 AND fence = ?2 AND leased")?
                    .execute([receipt.number, receipt.fence])
            })
            .await?;
        held(changed)
    }

    async fn nack(&self, receipt: LeaseReceipt, delay: Duration) -> Result<(), QueueError> {
        let clock = self.clock;
        let delay = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
        let changed = self
            .database
            .write(move |connection| {
                let now = clock();
                connection
                    .prepare_cached(
                        "UPDATE message SET due_at = ?1, set_at = ?2, leased = 0, attempt = attempt - 1
                         WHERE number = ?3 AND fence = ?4 AND leased",
                    )?
                    .execute(params![now.saturating_add(delay), now, receipt.number, receipt.fence])
            })
            .await?;
        held(changed)?;
        if delay == 0 {
            self.wake.notify_one();
        }
        Ok(())
    }

    async fn dead_letter(&self, receipt: LeaseReceipt, reason: &CodeWord) -> Result<(), QueueError> {
        let clock = self.clock;
        let reason = reason.clone();
        let changed = self
            .database
            .write(move |connection| {
                // A letter of this id that died before gives way: it is the same submission.
                connection
                    .prepare_cached(
                        "INSERT OR REPLACE INTO dead (queue, id, enqueued_at, died_at, attempt, reason, body)
                         SELECT queue, id, enqueued_at, ?3, attempt, ?4, body FROM message
                         WHERE number = ?1 AND fence = ?2 AND leased",
                    )?
                    .execute(params![receipt.number, receipt.fence, clock(), reason.as_str()])?;
                connection
                    .prepare_cached("DELETE FROM message WHERE number = ?1 AND fence = ?2 AND leased")?
                    .execute([receipt.number, receipt.fence])
            })
            .await?;
        held(changed)
    }

    async fn depth(&self) -> Result<Depth, QueueError> {
        let clock = self.clock;
        let name = Arc::clone(&self.name);
        let depth = self
            .database
            .read(move |connection| {
                let now = clock();
                let dead: i64 = connection
                    .prepare_cached("SELECT count(*) FROM dead WHERE queue = ?1")?
                    .query_row([&*name], |row| row.get(0))?;
                connection
                    .prepare_cached(
                        "SELECT count(*) FILTER (WHERE due_at <= ?2), count(*) FILTER (WHERE due_at > ?2 AND leased),
                                count(*) FILTER (WHERE due_at > ?2 AND NOT leased), min(enqueued_at)
                         FROM message WHERE queue = ?1",
                    )?
                    .query_row(params![&*name, now], |row| {
                        let oldest: Option<i64> = row.get(3)?;
                        Ok(Depth {
                            ready: row.get::<_, i64>(0)?.unsigned_abs(),
                            leased: Some(row.get::<_, i64>(1)?.unsigned_abs()),
                            delayed: row.get::<_, i64>(2)?.unsigned_abs(),
                            dead: dead.unsigned_abs(),
                            oldest: oldest.map(|ms| {
                                Duration::from_millis(u64::try_from(now.saturating_sub(ms)).unwrap_or(0))
                            }),
                        })
                    })
            })
            .await?;
        Ok(depth)
    }

    async fn list(&self, limit: u32) -> Result<Vec<Listed>, QueueError> {
        let clock = self.clock;
        let name = Arc::clone(&self.name);
        let list = self
            .database
            .read(move |connection| {
                let now = clock();
                connection
                    .prepare_cached(
                        "SELECT id, due_at, leased, attempt, length(body), enqueued_at
                         FROM message WHERE queue = ?1 ORDER BY number LIMIT ?2",
                    )?
                    .query_map(params![&*name, limit], |row| {
                        let due = row.get::<_, i64>(1)? <= now;
                        let place = match (due, row.get(2)?) {
                            (true, _) => Place::Ready,
                            (false, true) => Place::Leased,
                            (false, false) => Place::Delayed,
                        };
                        Ok(Listed {
                            id: id_column(row, 0)?,
                            place,
                            attempt: row.get(3)?,
                            bytes: row.get::<_, i64>(4)?.unsigned_abs(),
                            enqueued_at: from_ms(row.get(5)?),
                        })
                    })?
                    .collect()
            })
            .await?;
        Ok(list)
    }

    async fn dead_letters(&self, limit: u32) -> Result<Vec<DeadLetter>, QueueError> {
        let name = Arc::clone(&self.name);
        let list = self
            .database
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT id, reason, attempt, length(body), enqueued_at, died_at
                         FROM dead WHERE queue = ?1 ORDER BY number LIMIT ?2",
                    )?
                    .query_map(params![&*name, limit], |row| {
                        let reason: String = row.get(1)?;
                        Ok(DeadLetter {
                            id: id_column(row, 0)?,
                            reason: reason.parse().map_err(|error| bad_text(1, error))?,
                            attempt: row.get(2)?,
                            bytes: row.get::<_, i64>(3)?.unsigned_abs(),
                            enqueued_at: from_ms(row.get(4)?),
                            died_at: from_ms(row.get(5)?),
                        })
                    })?
                    .collect()
            })
            .await?;
        Ok(list)
    }

    async fn redrive(&self, id: SubmissionId) -> Result<bool, QueueError> {
        let clock = self.clock;
        let name = Arc::clone(&self.name);
        let found = self
            .database
            .write(move |connection| {
                // A live message of this id is the same submission: then only the dead copy goes.
                connection
                    .prepare_cached(
                        "INSERT INTO message (queue, id, enqueued_at, due_at, set_at, leased, fence, attempt, body)
                         SELECT queue, id, enqueued_at, ?3, ?3, 0, 0, 0, body FROM dead WHERE queue = ?1 AND id = ?2
                         ON CONFLICT (queue, id) DO NOTHING",
                    )?
                    .execute(params![&*name, id.as_bytes(), clock()])?;
                connection
                    .prepare_cached("DELETE FROM dead WHERE queue = ?1 AND id = ?2")?
                    .execute(params![&*name, id.as_bytes()])
            })
            .await?;
        self.wake.notify_one();
        Ok(found > 0)
    }
}

impl SqliteQueue {
    /// Leases what is due, without waiting.
    async fn take(&self, max: usize) -> Result<Vec<Leased>, QueueError> {
        let name = Arc::clone(&self.name);
        let latest = Arc::clone(&self.latest);
        let clock = self.clock;
        let lease_ms = self.lease_ms;
        let home = (self.database.clone(), Arc::clone(&self.wake));
        let guard = self
            .database
            .write_guarded(
                move |connection| {
                    let now = clock();
                    if latest.swap(now, Ordering::Relaxed) > now {
                        release_from_later_clock(connection, &name, now)?;
                    }
                    lease_due(connection, &name, now, lease_ms, max)
                },
                move |leased| Unclaimed { leased, home },
            )
            .await?;
        Ok(guard.claim())
    }

    async fn any_due(&self) -> Result<bool, QueueError> {
        let name = Arc::clone(&self.name);
        let clock = self.clock;
        let latest = self.latest.load(Ordering::Relaxed);
        let due = self
            .database
            .read(move |connection| {
                let now = clock();
                let found = connection
                    .prepare_cached("SELECT 1 FROM message WHERE queue = ?1 AND due_at <= ?2 LIMIT 1")?
                    .query_row(params![&*name, now], |_| Ok(()))
                    .optional()?;
                Ok(found.is_some() || now < latest)
            })
            .await?;
        Ok(due)
    }
}

/// Leases whose caller has not received them yet: dropped, they are given back with the attempt not counted.
struct Unclaimed {
    leased: Vec<Leased>,
    home: (Database, Arc<Notify>),
}

impl Unclaimed {
    fn claim(mut self) -> Vec<Leased> {
        std::mem::take(&mut self.leased)
    }
}

impl Drop for Unclaimed {
    fn drop(&mut self) {
        if self.leased.is_empty() {
            return;
        }
        let wake = Arc::clone(&self.home.1);
        let leases: Vec<_> =
            self.leased.iter().map(|leased| (leased.receipt.number, leased.receipt.fence)).collect();
        self.home.0.try_write(move |connection| {
            let mut give_back = connection.prepare_cached(
                "UPDATE message SET due_at = set_at, leased = 0, attempt = attempt - 1
                 WHERE number = ?1 AND fence = ?2 AND leased",
            )?;
            for lease in &leases {
                give_back.execute([lease.0, lease.1])?;
            }
            wake.notify_one();
            Ok(())
        });
    }
}

fn lease_due(
    connection: &Connection,
    queue: &str,
    now: i64,
    lease_ms: i64,
    max: usize,
) -> rusqlite::Result<Vec<Leased>> {
    let mut leased: Vec<Leased> = connection
        .prepare_cached(
            "UPDATE message SET due_at = :until, set_at = :now, leased = 1, fence = fence + 1, attempt = attempt + 1
             WHERE number IN (SELECT number FROM message INDEXED BY message_due
                              WHERE queue = :queue AND due_at <= :now ORDER BY due_at, number LIMIT :max)
             RETURNING number, fence, id, attempt, enqueued_at, body",
        )?
        .query_map(
            named_params! {
                ":queue": queue, ":now": now, ":until": now.saturating_add(lease_ms),
                ":max": i64::try_from(max).unwrap_or(i64::MAX),
            },
            leased_row,
        )?
        .collect::<rusqlite::Result<_>>()?;
    // RETURNING promises no order.
    leased.sort_by_key(|leased| (leased.enqueued_at, leased.receipt.number));
    Ok(leased)
}

fn leased_row(row: &Row<'_>) -> rusqlite::Result<Leased> {
    Ok(Leased {
        receipt: LeaseReceipt { number: row.get(0)?, fence: row.get(1)? },
        message: Message { id: id_column(row, 2)?, body: row.get(5)? },
        attempt: row.get(3)?,
        enqueued_at: from_ms(row.get(4)?),
    })
}

/// Makes everything due that was timed by a clock later than this one; leases keep working until taken by another.
fn release_from_later_clock(connection: &Connection, queue: &str, now: i64) -> rusqlite::Result<()> {
    // Nothing is due before it was set, so the first condition loses none and finds them by the index.
    connection
        .prepare_cached(
            "UPDATE message SET due_at = ?2, set_at = ?2 WHERE queue = ?1 AND due_at > ?2 AND set_at > ?2",
        )?
        .execute(params![queue, now])?;
    Ok(())
}

fn held(changed: usize) -> Result<(), QueueError> {
    if changed == 0 { Err(QueueError::Stale) } else { Ok(()) }
}

fn bad_text(column: usize, error: BadName) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
}

#[cfg(test)]
mod tests;
