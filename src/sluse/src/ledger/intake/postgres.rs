//! The intake's ledger in tables of a PostgreSQL server, for any number of intakes.

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use sqlx::postgres::PgRow;

use super::{Begun, Claim, Fixed, IntakeLedger, LEASE, Recorded, Submission, codes_text, states_before};
use crate::id::{CodeWord, SubmissionId};
use crate::ledger::LedgerError;
use crate::ledger::postgres::{Server, ServerAddress, ServerError, Tables, id_text, word, words};
use crate::model::outcome::State;
use crate::sqlite::to_ms;

/// The ledger's schema.
pub(crate) const TABLES: Tables = Tables {
    ledger: "intake",
    steps: &[include_str!("../postgres/sql/intake-1.sql")],
    version: "SELECT version FROM sluse_intake.version",
    set_version: "INSERT INTO sluse_intake.version (version) VALUES ($1)
                  ON CONFLICT (only_row) DO UPDATE SET version = excluded.version",
    grants: include_str!("../postgres/sql/intake-grants.sql"),
};

/// The intake's ledger on a server.
#[derive(Debug, Clone)]
pub struct PostgresIntake {
    server: Server,
    lease: Duration,
}

impl PostgresIntake {
    /// Connects and checks the tables' version.
    ///
    /// # Errors
    /// See [`LedgerError`].
    pub async fn open(address: &ServerAddress) -> Result<Self, LedgerError> {
        Ok(Self { server: Server::open(address, &TABLES).await?, lease: LEASE })
    }

    /// The same with claims that end after another time.
    #[cfg(test)]
    pub(super) fn with_lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    fn lease_ms(&self) -> i64 {
        i64::try_from(self.lease.as_millis()).unwrap_or(i64::MAX)
    }

    fn id(&self, row: &PgRow) -> Result<SubmissionId, ServerError> {
        self.server.parsed(row, "id")
    }

    fn submission(&self, row: &PgRow) -> Result<Submission, ServerError> {
        let codes: &str = self.server.column(row, "codes")?;
        let received_at: Option<i64> = self.server.column(row, "received_at")?;
        Ok(Submission {
            id: self.id(row)?,
            state: self.server.parsed(row, "state")?,
            codes: serde_json::from_str(codes).map_err(|_| self.server.content("codes"))?,
            receipt: self.server.column(row, "receipt")?,
            began_at: self.server.time(row, "began_at")?,
            received_at: received_at.map(crate::sqlite::from_ms),
            changed_at: self.server.time(row, "changed_at")?,
        })
    }
}

#[async_trait]
impl IntakeLedger for PostgresIntake {
    async fn begin(
        &self,
        portal: &CodeWord,
        key_hash: Option<[u8; 32]>,
        new_id: SubmissionId,
    ) -> Result<Begun, LedgerError> {
        // The conflict locks the row, so of several requests one after the other looks at the claim.
        let query = sqlx::query(
            "INSERT INTO sluse_intake.submission AS s
                (id, portal, key_hash, state, began_at, changed_at, holder, held_until)
             VALUES ($1::uuid, $2, $3, 'pending', clock_timestamp(), clock_timestamp(), $1::uuid,
                     clock_timestamp() + $4 * interval '1 millisecond')
             ON CONFLICT (portal, key_hash) WHERE key_hash IS NOT NULL DO UPDATE SET
                holder = CASE WHEN s.receipt IS NULL AND coalesce(s.held_until < excluded.began_at, true)
                    THEN excluded.holder ELSE s.holder END,
                held_until = CASE WHEN s.receipt IS NULL AND coalesce(s.held_until < excluded.began_at, true)
                    THEN excluded.held_until ELSE s.held_until END
             RETURNING id::text AS id, holder = $1::uuid AS ours, receipt, content",
        )
        .bind(id_text(new_id))
        .bind(word(portal))
        .bind(key_hash.map(Vec::from))
        .bind(self.lease_ms());
        let row = self.server.row(query).await?.ok_or_else(|| self.server.content("id"))?;
        let id = self.id(&row)?;
        let ours: Option<bool> = self.server.column(&row, "ours")?;
        Ok(match self.server.column(&row, "receipt")? {
            Some(receipt) => Begun::Done { id, receipt, content: self.server.bytes(&row, "content")? },
            None if ours == Some(true) => Begun::Claimed(Claim { id, holder: new_id }),
            None => Begun::Held,
        })
    }

    async fn hold(&self, claim: &Claim) -> Result<bool, LedgerError> {
        let query = sqlx::query(
            "UPDATE sluse_intake.submission SET held_until = clock_timestamp() + $3 * interval '1 millisecond'
             WHERE id = $1::uuid AND holder = $2::uuid AND receipt IS NULL RETURNING 1",
        )
        .bind(id_text(claim.id))
        .bind(id_text(claim.holder))
        .bind(self.lease_ms());
        Ok(self.server.row(query).await?.is_some())
    }

