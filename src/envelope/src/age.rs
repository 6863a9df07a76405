//! Creation times, and how old or early a message may be.
//!
//! ```text
//!   refused: too old │◀─── max_age ───▶│◀─ max_clock_skew ─▶│ refused: from the future
//! ───────────────────┼─────────────────┼────────────────────┼──────────────────────────▶ created
//!               now − max_age          now         now + max_clock_skew
//! ```
//!
//! This is half of the protection against replay: whoever opens messages remembers the ids it has seen for longer than
//! `max_age + max_clock_skew`, and refuses everything older.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixMillis(pub u64);

impl UnixMillis {
    /// The system clock's time; 1970 when the clock stands before that.
    #[must_use]
    pub fn now() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
    }

    /// Says whether something created at `self` may still, and may already, be accepted at `now`. Both limits are
    /// inclusive.
    ///
    /// # Errors
    /// [`AgeError::TooOld`] beyond `max_age` in the past, [`AgeError::FromFuture`] beyond `max_clock_skew` ahead.
    pub fn check_age(self, now: Self, max_age: Duration, max_clock_skew: Duration) -> Result<(), AgeError> {
        let age = Duration::from_millis(now.0.saturating_sub(self.0));
        let ahead = Duration::from_millis(self.0.saturating_sub(now.0));
        if age > max_age {
            Err(AgeError::TooOld { age, max_age })
        } else if ahead > max_clock_skew {
            Err(AgeError::FromFuture { ahead, max_clock_skew })
        } else {
            Ok(())
        }
    }
}

/// Why a message's creation time is not acceptable now. The sender's or the network's doing, or a wrong clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AgeError {
    /// It may be a replay; ids this old are no longer remembered.
    #[error("made {} s ago, more than the {} s allowed", age.as_secs(), max_age.as_secs())]
    TooOld {
        /// Time since creation.
        age: Duration,
        /// What is allowed.
        max_age: Duration,
    },
    /// The sealer's clock is ahead, or ours is behind.
    #[error("made {} s in the future, more than the {} s of clock error allowed", ahead.as_secs(), max_clock_skew.as_secs())]
    FromFuture {
        /// Time until creation.
        ahead: Duration,
        /// What is allowed.
        max_clock_skew: Duration,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGE: Duration = Duration::from_secs(10);
    const SKEW: Duration = Duration::from_secs(2);

    fn check(created: u64, now: u64) -> Result<(), AgeError> {
        UnixMillis(created).check_age(UnixMillis(now), AGE, SKEW)
    }

    #[test]
    fn both_limits_are_inclusive() {
        assert_eq!(check(90_000, 100_000), Ok(()));
        assert_eq!(check(102_000, 100_000), Ok(()));
    }

    #[test]
    fn replayed_after_its_time_is_too_old() {
        assert_eq!(
            check(89_999, 100_000),
            Err(AgeError::TooOld { age: Duration::from_millis(10_001), max_age: AGE })
        );
        assert!(matches!(check(0, u64::MAX), Err(AgeError::TooOld { .. })));
    }

    #[test]
    fn dated_ahead_to_live_longer_is_from_the_future() {
        assert_eq!(
            check(102_001, 100_000),
            Err(AgeError::FromFuture { ahead: Duration::from_millis(2_001), max_clock_skew: SKEW })
        );
        assert!(matches!(check(u64::MAX, 0), Err(AgeError::FromFuture { .. })));
    }
}
