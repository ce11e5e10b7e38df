//! Who is in a topic, as this edge knows it from Redis: the roster at one version, kept true by deltas.
//!
//! Knows the versions of Redis; what lanes are told is the entry's business. A delta that is not the next one proves that
//! something was missed, and only reading the topic again helps. When the history itself was lost (another epoch: Redis
//! was emptied, or a failover lost writes) a member that is missing is doubted for a while instead of sent away: its edge
//! is about to say that it is still there, and nobody should see it leave and join.

use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;
use protocol::PeerId;
use tokio::time::Instant;

use super::parcel::RemoteDelta;
use crate::peer::Peer;
use crate::presence::{Naming, Roster, Version};

/// How long a member that another history does not know is doubted before it is taken for gone (RELAY: edges re-offer
/// meanwhile).
pub(super) const DOUBT: Duration = Duration::from_secs(10);

/// A followed roster.
#[derive(Debug)]
pub(super) struct Followed {
    version: Version,
    naming: Naming,
    members: HashMap<PeerId, Arc<Peer>>,
    /// Members that the present history does not know (yet), and until when they are kept.
    doubted: HashMap<PeerId, Instant>,
}

/// What a delta did.
#[derive(Debug)]
pub(super) enum Heard {
    /// The members changed, or how they are named.
    Changed(Change),
    /// Nothing that anybody has to be told.
    Nothing,
    /// Something between was missed.
    Lost,
}

/// What subscribers have to be told.
#[derive(Debug, Default)]
pub(super) struct Change {
    pub(super) joined: Vec<Arc<Peer>>,
    pub(super) left: Vec<Arc<Peer>>,
    naming_changed: bool,
}

impl Followed {
    pub(super) fn new(roster: Roster) -> Self {
        Self {
            version: roster.version,
            naming: roster.naming,
            members: by_id(roster.members),
            doubted: HashMap::new(),
        }
    }

    pub(super) fn naming(&self) -> Naming {
        self.naming
    }

    pub(super) fn version(&self) -> Version {
        self.version
    }

    pub(super) fn members(&self) -> Vec<Arc<Peer>> {
        self.members.values().cloned().collect()
    }

    pub(super) fn contains(&self, peer: &PeerId) -> bool {
        self.members.contains_key(peer)
    }

    /// Whether everything up to `version` has been heard. Of another history only its successor can tell.
    pub(super) fn has_reached(&self, version: Version) -> bool {
        self.version.epoch == version.epoch && self.version.sequence >= version.sequence
    }

    pub(super) fn hear(&mut self, delta: &RemoteDelta) -> Heard {
        let begins = delta.version.sequence == 1 && self.members.is_empty();
        if delta.version.epoch == self.version.epoch {
            if delta.version.sequence <= self.version.sequence {
                return Heard::Nothing;
            }
            if delta.version.sequence > self.version.sequence + 1 {
                return Heard::Lost;
            }
        } else if !begins {
            return Heard::Lost;
        }
        self.version = delta.version;
        let mut change = self.rename(delta.naming);
        for peer in &delta.left {
            self.doubted.remove(&peer.id);
            // The member as it was told, with the metadata that it joined with.
            change.left.extend(self.members.remove(&peer.id));
        }
        for peer in &delta.joined {
            self.doubted.remove(&peer.id);
            if self
                .members
                .insert(peer.id.clone(), Arc::clone(peer))
                .is_none()
            {
                change.joined.push(Arc::clone(peer));
            }
        }
        change.into_heard()
    }

    /// Takes over the topic as it was read again.
    pub(super) fn replace(&mut self, roster: Roster, now: Instant) -> Change {
        let same_history = roster.version.epoch == self.version.epoch;
        if same_history && roster.version.sequence < self.version.sequence {
            return Change::default();
        }
        self.version = roster.version;
        let mut change = self.rename(roster.naming);
        let newer = by_id(roster.members);
        for peer in newer.values() {
            self.doubted.remove(&peer.id);
            if !self.members.contains_key(&peer.id) {
                change.joined.push(Arc::clone(peer));
            }
        }
        let (mut gone, mut doubted) = (Vec::new(), Vec::new());
        for peer in self.members.values() {
            if newer.contains_key(&peer.id) {
                continue;
            }
            if same_history && !self.doubted.contains_key(&peer.id) {
                gone.push(Arc::clone(peer));
            } else {
                doubted.push(Arc::clone(peer));
            }
        }
        self.members = newer;
        for peer in doubted {
            self.doubted.entry(peer.id.clone()).or_insert(now + DOUBT);
            self.members.insert(peer.id.clone(), peer);
        }
        change.left = gone;
        change
    }

    /// Sends away who has been doubted for long enough.
    pub(super) fn settle_doubts(&mut self, now: Instant) -> Change {
        let mut change = Change::default();
        let Self {
            doubted, members, ..
        } = self;
        doubted.retain(|peer, until| {
            if *until > now {
                return true;
            }
            change.left.extend(members.remove(peer));
            false
        });
        change
    }

    pub(super) fn has_doubts(&self) -> bool {
        !self.doubted.is_empty()
    }

    fn rename(&mut self, naming: Naming) -> Change {
        let before = std::mem::replace(&mut self.naming, naming);
        Change {
            naming_changed: before != naming,
            ..Change::default()
        }
    }
}

impl Change {
    /// Who a delta says came and went, for an edge that cannot compare.
    pub(super) fn told_by(delta: &RemoteDelta) -> Self {
        Self {
            joined: delta.joined.clone(),
            left: delta.left.clone(),
            naming_changed: false,
        }
    }

    pub(super) fn is_nothing(&self) -> bool {
        self.joined.is_empty() && self.left.is_empty() && !self.naming_changed
    }

    /// Adds a later change: who joined and left again in between was never there.
    pub(super) fn then(&mut self, later: Self) {
        for peer in later.left {
            match self.joined.iter().position(|joined| joined.id == peer.id) {
                Some(at) => drop(self.joined.swap_remove(at)),
                None => self.left.push(peer),
            }
        }
        for peer in later.joined {
            match self.left.iter().position(|left| left.id == peer.id) {
                Some(at) => drop(self.left.swap_remove(at)),
                None => self.joined.push(peer),
            }
        }
        self.naming_changed |= later.naming_changed;
    }

    fn into_heard(self) -> Heard {
        if self.is_nothing() {
            Heard::Nothing
        } else {
            Heard::Changed(self)
        }
    }
}

fn by_id(members: Vec<Arc<Peer>>) -> HashMap<PeerId, Arc<Peer>> {
    members
        .into_iter()
        .map(|peer| (peer.id.clone(), peer))
        .collect()
}
