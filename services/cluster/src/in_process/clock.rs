//! The backend's clock: the source of fences and epochs.
//!
//! Knows microseconds since 1970 and nothing of what they number. No two readings of one clock are equal and none is
//! below an earlier one, however fast they follow each other and whatever happens to the system's time; so a number
//! need not be remembered after its lease or topic is gone.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Hands out ever-growing microseconds.
#[derive(Debug, Default)]
pub(super) struct Clock(AtomicU64);

impl Clock {
    /// Now, or the microsecond after the last reading if that is later.
    pub(super) fn next(&self) -> u64 {
        self.next_above(0)
    }

    /// The same, and above `floor`.
    pub(super) fn next_above(&self, floor: u64) -> u64 {
        let now = now_us();
        let after = |last: u64| now.max(last.max(floor) + 1);
        let mut last = self.0.load(Ordering::Relaxed);
        loop {
            let next = after(last);
            // Relaxed: the number itself is all that is shared, and one location has one order.
            match self
                .0
                .compare_exchange_weak(last, next, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => return next,
                Err(moved) => last = moved,
            }
        }
    }
}

fn now_us() -> u64 {
    // A system clock before 1970 is worth no panic: the readings then count up from 1.
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_micros()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_grow_also_within_one_microsecond() {
        let clock = Clock::default();
        let readings: Vec<u64> = (0..10_000).map(|_| clock.next()).collect();
        assert!(readings.is_sorted_by(|one, next| one < next));
    }

    #[test]
    fn a_floor_ahead_of_the_clock_is_passed_for_good() {
        let clock = Clock::default();
        let ahead = clock.next() + 3_600_000_000;
        assert_eq!(clock.next_above(ahead), ahead + 1);
        assert_eq!(clock.next(), ahead + 2);
    }
}
