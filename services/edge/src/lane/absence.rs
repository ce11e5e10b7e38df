//! Members whose session was lost, and who may be back in a moment.
//!
//! Their membership is held on for the grace, so that a weak connection or an edge that leaves is no news to a room. Only the
//! hold is kept: the device, the place among the sessions and the mailbox are given back at once. An edge that dies holds
//! nothing on; there the time of its heartbeat is the grace.

use std::collections::VecDeque;
use std::time::Instant;

use cluster::{SessionId, Topic};
use protocol::PeerId;

use super::Lane;
use crate::dialects::Leaving;

/// Memberships held on at once; beyond it the oldest end early.
const ABSENCES_MAX: usize = 65_536;

/// The membership of a session that is gone.
#[derive(Debug)]
pub(super) struct Hold {
    pub(super) topic: Topic,
    pub(super) peer: PeerId,
    pub(super) session: SessionId,
}

/// The memberships that a lane holds on, soonest end first: every grace is of one length.
#[derive(Debug, Default)]
pub(super) struct Absences(VecDeque<(Instant, Hold)>);

impl Absences {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// When the next one ends.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.0.front().map(|(due, _)| *due)
    }

    fn take_due(&mut self, now: Instant) -> Option<Hold> {
        let is_due = self.next_due()? <= now || self.0.len() > ABSENCES_MAX;
        is_due
            .then(|| self.0.pop_front())
            .flatten()
            .map(|(_, hold)| hold)
    }
}

impl Lane {
    /// Ends a hold, or keeps it for as long as whoever had it may still return.
    pub(super) fn give_up(&mut self, hold: Hold, leaving: Leaving) {
        let grace = self.config.presence_grace;
        if leaving == Leaving::ForGood || grace.is_zero() {
            self.cluster
                .presence
                .leave(&hold.topic, &hold.peer, hold.session);
            return;
        }
        let due = Instant::now() + grace;
        self.absences.0.push_back((due, hold));
        self.rouse(due);
        self.end_absences(Instant::now());
    }

    /// Whoever is not back by now has left.
    pub(super) fn end_absences(&mut self, now: Instant) {
        while let Some(hold) = self.absences.take_due(now) {
            self.cluster
                .presence
                .leave(&hold.topic, &hold.peer, hold.session);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cluster::LaneId;

    use super::*;

    fn hold(name: &str) -> Hold {
        let app = "app".parse().unwrap();
        let room = "0f8fad5b-d9cb-469f-a165-70867728950e".parse().unwrap();
        Hold {
            topic: Topic::room(&app, room),
            peer: name.parse().unwrap(),
            session: SessionId::lane_itself(LaneId(0)),
        }
    }

    #[test]
    fn holds_end_in_the_order_in_which_they_began() {
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        let mut absences = Absences::default();
        absences.0.push_back((now, hold("alice")));
        absences.0.push_back((later, hold("bob")));
        let ended = absences.take_due(now).map(|hold| hold.peer.to_string());
        assert_eq!(ended.as_deref(), Some("alice"));
        assert!(absences.take_due(now).is_none());
        assert_eq!(absences.next_due(), Some(later));
        assert!(absences.take_due(later).is_some() && absences.is_empty());
    }
}
