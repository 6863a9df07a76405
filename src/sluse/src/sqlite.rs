//! An SQLite file with one writer thread per process that commits in groups.
//!
//! Callers on many tasks hand closures to the thread. It runs all that wait as one transaction, each in a savepoint
//! of its own, commits once (one fsync), and answers. So one caller alone pays one fsync, and 256 callers share one.
//!
//! ```text
//!   task ──┐                ┌─ BEGIN IMMEDIATE
//!   task ──┼─▶ bounded ──▶ ─┤  savepoint · work · release    (once per waiting caller)
//!   task ──┘   channel      └─ COMMIT (WAL, synchronous=FULL) ──▶ answers
//! ```
//!
//! Invariants:
//! - An `Ok` answer is given after the commit that holds the work is durable.
//! - One caller's failure undoes that caller's work only. If the whole transaction is lost, every closure is run again
//!   in a transaction of its own; hence closures are `Fn` and change nothing but the database.
//! - A file of another kind, or of a newer schema, is refused before anything in it is changed.
//! - Several processes may use the file at once.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use crate::durable;

/// Work that may wait for the writer thread before callers are held back.
const WAITING: usize = 1024;
/// Work that shares one transaction; keeps the write lock short for other processes.
const BATCH: usize = 512;
/// How long to wait for another process's write lock.
const BUSY: Duration = Duration::from_secs(10);
/// Pages in the WAL before it is copied back (16 MiB): fewer copies than the default, and still a short recovery.
const CHECKPOINT_PAGES: u32 = 4096;

/// What a database file is and how its tables came to be.
#[derive(Debug, Clone, Copy)]
pub struct Schema {
    /// What the file is, in a word or two, for error texts.
    pub what: &'static str,
    /// SQLite's `application_id`, so that a file of another kind is recognised.
    pub application_id: i32,
    /// Step *n* takes version *n* to *n + 1* (`user_version`). Steps are only ever added.
    pub steps: &'static [&'static str],
}

/// Why the database did not do the work. Clones share their cause.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DatabaseError {
    /// The disk, the quota, or the configured size is full.
    #[error("{}: no room left", .path.display())]
    Full {
        /// The database file.
        path: PathBuf,
    },
    /// The file is damaged, holds what it should not, or is no SQLite database.
    #[error("{}: damaged or not a database ({cause}); restore it from a copy, or move it away to begin anew", .path.display())]
    Corrupt {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        cause: Arc<rusqlite::Error>,
    },
    /// The file is a database of another kind.
    #[error("{}: not a {what} database", .path.display())]
    Foreign {
        /// The database file.
        path: PathBuf,
        /// What was expected.
        what: &'static str,
    },
    /// A newer version of the program made the file.
    #[error("{}: has schema version {found}, made by a newer version; this one knows up to {known}", .path.display())]
    Newer {
        /// The database file.
        path: PathBuf,
        /// Version in the file.
        found: i64,
        /// Newest version known here.
        known: i64,
    },
    /// Another process kept the file locked for ten seconds.
    #[error("{}: locked by another process", .path.display())]
    Busy {
        /// The database file.
        path: PathBuf,
    },
    /// The database was closed, or its thread ended.
    #[error("{}: closed", .path.display())]
    Closed {
        /// The database file.
        path: PathBuf,
    },
    /// The file could not be made or opened.
    #[error("{}: {cause}", .path.display())]
    File {
        /// The database file.
        path: PathBuf,
        /// What the operating system said.
        cause: Arc<std::io::Error>,
    },
    /// Anything else that SQLite reports.
    #[error("{}: {cause}", .path.display())]
    Sql {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        cause: Arc<rusqlite::Error>,
    },
}

impl DatabaseError {
    fn from_sql(path: &Path, cause: rusqlite::Error) -> Self {
        let path = path.to_owned();
        if matches!(cause, rusqlite::Error::FromSqlConversionFailure(..)) {
            return Self::Corrupt { path, cause: Arc::new(cause) };
        }
        match cause.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full { path },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy { path },
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Corrupt { path, cause: Arc::new(cause) }
            }
            _ => Self::Sql { path, cause: Arc::new(cause) },
        }
    }

    fn from_file(path: &Path, cause: std::io::Error) -> Self {
        let path = path.to_owned();
        if durable::is_full(&cause) {
            Self::Full { path }
        } else {
            Self::File { path, cause: Arc::new(cause) }
        }
    }
}

