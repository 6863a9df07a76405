//! Submissions known to the DMZ: for idempotency keys, receipts, and what a portal may ask about.
//!
//! ```text
//!   begin ─▶ pending ──received──▶ received ─▶ examining ─▶ relayed · relayed_in_part · quarantined
//!               │ abandon              └──────────┴───────▶ rejected · expired
//!               ▼
//!             gone
//! ```
//!
//! Invariants: a state only ever moves to the right, and a terminal state never changes. A portal sees its own
//! submissions only. The receipt that was stored first is the receipt. An outcome may overtake `received` (a crash
//! between the queue and this ledger); the receipt is then still to come and the key stays unanswered until it does.
//!
//! # One key, several intakes
//!
//! ```text
//!   begin ─▶ Claim ──(hold, every third of LEASE, while the body comes in)──▶ fix_content ─▶ [queue: put] ─▶ received
//! ```
//!
//! Of two requests with one `Idempotency-Key`, one gets the [`Claim`] and the other [`Begun::Held`], whichever intakes they
//! are at. A claim of a server's ledger is a lease of [`LEASE`]: an intake that died frees its keys when that is over, and the
//! next request goes on under the same id. A file belongs to one intake process, which lets only one request
//! per key through by itself; there the newest claim counts at once, so that nothing waits for the lease of a process that is gone.
//!
//! An intake that is stopped for longer than its lease loses the claim without knowing. What protects then:
//! [`IntakeLedger::fix_content`] comes before anything is queued, fails for a claim that was lost, and binds the id
//! to a digest of the content. One that is stopped after that may still queue a second message, but only of the same
//! id *and* the same content, which the outlet delivers once. So a claim saves work; that the content of one id is one, and the receipt's,
//! holds without it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;

use super::{LedgerAddress, LedgerError};
use crate::id::{CodeWord, SubmissionId};
use crate::model::outcome::State;

mod postgres;
mod sqlite;
#[cfg(test)]
mod tests;

pub use postgres::PostgresIntake;
pub(crate) use postgres::TABLES;
pub use sqlite::SqliteIntake;

/// How long a claim in a server's ledger lasts without [`IntakeLedger::hold`].
pub const LEASE: Duration = Duration::from_secs(15);

/// The right to receive a submission; the newest of its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The submission.
    pub id: SubmissionId,
    /// Who holds it: the id that this request would have given a new submission.
    holder: SubmissionId,
}

/// What [`IntakeLedger::begin`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// The caller may receive it: a new submission, or one under whose id an earlier request was cut short.
    Claimed(Claim),
    /// Another request with this key is under way.
    Held,
    /// The key was used before and answered.
    Done {
        /// The id recorded with the key.
        id: SubmissionId,
        /// The receipt given then.
        receipt: Vec<u8>,
        /// The digest that [`IntakeLedger::fix_content`] recorded.
        content: Option<[u8; 32]>,
    },
}

/// What [`IntakeLedger::fix_content`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fixed {
    /// The id stands for this content, now or already.
    Ours,
    /// The id stands for other content: the key was used before for something else.
    Other,
    /// The claim was lost to another request with the key.
    Lost,
}

impl Fixed {
    /// What was found when `known` is on record for the holder's submission.
    fn of(known: Option<[u8; 32]>, content: [u8; 32]) -> Self {
        match known {
            None => Self::Lost,
            Some(known) if known == content => Self::Ours,
            Some(_) => Self::Other,
        }
    }
}

/// What became of a reported outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// The submission is in the new state.
    Changed,
    /// It was in this state, or one further on, and stays there.
    Kept(State),
    /// No such submission is known here (any more).
    Unknown,
}

/// What the DMZ knows about one submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// Its id.
    pub id: SubmissionId,
    /// How far it has come.
    pub state: State,
    /// One code per attachment, in the submission's order; empty until the outcome is known.
    pub codes: Vec<CodeWord>,
    /// The receipt, once given.
    pub receipt: Option<Vec<u8>>,
    /// When it was begun.
    pub began_at: SystemTime,
    /// When it was accepted.
    pub received_at: Option<SystemTime>,
    /// When its state last changed.
    pub changed_at: SystemTime,
}

/// The intake's ledger. Every method fails as [`LedgerError`] says.
#[async_trait]
pub trait IntakeLedger: fmt::Debug + Send + Sync {
    /// Records that a portal begins a submission, under `new_id` unless its key has an id already. `key_hash` is a
    /// digest of its idempotency key, unique per portal.
    async fn begin(
        &self,
        portal: &CodeWord,
        key_hash: Option<[u8; 32]>,
        new_id: SubmissionId,
    ) -> Result<Begun, LedgerError>;

    /// Keeps a claim for another [`LEASE`]. `false` when it was lost, or the submission has its receipt.
    async fn hold(&self, claim: &Claim) -> Result<bool, LedgerError>;

    /// Binds the submission's id to a digest of its content, before anything of it is queued, and keeps the claim for
    /// another [`LEASE`].
    async fn fix_content(&self, claim: &Claim, content: [u8; 32]) -> Result<Fixed, LedgerError>;

    /// Gives a claim back. A pending submission whose content was not fixed is forgotten, so that its key is free again;
    /// one whose content was fixed may be queued and keeps its id. Does nothing to one that got further or has another holder.
    async fn abandon(&self, claim: &Claim) -> Result<(), LedgerError>;

    /// Records that the submission is durable, and its receipt. Gives the receipt to answer with: the one that was
    /// stored first. `None` when the submission is not known.
    async fn received(&self, id: SubmissionId, receipt: Vec<u8>) -> Result<Option<Vec<u8>>, LedgerError>;

    /// Records how far a submission has come, and a code per attachment.
    async fn outcome(
        &self,
        id: SubmissionId,
        state: State,
        codes: &[CodeWord],
    ) -> Result<Recorded, LedgerError>;

    /// What is known about a submission of this portal; `None` also when it is another's.
    async fn find(&self, portal: &CodeWord, id: SubmissionId) -> Result<Option<Submission>, LedgerError>;

    /// Up to `limit` accepted submissions without an outcome whose state has not changed since `before`, oldest first.
    async fn unresolved(&self, before: SystemTime, limit: u32) -> Result<Vec<SubmissionId>, LedgerError>;

    /// Forgets up to `limit` submissions last changed before that time which are terminal, or were never accepted.
    /// Gives how many; call again while it gives `limit`.
    async fn forget_before(&self, before: SystemTime, limit: u32) -> Result<usize, LedgerError>;

    /// How many submissions are in each state, in order; states without any are left out.
    async fn counts(&self) -> Result<Vec<(State, u64)>, LedgerError>;

    /// Finishes what waits and closes the ledger.
    async fn close(&self);
}

/// Opens an intake's ledger.
///
/// # Errors
/// See [`LedgerError`].
pub async fn open(address: &LedgerAddress) -> Result<Arc<dyn IntakeLedger>, LedgerError> {
    Ok(match address {
        LedgerAddress::Sqlite(path) => Arc::new(SqliteIntake::open(path)?),
        LedgerAddress::Postgres(server) => Arc::new(PostgresIntake::open(server).await?),
    })
}

/// The codes as ledgers keep them: a JSON list.
fn codes_text(codes: &[CodeWord]) -> String {
    serde_json::Value::from_iter(codes.iter().map(CodeWord::as_str)).to_string()
}

/// The states in which a submission that is reported to be in `state` is moved there.
fn states_before(state: State) -> impl Iterator<Item = State> {
    State::ALL.into_iter().filter(move |known| !known.is_terminal() && *known < state)
}
