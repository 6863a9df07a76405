//! A PostgreSQL server that keeps ledgers: where it is, how it is reached, and what is demanded of it.
//!
//! ```text
//!   ServerAddress ─▶ one connection: login, TLS, settings, version ─▶ pool of at most max_connections
//!                                                                      each new connection: settings and version again
//! ```
//!
//! Invariants:
//! - Every operation of a ledger is one statement, and so a transaction by itself: dropped or cut off, it happened
//!   entirely or not at all.
//! - A connection whose statement did not end in order is closed and never used again.
//! - Nothing waits without end: for a connection `ACQUIRE`, for an answer `ANSWER`; the server itself gives up before that.
//! - Where a commit would not wait for the disk, nothing is written: `synchronous_commit` and `fsync` are looked at on every
//!   new connection.
//! - The schema belongs to its owner, who alone changes it ([`migrate`]); a role only looks at its version, on every new
//!   connection, so that one that runs on after a migration stops writing when its connections have lived their time.
//! - Every name in a statement is written with its schema, and `search_path` holds nothing else.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgPoolOptions, PgRow};
use sqlx::query::Query;
use sqlx::{Connection as _, PgConnection, PgPool, Postgres, Row as _};

use crate::id::{CodeWord, SubmissionId};
use crate::sqlite::from_ms;

mod address;
mod error;
mod migrate;
#[cfg(test)]
pub(crate) mod private;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use address::MAX_CONNECTIONS;
pub use address::{AddressError, ServerAddress};
pub use error::ServerError;
pub use migrate::{Migrated, Tables, migrate};

/// Longest wait for a new connection, in all.
const CONNECT: Duration = Duration::from_secs(5);
/// Longest wait for a connection of the pool.
const ACQUIRE: Duration = Duration::from_secs(5);
/// Longest wait for an answer: more than the server's own `statement_timeout`.
const ANSWER: Duration = Duration::from_secs(15);

/// What every connection begins with: limits on waiting, names without surprises, and the settings that make a commit durable.
const SETTINGS: &str = "SELECT
    pg_catalog.set_config('search_path', 'pg_catalog', false),
    pg_catalog.set_config('statement_timeout', '10s', false),
    pg_catalog.set_config('lock_timeout', '5s', false),
    pg_catalog.set_config('idle_in_transaction_session_timeout', '10s', false),
    pg_catalog.current_setting('synchronous_commit'),
    pg_catalog.current_setting('fsync'),
    pg_catalog.current_setting('synchronous_standby_names')";

/// An open ledger on a server; clones share its connections.
#[derive(Debug, Clone)]
pub(super) struct Server {
    pool: PgPool,
    name: String,
    /// Why the newest connection was not fit; the pool itself only says that none came in time.
    unfit: Arc<Mutex<Option<ServerError>>>,
}

impl Server {
    /// Connects, and checks that the ledger's tables are there in the version that this program knows.
    pub(super) async fn open(address: &ServerAddress, tables: &'static Tables) -> Result<Self, ServerError> {
        let name = address.to_string();
        let options = address.options()?;
        let mut connection = connect(&name, &options).await?;
        migrate::check_version(&mut connection, &name, tables).await?;
        drop(connection.close().await);
        let unfit = Arc::new(Mutex::new(None));
        let (found, server) = (Arc::clone(&unfit), name.clone());
        let pool = PgPoolOptions::new()
            .max_connections(address.max_connections())
            .acquire_timeout(ACQUIRE)
            .max_lifetime(Duration::from_secs(30 * 60))
            .idle_timeout(Duration::from_secs(5 * 60))
            .after_connect(move |connection, _| {
                let (found, server) = (Arc::clone(&found), server.clone());
                Box::pin(async move {
                    let fit = match prepare(&mut *connection, &server).await {
                        Ok(()) => migrate::check_version(connection, &server, tables).await,
                        unfit => unfit,
                    };
                    let unfit = fit.err();
                    let told =
                        unfit.as_ref().map(|unfit| sqlx::Error::Configuration(unfit.to_string().into()));
                    *found.lock().unwrap_or_else(PoisonError::into_inner) = unfit;
                    told.map_or(Ok(()), Err)
                })
            })
            .connect_lazy_with(options);
        Ok(Self { pool, name, unfit })
    }

    /// Closes all connections once their statements have ended.
    pub(super) async fn close(&self) {
        self.pool.close().await;
    }

    /// The rows that a statement gives.
    pub(super) async fn rows(
        &self,
        query: Query<'_, Postgres, PgArguments>,
    ) -> Result<Vec<PgRow>, ServerError> {
        let connection = self.pool.acquire().await.map_err(|error| self.not_connected(error))?;
        let mut session = Session { connection, in_order: false };
        let answer = tokio::time::timeout(ANSWER, query.fetch_all(&mut *session.connection)).await;
        // An error that the server itself reports leaves the connection in order.
        session.in_order = matches!(&answer, Ok(Ok(_) | Err(sqlx::Error::Database(_))));
        match answer {
            Ok(answer) => answer.map_err(|error| ServerError::of(&self.name, error)),
            Err(_) => Err(ServerError::Silent { server: self.name.clone(), seconds: ANSWER.as_secs() }),
        }
    }

