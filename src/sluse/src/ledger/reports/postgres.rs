//! The quarantine reports in tables of a PostgreSQL server, for any number of consoles.

use async_trait::async_trait;
use sqlx::postgres::PgRow;

use super::{Listed, ReportState, Reports};
use crate::id::SubmissionId;
use crate::ledger::LedgerError;
use crate::ledger::postgres::{Server, ServerAddress, ServerError, Tables, id_text};

/// The ledger's schema.
pub(crate) const TABLES: Tables = Tables {
    ledger: "console",
    steps: &[include_str!("../postgres/sql/console-1.sql")],
    version: "SELECT version FROM sluse_console.version",
    set_version: "INSERT INTO sluse_console.version (version) VALUES ($1)
                  ON CONFLICT (only_row) DO UPDATE SET version = excluded.version",
    grants: include_str!("../postgres/sql/console-grants.sql"),
};

/// The quarantine reports on a server.
#[derive(Debug, Clone)]
pub struct PostgresReports {
    server: Server,
}

impl PostgresReports {
    /// Connects and checks the tables' version.
    ///
    /// # Errors
    /// See [`LedgerError`].
    pub async fn open(address: &ServerAddress) -> Result<Self, LedgerError> {
        Ok(Self { server: Server::open(address, &TABLES).await? })
    }

    fn listed(&self, row: &PgRow) -> Result<Listed, ServerError> {
        Ok(Listed {
            number: self.server.column(row, "number")?,
            id: self.server.parsed(row, "id")?,
            state: self.server.parsed(row, "state")?,
            received_at: self.server.time(row, "received_at")?,
            changed_at: self.server.time(row, "changed_at")?,
            bytes: self.server.count(row, "bytes")?,
        })
    }
}

#[async_trait]
impl Reports for PostgresReports {
    async fn put(&self, id: SubmissionId, sealed: Vec<u8>) -> Result<bool, LedgerError> {
        let query = sqlx::query(
            "INSERT INTO sluse_console.report (id, state, received_at, changed_at, sealed)
             VALUES ($1::uuid, 'new', clock_timestamp(), clock_timestamp(), $2)
             ON CONFLICT (id) DO NOTHING RETURNING 1",
        )
        .bind(id_text(id))
        .bind(sealed);
        Ok(self.server.row(query).await?.is_some())
    }

    async fn list(
        &self,
        state: Option<ReportState>,
        below: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Listed>, LedgerError> {
        let query = match state {
            Some(state) => sqlx::query(
                "SELECT number, id::text AS id, state, octet_length(sealed)::bigint AS bytes,
                    (extract(epoch FROM received_at) * 1000)::bigint AS received_at,
                    (extract(epoch FROM changed_at) * 1000)::bigint AS changed_at
                 FROM sluse_console.report WHERE number < $1 AND state = $3 ORDER BY number DESC LIMIT $2",
            )
            .bind(below.unwrap_or(i64::MAX))
            .bind(i64::from(limit))
            .bind(state.as_str()),
            None => sqlx::query(
                "SELECT number, id::text AS id, state, octet_length(sealed)::bigint AS bytes,
                    (extract(epoch FROM received_at) * 1000)::bigint AS received_at,
                    (extract(epoch FROM changed_at) * 1000)::bigint AS changed_at
                 FROM sluse_console.report WHERE number < $1 ORDER BY number DESC LIMIT $2",
            )
            .bind(below.unwrap_or(i64::MAX))
            .bind(i64::from(limit)),
        };
        let rows = self.server.rows(query).await?;
        Ok(rows.iter().map(|row| self.listed(row)).collect::<Result<_, _>>()?)
    }

    async fn find(&self, id: SubmissionId) -> Result<Option<(Listed, Vec<u8>)>, LedgerError> {
        let query = sqlx::query(
            "SELECT number, id::text AS id, state, octet_length(sealed)::bigint AS bytes, sealed,
                (extract(epoch FROM received_at) * 1000)::bigint AS received_at,
                (extract(epoch FROM changed_at) * 1000)::bigint AS changed_at
             FROM sluse_console.report WHERE id = $1::uuid",
        )
        .bind(id_text(id));
        match self.server.row(query).await? {
            Some(row) => Ok(Some((self.listed(&row)?, self.server.column(&row, "sealed")?))),
            None => Ok(None),
        }
    }

    async fn advance(
        &self,
        id: SubmissionId,
        from: ReportState,
        to: ReportState,
    ) -> Result<bool, LedgerError> {
        if from.is_terminal() {
            return Ok(false);
        }
        let query = sqlx::query(
            "UPDATE sluse_console.report SET state = $3, changed_at = clock_timestamp(),
                sealed = CASE $3 WHEN 'destroyed' THEN ''::bytea ELSE sealed END
             WHERE id = $1::uuid AND state = $2 RETURNING 1",
        )
        .bind(id_text(id))
        .bind(from.as_str())
        .bind(to.as_str());
        Ok(self.server.row(query).await?.is_some())
    }

    async fn counts(&self) -> Result<Vec<(ReportState, u64)>, LedgerError> {
        let query = sqlx::query("SELECT state, count(*) AS count FROM sluse_console.report GROUP BY state");
        let rows = self.server.rows(query).await?;
        let count = |row| Ok((self.server.parsed(row, "state")?, self.server.count(row, "count")?));
        let mut counts = rows.iter().map(count).collect::<Result<Vec<_>, ServerError>>()?;
        counts.sort_unstable();
        Ok(counts)
    }

    async fn close(&self) {
        self.server.close().await;
    }
}
