//! Who on this lane listens to which topic.
//!
//! Owned by one thread, so nothing here is locked. A listener is a place in the lane's session table, never a session: the
//! hub does not know what a session is.

use cluster::{Known, Peer, Roster, Topic};
use hashbrown::HashMap;
use slab::Slab;

use super::roster::FollowedRoster;
use super::table::Fanout;
use crate::dialects::Variant;

/// The lane's topics.
#[derive(Debug, Default)]
pub(super) struct Hub {
    topics: HashMap<Topic, Listeners>,
    /// Large fan-outs begun so far.
    fanouts: u64,
}

/// More listeners than this make a fan-out large: others do not wait for it.
const LARGE: usize = 128;

/// Who listens to one topic, and what is known of its members.
#[derive(Debug)]
pub(super) struct Listeners {
    listeners: Slab<Listener>,
    /// `None` for topics without presence and until the first join is answered.
    pub(super) roster: Option<Box<FollowedRoster>>,
    /// A new roster has been asked for; deltas wait for it.
    pub(super) resyncing: bool,
}

/// One session's place in a topic.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listener {
    /// Its key in the lane's session table.
    pub(super) session: usize,
    /// How it wants to be told.
    pub(super) variant: Variant,
    /// Whether it has its snapshot, so that deltas mean something to it.
    pub(super) snapshotted: bool,
    /// The last large fan-out that it has heard, or that was there before it.
    pub(super) heard: u64,
}

/// Whether a listener was the first or the last of its topic here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Boundary {
    /// The lane has to (un)subscribe on the bus.
    Outermost,
    /// Others listen too.
    Inner,
}

impl Hub {
    /// Adds a listener and returns its slot in the topic.
    pub(super) fn add(
        &mut self,
        topic: &Topic,
        session: usize,
        variant: Variant,
    ) -> (usize, Boundary) {
        let of_topic = self
            .topics
            .entry(topic.clone())
            .or_insert_with(Listeners::new);
        let listeners = &mut of_topic.listeners;
        let boundary = if listeners.is_empty() {
            Boundary::Outermost
        } else {
            Boundary::Inner
        };
        (
            listeners.insert(Listener {
                session,
                variant,
                snapshotted: false,
                heard: self.fanouts,
            }),
            boundary,
        )
    }

    /// Removes the listener in `slot`; the topic goes with its last.
    pub(super) fn remove(&mut self, topic: &Topic, slot: usize) -> Boundary {
        let Some(of_topic) = self.topics.get_mut(topic) else {
            return Boundary::Inner;
        };
        of_topic.listeners.try_remove(slot);
        if of_topic.listeners.is_empty() {
            self.topics.remove(topic);
            Boundary::Outermost
        } else {
            Boundary::Inner
        }
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

    pub(super) fn get_mut(&mut self, topic: &Topic) -> Option<&mut Listeners> {
        self.topics.get_mut(topic)
    }

    pub(super) fn get(&self, topic: &Topic) -> Option<&Listeners> {
        self.topics.get(topic)
    }

    /// What a join from this lane has to ask for.
    pub(super) fn known(&self, topic: &Topic) -> Known {
        match self.topics.get(topic) {
            Some(Listeners {
                roster: Some(_), ..
            }) => Known::Roster,
            Some(Listeners { roster: None, .. }) | None => Known::Nothing,
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

impl Listener {
    /// Deltas mean something only after a snapshot.
    pub(super) fn follows_presence(&self) -> bool {
        self.snapshotted && self.variant.sees_presence()
    }
}

impl Listeners {
    fn new() -> Self {
        Self {
            // Most topics never have a second one.
            listeners: Slab::with_capacity(1),
            roster: None,
            resyncing: false,
        }
    }

    /// The first listener from `slot` on that has not heard a fan-out, with its slot.
    pub(super) fn next_unheard(
        &mut self,
        slot: usize,
        fanout: u64,
    ) -> Option<(usize, &mut Listener)> {
        let slot = (slot..self.listeners.capacity()).find(|slot| {
            self.listeners
                .get(*slot)
                .is_some_and(|listener| listener.heard < fanout)
        })?;
        Some((slot, self.listeners.get_mut(slot)?))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Listener> + '_ {
        self.listeners.iter().map(|(_, listener)| *listener)
    }

    /// How a delivery to all of them counts when it is written.
    pub(super) fn fanout(&self) -> Fanout {
        if self.listeners.len() > LARGE {
            Fanout::Large
        } else {
            Fanout::Small
        }
    }

    pub(super) fn listener_mut(&mut self, slot: usize) -> Option<&mut Listener> {
        self.listeners.get_mut(slot)
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
