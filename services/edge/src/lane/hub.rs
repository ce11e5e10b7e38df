//! Who on this lane listens to which topic.
//!
//! Owned by one thread, so nothing here is locked. A listener is a place in the lane's session table, never a session: the
//! hub does not know what a session is.

use cluster::{Known, Peer, Roster, Topic};
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

use super::listeners::{Boundary, Listener, Listeners};
use super::roster::FollowedRoster;
use super::table::Fanout;
use crate::dialects::Variant;

/// The lane's topics.
#[derive(Debug, Default)]
pub(super) struct Hub {
    topics: HashMap<Topic, LocalTopic>,
    /// Large fan-outs begun so far.
    fanouts: u64,
}

/// More listeners than this make a fan-out large: others do not wait for it.
const LARGE: usize = 128;

/// What a lane knows of one topic: who listens, and who is in it.
#[derive(Debug)]
pub(super) struct LocalTopic {
    pub(super) listeners: Listeners,
    /// `None` for topics without presence and until the first join is answered.
    pub(super) roster: Option<Box<FollowedRoster>>,
    /// A new roster has been asked for; deltas wait for it.
    pub(super) resyncing: bool,
}

impl Hub {
    /// Adds a listener and returns its slot in the topic.
    pub(super) fn add(
        &mut self,
        topic: &Topic,
        session: usize,
        variant: Variant,
    ) -> (usize, Boundary) {
        let listener = Listener {
            session,
            variant,
            snapshotted: false,
            heard: self.fanouts,
        };
        match self.topics.entry(topic.clone()) {
            Entry::Vacant(entry) => {
                entry.insert(LocalTopic::new(listener));
                (0, Boundary::Outermost)
            }
            Entry::Occupied(entry) => {
                let slot = entry.into_mut().listeners.insert(listener);
                (slot, Boundary::Inner)
            }
        }
    }

    /// Removes the listener in `slot`; the topic goes with its last.
    pub(super) fn remove(&mut self, topic: &Topic, slot: usize) -> Boundary {
        let Some(of_topic) = self.topics.get_mut(topic) else {
            return Boundary::Inner;
        };
        let boundary = of_topic.listeners.remove(slot);
        if boundary == Boundary::Outermost {
            self.topics.remove(topic);
        }
        boundary
    }

    /// Whether one listener alone is left.
    pub(super) fn is_last(&self, topic: &Topic) -> bool {
        self.get(topic)
            .is_some_and(|of_topic| of_topic.listeners.len() == 1)
    }

    /// The number of a large fan-out that begins now.
    pub(super) fn begin_fanout(&mut self) -> u64 {
        self.fanouts += 1;
        self.fanouts
    }

    pub(super) fn get_mut(&mut self, topic: &Topic) -> Option<&mut LocalTopic> {
        self.topics.get_mut(topic)
    }

    pub(super) fn get(&self, topic: &Topic) -> Option<&LocalTopic> {
        self.topics.get(topic)
    }

    /// Who listens to the topic.
    pub(super) fn listeners(&self, topic: &Topic) -> impl Iterator<Item = Listener> + '_ {
        let of_topic = self.topics.get(topic).into_iter();
        of_topic.flat_map(|of_topic| of_topic.listeners.iter())
    }

    pub(super) fn listener_mut(&mut self, topic: &Topic, slot: usize) -> Option<&mut Listener> {
        self.topics.get_mut(topic)?.listeners.get_mut(slot)
    }

    /// What a join from this lane has to ask for.
    pub(super) fn known(&self, topic: &Topic) -> Known {
        match self.topics.get(topic) {
            Some(LocalTopic {
                roster: Some(_), ..
            }) => Known::Roster,
            Some(LocalTopic { roster: None, .. }) | None => Known::Nothing,
        }
    }

    /// Topics whose members are followed.
    pub(super) fn followed(&self) -> Vec<Topic> {
        self.topics
            .iter()
            .filter(|(_, of_topic)| of_topic.roster.is_some())
            .map(|(topic, _)| topic.clone())
            .collect()
    }
}

impl LocalTopic {
    fn new(first: Listener) -> Self {
        Self {
            listeners: Listeners::One(first),
            roster: None,
            resyncing: false,
        }
    }

    /// How a delivery to all of them counts when it is written.
    pub(super) fn fanout(&self) -> Fanout {
        if self.listeners.len() > LARGE {
            Fanout::Large
        } else {
            Fanout::Small
        }
    }

    /// Takes over a roster that a join brought. Returns what it changes for those who follow the topic already.
    pub(super) fn follow(&mut self, roster: Roster) -> Option<cluster::Delta> {
        self.resyncing = false;
        match &mut self.roster {
            None => {
                self.roster = Some(Box::new(FollowedRoster::new(roster)));
                None
            }
            Some(followed) => Some(followed.replace(roster)),
        }
    }

    /// Everybody that a snapshot names.
    pub(super) fn named(&self) -> impl Iterator<Item = &Peer> {
        self.roster.iter().flat_map(|roster| roster.named())
    }
}
