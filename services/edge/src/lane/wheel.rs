//! Timers of a lane's sessions, coarse and shared.
//!
//! One entry per session and deadline, rounded up to a slot, so that a sleeping lane wakes once for everything that is due
//! together, and not at all while nothing is. Time is milliseconds since the lane began.

use std::collections::BTreeMap;

/// Rounding: a deadline is kept at most this much late.
const SLOT_MS: u64 = 50;

/// Which keys are due when. The owner decides whether an entry still means anything.
#[derive(Debug)]
pub(super) struct Wheel<K> {
    slots: BTreeMap<u64, Vec<K>>,
}

impl<K> Wheel<K> {
    pub(super) fn new() -> Self {
        Self {
            slots: BTreeMap::new(),
        }
    }

    /// Remembers `key` for the first slot at or after `due_ms`; returns that slot's time.
    pub(super) fn schedule(&mut self, due_ms: u64, key: K) -> u64 {
        let slot_ms = due_ms.next_multiple_of(SLOT_MS);
        self.slots.entry(slot_ms).or_default().push(key);
        slot_ms
    }

    /// The time of the next slot that holds anything.
    pub(super) fn next_due_ms(&self) -> Option<u64> {
        self.slots.keys().next().copied()
    }

    /// Takes one slot that is due, with its time.
    pub(super) fn take_due(&mut self, now_ms: u64) -> Option<(u64, Vec<K>)> {
        let first = self.slots.first_entry()?;
        (*first.key() <= now_ms).then(|| first.remove_entry())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_due_before_its_time_and_nothing_is_forgotten() {
        let mut wheel = Wheel::new();
        wheel.schedule(101, 'a');
        wheel.schedule(150, 'b');
        wheel.schedule(400, 'c');
        assert_eq!(wheel.next_due_ms(), Some(150));
        assert_eq!(wheel.take_due(149), None);
        assert_eq!(wheel.take_due(1_000), Some((150, vec!['a', 'b'])));
        assert_eq!(wheel.take_due(1_000), Some((400, vec!['c'])));
        assert_eq!(wheel.next_due_ms(), None);
    }
}
