//! What was delivered, judged by sequence numbers.
//!
//! A [`Stream`] is one receiver's view of one sender: its numbers begin at 0 and grow by one. A [`Tally`] adds up what went
//! wrong. Invariant: a stream without loss holds no heap, so that judging costs a comparison per delivery.

use std::collections::BTreeSet;

use serde::Serialize;

/// What one receiver has heard of one sender.
#[derive(Debug, Default)]
pub struct Stream {
    next: u64,
    missing: BTreeSet<u64>,
}

/// What went wrong, over all streams.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Sent and never delivered.
    pub lost: u64,
    /// Delivered again.
    pub duplicated: u64,
    /// Delivered after a later one.
    pub reordered: u64,
    /// No number, or shorter than it was sent.
    pub malformed: u64,
    /// Requests that were answered with an error, or not exactly once.
    pub unanswered: u64,
    /// Links that ended unasked.
    pub broken: u64,
}

impl Stream {
    /// Judges one delivery.
    pub fn hear(&mut self, number: u64, tally: &mut Tally) {
        if number == self.next {
            self.next += 1;
        } else if number > self.next {
            self.missing.extend(self.next..number);
            self.next = number + 1;
        } else if self.missing.remove(&number) {
            tally.reordered += 1;
        } else {
            tally.duplicated += 1;
        }
    }

    /// How many of the first `sent` have not come.
    #[must_use]
    pub fn lost(&self, sent: u64) -> u64 {
        self.missing.len() as u64 + sent.saturating_sub(self.next)
    }
}

impl Tally {
    /// Adds another tally.
    pub fn add(&mut self, other: Self) {
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.reordered += other.reordered;
        self.malformed += other.malformed;
        self.unanswered += other.unanswered;
        self.broken += other.broken;
    }

    /// Whether nothing went wrong.
    #[must_use]
    pub fn is_clean(self) -> bool {
        self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(numbers: &[u64], sent: u64) -> Tally {
        let (mut stream, mut tally) = (Stream::default(), Tally::default());
        for number in numbers {
            stream.hear(*number, &mut tally);
        }
        tally.lost = stream.lost(sent);
        tally
    }

    #[test]
    fn a_whole_stream_in_order_is_clean() {
        assert!(judged(&[0, 1, 2], 3).is_clean());
    }

    #[test]
    fn a_gap_and_an_early_end_are_losses() {
        assert_eq!(judged(&[0, 2], 5).lost, 3);
    }

    #[test]
    fn late_and_repeated_deliveries_are_told_apart() {
        let tally = judged(&[0, 2, 1, 1, 3], 4);
        assert_eq!((tally.lost, tally.reordered, tally.duplicated), (0, 1, 1));
    }
}
