//! Columns that every ledger file has.

use std::time::SystemTime;

use rusqlite::types::Type;

use crate::id::CodeWord;
use crate::sqlite::from_ms;

/// A column that does not hold what its table promises.
pub(super) fn bad_column(column: usize, kind: Type, what: &'static str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, kind, what.into())
}

pub(super) fn word_column(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<CodeWord> {
    let text: String = row.get(column)?;
    text.parse().map_err(|_| bad_column(column, Type::Text, "not a code word"))
}

pub(super) fn time_column(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<SystemTime> {
    row.get(column).map(from_ms)
}
