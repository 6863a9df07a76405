//! What a consumer has received: buffered until somebody leases it, then in a holder's hands until settled.
//!
//! Invariant: a receipt fits one message of one generation; when the generation ends, every receipt of it is stale.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use lapin::message::Delivery;
use tokio::time::Instant;

use super::marks::Marks;
use crate::id::SubmissionId;
use crate::queue::{LeaseReceipt, Leased, Message};

/// A message that the broker has handed to this consumer and that is not acked.
#[derive(Debug, Clone)]
pub(super) struct Received {
    /// Whose it is.
    pub(super) id: SubmissionId,
    /// What came beside the body; its attempts do not count this delivery.
    pub(super) marks: Marks,
    /// The sealed body.
    pub(super) body: Arc<Vec<u8>>,
    /// What tells the broker that it is done with; its body is taken out.
    pub(super) delivery: Arc<Delivery>,
}

/// All that the current consumer holds.
#[derive(Debug, Default)]
pub(super) struct Holdings {
    /// Grows with each consumer; none of a receipt before the first.
    generation: i64,
    next: i64,
    buffer: VecDeque<Received>,
    leased: HashMap<i64, (Received, Instant)>,
}

impl Holdings {
    /// Forgets everything: the broker gives it to somebody anew.
    pub(super) fn begin_generation(&mut self) {
        self.generation = self.generation.saturating_add(1);
        self.buffer.clear();
        self.leased.clear();
    }

    /// Keeps what has arrived until it is leased.
    pub(super) fn arrived(&mut self, received: Received) {
        self.buffer.push_back(received);
    }

    /// Messages that nobody has leased.
    pub(super) fn buffered(&self) -> usize {
        self.buffer.len()
    }

    /// Messages that are not acked.
    pub(super) fn unacked(&self) -> usize {
        self.buffer.len() + self.leased.len()
    }

    /// Takes what nobody has leased.
    pub(super) fn take_buffer(&mut self) -> VecDeque<Received> {
        std::mem::take(&mut self.buffer)
    }

    /// Leases up to `max` messages for `lease`.
    pub(super) fn lease(&mut self, max: usize, lease: Duration) -> Vec<Leased> {
        let until = Instant::now() + lease;
        let taken: Vec<_> = self.buffer.drain(..max.min(self.buffer.len())).collect();
        let leased = taken.into_iter().map(|received| {
            self.next = self.next.saturating_add(1);
            let leased = Leased {
                message: Message { id: received.id, body: received.body.as_ref().clone() },
                attempt: received.marks.attempts.saturating_add(1),
                receipt: LeaseReceipt { number: self.next, fence: self.generation },
                enqueued_at: received.marks.put_at,
            };
            self.leased.insert(self.next, (received, until));
            leased
        });
        leased.collect()
    }

    /// Begins a lease's time anew and gives what is leased; `None` when the receipt is stale.
    pub(super) fn extend(&mut self, receipt: &LeaseReceipt, lease: Duration) -> Option<&Received> {
        if receipt.fence != self.generation {
            return None;
        }
        let (received, until) = self.leased.get_mut(&receipt.number)?;
        *until = Instant::now() + lease;
        Some(received)
    }

    /// Ends a lease and gives what was leased; `None` when the receipt is stale.
    pub(super) fn settle(&mut self, receipt: &LeaseReceipt) -> Option<Received> {
        if receipt.fence != self.generation {
            return None;
        }
        self.leased.remove(&receipt.number).map(|(received, _)| received)
    }

    /// Ends the leases whose time is over.
    pub(super) fn expired(&mut self) -> Vec<Received> {
        let now = Instant::now();
        self.leased.extract_if(|_, (_, until)| *until <= now).map(|(_, (received, _))| received).collect()
    }
}
