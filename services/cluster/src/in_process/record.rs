//! One topic: who listens, who is in it, and the version of that.
//!
//! Knows no lock; whoever holds the record is alone with it. Every change of the members raises the version by one and
//! is published before anything else can be, so publish order is version order.

use std::sync::Arc;

use protocol::PeerId;
use smallvec::SmallVec;

use super::clock::Clock;
use crate::envelope::{Envelope, Payload};
use crate::inbox::{Arrival, InboxHandle};
use crate::members::{Members, OfPeer};
use crate::origin::{Incarnation, LaneId, Origin, SessionId};
use crate::peer::Peer;
use crate::presence::{Delta, Naming, Roster, Version};
use crate::topic::Topic;

#[derive(Debug)]
pub(super) struct Record {
    topic: Topic,
    /// Members above which the topic stops naming them; 0 means it never stops.
    named_members: u32,
    /// Most topics never have a second one.
    routes: SmallVec<[Route; 1]>,
    members: Members<Entry>,
    version: Version,
    naming: Naming,
}

/// A lane that listens.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) incarnation: Incarnation,
    pub(super) inbox: InboxHandle,
}

/// A member, and the sessions that hold its membership. A set, not a count: joining or leaving twice is harmless.
#[derive(Debug)]
struct Entry {
    peer: Arc<Peer>,
    holders: Vec<Origin>,
}

impl Record {
    pub(super) fn new(topic: &Topic, named_members: u32, clock: &Clock) -> Self {
        Self {
            topic: topic.clone(),
            named_members,
            routes: SmallVec::new(),
            members: Members::default(),
            version: Version {
                epoch: clock.next(),
                sequence: 0,
            },
            naming: Naming::Named,
        }
    }

    /// True when forgetting the record loses nothing but its epoch.
    pub(super) fn is_idle(&self) -> bool {
        self.routes.is_empty() && self.members.is_empty()
    }

    pub(super) fn listen(&mut self, route: Route) {
        let lane = route.inbox.lane();
        if !self
            .routes
            .iter()
            .any(|known| known.is(route.incarnation, lane))
        {
            self.routes.push(route);
        }
    }

    pub(super) fn unlisten(&mut self, incarnation: Incarnation, lane: LaneId) {
        self.routes.retain(|route| !route.is(incarnation, lane));
    }

    /// Returns how many lanes it was queued for.
    pub(super) fn publish(&self, envelope: Envelope) -> usize {
        let envelope = Arc::new(envelope);
        for route in &self.routes {
            let arrival = Arrival::Envelope(self.topic.clone(), Arc::clone(&envelope));
            route.inbox.push(arrival);
        }
        self.routes.len()
    }

    /// How many edges have a lane that listens.
    pub(super) fn edges(&self) -> usize {
        let mut edges: Vec<Incarnation> =
            self.routes.iter().map(|route| route.incarnation).collect();
        edges.sort_unstable();
        edges.dedup();
        edges.len()
    }

    pub(super) fn join(&mut self, peer: &Arc<Peer>, holder: Origin) {
        if let Some(entry) = self.members.get_mut(&peer.id) {
            if !entry.holders.contains(&holder) {
                entry.holders.push(holder);
            }
            return;
        }
        let entry = Entry {
            peer: Arc::clone(peer),
            holders: vec![holder],
        };
        self.members.insert(entry);
        self.change(holder, vec![Arc::clone(peer)], Vec::new());
    }

    pub(super) fn leave(&mut self, peer: &PeerId, holder: Origin) {
        let Some(entry) = self.members.get_mut(peer) else {
            return;
        };
        entry.holders.retain(|known| *known != holder);
        if entry.holders.is_empty() {
            let left = self.members.remove(peer).map(|entry| entry.peer);
            self.change(holder, Vec::new(), left.into_iter().collect());
        }
    }

    /// Removes an edge's routes and holds; members that nobody else holds leave, all in one delta.
    pub(super) fn forget(&mut self, incarnation: Incarnation) {
        self.routes.retain(|route| route.incarnation != incarnation);
        let mut left = Vec::new();
        self.members.retain(|entry| {
            entry
                .holders
                .retain(|holder| holder.incarnation != incarnation);
            if entry.holders.is_empty() {
                left.push(Arc::clone(&entry.peer));
            }
            !entry.holders.is_empty()
        });
        if !left.is_empty() {
            let session = SessionId::NONE;
            self.change(
                Origin {
                    incarnation,
                    session,
                    lease: None,
                },
                Vec::new(),
                left,
            );
        }
    }

    pub(super) fn version(&self) -> Version {
        self.version
    }

    pub(super) fn roster(&self) -> Roster {
        Roster {
            version: self.version,
            members: self
                .members
                .iter()
                .map(|entry| Arc::clone(&entry.peer))
                .collect(),
            naming: self.naming,
        }
    }

    /// Raises the version and publishes what changed.
    fn change(&mut self, origin: Origin, joined: Vec<Arc<Peer>>, left: Vec<Arc<Peer>>) {
        self.version.sequence += 1;
        self.naming = self.naming_now();
        let delta = Delta {
            version: self.version,
            joined,
            left,
            naming: self.naming,
        };
        self.publish(Envelope {
            origin,
            received: None,
            receipt: None,
            payload: Payload::Presence(delta),
        });
    }

    /// Stops naming above the limit and starts again below nine tenths of it, so that a topic at the limit does not flap.
    fn naming_now(&self) -> Naming {
        let (members, limit) = (self.members.len(), self.named_members as usize);
        if limit == 0 || members < limit - limit / 10 {
            Naming::Named
        } else if members > limit {
            Naming::Counted
        } else {
            self.naming
        }
    }
}

impl OfPeer for Entry {
    fn peer(&self) -> &Arc<Peer> {
        &self.peer
    }
}

impl Route {
    fn is(&self, incarnation: Incarnation, lane: LaneId) -> bool {
        self.incarnation == incarnation && self.inbox.lane() == lane
    }
}
