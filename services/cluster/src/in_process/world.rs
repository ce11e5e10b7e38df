//! What the edges of one process share.
//!
//! Owns the tables and who is in the world. What an edge does with the tables is [`Member`]'s.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use hashbrown::HashMap;

use super::clock::Clock;
use super::leases::LeaseTable;
use super::member::Member;
use super::records::RecordTable;
use super::topics::Topics;
use super::usage::Apps;
use crate::Cluster;
use crate::bus::Bus;
use crate::directory::Directory;
use crate::inbox::InboxHandle;
use crate::leases::Leases;
use crate::origin::Incarnation;
use crate::presence::Presence;
use crate::quotas::Quotas;
use crate::records::Records;

/// Everything that the edges of one process share.
#[derive(Debug)]
pub struct World {
    pub(super) topics: Topics,
    pub(super) leases: LeaseTable,
    pub(super) apps: Apps,
    pub(super) records: RecordTable,
    /// Weak, since members hold the world.
    members: Mutex<HashMap<Incarnation, Weak<Member>>>,
}

impl World {
    /// A world in which topics of more than `named_members` members stop naming them; 0 means they never stop.
    #[must_use]
    pub fn new(named_members: u32) -> Arc<Self> {
        let clock = Arc::new(Clock::default());
        Arc::new(Self {
            topics: Topics::new(named_members, Arc::clone(&clock)),
            leases: LeaseTable::new(Arc::clone(&clock)),
            apps: Apps::default(),
            records: RecordTable::new(clock),
            members: Mutex::default(),
        })
    }

    /// Adds an edge, whose lane `n` reads the inbox behind `inboxes[n]`.
    #[must_use]
    pub fn enter(self: &Arc<Self>, inboxes: Vec<InboxHandle>) -> Cluster {
        debug_assert!(
            inboxes
                .iter()
                .enumerate()
                .all(|(n, inbox)| usize::from(inbox.lane().0) == n)
        );
        let incarnation = Incarnation::random();
        let member = Arc::new(Member::new(Arc::clone(self), incarnation, inboxes));
        let mut members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        members.insert(incarnation, Arc::downgrade(&member));
        Cluster {
            incarnation,
            bus: Bus::in_process(Arc::clone(&member)),
            presence: Presence::in_process(Arc::clone(&member)),
            leases: Leases::in_process(Arc::clone(&member)),
            quotas: Quotas::in_process(Arc::clone(&member)),
            link: None,
            directory: Directory::in_process(Arc::clone(&member)),
            records: Records::in_process(member),
        }
    }

    pub(super) fn member(&self, incarnation: Incarnation) -> Option<Arc<Member>> {
        let members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        members.get(&incarnation)?.upgrade()
    }

    pub(super) fn forget(&self, incarnation: Incarnation) {
        self.topics.forget(incarnation);
        self.leases.forget(incarnation);
        self.apps.forget(incarnation);
        let mut members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        members.remove(&incarnation);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Ticket;
    use crate::inbox::Inbox;
    use crate::origin::{LaneId, SessionId};
    use crate::peer::Peer;
    use crate::presence::Known;
    use crate::pressure::Pressure;
    use crate::topic::Topic;

    #[test]
    fn an_edge_that_was_dropped_without_withdrawing_is_forgotten() {
        let world = World::new(0);
        let inbox = Inbox::new(LaneId(0), 1_000, Pressure::default());
        let edge = world.enter(vec![inbox.handle()]);
        let session = SessionId::new(LaneId(0), 1);
        let topic = Topic::channel(&"app".parse().unwrap(), "room".parse().unwrap());
        let peer = Arc::new(Peer {
            id: "alice".parse().unwrap(),
            metadata: None,
        });
        edge.bus.subscribe(
            &topic,
            LaneId(0),
            Ticket {
                session,
                request: None,
            },
        );
        edge.presence.join(
            &topic,
            &peer,
            Known::Nothing,
            Ticket {
                session,
                request: None,
            },
        );
        assert_eq!(
            (
                world.topics.edges_on(&topic),
                world
                    .topics
                    .read_roster(&topic, |roster| roster.members.len())
            ),
            (1, 1)
        );
        drop(edge);
        assert_eq!(
            (
                world.topics.edges_on(&topic),
                world
                    .topics
                    .read_roster(&topic, |roster| roster.members.len())
            ),
            (0, 0)
        );
        assert!(world.members.lock().unwrap().is_empty());
    }
}
