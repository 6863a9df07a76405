//! The outlet's ledger in tables of a PostgreSQL server, for any number of outlets.

use std::time::SystemTime;

use async_trait::async_trait;
use sqlx::postgres::PgRow;

use super::{Delivery, OutletLedger};
use crate::id::{CodeWord, SubmissionId};
use crate::ledger::LedgerError;
use crate::ledger::postgres::{Server, ServerAddress, ServerError, Tables, id_text, word};
use crate::sqlite::to_ms;

/// The ledger's schema.
pub(crate) const TABLES: Tables = Tables {
    ledger: "outlet",
    steps: &[include_str!("../postgres/sql/outlet-1.sql")],
    version: "SELECT version FROM sluse_outlet.version",
    set_version: "INSERT INTO sluse_outlet.version (version) VALUES ($1)
                  ON CONFLICT (only_row) DO UPDATE SET version = excluded.version",
    grants: include_str!("../postgres/sql/outlet-grants.sql"),
};

/// The outlet's ledger on a server.
#[derive(Debug, Clone)]
pub struct PostgresOutlet {
    server: Server,
}

impl PostgresOutlet {
    /// Connects and checks the tables' version.
    ///
    /// # Errors
    /// See [`LedgerError`].
    pub async fn open(address: &ServerAddress) -> Result<Self, LedgerError> {
        Ok(Self { server: Server::open(address, &TABLES).await? })
    }

    fn delivery(&self, row: &PgRow) -> Result<Delivery, ServerError> {
        Ok(Delivery {
            destination: self.server.parsed(row, "destination")?,
            content: self.server.bytes(row, "content")?.ok_or_else(|| self.server.content("content"))?,
            folder: self.server.parsed(row, "folder")?,
            delivered: self.server.column(row, "delivered")?,
            at: self.server.time(row, "at")?,
        })
    }
}

#[async_trait]
impl OutletLedger for PostgresOutlet {
    async fn find(&self, id: SubmissionId) -> Result<Option<Delivery>, LedgerError> {
        let query = sqlx::query(
            "SELECT destination, content, folder, delivered, (extract(epoch FROM changed_at) * 1000)::bigint AS at
             FROM sluse_outlet.delivery WHERE id = $1::uuid",
        )
        .bind(id_text(id));
        Ok(self.server.row(query).await?.map(|row| self.delivery(&row)).transpose()?)
    }

    async fn stage(
        &self,
        id: SubmissionId,
        destination: &CodeWord,
        content: [u8; 32],
        folder: &CodeWord,
    ) -> Result<Delivery, LedgerError> {
        // The change of nothing makes the row that was there first appear in the answer.
        let query = sqlx::query(
            "INSERT INTO sluse_outlet.delivery AS d (id, destination, content, folder, delivered, changed_at)
             VALUES ($1::uuid, $2, $3, $4, false, clock_timestamp())
             ON CONFLICT (id) DO UPDATE SET changed_at = d.changed_at
             RETURNING destination, content, folder, delivered,
                (extract(epoch FROM changed_at) * 1000)::bigint AS at",
        )
        .bind(id_text(id))
        .bind(word(destination))
        .bind(content.to_vec())
        .bind(word(folder));
        let row = self.server.row(query).await?.ok_or_else(|| self.server.content("id"))?;
        Ok(self.delivery(&row)?)
    }

    async fn delivered(&self, id: SubmissionId) -> Result<bool, LedgerError> {
        let query = sqlx::query(
            "UPDATE sluse_outlet.delivery SET
                changed_at = CASE WHEN delivered THEN changed_at ELSE clock_timestamp() END, delivered = true
             WHERE id = $1::uuid RETURNING 1",
        )
        .bind(id_text(id));
        Ok(self.server.row(query).await?.is_some())
    }

    async fn withdraw(&self, id: SubmissionId, folder: &CodeWord) -> Result<bool, LedgerError> {
        let query = sqlx::query(
            "DELETE FROM sluse_outlet.delivery WHERE id = $1::uuid AND folder = $2 AND NOT delivered RETURNING 1",
        )
        .bind(id_text(id))
        .bind(word(folder));
        Ok(self.server.row(query).await?.is_some())
    }

    async fn undelivered(&self, before: SystemTime, limit: u32) -> Result<Vec<SubmissionId>, LedgerError> {
        let query = sqlx::query(
            "SELECT id::text AS id FROM sluse_outlet.delivery
             WHERE NOT delivered AND changed_at < timestamptz 'epoch' + $1 * interval '1 millisecond'
             ORDER BY changed_at LIMIT $2",
        )
        .bind(to_ms(before))
        .bind(i64::from(limit));
        let rows = self.server.rows(query).await?;
        Ok(rows.iter().map(|row| self.server.parsed(row, "id")).collect::<Result<_, _>>()?)
    }

    async fn forget_before(&self, before: SystemTime, limit: u32) -> Result<usize, LedgerError> {
        // Rows that another instance is forgetting are left to it.
        let query = sqlx::query(
            "DELETE FROM sluse_outlet.delivery WHERE id IN (
                SELECT id FROM sluse_outlet.delivery
                WHERE delivered AND changed_at < timestamptz 'epoch' + $1 * interval '1 millisecond'
                LIMIT $2 FOR UPDATE SKIP LOCKED)
             RETURNING 1",
        )
        .bind(to_ms(before))
        .bind(i64::from(limit));
        Ok(self.server.rows(query).await?.len())
    }

    async fn close(&self) {
        self.server.close().await;
    }
}
