//! A durable queue of sealed messages, at least once.
//!
//! ```text
//!            put            lease                ack
//!   sender ───────▶ ready ─────────▶ leased ─────────────▶ gone
//!                     ▲  ▲             │ │
//!          delay over │  │ lease over  │ │ dead_letter
//!                     │  └─────────────┤ └─────────▶ dead ──redrive──▶ ready
//!                  delayed ◀──── nack ─┘
//! ```
//!
//! Contract for every backend:
//! - `put` returns `Ok` only when the message survives a power cut. A second put of an id that waits or is leased may
//!   store nothing, or store it again: a backend need not know what it holds. What was acked before is not remembered.
//!   So every holder stands a message that comes twice, also at once: the outlet and the console deduplicate, and the
//!   bridge examines twice.
//! - A leased message that is neither acked nor extended in time comes back, so a killed holder loses nothing.
//! - A receipt works until another holder leases the message, or until the connection on which it was leased ends; after
//!   that every call with it is [`QueueError::Stale`] and changes nothing.
//! - Order is roughly first in, first out; nothing depends on it.
//! - The queue never looks inside a body.

use std::time::{Duration, SystemTime};

use async_trait::async_trait;

use crate::id::{CodeWord, SubmissionId};

mod address;
pub mod amqp;
mod hold;
pub(crate) mod names;
mod sqlite;

pub use address::QueueAddress;
pub(crate) use hold::while_leased;
pub use sqlite::{QueueOptions, SqliteQueue, SqliteQueues};

/// Largest body, in bytes: the sealed form and fields of one submission; attachments lie in the blob store.
pub const MAX_BODY: usize = 4 << 20;

/// One sealed message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The submission it belongs to.
    pub id: SubmissionId,
    /// Sealed bytes, at most [`MAX_BODY`].
    pub body: Vec<u8>,
}

/// Whether a put stored its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It is in the queue now.
    Stored,
    /// Only from a backend that looks: a message with this id was already in the queue, and stays as it was.
    AlreadyThere,
}

/// A message in this holder's hands until the lease runs out.
#[derive(Debug)]
pub struct Leased {
    /// The message.
    pub message: Message,
    /// How often it has been leased without being given back in order, this time included; from 1. It grows with
    /// holders that died, not with a [`Queue::nack`].
    pub attempt: u32,
    /// What to ack, nack or extend with.
    pub receipt: LeaseReceipt,
    /// When it was put.
    pub enqueued_at: SystemTime,
}

/// Proof of one lease. Neither copied nor made outside this module: one lease ends once.
#[derive(Debug, PartialEq, Eq)]
pub struct LeaseReceipt {
    /// The backend's number for the message (SQLite row) or its lease (AMQP).
    pub(in crate::queue) number: i64,
    /// Grows with each lease of the message (SQLite) or each consumer (AMQP), so an old holder is told apart.
    pub(in crate::queue) fence: i64,
}

/// How full a queue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Depth {
    /// Messages that a lease would give now.
    pub ready: u64,
    /// Messages in someone's hands; `None` when the backend cannot tell.
    pub leased: Option<u64>,
    /// Messages that wait for the end of a nack's delay.
    pub delayed: u64,
    /// Dead letters.
    pub dead: u64,
    /// Age of the oldest message that is not dead; `None` without any, or when the backend cannot tell.
    pub oldest: Option<Duration>,
}

/// Where a listed message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A lease would give it now.
    Ready,
    /// In someone's hands.
    Leased,
    /// Waiting for the end of a nack's delay.
    Delayed,
}

/// One line of a queue's listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The submission.
    pub id: SubmissionId,
    /// Where the message is.
    pub place: Place,
    /// How often it has been leased.
    pub attempt: u32,
    /// Size of the body in bytes.
    pub bytes: u64,
    /// When it was put.
    pub enqueued_at: SystemTime,
}

/// One line of the dead letters' listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The submission.
    pub id: SubmissionId,
    /// Why it was given up.
    pub reason: CodeWord,
    /// How often it had been leased.
    pub attempt: u32,
    /// Size of the body in bytes.
    pub bytes: u64,
    /// When it was put.
    pub enqueued_at: SystemTime,
    /// When it was given up.
    pub died_at: SystemTime,
}

