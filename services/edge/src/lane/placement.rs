//! Which lane a newcomer comes to.
//!
//! A message that stays on its lane wakes no other thread. Nobody says beforehand whom they will talk with, but those who
//! come one after the other to one room or app are likelier to than any others. So each of these fills one lane with a few
//! newcomers before it goes on to the next, and a call is mostly on one lane, while a large room is on all of them.

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::{Mutex, PoisonError};

use super::LaneHandle;

/// Newcomers of one room or app that come to one lane in a row: a call and some more.
const RUN: u8 = 16;
/// Rooms and apps that are told apart; two that share a run only mix.
const RUNS: usize = 256;

/// The lanes, and where each room or app has got to.
#[derive(Debug)]
pub(crate) struct Placement {
    lanes: Vec<LaneHandle>,
    hasher: RandomState,
    runs: Mutex<Runs>,
}

#[derive(Debug)]
struct Runs {
    of: [Run; RUNS],
    /// The lane at which the next run begins.
    next: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Run {
    lane: usize,
    /// Newcomers that it still takes.
    left: u8,
}

impl Placement {
    /// Over one lane at least.
    pub(crate) fn new(lanes: Vec<LaneHandle>) -> Self {
        Self {
            lanes,
            hasher: RandomState::new(),
            runs: Mutex::default(),
        }
    }

    /// Every lane.
    pub(crate) fn all(&self) -> &[LaneHandle] {
        &self.lanes
    }

    /// The lane for the next session of `place`, its room or its app.
    pub(crate) fn next(&self, place: impl Hash) -> &LaneHandle {
        let run = self.hasher.hash_one(place) as usize % RUNS;
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        &self.lanes[runs.take(run, self.lanes.len())]
    }
}

impl Default for Runs {
    fn default() -> Self {
        Self {
            of: [Run::default(); RUNS],
            next: 0,
        }
    }
}

impl Runs {
    /// The lane of the next newcomer of a run, of so many.
    fn take(&mut self, run: usize, lanes: usize) -> usize {
        if self.of[run].left == 0 {
            self.of[run] = Run {
                lane: self.next,
                left: RUN,
            };
            self.next = (self.next + 1) % lanes;
        }
        self.of[run].left -= 1;
        self.of[run].lane
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_come_to_one_place_fill_one_lane_after_the_other() {
        let mut runs = Runs::default();
        let lanes: Vec<_> = (0..48).map(|_| runs.take(7, 2)).collect();
        assert_eq!(lanes[..16], [0; 16]);
        assert_eq!(lanes[16..32], [1; 16]);
        assert_eq!(lanes[32..], [0; 16]);
    }

    #[test]
    fn small_places_are_whole_and_spread() {
        let mut runs = Runs::default();
        for member in 0..5 {
            for place in 0..12 {
                assert_eq!(runs.take(place, 3), place % 3, "member {member}");
            }
        }
    }
}
