//! What each zone remembers about submissions, one SQLite file per question.
//!
//! | file | zone | question |
//! |---|---|---|
//! | [`intake`] | DMZ | which submissions were accepted, and what came of them? |
//! | [`outlet`] | secure zone | was this submission delivered already? |
//! | [`reports`] | secure zone | what lies in quarantine? |
//!
//! No ledger holds form names, file names, fields or any other content in the clear.

use std::time::SystemTime;

use rusqlite::types::Type;

use crate::id::CodeWord;
use crate::sqlite::{DatabaseError, from_ms};

pub mod intake;
pub mod outlet;
pub mod reports;

/// Why a ledger did not answer.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// No room; come back later.
    #[error("the ledger has no room left")]
    Full,
    /// The ledger is closed, locked by another process or out of reach; trying again may help.
    #[error("the ledger cannot be used now: {0}")]
    Unavailable(DatabaseError),
    /// The ledger's file is damaged or holds what it should not; trying again does not help.
    #[error("the ledger is damaged: {0}")]
    Damaged(DatabaseError),
}

impl From<DatabaseError> for LedgerError {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Full { .. } => Self::Full,
            DatabaseError::Corrupt { .. } | DatabaseError::Foreign { .. } | DatabaseError::Newer { .. } => {
                Self::Damaged(error)
            }
            _ => Self::Unavailable(error),
        }
    }
}

/// A column that does not hold what its table promises.
fn bad_column(column: usize, kind: Type, what: &'static str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, kind, what.into())
}

fn word_column(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<CodeWord> {
    let text: String = row.get(column)?;
    text.parse().map_err(|_| bad_column(column, Type::Text, "not a code word"))
}

fn time_column(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<SystemTime> {
    row.get(column).map(from_ms)
}
