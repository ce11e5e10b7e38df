//! How often one source address may connect (spec realtime §1.2, §4.4).
//!
//! A sliding window of slots: what it counts is never less than what the last 60 s brought, so no 60 s ever pass more
//! than the limit. Attempts that are refused do not count, else a client that keeps trying would never get in again.
//!
//! The table is bounded: two generations of at most [`ADDRESSES`] addresses each. When the younger is full it becomes
//! the older, and what the older held is forgotten unless it was seen since. An attacker with very many addresses can
//! so make us forget counts, never make us run out of memory or refuse somebody else.

use std::collections::HashMap;
use std::mem;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The limit of connects per source address, shared by all who accept.
#[derive(Debug)]
pub struct ConnectLimit {
    per_minute: u32,
    started: Instant,
    table: Mutex<Table>,
}

/// The address has begun as many connects as it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many connects from this address")]
pub struct TooManyConnects {
    /// Time after which a connect is counted as good again.
    pub retry_after: Duration,
}

impl ConnectLimit {
    /// A limit of `per_minute` connects in any 60 s; 0 is off.
    #[must_use]
    pub fn new(per_minute: u32, now: Instant) -> Self {
        Self {
            per_minute,
            started: now,
            table: Mutex::default(),
        }
    }

    /// Counts a connect from `address`. IPv6 addresses count by their /64: one customer has at least that many, and
    /// could use a fresh one for each attempt.
    ///
    /// # Errors
    /// [`TooManyConnects`] if the limit is reached; the attempt does not count then.
    pub fn admit(&self, address: IpAddr, now: Instant) -> Result<(), TooManyConnects> {
        if self.per_minute == 0 {
            return Ok(());
        }
        let elapsed = now.saturating_duration_since(self.started);
        let slot = elapsed.as_secs() / SLOT.as_secs();
        // A table that a panic left behind is still a table of counts.
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let window = table.window(network(address));
        window.advance(slot);
        if window.total() >= self.per_minute {
            let into_slot = Duration::from_secs(slot * SLOT.as_secs());
            let retry_after = window
                .until_one_is_forgotten()
                .saturating_sub(elapsed.saturating_sub(into_slot));
            return Err(TooManyConnects { retry_after });
        }
        window.count();
        Ok(())
    }
}

/// Length of one slot.
const SLOT: Duration = Duration::from_secs(5);
/// Slots of a window: those of a minute, and the one that has begun.
const SLOTS: usize = 13;
/// Addresses of one generation; with about 90 bytes each, both stay below 10 MB.
const ADDRESSES: usize = 32_768;

#[derive(Debug, Default)]
struct Table {
    younger: HashMap<IpAddr, Window>,
    older: HashMap<IpAddr, Window>,
}

impl Table {
    fn window(&mut self, network: IpAddr) -> &mut Window {
        if self.younger.len() >= ADDRESSES && !self.younger.contains_key(&network) {
            self.older = mem::take(&mut self.younger);
        }
        let older = &mut self.older;
        self.younger
            .entry(network)
            .or_insert_with(|| older.remove(&network).unwrap_or_default())
    }
}

/// Connects per slot; the last entry is the slot that has begun.
#[derive(Clone, Debug, Default)]
struct Window {
    slot: u64,
    counts: [u32; SLOTS],
}

impl Window {
    /// Moves the window so that it ends in `slot`; a window never moves back.
    fn advance(&mut self, slot: u64) {
        let steps =
            usize::try_from(slot.saturating_sub(self.slot)).map_or(SLOTS, |steps| steps.min(SLOTS));
        self.counts.rotate_left(steps % SLOTS);
        self.counts[SLOTS - steps..].fill(0);
        self.slot = self.slot.max(slot);
    }

    fn total(&self) -> u32 {
        self.counts
            .iter()
            .fold(0, |sum, count| sum.saturating_add(*count))
    }

    fn count(&mut self) {
        self.counts[SLOTS - 1] += 1;
    }

    /// Time from the start of the present slot until the oldest count leaves the window.
    fn until_one_is_forgotten(&self) -> Duration {
        let oldest = self.counts.iter().position(|&count| count > 0).unwrap_or(0);
        SLOT * u32::try_from(oldest + 1).expect("at most the number of slots")
    }
}