    async fn fix_content(&self, claim: &Claim, content: [u8; 32]) -> Result<Fixed, LedgerError> {
        let query = sqlx::query(
            "UPDATE sluse_intake.submission SET
                content = coalesce(content, $3), held_until = clock_timestamp() + $4 * interval '1 millisecond'
             WHERE id = $1::uuid AND holder = $2::uuid AND receipt IS NULL RETURNING content",
        )
        .bind(id_text(claim.id))
        .bind(id_text(claim.holder))
        .bind(content.to_vec())
        .bind(self.lease_ms());
        let known = match self.server.row(query).await? {
            Some(row) => self.server.bytes(&row, "content")?,
            None => None,
        };
        Ok(Fixed::of(known, content))
    }

    async fn abandon(&self, claim: &Claim) -> Result<(), LedgerError> {
        let query = sqlx::query(
            "WITH gone AS (
                DELETE FROM sluse_intake.submission
                WHERE id = $1::uuid AND holder = $2::uuid AND state = 'pending' AND content IS NULL RETURNING 1)
             UPDATE sluse_intake.submission SET holder = NULL, held_until = NULL
             WHERE id = $1::uuid AND holder = $2::uuid AND NOT EXISTS (SELECT FROM gone)",
        )
        .bind(id_text(claim.id))
        .bind(id_text(claim.holder));
        self.server.rows(query).await?;
        Ok(())
    }

    async fn received(&self, id: SubmissionId, receipt: Vec<u8>) -> Result<Option<Vec<u8>>, LedgerError> {
        let query = sqlx::query(
            "UPDATE sluse_intake.submission SET
                receipt = coalesce(receipt, $2), received_at = coalesce(received_at, clock_timestamp()),
                changed_at = CASE state WHEN 'pending' THEN clock_timestamp() ELSE changed_at END,
                state = CASE state WHEN 'pending' THEN 'received' ELSE state END
             WHERE id = $1::uuid RETURNING receipt",
        )
        .bind(id_text(id))
        .bind(receipt);
        match self.server.row(query).await? {
            Some(row) => Ok(self.server.column(&row, "receipt")?),
            None => Ok(None),
        }
    }

    async fn outcome(
        &self,
        id: SubmissionId,
        state: State,
        codes: &[CodeWord],
    ) -> Result<Recorded, LedgerError> {
        let query = sqlx::query(
            "UPDATE sluse_intake.submission SET state = $2, codes = $3, changed_at = clock_timestamp()
             WHERE id = $1::uuid AND state = ANY ($4) RETURNING 1",
        )
        .bind(id_text(id))
        .bind(state.as_str())
        .bind(codes_text(codes))
        .bind(words(states_before(state).map(State::as_str)));
        if self.server.row(query).await?.is_some() {
            return Ok(Recorded::Changed);
        }
        let query =
            sqlx::query("SELECT state FROM sluse_intake.submission WHERE id = $1::uuid").bind(id_text(id));
        Ok(match self.server.row(query).await? {
            Some(row) => Recorded::Kept(self.server.parsed(&row, "state")?),
            None => Recorded::Unknown,
        })
    }

    async fn find(&self, portal: &CodeWord, id: SubmissionId) -> Result<Option<Submission>, LedgerError> {
        let query = sqlx::query(
            "SELECT id::text AS id, state, codes, receipt,
                (extract(epoch FROM began_at) * 1000)::bigint AS began_at,
                (extract(epoch FROM received_at) * 1000)::bigint AS received_at,
                (extract(epoch FROM changed_at) * 1000)::bigint AS changed_at
             FROM sluse_intake.submission WHERE id = $1::uuid AND portal = $2",
        )
        .bind(id_text(id))
        .bind(word(portal));
        Ok(self.server.row(query).await?.map(|row| self.submission(&row)).transpose()?)
    }

    async fn unresolved(&self, before: SystemTime, limit: u32) -> Result<Vec<SubmissionId>, LedgerError> {
        let query = sqlx::query(
            "SELECT id::text AS id FROM sluse_intake.submission
             WHERE state IN ('received', 'examining')
                AND changed_at < timestamptz 'epoch' + $1 * interval '1 millisecond'
             ORDER BY changed_at LIMIT $2",
        )
        .bind(to_ms(before))
        .bind(i64::from(limit));
        let rows = self.server.rows(query).await?;
        Ok(rows.iter().map(|row| self.id(row)).collect::<Result<_, _>>()?)
    }

    async fn forget_before(&self, before: SystemTime, limit: u32) -> Result<usize, LedgerError> {
        // Rows that another instance is forgetting are left to it.
        let query = sqlx::query(
            "DELETE FROM sluse_intake.submission WHERE id IN (
                SELECT id FROM sluse_intake.submission
                WHERE changed_at < timestamptz 'epoch' + $1 * interval '1 millisecond' AND state IN
                    ('pending', 'relayed', 'relayed_in_part', 'quarantined', 'rejected', 'expired')
                LIMIT $2 FOR UPDATE SKIP LOCKED)
             RETURNING 1",
        )
        .bind(to_ms(before))
        .bind(i64::from(limit));
        Ok(self.server.rows(query).await?.len())
    }

    async fn counts(&self) -> Result<Vec<(State, u64)>, LedgerError> {
        let query =
            sqlx::query("SELECT state, count(*) AS count FROM sluse_intake.submission GROUP BY state");
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