    /// Why the pool gives no connection.
    fn not_connected(&self, error: sqlx::Error) -> ServerError {
        let unfit = self.unfit.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (error, unfit) {
            (sqlx::Error::PoolTimedOut, Some(unfit)) => unfit,
            (error, _) => ServerError::of(&self.name, error),
        }
    }

    /// The row that a statement gives, if any.
    pub(super) async fn row(
        &self,
        query: Query<'_, Postgres, PgArguments>,
    ) -> Result<Option<PgRow>, ServerError> {
        Ok(self.rows(query).await?.into_iter().next())
    }

    /// A column of a row.
    pub(super) fn column<'r, T>(&self, row: &'r PgRow, name: &'static str) -> Result<T, ServerError>
    where
        T: sqlx::Decode<'r, Postgres> + sqlx::Type<Postgres>,
    {
        row.try_get(name).map_err(|_| self.content(name))
    }

    /// A column that is written as text and has a type of its own.
    pub(super) fn parsed<T: std::str::FromStr>(
        &self,
        row: &PgRow,
        name: &'static str,
    ) -> Result<T, ServerError> {
        self.column::<&str>(row, name)?.parse().map_err(|_| self.content(name))
    }

    /// A column of the type `bytea` and a fixed length.
    pub(super) fn bytes<const N: usize>(
        &self,
        row: &PgRow,
        name: &'static str,
    ) -> Result<Option<[u8; N]>, ServerError> {
        let bytes: Option<&[u8]> = self.column(row, name)?;
        bytes.map(|bytes| bytes.try_into().map_err(|_| self.content(name))).transpose()
    }

    /// A time that the statement gives as milliseconds since 1970.
    pub(super) fn time(&self, row: &PgRow, name: &'static str) -> Result<SystemTime, ServerError> {
        self.column(row, name).map(from_ms)
    }

    /// A count.
    pub(super) fn count(&self, row: &PgRow, name: &'static str) -> Result<u64, ServerError> {
        self.column(row, name).map(i64::unsigned_abs)
    }

    /// A column that does not hold what its table promises.
    pub(super) fn content(&self, column: &'static str) -> ServerError {
        ServerError::Content { server: self.name.clone(), column }
    }
}

/// A connection on loan.
///
/// Invariant: it goes back to the pool only when its last statement ended in order. The pool's own test at that moment
/// waits as long as a dead network does.
struct Session {
    connection: PoolConnection<Postgres>,
    in_order: bool,
}

impl Drop for Session {
    fn drop(&mut self) {
        if !self.in_order {
            self.connection.close_on_drop();
        }
    }
}

/// A connection of its own, with settings made and checked.
async fn connect(name: &str, options: &PgConnectOptions) -> Result<PgConnection, ServerError> {
    let connecting = async {
        let mut connection =
            PgConnection::connect_with(options).await.map_err(|error| ServerError::of(name, error))?;
        prepare(&mut connection, name).await?;
        Ok(connection)
    };
    tokio::time::timeout(CONNECT, connecting)
        .await
        .unwrap_or_else(|_| Err(ServerError::Silent { server: name.to_owned(), seconds: CONNECT.as_secs() }))
}

/// Makes a new connection's settings, and refuses one on which a commit is not durable.
async fn prepare(connection: &mut PgConnection, name: &str) -> Result<(), ServerError> {
    let row =
        sqlx::query(SETTINGS).fetch_one(connection).await.map_err(|error| ServerError::of(name, error))?;
    let setting =
        |index: usize| row.try_get::<String, _>(index).map_err(|error| ServerError::of(name, error));
    let (commit, fsync, standbys) = (setting(4)?, setting(5)?, setting(6)?);
    let refused = |setting| ServerError::NotDurable { server: name.to_owned(), setting };
    if fsync != "on" {
        return Err(refused("fsync is off".to_owned()));
    }
    // With standbys, `local` confirms what a failover would lose.
    if commit == "off" || (commit == "local" && !standbys.is_empty()) {
        return Err(refused(format!("synchronous_commit is {commit}")));
    }
    Ok(())
}

/// A submission's id as statements take it: `$n::uuid`.
pub(super) fn id_text(id: SubmissionId) -> String {
    id.to_string()
}

/// Words as statements take them: `$n::text[]`.
pub(super) fn words<'a>(words: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    words.into_iter().map(str::to_owned).collect()
}

/// A code word as statements take it.
pub(super) fn word(word: &CodeWord) -> String {
    word.as_str().to_owned()
}