/// Why a queue did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// No room; the sender should come back later.
    #[error("the queue has no room left")]
    Full,
    /// The body is larger than [`MAX_BODY`].
    #[error("a message of {bytes} bytes is over the limit {MAX_BODY}")]
    TooLarge {
        /// The body's size.
        bytes: usize,
    },
    /// The lease ran out and the message has moved on; whatever this holder did with it counts for nothing.
    #[error("the lease ran out and the message has moved on")]
    Stale,
    /// The queue is closed, busy or out of reach; trying again may help.
    #[error("the queue cannot be used now: {0}")]
    Unavailable(Box<dyn std::error::Error + Send + Sync>),
    /// Nothing takes what is put here: the broker lacks its definitions.
    #[error("{0}")]
    Unroutable(Box<dyn std::error::Error + Send + Sync>),
    /// The backend cannot list what waits.
    #[error("a broker lists nothing without taking it; to count, use rabbitmqctl list_queues")]
    NotListed,
    /// The queue's storage is damaged; trying again does not help.
    #[error("the queue is damaged: {0}")]
    Damaged(Box<dyn std::error::Error + Send + Sync>),
}

/// One named queue.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Stores a message.
    ///
    /// # Errors
    /// [`QueueError::Full`], [`QueueError::TooLarge`], or the queue cannot be used. After any error the message may
    /// still have been stored: putting the same id again is safe, and may store it twice.
    async fn put(&self, message: Message) -> Result<Put, QueueError>;

    /// Takes up to `max` messages, waiting up to `wait` for the first. Empty when none came. Each may be of [`MAX_BODY`]
    /// bytes, and the lease of all begins now.
    ///
    /// Dropping the future returns what it took.
    ///
    /// # Errors
    /// The queue cannot be used. A backend that reconnects by itself waits instead.
    async fn lease(&self, max: usize, wait: Duration) -> Result<Vec<Leased>, QueueError>;

    /// Begins the lease's time anew.
    ///
    /// # Errors
    /// [`QueueError::Stale`], or the queue cannot be used.
    async fn extend(&self, receipt: &LeaseReceipt) -> Result<(), QueueError>;

    /// Removes the message: its work is done.
    ///
    /// # Errors
    /// [`QueueError::Stale`], or the queue cannot be used; the message then comes back.
    async fn ack(&self, receipt: LeaseReceipt) -> Result<(), QueueError>;

    /// Gives the message back, to be leased again after `delay` or somewhat more; after a minute at the earliest when
    /// `delay` is longer.
    ///
    /// # Errors
    /// [`QueueError::Stale`], or the queue cannot be used; the message then comes back when the lease runs out.
    async fn nack(&self, receipt: LeaseReceipt, delay: Duration) -> Result<(), QueueError>;

    /// Sets the message aside for the operator.
    ///
    /// # Errors
    /// [`QueueError::Stale`], or the queue cannot be used; the message then comes back.
    async fn dead_letter(&self, receipt: LeaseReceipt, reason: &CodeWord) -> Result<(), QueueError>;

    /// Whether a put has a chance now, so that nothing is prepared in vain. `Ok` promises nothing.
    ///
    /// # Errors
    /// The queue cannot be used.
    async fn ready(&self) -> Result<(), QueueError> {
        Ok(())
    }

    /// How long after an ack the message may still come back, because the backend lost the ack in a crash.
    fn ack_may_be_lost(&self) -> Duration {
        Duration::ZERO
    }

    /// How full the queue is.
    ///
    /// # Errors
    /// The queue cannot be used.
    async fn depth(&self) -> Result<Depth, QueueError>;

    /// Up to `limit` messages that are not dead, oldest first.
    ///
    /// # Errors
    /// [`QueueError::NotListed`], or the queue cannot be used.
    async fn list(&self, limit: u32) -> Result<Vec<Listed>, QueueError>;

    /// Up to `limit` dead letters, oldest first.
    ///
    /// # Errors
    /// The queue cannot be used.
    async fn dead_letters(&self, limit: u32) -> Result<Vec<DeadLetter>, QueueError>;

    /// Puts a dead letter back into the queue with its attempts forgotten. `false` when there is none of that id.
    ///
    /// # Errors
    /// The queue cannot be used.
    async fn redrive(&self, id: SubmissionId) -> Result<bool, QueueError>;
}
