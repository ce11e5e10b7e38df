//! A lane's view of one topic, built as an edge has to build it: from the snapshot in a join's answer and every delta
//! after it.
//!
//! Panics on what no backend may send: a delta that skips or repeats a version, that lets somebody join who is there or
//! leave who is not, and an answer ahead of the deltas that it contains.

use std::collections::BTreeSet;

use protocol::PeerId;

use crate::answer::{Answer, Joined};
use crate::envelope::Payload;
use crate::inbox::Arrival;
use crate::presence::{Delta, Roster, Version};
use crate::topic::Topic;

#[derive(Debug)]
pub(crate) struct Follower {
    topic: Topic,
    known: Option<View>,
}

#[derive(Debug)]
struct View {
    version: Version,
    members: BTreeSet<PeerId>,
}

impl Follower {
    pub(crate) fn new(topic: Topic) -> Self {
        Self { topic, known: None }
    }

    /// True when the lane's roster consists of exactly these.
    pub(crate) fn knows(&self, members: &[&str]) -> bool {
        let members: BTreeSet<&str> = members.iter().copied().collect();
        self.known
            .as_ref()
            .is_some_and(|view| view.members.iter().map(PeerId::as_str).eq(members))
    }

    pub(crate) fn hear(&mut self, arrival: &Arrival) {
        match arrival {
            Arrival::Envelope(topic, envelope) if *topic == self.topic => match &envelope.payload {
                Payload::Presence(delta) => self.apply(delta),
                Payload::Message(_)
                | Payload::Kick
                | Payload::Expel(_)
                | Payload::End
                | Payload::Push(_)
                | Payload::News(_) => {}
            },
            Arrival::Answer(_, Answer::Joined(topic, Ok(joined))) if *topic == self.topic => {
                self.join(joined)
            }
            Arrival::Envelope(..)
            | Arrival::Answer(..)
            | Arrival::Evict(_)
            | Arrival::Outcome(..) => {}
        }
    }

    fn join(&mut self, joined: &Joined) {
        if let Some(view) = &self.known {
            assert_eq!(
                view.version.epoch, joined.version.epoch,
                "a join of another epoch than its deltas"
            );
            assert!(
                view.version.sequence >= joined.version.sequence,
                "{:?} was answered before the deltas up to it: only at {:?}",
                joined.version,
                view.version
            );
        } else {
            let Some(roster) = &joined.roster else {
                panic!("a lane that knew nothing got no roster: {joined:?}")
            };
            assert_eq!(
                roster.version, joined.version,
                "a roster of another version than its join"
            );
            self.known = Some(View::of(roster));
        }
    }

    fn apply(&mut self, delta: &Delta) {
        // Before the snapshot there is nothing to apply it to, and the snapshot contains it.
        let Some(view) = &mut self.known else { return };
        if view.version.epoch == delta.version.epoch {
            assert_eq!(
                delta.version.sequence,
                view.version.sequence + 1,
                "a version was skipped or repeated"
            );
        } else {
            assert!(
                view.members.is_empty(),
                "another epoch began although {:?} were there",
                view.members
            );
            assert_eq!(delta.version.sequence, 1, "an epoch began in the middle");
        }
        view.version = delta.version;
        for peer in &delta.joined {
            assert!(
                view.members.insert(peer.id.clone()),
                "{} joined twice",
                peer.id
            );
        }
        for peer in &delta.left {
            assert!(
                view.members.remove(&peer.id),
                "{} left without being there",
                peer.id
            );
        }
    }
}

impl View {
    fn of(roster: &Roster) -> Self {
        let members: BTreeSet<PeerId> = roster.members.iter().map(|peer| peer.id.clone()).collect();
        assert_eq!(
            members.len(),
            roster.members.len(),
            "a roster names somebody twice"
        );
        Self {
            version: roster.version,
            members,
        }
    }
}