/// A handle to an open database; clones share the writer thread, which ends with the last of them.
#[derive(Debug, Clone)]
pub struct Database {
    sender: mpsc::Sender<Message>,
    path: Arc<Path>,
}

enum Message {
    Work(Box<dyn Job>),
    Close(oneshot::Sender<()>),
}

impl Database {
    /// Opens the file, making it (mode 0600) or bringing its schema up to date where needed. Blocks.
    ///
    /// `max_bytes` bounds the file itself; the write-ahead log beside it needs up to some tens of MiB more.
    ///
    /// # Errors
    /// See [`DatabaseError`].
    pub fn open(path: &Path, schema: Schema, max_bytes: Option<u64>) -> Result<Self, DatabaseError> {
        durable::create_file(path).map_err(|error| DatabaseError::from_file(path, error))?;
        let mut connection = connect(path).map_err(|error| DatabaseError::from_sql(path, error))?;
        prepare(&mut connection, path, schema)?;
        configure(&connection, max_bytes).map_err(|error| DatabaseError::from_sql(path, error))?;
        let (sender, receiver) = mpsc::channel(WAITING);
        let shared: Arc<Path> = Arc::from(path);
        let thread_path = Arc::clone(&shared);
        thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || serve(connection, &thread_path, receiver))
            .map_err(|error| DatabaseError::from_file(path, error))?;
        Ok(Self { sender, path: shared })
    }

    /// The database file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs work that changes the database; durable when this returns `Ok`.
    ///
    /// Dropped before it is done, the work happens entirely or not at all.
    ///
    /// # Errors
    /// See [`DatabaseError`]; the work's own SQLite error undoes the work.
    pub async fn write<T, W>(&self, work: W) -> Result<T, DatabaseError>
    where
        T: Send + 'static,
        W: Fn(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        self.submit(true, work, |value| value).await
    }

    /// Runs work that only reads.
    ///
    /// # Errors
    /// See [`DatabaseError`].
    pub async fn read<T, W>(&self, work: W) -> Result<T, DatabaseError>
    where
        T: Send + 'static,
        W: Fn(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        self.submit(false, work, |value| value).await
    }

    /// Like [`write`](Self::write), and `wrap` is applied to the result right after the commit, on the writer thread:
    /// a guard made by it is dropped, and can undo, also when the caller has gone away meanwhile.
    ///
    /// # Errors
    /// See [`DatabaseError`].
    pub async fn write_guarded<T, U, W, G>(&self, work: W, wrap: G) -> Result<U, DatabaseError>
    where
        T: Send + 'static,
        U: Send + 'static,
        W: Fn(&Connection) -> rusqlite::Result<T> + Send + 'static,
        G: FnOnce(T) -> U + Send + 'static,
    {
        self.submit(true, work, wrap).await
    }

    /// Hands work over without waiting for it or its result; given up when too much waits. For clean-up that
    /// happens by itself later anyway.
    pub fn try_write<W>(&self, work: W)
    where
        W: Fn(&Connection) -> rusqlite::Result<()> + Send + 'static,
    {
        let job = Call { writes: true, work, wrap: Some(|()| ()), done: None, reply: None };
        drop(self.sender.try_send(Message::Work(Box::new(job))));
    }

    /// Does the work that waits, closes the file, and makes every later call fail as [`DatabaseError::Closed`].
    pub async fn close(&self) {
        let (reply, done) = oneshot::channel();
        if self.sender.send(Message::Close(reply)).await.is_ok() {
            // An error means that the thread is gone, which is what was asked for.
            drop(done.await);
        }
    }

    async fn submit<T, U, W, G>(&self, writes: bool, work: W, wrap: G) -> Result<U, DatabaseError>
    where
        T: Send + 'static,
        U: Send + 'static,
        W: Fn(&Connection) -> rusqlite::Result<T> + Send + 'static,
        G: FnOnce(T) -> U + Send + 'static,
    {
        let closed = || DatabaseError::Closed { path: self.path.to_path_buf() };
        let (reply, answer) = oneshot::channel();
        let job = Call { writes, work, wrap: Some(wrap), done: None, reply: Some(reply) };
        self.sender.send(Message::Work(Box::new(job))).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }
}

