//! When the next message is due, whatever became of the last.
//!
//! The schedule is fixed when it begins: a driver that is late catches up and each message keeps the time at which it was
//! due, so a server that stalls is charged with the whole stall (no coordinated omission).

use std::time::{Duration, Instant};

/// A schedule of evenly spaced moments.
#[derive(Debug, Clone)]
pub struct Pace {
    interval: Duration,
    next: Option<Instant>,
}

impl Pace {
    /// So many a second; the first is due when first asked for.
    #[must_use]
    pub fn per_second(rate: f64) -> Self {
        Self {
            interval: Duration::from_secs_f64(1.0 / rate),
            next: None,
        }
    }

    /// The oldest moment that has come and was not taken yet.
    pub fn take(&mut self, now: Instant) -> Option<Instant> {
        let due = *self.next.get_or_insert(now);
        (due <= now).then(|| {
            self.next = Some(due + self.interval);
            due
        })
    }

    /// Begins anew: the first moment is again the one at which it is first asked for.
    pub fn restart(&mut self) {
        self.next = None;
    }

    /// The next moment; `None` before the first was taken.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        self.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_caller_gets_every_moment_at_its_own_time() {
        let began = Instant::now();
        let mut pace = Pace::per_second(1_000.0);
        assert_eq!(pace.take(began), Some(began));
        assert_eq!(pace.take(began), None);
        let late = began + Duration::from_micros(2_500);
        let taken: Vec<_> = std::iter::from_fn(|| pace.take(late)).collect();
        assert_eq!(taken, [1, 2].map(|ms| began + Duration::from_millis(ms)));
    }
}
