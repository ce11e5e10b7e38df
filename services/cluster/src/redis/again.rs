//! Which parcels of which edge have been seen, so that one that was sent again is delivered once.
//!
//! An edge sends again only what was among its last few hundred parcels, before anything newer; a window of the latest
//! numbers of each edge is enough.

use hashbrown::HashMap;

use crate::origin::Incarnation;

/// Numbers remembered below the highest; well above what an edge has under way at once.
const WINDOW: u64 = 1_024;
const WORDS: usize = (WINDOW / 64) as usize;
/// Edges remembered; the longest silent is forgotten first.
const EDGES_MAX: usize = 1_024;

/// The numbers seen.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    by_edge: HashMap<Incarnation, Seen>,
    turn: u64,
}

#[derive(Debug)]
struct Seen {
    highest: u64,
    /// Bit `n % WINDOW` stands for number `n`, for the last [`WINDOW`] numbers.
    bits: [u64; WORDS],
    turn: u64,
}

impl Numbers {
    /// Notes a parcel; returns whether it is new.
    pub(super) fn note(&mut self, edge: Incarnation, number: u64) -> bool {
        self.turn += 1;
        let turn = self.turn;
        if self.by_edge.len() >= EDGES_MAX && !self.by_edge.contains_key(&edge) {
            let oldest = self.by_edge.iter().min_by_key(|(_, seen)| seen.turn);
            if let Some(oldest) = oldest.map(|(edge, _)| *edge) {
                self.by_edge.remove(&oldest);
            }
        }
        let seen = self.by_edge.entry(edge).or_insert(Seen {
            highest: 0,
            bits: [0; WORDS],
            turn,
        });
        seen.turn = turn;
        seen.note(number)
    }
}

impl Seen {
    fn note(&mut self, number: u64) -> bool {
        if number > self.highest {
            let skipped = number - self.highest;
            if skipped >= WINDOW {
                self.bits = [0; WORDS];
            } else {
                for between in self.highest + 1..number {
                    self.clear(between);
                }
            }
            self.highest = number;
            self.set(number);
            return true;
        }
        if self.highest - number >= WINDOW {
            // Too old to be told; nobody sends so old a parcel again.
            return false;
        }
        let is_new = self.bits[word(number)] & bit(number) == 0;
        self.set(number);
        is_new
    }

    fn set(&mut self, number: u64) {
        self.bits[word(number)] |= bit(number);
    }

    fn clear(&mut self, number: u64) {
        self.bits[word(number)] &= !bit(number);
    }
}

fn word(number: u64) -> usize {
    (number % WINDOW / 64) as usize
}

fn bit(number: u64) -> u64 {
    1 << (number % 64)
}

#[cfg(test)]
mod tests {
    use hashbrown::HashSet;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn within_the_window_a_number_is_new_exactly_once(steps in prop::collection::vec(0u64..700, 1..400)) {
            let (edge, mut numbers) = (Incarnation::random(), Numbers::default());
            let mut seen = HashSet::new();
            let mut highest = 0;
            for (at, step) in steps.iter().enumerate() {
                // Mostly forward in small steps, sometimes back by up to 700.
                let number = if step % 3 == 0 { highest.max(701) - step } else { highest + 1 + step % 5 };
                prop_assert_eq!(numbers.note(edge, number), seen.insert(number), "step {}", at);
                highest = highest.max(number);
            }
        }
    }
}