/// One caller's work, whatever its types.
trait Job: Send {
    /// Whether it needs the write lock.
    fn writes(&self) -> bool;
    /// Whether someone still wants it done.
    fn wanted(&self) -> bool;
    /// Does the work inside the transaction and keeps the result; `false` asks for it to be undone.
    fn run(&mut self, connection: &Connection, path: &Path) -> bool;
    /// Answers the caller: `lost` when the transaction did not commit.
    fn finish(&mut self, lost: Option<&DatabaseError>);
}

struct Call<T, U, W, G> {
    writes: bool,
    work: W,
    wrap: Option<G>,
    done: Option<Result<T, DatabaseError>>,
    reply: Option<oneshot::Sender<Result<U, DatabaseError>>>,
}

impl<T, U, W, G> Job for Call<T, U, W, G>
where
    T: Send,
    U: Send,
    W: Fn(&Connection) -> rusqlite::Result<T> + Send,
    G: FnOnce(T) -> U + Send,
{
    fn writes(&self) -> bool {
        self.writes
    }

    fn wanted(&self) -> bool {
        self.reply.as_ref().is_none_or(|reply| !reply.is_closed())
    }

    fn run(&mut self, connection: &Connection, path: &Path) -> bool {
        let result = (self.work)(connection).map_err(|error| DatabaseError::from_sql(path, error));
        let keep = result.is_ok();
        self.done = Some(result);
        keep
    }

    fn finish(&mut self, lost: Option<&DatabaseError>) {
        let result = match (lost, self.done.take(), self.wrap.take()) {
            (None, Some(Ok(value)), Some(wrap)) => Ok(wrap(value)),
            (_, Some(Err(error)), _) => Err(error),
            (Some(lost), _, _) => Err(lost.clone()),
            // Every job of a committed batch was run once; without a result there is nobody to tell.
            (None, _, _) => return,
        };
        if let Some(reply) = self.reply.take() {
            drop(reply.send(result));
        }
    }
}

fn serve(connection: Connection, path: &Path, mut messages: mpsc::Receiver<Message>) {
    let mut waiting = Vec::with_capacity(BATCH);
    let mut closing = Vec::new();
    while messages.blocking_recv_many(&mut waiting, BATCH) > 0 {
        let mut batch: Vec<Box<dyn Job>> = Vec::with_capacity(waiting.len());
        for message in waiting.drain(..) {
            match message {
                Message::Work(job) if job.wanted() => batch.push(job),
                Message::Work(_) => {}
                Message::Close(reply) => {
                    messages.close();
                    closing.push(reply);
                }
            }
        }
        execute(&connection, path, &mut batch);
    }
    // Closing checkpoints the log; what it could not do is done at the next opening.
    drop(connection.close());
    for reply in closing {
        // Whoever asked may have gone.
        let _ = reply.send(());
    }
}

/// Runs a batch as one transaction, or, when that is lost, each job as its own.
fn execute(connection: &Connection, path: &Path, batch: &mut [Box<dyn Job>]) {
    if batch.is_empty() {
        return;
    }
    let lost = transact(connection, path, batch).err();
    match lost {
        Some(lost) if batch.len() == 1 || matches!(lost, DatabaseError::Busy { .. }) => {
            batch.iter_mut().for_each(|job| job.finish(Some(&lost)));
        }
        Some(_) => batch.chunks_mut(1).for_each(|single| execute(connection, path, single)),
        None => batch.iter_mut().for_each(|job| job.finish(None)),
    }
}

