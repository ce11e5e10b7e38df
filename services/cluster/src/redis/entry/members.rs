//! Who this edge holds in a topic, and what it knows of everybody there.

use std::sync::Arc;

use hashbrown::{HashMap, HashSet};
use protocol::PeerId;
use tokio::time::Instant;

use super::HoldCall;
use crate::answer::Ticket;
use crate::origin::{LaneId, SessionId};
use crate::peer::Peer;
use crate::presence::{Known, Roster, Version};
use crate::redis::parcel::RemoteDelta;
use crate::redis::roster::Followed;

/// Deltas kept while a roster is on its way; beyond that it is read once more.
const AHEAD_MAX: usize = 1_024;

#[derive(Debug)]
pub(super) struct Members {
    pub(super) held: HashMap<PeerId, Held>,
    /// Peers whose state Redis has not been told.
    pub(super) changed: HashSet<PeerId>,
    pub(super) calling: Calling,
    /// Redis may have lost what it was told: all of it has to be told again.
    pub(super) offers: bool,
    /// The topic has to be read again.
    pub(super) stale: bool,
    pub(super) followed: Option<Followed>,
    /// The first roster, while the delta that leads to its version is still on its way.
    pub(super) awaited: Option<(Roster, Instant)>,
    /// Deltas heard while a roster was on its way.
    pub(super) ahead: Vec<RemoteDelta>,
    pub(super) told: Version,
    pub(super) joins: Vec<WaitingJoin>,
    pub(super) resyncs: Vec<LaneId>,
}

/// A peer that sessions of this edge hold in the topic.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) peer: Arc<Peer>,
    pub(super) sessions: Vec<SessionId>,
    pub(super) in_redis: bool,
}

/// Whether Redis is being asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Calling {
    No,
    Telling,
    /// The answer will bring a roster.
    Reading,
}

#[derive(Debug)]
pub(super) struct WaitingJoin {
    pub(super) ticket: Ticket,
    pub(super) peer: PeerId,
    pub(super) known: Known,
    /// The session had joined before: if Redis cannot be asked it stays what it was.
    pub(super) was_held: bool,
    /// The version to be heard before the answer; `None` until Redis has been told.
    pub(super) until: Option<Version>,
    pub(super) deadline: Instant,
}

impl Members {
    pub(super) fn new(epoch: u64) -> Self {
        Self {
            held: HashMap::new(),
            changed: HashSet::new(),
            calling: Calling::No,
            offers: false,
            stale: false,
            followed: None,
            awaited: None,
            ahead: Vec::new(),
            told: Version { epoch, sequence: 0 },
            joins: Vec::new(),
            resyncs: Vec::new(),
        }
    }

    pub(super) fn leave(&mut self, peer: &PeerId, session: SessionId) {
        let Some(held) = self.held.get_mut(peer) else {
            return;
        };
        held.sessions.retain(|known| *known != session);
        if !held.sessions.is_empty() {
            return;
        }
        if held.in_redis || self.calling != Calling::No {
            self.changed.insert(peer.clone());
        } else {
            self.changed.remove(peer);
            self.held.remove(peer);
        }
    }

    pub(super) fn all_held(&self) -> Vec<Arc<Peer>> {
        self.held
            .values()
            .filter(|held| !held.sessions.is_empty())
            .map(|held| Arc::clone(&held.peer))
            .collect()
    }

    /// Who came and who went since Redis was told; joins only if they `may_join`.
    pub(super) fn take_changes(&mut self, may_join: bool) -> (Vec<Arc<Peer>>, Vec<PeerId>) {
        let (mut joins, mut leaves) = (Vec::new(), Vec::new());
        let held = &self.held;
        self.changed.retain(|peer| match held.get(peer) {
            Some(held) if held.sessions.is_empty() => {
                leaves.push(peer.clone());
                false
            }
            Some(held) if !held.in_redis && may_join => {
                joins.push(Arc::clone(&held.peer));
                false
            }
            Some(held) => !held.in_redis,
            None => false,
        });
        (joins, leaves)
    }

    pub(super) fn told_redis(&mut self, call: &HoldCall, version: Version) {
        for peer in &call.joins {
            if let Some(held) = self.held.get_mut(&peer.id) {
                held.in_redis = true;
            }
        }
        for peer in &call.leaves {
            let Some(held) = self.held.get_mut(peer) else {
                continue;
            };
            held.in_redis = false;
            if held.sessions.is_empty() {
                self.held.remove(peer);
            } else {
                self.changed.insert(peer.clone());
            }
        }
        for join in &mut self.joins {
            if join.until.is_none() && self.held.get(&join.peer).is_none_or(|held| held.in_redis) {
                join.until = Some(version);
            }
        }
    }

    pub(super) fn keep_ahead(&mut self, delta: RemoteDelta) {
        if self.ahead.len() < AHEAD_MAX {
            self.ahead.push(delta);
        } else {
            self.ahead.clear();
            self.stale = true;
        }
    }

    pub(super) fn forget_roster(&mut self) {
        self.followed = None;
        self.awaited = None;
        self.ahead.clear();
        self.stale = false;
        self.resyncs.clear();
    }
}
