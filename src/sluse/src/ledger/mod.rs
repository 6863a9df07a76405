//! What each zone remembers about submissions, one ledger per question.
//!
//! | ledger | zone | question |
//! |---|---|---|
//! | [`intake`] | DMZ | which submissions were accepted, and what came of them? |
//! | [`outlet`] | secure zone | was this submission delivered already? |
//! | [`reports`] | secure zone | what lies in quarantine? |
//!
//! Each is a trait with two implementations: an SQLite file, and tables of a PostgreSQL server that several instances of
//! a role share.
//!
//! ```text
//!   LedgerAddress ──▶ Sqlite(path) ────▶ crate::sqlite::Database    one machine; nothing to install
//!                 └─▶ Postgres(server) ─▶ postgres::Server           several instances of a role, one ledger
//! ```
//!
//! Contract for every ledger and backend:
//! - An `Ok` answer to a change is given when the change survives a power cut.
//! - Dropped before it is done, a change happens entirely or not at all. After [`LedgerError::Unavailable`] it may have
//!   happened: every change can be asked for again.
//! - Times that are stored or compared with each other are of one clock: the machine's for a file, the database
//!   server's for a server, so that instances whose clocks differ agree on what is older and whose claim has ended.
//!   The limits of `forget_before` and `unresolved` come from the caller's clock; they are days, and seconds do not matter.
//! - No ledger holds form names, file names, fields or any other content in the clear.

use std::path::PathBuf;

use crate::sqlite::DatabaseError;

pub mod intake;
pub mod outlet;
pub mod postgres;
pub mod reports;
mod sqlite;

use postgres::ServerError;

/// Where a ledger is.
#[derive(Debug, Clone)]
pub enum LedgerAddress {
    /// A file on this machine.
    Sqlite(PathBuf),
    /// Tables of a PostgreSQL server.
    Postgres(Box<postgres::ServerAddress>),
}

/// Why a ledger did not answer.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// No room; come back later.
    #[error("the ledger has no room left")]
    Full,
    /// The ledger is closed, locked by another process or out of reach; trying again may help.
    #[error("the ledger cannot be used now: {0}")]
    Unavailable(LedgerFault),
    /// The ledger is damaged, of another version, or holds what it should not; trying again does not help.
    #[error("the ledger cannot be used: {0}")]
    Damaged(LedgerFault),
}

impl LedgerError {
    /// Whether a server is away, and nothing that only the operator can mend is in the way.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self, Self::Unavailable(LedgerFault::Server(cause)) if cause.is_away())
    }
}

/// What a ledger's backend said.
#[derive(Debug, thiserror::Error)]
pub enum LedgerFault {
    /// The file.
    #[error(transparent)]
    File(DatabaseError),
    /// The server.
    #[error(transparent)]
    Server(ServerError),
}

impl From<DatabaseError> for LedgerError {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Full { .. } => Self::Full,
            DatabaseError::Corrupt { .. } | DatabaseError::Foreign { .. } | DatabaseError::Newer { .. } => {
                Self::Damaged(LedgerFault::File(error))
            }
            _ => Self::Unavailable(LedgerFault::File(error)),
        }
    }
}

impl From<ServerError> for LedgerError {
    fn from(error: ServerError) -> Self {
        if error.is_full() {
            Self::Full
        } else if error.is_lasting() {
            Self::Damaged(LedgerFault::Server(error))
        } else {
            Self::Unavailable(LedgerFault::Server(error))
        }
    }
}