/// Runs and commits a batch; an error means that none of it happened.
fn transact(connection: &Connection, path: &Path, batch: &mut [Box<dyn Job>]) -> Result<(), DatabaseError> {
    let sql = |statement: &str| {
        connection
            .prepare_cached(statement)
            .and_then(|mut statement| statement.execute([]))
            .map(drop)
            .map_err(|error| DatabaseError::from_sql(path, error))
    };
    let begin = if batch.iter().any(|job| job.writes()) { "BEGIN IMMEDIATE" } else { "BEGIN" };
    sql(begin)?;
    let mut run = || {
        for job in batch.iter_mut() {
            sql("SAVEPOINT job")?;
            if !job.run(connection, path) {
                // After some failures SQLite has already rolled everything back; this then fails, as it should.
                sql("ROLLBACK TO job")?;
            }
            sql("RELEASE job")?;
        }
        sql("COMMIT")
    };
    let result = run();
    if result.is_err() && !connection.is_autocommit() {
        sql("ROLLBACK")?;
    }
    result
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Recognises the file and brings its schema up to date.
fn prepare(connection: &mut Connection, path: &Path, schema: Schema) -> Result<(), DatabaseError> {
    let sql = |error| DatabaseError::from_sql(path, error);
    // In one snapshot: another process may be making the file right now.
    let snapshot = connection.transaction().map_err(sql)?;
    recognise(&snapshot, path, schema)?;
    snapshot.commit().map_err(sql)?;
    // SQLite does not wait for a lock when the mode changes, so two processes that make the file at once retry here.
    let deadline = Instant::now() + BUSY;
    loop {
        match connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get::<_, String>(0)) {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && Instant::now() < deadline =>
            {
                thread::sleep(Duration::from_millis(5));
            }
            result => break result.map(drop).map_err(sql)?,
        }
    }
    connection.pragma_update(None, "synchronous", "FULL").map_err(sql)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql)?;
    let version = recognise(&transaction, path, schema)?;
    for step in schema.steps.iter().skip(version) {
        transaction.execute_batch(step).map_err(sql)?;
    }
    transaction.pragma_update(None, "application_id", schema.application_id).map_err(sql)?;
    transaction.pragma_update(None, "user_version", version_number(schema)).map_err(sql)?;
    transaction.commit().map_err(sql)
}

/// The file's schema version, or why it is not ours to use.
fn recognise(connection: &Connection, path: &Path, schema: Schema) -> Result<usize, DatabaseError> {
    let number = |statement: &str| {
        connection
            .query_row(statement, [], |row| row.get::<_, i64>(0))
            .map_err(|error| DatabaseError::from_sql(path, error))
    };
    let application = number("PRAGMA application_id")?;
    let found = number("PRAGMA user_version")?;
    let empty = application == 0 && found == 0 && number("SELECT count(*) FROM sqlite_schema")? == 0;
    if !empty && application != i64::from(schema.application_id) {
        return Err(DatabaseError::Foreign { path: path.to_owned(), what: schema.what });
    }
    let known = version_number(schema);
    match usize::try_from(found) {
        Ok(version) if found <= known => Ok(version),
        _ => Err(DatabaseError::Newer { path: path.to_owned(), found, known }),
    }
}

/// The version that all of the schema's steps lead to.
fn version_number(schema: Schema) -> i64 {
    i64::try_from(schema.steps.len()).unwrap_or(i64::MAX)
}

fn configure(connection: &Connection, max_bytes: Option<u64>) -> rusqlite::Result<()> {
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    if let Some(max_bytes) = max_bytes {
        let page: i64 = connection.query_row("PRAGMA page_size", [], |row| row.get(0))?;
        let pages = i64::try_from(max_bytes).unwrap_or(i64::MAX) / page.max(1);
        connection.pragma_update_and_check(None, "max_page_count", pages.max(1), |_| Ok(()))?;
    }
    Ok(())
}

/// A column that holds a submission's id.
pub(crate) fn id_column(
    row: &rusqlite::Row<'_>,
    column: usize,
) -> rusqlite::Result<sluse_envelope::SubmissionId> {
    sluse_envelope::SubmissionId::from_bytes(row.get(column)?).map_err(|cause| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Blob, Box::new(cause))
    })
}

/// Milliseconds since 1970 by the wall clock, as tables keep time.
pub(crate) fn now_ms() -> i64 {
    to_ms(SystemTime::now())
}

pub(crate) fn to_ms(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).ok().and_then(|since| i64::try_from(since.as_millis()).ok()).unwrap_or(0)
}

pub(crate) fn from_ms(ms: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

#[cfg(test)]
mod tests;
