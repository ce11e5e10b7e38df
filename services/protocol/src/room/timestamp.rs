//! Points in time as the wire writes them: ISO 8601, UTC, seven decimals, `Z` (spec room §2.3).

use std::time::Duration;

use time::OffsetDateTime;

/// Writes the time `since_1970` after the beginning of 1970.
#[must_use]
pub fn timestamp(since_1970: Duration) -> String {
    let at = OffsetDateTime::UNIX_EPOCH
        .checked_add(time::Duration::try_from(since_1970).unwrap_or(time::Duration::ZERO))
        // A clock beyond the year 9999 has no date to show.
        .unwrap_or(OffsetDateTime::UNIX_EPOCH);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:07}Z",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second(),
        at.nanosecond() / 100,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_seven_decimals_and_a_z() {
        assert_eq!(
            timestamp(Duration::new(1_771_070_400, 123_456_789)),
            "2026-02-14T12:00:00.1234567Z"
        );
        assert_eq!(timestamp(Duration::ZERO), "1970-01-01T00:00:00.0000000Z");
        assert_eq!(timestamp(Duration::MAX), "1970-01-01T00:00:00.0000000Z");
    }
}
