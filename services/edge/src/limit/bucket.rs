//! A token bucket (spec realtime §4.4).
//!
//! One per session, so the state is small: the rate is shared and handed in, the bucket keeps a level and a time.

/// How a bucket fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Tokens that flow in per second; 0 switches the limit off.
    pub per_second: u32,
    /// Tokens that the bucket holds, at most [`Rate::BURST_MAX`].
    pub burst: u32,
}

impl Rate {
    /// The largest burst; more is cut to this.
    pub const BURST_MAX: u32 = u32::MAX / MILLI;

    /// The level of a full bucket, in thousandths of a token.
    const fn full(self) -> u32 {
        if self.burst < Self::BURST_MAX {
            self.burst * MILLI
        } else {
            Self::BURST_MAX * MILLI
        }
    }
}

/// Thousandths per token: at n tokens per second exactly n of them flow in per millisecond, so nothing is rounded.
const MILLI: u32 = 1000;

/// The level of one bucket; 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// The time up to which inflow has been added.
    filled_at_ms: u64,
    level_milli: u32,
}

/// The bucket has no token left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the token bucket is empty")]
pub struct Empty;

impl Bucket {
    /// A full bucket. Times are milliseconds of any clock that does not run backwards.
    #[must_use]
    pub const fn full(rate: Rate, now_ms: u64) -> Self {
        Self {
            filled_at_ms: now_ms,
            level_milli: rate.full(),
        }
    }

    /// Takes one token.
    ///
    /// # Errors
    /// [`Empty`] if there is none; nothing is taken then.
    pub fn take(&mut self, rate: Rate, now_ms: u64) -> Result<(), Empty> {
        if rate.per_second == 0 {
            return Ok(());
        }
        let elapsed_ms = now_ms.saturating_sub(self.filled_at_ms);
        let inflow = elapsed_ms.saturating_mul(u64::from(rate.per_second));
        let level = u64::from(self.level_milli)
            .saturating_add(inflow)
            .min(u64::from(rate.full()));
        self.filled_at_ms = self.filled_at_ms.max(now_ms);
        self.level_milli =
            u32::try_from(level).expect("no more than a full bucket, which is a u32");
        self.level_milli = self.level_milli.checked_sub(MILLI).ok_or(Empty)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RATE: Rate = Rate {
        per_second: 100,
        burst: 200,
    };

    fn taken(bucket: &mut Bucket, rate: Rate, now_ms: u64) -> u32 {
        (0..10_000)
            .take_while(|_| bucket.take(rate, now_ms).is_ok())
            .count()
            .try_into()
            .unwrap()
    }

    #[test]
    fn the_state_stays_small() {
        assert!(size_of::<Bucket>() <= 16);
    }

    #[test]
    fn a_full_bucket_gives_its_burst_and_then_the_rate() {
        let mut bucket = Bucket::full(RATE, 5);
        assert_eq!(taken(&mut bucket, RATE, 5), 200);
        assert_eq!(bucket.take(RATE, 14), Err(Empty));
        assert_eq!(taken(&mut bucket, RATE, 15), 1);
        assert_eq!(taken(&mut bucket, RATE, 1_015), 100);
        assert_eq!(taken(&mut bucket, RATE, u64::MAX), 200);
    }

    #[test]
    fn a_rate_of_zero_is_off() {
        let off = Rate {
            per_second: 0,
            burst: 0,
        };
        let mut bucket = Bucket::full(off, 0);
        assert!((0..1000).all(|_| bucket.take(off, 0).is_ok()));
    }

    #[test]
    fn a_clock_that_steps_back_gives_nothing_away() {
        let mut bucket = Bucket::full(RATE, 1_000);
        assert_eq!(taken(&mut bucket, RATE, 1_000), 200);
        assert_eq!(bucket.take(RATE, 0), Err(Empty));
        assert_eq!(bucket.take(RATE, 1_000), Err(Empty));
    }

    #[test]
    fn the_largest_burst_does_not_overflow() {
        let rate = Rate {
            per_second: u32::MAX,
            burst: u32::MAX,
        };
        let mut bucket = Bucket::full(rate, 0);
        assert!(bucket.take(rate, u64::MAX).is_ok());
    }

    proptest! {
        #[test]
        fn no_span_gives_more_than_burst_and_inflow(
            per_second in 1u32..2000,
            burst in 1u32..500,
            steps in proptest::collection::vec((0u64..50, 0u32..20), 1..100),
        ) {
            let rate = Rate { per_second, burst };
            let mut bucket = Bucket::full(rate, 0);
            let (mut now_ms, mut count) = (0, 0u64);
            for (pause_ms, attempts) in steps {
                now_ms += pause_ms;
                for _ in 0..attempts {
                    count += u64::from(bucket.take(rate, now_ms).is_ok());
                }
                prop_assert!(count * 1000 <= u64::from(burst) * 1000 + now_ms * u64::from(per_second));
            }
        }
    }
}
