//! What lanes ask of an entry, and what they are told.

use std::sync::Arc;

use protocol::PeerId;
use tokio::time::Instant;

use super::members::{Calling, Held, Members, WaitingJoin};
use super::{Entry, Teller, answer};
use crate::Unavailable;
use crate::answer::{Answer, Joined, Ticket};
use crate::envelope::{Envelope, Payload};
use crate::inbox::{Arrival, InboxHandle};
use crate::origin::{LaneId, Origin, SessionId};
use crate::peer::Peer;
use crate::presence::{Delta, Known, Naming, Roster, Version};
use crate::redis::keys::TopicKey;
use crate::redis::parcel::RemoteDelta;
use crate::redis::roster::{Change, Followed, Heard};

impl Entry {
    pub(in crate::redis) fn join(
        &mut self,
        peer: &Arc<Peer>,
        known: Known,
        ticket: Ticket,
        deadline: Instant,
        teller: &Teller<'_>,
    ) {
        let members = self
            .members
            .get_or_insert_with(|| Box::new(Members::new(teller.epoch)));
        let session = ticket.session;
        let held = members.held.entry(peer.id.clone()).or_insert_with(|| Held {
            peer: Arc::clone(peer),
            sessions: Vec::new(),
            in_redis: false,
        });
        let was_held = held.sessions.contains(&session);
        if !was_held {
            held.sessions.push(session);
        }
        if !held.in_redis {
            members.changed.insert(peer.id.clone());
        }
        members.joins.push(WaitingJoin {
            ticket,
            peer: peer.id.clone(),
            known,
            was_held,
            until: None,
            deadline,
        });
        self.answer_joins(teller);
    }

    pub(in crate::redis) fn leave(&mut self, peer: &PeerId, session: SessionId) {
        let Some(members) = &mut self.members else {
            return;
        };
        members.leave(peer, session);
    }

    /// Whether a join that led to `version` has been heard. Who does not follow the topic, or knows another history of it,
    /// has nothing to wait for.
    pub(in crate::redis) fn has_heard(&self, version: Version) -> bool {
        let members = self.members.as_ref();
        members
            .and_then(|members| members.followed.as_ref())
            .is_none_or(|followed| {
                followed.version().epoch != version.epoch || followed.has_reached(version)
            })
    }

    /// A delta arrived from Redis.
    pub(in crate::redis) fn hear(&mut self, delta: RemoteDelta, teller: &Teller<'_>) {
        if !self.standing && self.lanes.is_empty() {
            return;
        }
        let Some(members) = self.members.as_mut() else {
            return;
        };
        let change = match &mut members.followed {
            Some(followed) => match followed.hear(&delta) {
                Heard::Changed(change) => change,
                Heard::Nothing => Change::default(),
                Heard::Lost => {
                    members.stale = true;
                    members.keep_ahead(delta);
                    return;
                }
            },
            None => {
                // Nobody here knows the topic yet; the lanes are told in step, so that the first roster fits in.
                let change = Change::told_by(&delta);
                let naming = delta.naming;
                let version = delta.version;
                members.keep_ahead(delta);
                let arrived = members
                    .awaited
                    .as_ref()
                    .is_some_and(|(roster, _)| roster.version == version);
                self.tell(change, naming, teller);
                if arrived {
                    self.install_awaited();
                }
                return self.answer_joins(teller);
            }
        };
        if members.stale || members.calling == Calling::Reading {
            members.keep_ahead(delta);
        }
        let naming = members
            .followed
            .as_ref()
            .map_or(Naming::Named, Followed::naming);
        if !change.is_nothing() {
            self.tell(change, naming, teller);
        }
        self.answer_joins(teller);
    }

    /// A lane missed something and is told who is in the topic, in one order with the deltas.
    pub(in crate::redis) fn resync(&mut self, lane: LaneId, teller: &Teller<'_>) {
        let members = self
            .members
            .get_or_insert_with(|| Box::new(Members::new(teller.epoch)));
        members.resyncs.push(lane);
        self.answer_joins(teller);
    }

