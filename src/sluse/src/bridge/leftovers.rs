//! The DMZ's blobs of settled submissions.
//!
//! A broker that dies may forget an ack that it was sent, and hand the message out again: a second copy, which the
//! outlet drops. Without its blobs it could not even be told from a submission whose blobs were lost, so they stay as
//! long as a copy may come back.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sluse_envelope::BlobRef;

/// Blobs that wait at most; beyond that the oldest are removed early.
const MOST: usize = 100_000;
/// Blobs that are removed together at most.
const BATCH: usize = 100;

/// Blobs that are removed when their time has come.
#[derive(Debug)]
pub(super) struct Leftovers {
    stay: Duration,
    waiting: Mutex<VecDeque<(Instant, BlobRef)>>,
}

impl Leftovers {
    /// Nothing yet; each blob will stay for `stay`.
    pub(super) fn new(stay: Duration) -> Self {
        Self { stay, waiting: Mutex::default() }
    }

    /// Takes the blobs of a submission that was settled just now.
    pub(super) fn settled(&self, blobs: Vec<BlobRef>, now: Instant) {
        let until = now + self.stay;
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.extend(blobs.into_iter().map(|blob| (until, blob)));
    }

    /// Up to a hundred blobs whose time has come.
    pub(super) fn due(&self, now: Instant) -> Vec<BlobRef> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let early = waiting.len().saturating_sub(MOST);
        let due = waiting.partition_point(|(until, _)| *until <= now);
        waiting.drain(..due.max(early).min(BATCH)).map(|(_, blob)| blob).collect()
    }

    /// All of them, for the end.
    pub(super) fn all(&self) -> Vec<BlobRef> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.drain(..).map(|(_, blob)| blob).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_stays_its_time_and_not_longer() {
        let (leftovers, now) = (Leftovers::new(Duration::from_secs(600)), Instant::now());
        let blobs = [(); 3].map(|()| BlobRef::generate().unwrap());
        leftovers.settled(vec![blobs[0]], now);
        let later = now + Duration::from_secs(599);
        leftovers.settled(vec![blobs[1]], later);
        assert!(leftovers.due(later).is_empty());
        assert_eq!(leftovers.due(later + Duration::from_secs(1)), [blobs[0]]);
        leftovers.settled(vec![blobs[2]], later);
        assert_eq!(leftovers.all(), blobs[1..]);
        assert!(leftovers.all().is_empty());
    }

    #[test]
    fn what_waits_is_bounded() {
        let (leftovers, now) = (Leftovers::new(Duration::from_secs(600)), Instant::now());
        leftovers.settled(vec![BlobRef::generate().unwrap(); MOST + BATCH + 2], now);
        assert_eq!([(); 3].map(|()| leftovers.due(now).len()), [BATCH, 2, 0]);
    }
}
