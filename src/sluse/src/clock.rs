//! Time as it is written: RFC 3339 with milliseconds, UTC; and as milliseconds since 1970 in sealed headers.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time now.
#[must_use]
pub fn now() -> SystemTime {
    SystemTime::now()
}

/// Milliseconds since 1970-01-01 UTC.
#[must_use]
pub fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The time that is `millis` after 1970-01-01 UTC; the far future when it is past what a clock can say.
#[must_use]
pub fn from_millis(millis: u64) -> SystemTime {
    // The year 9999, the last that RFC 3339 can write.
    const LAST: u64 = 253_402_300_799_999;
    UNIX_EPOCH + Duration::from_millis(millis.min(LAST))
}

/// As in `2026-11-22T07:11:58.042Z`.
#[must_use]
pub fn rfc3339(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_with_milliseconds() {
        assert_eq!(rfc3339(from_millis(1_795_331_518_042)), "2026-11-22T07:11:58.042Z");
        assert_eq!(rfc3339(from_millis(u64::MAX)), "9999-12-31T23:59:59.999Z");
    }
}