/// Who is counted as one: an IPv4 address, or the /64 of an IPv6 address.
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 9));

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    fn admitted(limit: &ConnectLimit, address: IpAddr, now: Instant, attempts: usize) -> usize {
        (0..attempts)
            .filter(|_| limit.admit(address, now).is_ok())
            .count()
    }

    #[test]
    fn the_sixty_first_connect_within_a_minute_is_refused() {
        let start = Instant::now();
        let limit = ConnectLimit::new(60, start);
        assert_eq!(admitted(&limit, HERE, start, 30), 30);
        assert_eq!(admitted(&limit, HERE, after(start, 59), 40), 30);
        assert!(limit.admit(HERE, after(start, 60)).is_err());
        assert_eq!(admitted(&limit, HERE, after(start, 65), 40), 30);
    }

    #[test]
    fn the_wait_that_is_told_is_enough() {
        let start = Instant::now();
        let limit = ConnectLimit::new(1, start);
        for begun in [0, 1, 4, 5, 64] {
            let first = after(start, begun + 1000 * begun);
            limit.admit(HERE, first).unwrap();
            let now = first + Duration::from_secs(17);
            let wait = limit.admit(HERE, now).unwrap_err().retry_after;
            assert!(
                wait >= Duration::from_secs(60 - 17) && wait <= Duration::from_secs(65),
                "{wait:?}"
            );
            assert!(
                limit
                    .admit(HERE, now + wait - Duration::from_secs(1))
                    .is_err()
            );
            assert!(limit.admit(HERE, now + wait).is_ok());
        }
    }

    #[test]
    fn refused_attempts_do_not_count() {
        let start = Instant::now();
        let limit = ConnectLimit::new(2, start);
        let second = |second| limit.admit(HERE, after(start, second)).is_ok();
        assert_eq!((0..60).filter(|&at| second(at)).count(), 2);
        assert!(second(65));
    }

    #[test]
    fn addresses_are_counted_apart_and_ipv6_by_its_64() {
        let start = Instant::now();
        let limit = ConnectLimit::new(1, start);
        let connect = |address: &str| limit.admit(address.parse().unwrap(), start).is_ok();
        assert!(connect("198.51.100.1") && connect("198.51.100.2"));
        assert!(!connect("::ffff:198.51.100.1"));
        assert!(connect("2001:db8:0:1::1") && !connect("2001:db8:0:1:ffff::2"));
        assert!(connect("2001:db8:0:2::1"));
    }

    #[test]
    fn a_limit_of_zero_is_off() {
        let start = Instant::now();
        assert_eq!(
            admitted(&ConnectLimit::new(0, start), HERE, start, 1000),
            1000
        );
    }

    #[test]
    fn the_table_stays_bounded_and_keeps_who_was_seen_last() {
        let start = Instant::now();
        let limit = ConnectLimit::new(1, start);
        for index in 0..100_000u32 {
            let address = IpAddr::V4(std::net::Ipv4Addr::from_bits(index));
            assert!(limit.admit(address, start).is_ok());
        }
        assert!(
            limit
                .admit(IpAddr::V4(std::net::Ipv4Addr::from_bits(99_999)), start)
                .is_err()
        );
        let table = limit.table.lock().unwrap();
        assert!(table.younger.len() <= ADDRESSES && table.older.len() <= ADDRESSES);
    }

    proptest! {
        #[test]
        fn no_sixty_seconds_bring_more_than_the_limit(
            pauses_ms in proptest::collection::vec(0u64..4_000, 1..300),
        ) {
            let start = Instant::now();
            let limit = ConnectLimit::new(20, start);
            let mut now = start;
            let mut good = Vec::new();
            for pause_ms in pauses_ms {
                now += Duration::from_millis(pause_ms);
                if limit.admit(HERE, now).is_ok() {
                    good.push(now);
                }
            }
            for (index, first) in good.iter().enumerate() {
                let within = good[index..].iter().filter(|&&at| at - *first < Duration::from_secs(60)).count();
                prop_assert!(within <= 20, "{within} connects in one minute");
            }
        }
    }
}
