//! The record of every topic that anybody listens to or is in.
//!
//! A record holds routes and members both, so that a change, its version and its delta are one step under one lock. The
//! map is split into shards, so that lanes which publish on different topics seldom wait for each other. Under a shard's
//! lock only inboxes are locked, never the other way round.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashbrown::HashMap;
use protocol::PeerId;

use super::clock::Clock;
use super::record::{Record, Route};
use crate::answer::Joined;
use crate::envelope::Envelope;
use crate::origin::{Incarnation, LaneId, Origin};
use crate::peer::Peer;
use crate::presence::{Known, Roster};
use crate::topic::Topic;

const SHARDS: usize = 64;

#[derive(Debug)]
pub(super) struct Topics {
    shards: Vec<Mutex<Shard>>,
    named_members: u32,
    clock: Arc<Clock>,
}

type Shard = HashMap<Topic, Record>;

impl Topics {
    pub(super) fn new(named_members: u32, clock: Arc<Clock>) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            named_members,
            clock,
        }
    }

    pub(super) fn subscribe(&self, topic: &Topic, route: Route) {
        let mut shard = self.shard(topic);
        self.record(&mut shard, topic).listen(route);
    }

    pub(super) fn unsubscribe(&self, topic: &Topic, incarnation: Incarnation, lane: LaneId) {
        let mut shard = self.shard(topic);
        if let Some(record) = shard.get_mut(topic) {
            record.unlisten(incarnation, lane);
            if record.is_idle() {
                shard.remove(topic);
            }
        }
    }

    /// Returns how many lanes it was queued for.
    pub(super) fn publish(&self, topic: &Topic, envelope: Envelope) -> usize {
        let shard = self.shard(topic);
        shard
            .get(topic)
            .map_or(0, |record| record.publish(envelope))
    }

    /// `answer` runs under the lock, so that it enters the inbox after the join's own delta and before any later one.
    pub(super) fn join(
        &self,
        topic: &Topic,
        peer: &Arc<Peer>,
        holder: Origin,
        known: Known,
        answer: impl FnOnce(Joined),
    ) {
        let mut shard = self.shard(topic);
        let record = self.record(&mut shard, topic);
        record.join(peer, holder);
        answer(Joined {
            version: record.version(),
            roster: match known {
                Known::Roster => None,
                Known::Nothing => Some(record.roster()),
            },
        });
    }

    pub(super) fn leave(&self, topic: &Topic, peer: &PeerId, holder: Origin) {
        let mut shard = self.shard(topic);
        if let Some(record) = shard.get_mut(topic) {
            record.leave(peer, holder);
            if record.is_idle() {
                shard.remove(topic);
            }
        }
    }

    /// `read` runs under the lock, so that what it queues stands in one order with the deltas.
    pub(super) fn read_roster<T>(&self, topic: &Topic, read: impl FnOnce(Roster) -> T) -> T {
        let shard = self.shard(topic);
        read(match shard.get(topic) {
            Some(record) => record.roster(),
            None => Record::new(topic, self.named_members, &self.clock).roster(),
        })
    }

    pub(super) fn edges_on(&self, topic: &Topic) -> usize {
        self.shard(topic).get(topic).map_or(0, Record::edges)
    }

    /// Removes an edge's routes and holds; each member that nobody else holds leaves once.
    pub(super) fn forget(&self, incarnation: Incarnation) {
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.retain(|_, record| {
                record.forget(incarnation);
                !record.is_idle()
            });
        }
    }

    fn shard(&self, topic: &Topic) -> MutexGuard<'_, Shard> {
        self.shards[topic.bucket(SHARDS)]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn record<'a>(&self, shard: &'a mut Shard, topic: &Topic) -> &'a mut Record {
        shard
            .entry(topic.clone())
            .or_insert_with(|| Record::new(topic, self.named_members, &self.clock))
    }
}