    pub(super) fn tick_members(&mut self, now: Instant, teller: &Teller<'_>) -> bool {
        let Some(members) = self.members.as_mut() else {
            return false;
        };
        if members
            .awaited
            .as_ref()
            .is_some_and(|(_, deadline)| *deadline <= now)
        {
            self.install_awaited();
            self.answer_joins(teller);
        }
        let Some(members) = self.members.as_mut() else {
            return false;
        };
        let late = |join: &WaitingJoin| join.deadline <= now;
        if members.followed.is_some()
            && members
                .joins
                .iter()
                .any(|join| late(join) && join.until.is_some())
        {
            // Its own delta has not come: read again, which answers it at the version that is read.
            members.stale = true;
        }
        let change = members
            .followed
            .as_mut()
            .map(|followed| followed.settle_doubts(now));
        let naming = members
            .followed
            .as_ref()
            .map_or(Naming::Named, Followed::naming);
        if let Some(change) = change.filter(|change| !change.is_nothing()) {
            self.tell(change, naming, teller);
        }
        self.refuse_joins(teller.inboxes, |join| late(join) && join.until.is_none());
        self.members.as_ref().is_some_and(|members| {
            !members.joins.is_empty()
                || members.awaited.is_some()
                || members.followed.as_ref().is_some_and(Followed::has_doubts)
        })
    }

    /// Tells every lane of a change, in the next version of this entry.
    pub(super) fn tell(&mut self, change: Change, naming: Naming, teller: &Teller<'_>) {
        let Some(members) = self.members.as_mut() else {
            return;
        };
        members.told.sequence += 1;
        let envelope = Arc::new(Envelope {
            origin: Origin {
                incarnation: teller.incarnation,
                session: SessionId::NONE,
                lease: None,
            },
            received: None,
            receipt: None,
            payload: Payload::Presence(Delta {
                version: members.told,
                joined: change.joined,
                left: change.left,
                naming,
            }),
        });
        for inbox in &self.lanes {
            inbox.push(Arrival::Envelope(self.topic.clone(), Arc::clone(&envelope)));
        }
    }

    /// Answers every join and resync whose time has come.
    pub(super) fn answer_joins(&mut self, teller: &Teller<'_>) {
        let inboxes = teller.inboxes;
        let Some(members) = self.members.as_mut() else {
            return;
        };
        let Some(followed) = &members.followed else {
            return;
        };
        let roster = || Roster {
            version: members.told,
            members: followed.members(),
            naming: followed.naming(),
        };
        for lane in members.resyncs.drain(..) {
            let ticket = Ticket {
                session: SessionId::lane_itself(lane),
                request: None,
            };
            answer(
                inboxes,
                ticket,
                Answer::Roster(self.topic.clone(), Ok(roster())),
            );
        }
        let held = &members.held;
        let may_answer = |join: &WaitingJoin| match join.until {
            Some(version) => followed.has_reached(version) || followed.contains(&join.peer),
            None => {
                followed.contains(&join.peer)
                    && held.get(&join.peer).is_none_or(|held| held.in_redis)
            }
        };
        let (due, waiting) = members.joins.drain(..).partition(may_answer);
        let due: Vec<WaitingJoin> = due;
        members.joins = waiting;
        for join in due {
            if let (Some(causes), Some(followed)) = (teller.causes, &members.followed) {
                let cause = (TopicKey::of(&self.topic), followed.version());
                causes.note(join.ticket.session, cause);
            }
            let joined = Joined {
                version: members.told,
                roster: match join.known {
                    Known::Nothing => Some(roster_of(members.told, members.followed.as_ref())),
                    Known::Roster => None,
                },
            };
            answer(
                inboxes,
                join.ticket,
                Answer::Joined(self.topic.clone(), Ok(joined)),
            );
        }
    }

    /// Joins that Redis was not told of end with an error, and so do their holds.
    pub(super) fn refuse_joins(
        &mut self,
        inboxes: &[InboxHandle],
        which: impl Fn(&WaitingJoin) -> bool,
    ) {
        let Some(members) = self.members.as_mut() else {
            return;
        };
        let (refused, waiting): (Vec<_>, Vec<_>) = members.joins.drain(..).partition(&which);
        members.joins = waiting;
        for join in refused {
            if !join.was_held {
                members.leave(&join.peer, join.ticket.session);
            }
            let refusal = Answer::Joined(self.topic.clone(), Err(Unavailable));
            answer(inboxes, join.ticket, refusal);
        }
    }
}

fn roster_of(version: Version, followed: Option<&Followed>) -> Roster {
    Roster {
        version,
        members: followed.map(Followed::members).unwrap_or_default(),
        naming: followed.map_or(Naming::Named, Followed::naming),
    }
}
