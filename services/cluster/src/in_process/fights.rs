//! Which leases are fought over, and who waits for a turn.
//!
//! Owns the damping rule and nothing of who holds a lease. A fight is forgotten once its key was quiet for a window, so
//! devices that never come back leave nothing behind, and a holder that was never contested costs nothing here.

use std::collections::VecDeque;

use hashbrown::HashMap;
use tokio::time::Instant;

use crate::leases::{FREE_TAKEOVERS, LeaseKey, Place, TAKEOVER_WINDOW, Turn};

#[derive(Debug, Default)]
pub(super) struct Fights {
    by_key: HashMap<LeaseKey, Fight>,
    /// When to look at a fight again, soonest first; one entry for each.
    due: VecDeque<(Instant, LeaseKey)>,
    /// Places given out. One row of numbers for all keys, so that no forgotten fight's place is ever taken for a new one.
    places: u64,
}

/// What a newcomer may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Attach,
    Wait(Place),
    Superseded,
}

#[derive(Debug)]
struct Fight {
    /// When the lease changed hands within the window; the waits keep it at a dozen.
    takeovers: VecDeque<Instant>,
    /// The place of the newest newcomer: whoever comes back with an older one has been superseded.
    newest: Place,
    touched: Instant,
}

impl Fights {
    /// Judges a newcomer to a lease that nobody holds. It need not wait, but whoever waits already is older than it.
    pub(super) fn meet_nobody(&mut self, key: &LeaseKey, turn: Turn) -> Verdict {
        let now = Instant::now();
        self.forget_before(now);
        let Some(fight) = self.by_key.get_mut(key) else {
            return Verdict::Attach;
        };
        fight.touched = now;
        match turn {
            Turn::Waited(place) if place.0 < fight.newest.0 => Verdict::Superseded,
            Turn::Waited(_) => Verdict::Attach,
            Turn::First => {
                self.places += 1;
                fight.newest = Place(self.places);
                Verdict::Attach
            }
        }
    }

    /// Judges a newcomer to a lease that another session holds, and counts the takeover if it may attach.
    pub(super) fn meet_holder(&mut self, key: &LeaseKey, turn: Turn) -> Verdict {
        let now = Instant::now();
        self.forget_before(now);
        let fight = self.by_key.entry(key.clone()).or_insert_with(|| {
            self.due.push_back((now + TAKEOVER_WINDOW, key.clone()));
            Fight {
                takeovers: VecDeque::new(),
                newest: Place(0),
                touched: now,
            }
        });
        fight.touched = now;
        fight
            .takeovers
            .retain(|at| now.duration_since(*at) < TAKEOVER_WINDOW);
        match turn {
            Turn::Waited(place) if place.0 < fight.newest.0 => return Verdict::Superseded,
            Turn::Waited(_) => {}
            Turn::First => {
                self.places += 1;
                fight.newest = Place(self.places);
                if fight.takeovers.len() >= FREE_TAKEOVERS {
                    return Verdict::Wait(fight.newest);
                }
            }
        }
        fight.takeovers.push_back(now);
        Verdict::Attach
    }

    fn forget_before(&mut self, now: Instant) {
        while self.due.front().is_some_and(|(due, _)| *due <= now)
            && let Some((_, key)) = self.due.pop_front()
        {
            let quiet = |fight: &Fight| now.duration_since(fight.touched) >= TAKEOVER_WINDOW;
            if self.by_key.get(&key).is_some_and(quiet) {
                self.by_key.remove(&key);
            } else {
                // A window from now and not from the touch: entries stay in order, each fight is looked at once a window.
                self.due.push_back((now + TAKEOVER_WINDOW, key));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn key(peer: &str) -> LeaseKey {
        LeaseKey {
            app: "app".parse().unwrap(),
            dialect: "realtime",
            peer: peer.parse().unwrap(),
            device: None,
            room: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_window_later_takeovers_are_free_again() {
        let mut fights = Fights::default();
        for _ in 0..FREE_TAKEOVERS {
            assert_eq!(
                fights.meet_holder(&key("alice"), Turn::First),
                Verdict::Attach
            );
        }
        assert!(matches!(
            fights.meet_holder(&key("alice"), Turn::First),
            Verdict::Wait(_)
        ));
        advance(TAKEOVER_WINDOW).await;
        assert_eq!(
            fights.meet_holder(&key("alice"), Turn::First),
            Verdict::Attach
        );
    }

    #[tokio::test(start_paused = true)]
    async fn quiet_fights_are_forgotten() {
        let mut fights = Fights::default();
        for number in 0..100 {
            fights.meet_holder(&key(&format!("peer-{number}")), Turn::First);
        }
        advance(TAKEOVER_WINDOW).await;
        fights.meet_nobody(&key("somebody-else"), Turn::First);
        assert!(fights.by_key.is_empty() && fights.due.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_fight_that_goes_on_is_kept() {
        let mut fights = Fights::default();
        fights.meet_holder(&key("alice"), Turn::First);
        advance(TAKEOVER_WINDOW / 2).await;
        fights.meet_holder(&key("alice"), Turn::First);
        advance(TAKEOVER_WINDOW / 2).await;
        fights.meet_nobody(&key("somebody-else"), Turn::First);
        assert_eq!((fights.by_key.len(), fights.due.len()), (1, 1));
        advance(TAKEOVER_WINDOW).await;
        fights.meet_nobody(&key("somebody-else"), Turn::First);
        assert_eq!((fights.by_key.len(), fights.due.len()), (0, 0));
    }
}
