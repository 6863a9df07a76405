//! Making a ledger's tables and bringing them up to date: by their owner, never by a role.
//!
//! ```text
//!   owner:  advisory lock ─▶ version ─▶ steps that are missing ─▶ rights of the role's user ─▶ commit    (one transaction)
//!   role:   version ─▶ equal? work : refuse, and say what to run
//! ```
//!
//! Each ledger is a schema of its own with a table `version` of one row. Step *n* takes version *n - 1* to *n*; steps
//! are only ever added. Two owners at once wait for each other at the lock.

use sqlx::{Connection as _, PgConnection};

use super::{ServerAddress, ServerError, connect};

/// Key of the advisory lock that migrations take: "sluse" in ASCII.
const LOCK: i64 = 0x73_6c75_7365;
/// Longest a migration may wait for tables in use.
const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '60s'";
/// A step may rewrite a large table.
const STATEMENT_TIMEOUT: &str = "SET LOCAL statement_timeout = 0";

/// One ledger's tables.
#[derive(Debug)]
pub struct Tables {
    /// Whose ledger, in a word.
    pub ledger: &'static str,
    /// What makes them; the first makes the schema.
    pub steps: &'static [&'static str],
    /// Their version, one row.
    pub version: &'static str,
    /// Sets the version.
    pub set_version: &'static str,
    /// Rights of the role's user, for whom `{user}` stands.
    pub grants: &'static str,
}

impl Tables {
    /// The version that the steps lead to.
    fn known(&self) -> i64 {
        i64::try_from(self.steps.len()).unwrap_or(i64::MAX)
    }
}

/// What a migration did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrated {
    /// Version before; 0 when there were no tables.
    pub from: i64,
    /// Version now.
    pub to: i64,
}

/// Brings a ledger's tables up to date and gives `user` the rights that its role needs, and no others.
///
/// # Errors
/// See [`ServerError`]; nothing was changed then.
pub async fn migrate(address: &ServerAddress, tables: &Tables, user: &str) -> Result<Migrated, ServerError> {
    let name = address.to_string();
    let mut connection = connect(&name, &address.options()?).await?;
    let failed = |error| ServerError::of(&name, error);
    let mut transaction = connection.begin().await.map_err(failed)?;
    for setting in [LOCK_TIMEOUT, STATEMENT_TIMEOUT] {
        sqlx::raw_sql(setting).execute(&mut *transaction).await.map_err(failed)?;
    }
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(LOCK)
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
    let from = version(&mut transaction, &name, tables).await?.unwrap_or(0);
    let known = tables.known();
    let Ok(done) = usize::try_from(from) else {
        return Err(ServerError::Content { server: name, column: "version" });
    };
    if from > known {
        return Err(ServerError::Newer { server: name, ledger: tables.ledger, found: from, known });
    }
    for step in tables.steps.iter().skip(done) {
        sqlx::raw_sql(*step).execute(&mut *transaction).await.map_err(failed)?;
    }
    sqlx::query(tables.set_version).bind(known).execute(&mut *transaction).await.map_err(failed)?;
    let grants = tables.grants.replace("{user}", &quoted(user));
    sqlx::raw_sql(sqlx::AssertSqlSafe(grants)).execute(&mut *transaction).await.map_err(failed)?;
    transaction.commit().await.map_err(failed)?;
    drop(connection.close().await);
    Ok(Migrated { from, to: known })
}

/// Refuses tables that are not exactly of the version that this program knows.
pub(super) async fn check_version(
    connection: &mut PgConnection,
    name: &str,
    tables: &Tables,
) -> Result<(), ServerError> {
    let (server, ledger, known) = (name.to_owned(), tables.ledger, tables.known());
    match version(connection, name, tables).await {
        Ok(Some(found)) if found == known => Ok(()),
        Ok(Some(found)) if found > known => Err(ServerError::Newer { server, ledger, found, known }),
        Ok(Some(found)) => Err(ServerError::Older { server, ledger, found, known }),
        Ok(None) => Err(ServerError::NotMigrated { server, ledger }),
        // insufficient_privilege: tables of another role's user.
        Err(ServerError::Sql { code, .. }) if code == "42501" => {
            Err(ServerError::NotMigrated { server, ledger })
        }
        Err(error) => Err(error),
    }
}

/// The version of the tables that are there.
async fn version(
    connection: &mut PgConnection,
    name: &str,
    tables: &Tables,
) -> Result<Option<i64>, ServerError> {
    let failed = |error| ServerError::of(name, error);
    let there: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'sluse_' || $1)",
    )
    .bind(tables.ledger)
    .fetch_one(&mut *connection)
    .await
    .map_err(failed)?;
    if !there {
        return Ok(None);
    }
    sqlx::query_scalar(tables.version).fetch_optional(connection).await.map_err(failed)
}

/// A name as a quoted identifier.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_name_ends_where_it_should() {
        assert_eq!(quoted("a\" TO public; --"), "\"a\"\" TO public; --\"");
    }
}
