//! One topic as this edge has it: which lanes listen, who is in it, and what Redis has yet to be told.
//!
//! Knows no lock and no connection; whoever holds the entry is alone with it, and what has to be asked of Redis is handed
//! out as a [`HoldCall`]. One call is under way at a time: whatever changes meanwhile goes with the next, so a storm of
//! joins becomes few calls and few deltas, and nothing overtakes.
//!
//! Lanes are told in versions of this entry's own, which rise by one with every delta. What goes wrong between Redis and
//! this edge (a missed delta, a lost history) is mended here and reaches them as one more delta.

use std::sync::Arc;
use std::time::Duration;

use fred::bytes_utils::Str;
use hashbrown::{HashMap, HashSet};
use protocol::PeerId;
use tokio::time::Instant;

use super::causes::Causes;
use super::keys::TopicKey;
use super::parcel::RemoteDelta;
use super::roster::{Change, Followed, Heard};
use crate::Unavailable;
use crate::answer::{Answer, Joined, Ticket};
use crate::envelope::{Envelope, Payload};
use crate::inbox::{Arrival, InboxHandle};
use crate::origin::{Incarnation, LaneId, Origin, SessionId};
use crate::peer::Peer;
use crate::presence::{Delta, Known, Naming, Roster, Version};
use crate::topic::Topic;

/// Deltas kept while a roster is on its way; beyond that it is read once more.
const AHEAD_MAX: usize = 1_024;
/// Edges whose latest parcel is remembered; the one heard first is forgotten first.
const EDGES_HEARD_MAX: usize = 256;
/// How long a join waits for its own delta before the topic is read again.
const DELTA_WAIT: Duration = Duration::from_secs(1);

/// One topic on this edge.
#[derive(Debug)]
pub(super) struct Entry {
    topic: Topic,
    channel: Str,
    lanes: Vec<InboxHandle>,
    /// Redis has confirmed that this edge hears the topic.
    standing: bool,
    waiting: Vec<(Ticket, Instant)>,
    /// The latest parcel of each edge that was heard here.
    heard: Vec<(Incarnation, u64)>,
    /// `None` for topics that nobody is a member of, such as the inbox of a peer.
    members: Option<Box<Members>>,
}

#[derive(Debug)]
struct Members {
    held: HashMap<PeerId, Held>,
    /// Peers whose state Redis has not been told.
    changed: HashSet<PeerId>,
    calling: Calling,
    /// Redis may have lost what it was told: all of it has to be told again.
    offers: bool,
    /// The topic has to be read again.
    stale: bool,
    followed: Option<Followed>,
    /// The first roster, while the delta that leads to its version is still on its way.
    awaited: Option<(Roster, Instant)>,
    /// Deltas heard while a roster was on its way.
    ahead: Vec<RemoteDelta>,
    told: Version,
    joins: Vec<WaitingJoin>,
    resyncs: Vec<LaneId>,
}

/// A peer that sessions of this edge hold in the topic.
#[derive(Debug)]
struct Held {
    peer: Arc<Peer>,
    sessions: Vec<SessionId>,
    in_redis: bool,
}

/// Whether Redis is being asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Calling {
    No,
    Telling,
    /// The answer will bring a roster.
    Reading,
}

#[derive(Debug)]
struct WaitingJoin {
    ticket: Ticket,
    peer: PeerId,
    known: Known,
    /// The session had joined before: if Redis cannot be asked it stays what it was.
    was_held: bool,
    /// The version to be heard before the answer; `None` until Redis has been told.
    until: Option<Version>,
    deadline: Instant,
}

/// What Redis is to be told of a topic, and asked.
#[derive(Debug)]
pub(super) struct HoldCall {
    pub(super) channel: Str,
    pub(super) joins: Vec<Arc<Peer>>,
    pub(super) leaves: Vec<PeerId>,
    pub(super) extent: Extent,
    pub(super) wants_roster: bool,
}

/// Whether a call's joins are all that the edge holds, so that whatever else Redis has of it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    Some,
    All,
}

/// What Redis answered.
#[derive(Debug)]
pub(super) struct Holding {
    pub(super) version: Version,
    pub(super) naming: Naming,
    /// The call raised the version and published a delta.
    pub(super) changed: bool,
    pub(super) roster: Option<Vec<Arc<Peer>>>,
}

impl Entry {
    pub(super) fn new(topic: &Topic, channel: Str) -> Self {
        Self {
            topic: topic.clone(),
            channel,
            lanes: Vec::new(),
            standing: false,
            waiting: Vec::new(),
            heard: Vec::new(),
            members: None,
        }
    }

    /// True when nothing here is needed any more.
    pub(super) fn is_idle(&self) -> bool {
        self.lanes.is_empty()
            && self
                .members
                .as_ref()
                .is_none_or(|members| members.held.is_empty() && members.calling == Calling::No)
    }

    /// True while somebody waits for an answer.
    pub(super) fn is_waited_for(&self) -> bool {
        !self.waiting.is_empty()
            || self
                .members
                .as_ref()
                .is_some_and(|members| !members.joins.is_empty())
    }

    pub(super) fn is_listened_to(&self) -> bool {
        !self.lanes.is_empty()
    }

    pub(super) fn lanes(&self) -> &[InboxHandle] {
        &self.lanes
    }

    pub(super) fn topic(&self) -> &Topic {
        &self.topic
    }

    /// Adds a lane. Returns whether Redis has to be asked.
    pub(super) fn listen(
        &mut self,
        inbox: &InboxHandle,
        ticket: Ticket,
        deadline: Instant,
    ) -> bool {
        let is_first = self.lanes.is_empty();
        let lane = inbox.lane();
        if !self.lanes.iter().any(|known| known.lane() == lane) {
            self.lanes.push(inbox.clone());
        }
        if self.standing {
            inbox.push(Arrival::Answer(
                ticket,
                Answer::Subscribed(self.topic.clone(), Ok(())),
            ));
            return false;
        }
        self.waiting.push((ticket, deadline));
        is_first
    }

    /// Removes a lane. Returns whether it was the last.
    pub(super) fn unlisten(&mut self, lane: LaneId) -> bool {
        let before = self.lanes.len();
        self.lanes.retain(|inbox| inbox.lane() != lane);
        let was_last = before > 0 && self.lanes.is_empty();
        if was_last {
            self.standing = false;
            if let Some(members) = &mut self.members {
                members.forget_roster();
            }
        }
        was_last
    }

    /// Redis says that this edge hears the topic.
    pub(super) fn stand(&mut self, inboxes: &[InboxHandle]) {
        self.standing = self.is_listened_to();
        self.answer_waiting(inboxes, Ok(()));
    }

    /// The link is gone: nothing is heard until it stands again, and the topic has to be read again then.
    pub(super) fn fall(&mut self) {
        self.standing = false;
        if let Some(members) = &mut self.members {
            members.stale = members.followed.is_some() || members.awaited.is_some();
        }
    }

    fn answer_waiting(&mut self, inboxes: &[InboxHandle], result: Result<(), Unavailable>) {
        for (ticket, _) in self.waiting.drain(..) {
            answer(
                inboxes,
                ticket,
                Answer::Subscribed(self.topic.clone(), result),
            );
        }
    }

    pub(super) fn join(
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

    pub(super) fn leave(&mut self, peer: &PeerId, session: SessionId) {
        let Some(members) = &mut self.members else {
            return;
        };
        members.leave(peer, session);
    }

    /// What Redis has to be told or asked now; nothing while a call is under way.
    pub(super) fn call(&mut self) -> Option<HoldCall> {
        // Who joins has to hear what that leads to, so nobody joins a topic that is not heard.
        let is_heard = self.standing;
        let members = self.members.as_mut()?;
        if members.calling != Calling::No {
            return None;
        }
        let reads_first = members.followed.is_none()
            && members.awaited.is_none()
            && !(members.joins.is_empty() && members.resyncs.is_empty());
        let wants_roster = is_heard && (members.stale || reads_first);
        let extent = if members.offers && is_heard {
            Extent::All
        } else {
            Extent::Some
        };
        let (joins, leaves) = match extent {
            Extent::All => (members.all_held(), Vec::new()),
            Extent::Some => members.take_changes(is_heard),
        };
        if extent == Extent::Some && joins.is_empty() && leaves.is_empty() && !wants_roster {
            return None;
        }
        members.calling = Calling::Telling;
        if extent == Extent::All {
            members.offers = false;
            members.changed.clear();
        }
        if wants_roster {
            members.calling = Calling::Reading;
            members.stale = false;
        }
        Some(HoldCall {
            channel: self.channel.clone(),
            joins,
            leaves,
            extent,
            wants_roster,
        })
    }

    /// Redis may have lost what this edge holds here.
    pub(super) fn must_offer(&mut self) {
        if let Some(members) = &mut self.members {
            members.offers = !members.held.is_empty();
        }
    }

    /// News of the topic was lost.
    pub(super) fn must_reread(&mut self) {
        if let Some(members) = &mut self.members {
            members.stale |= members.followed.is_some();
        }
    }

    /// A call was answered.
    pub(super) fn settle(
        &mut self,
        call: &HoldCall,
        result: Result<Holding, Unavailable>,
        teller: &Teller<'_>,
    ) {
        let Some(members) = self.members.as_mut() else {
            return;
        };
        members.calling = Calling::No;
        match result {
            Ok(holding) => {
                members.told_redis(call, holding.version);
                if let Some(roster) = holding.roster {
                    let roster = Roster {
                        version: holding.version,
                        members: roster,
                        naming: holding.naming,
                    };
                    self.take_roster(roster, holding.changed, teller);
                }
            }
            Err(Unavailable) => {
                members.stale |= call.wants_roster;
                members.changed.extend(call.leaves.iter().cloned());
                members
                    .changed
                    .extend(call.joins.iter().map(|peer| peer.id.clone()));
                members.offers |= call.extent == Extent::All;
                self.refuse_joins(teller.inboxes, |join| join.until.is_none());
            }
        }
        self.answer_joins(teller);
        self.drop_empty_members();
    }

    /// Whether a join that led to `version` has been heard. Who does not follow the topic, or knows another history of it,
    /// has nothing to wait for.
    pub(super) fn has_heard(&self, version: Version) -> bool {
        let members = self.members.as_ref();
        members
            .and_then(|members| members.followed.as_ref())
            .is_none_or(|followed| {
                followed.version().epoch != version.epoch || followed.has_reached(version)
            })
    }

    /// Notes a parcel of messages. Returns whether it is new: an edge numbers what it says on a topic upwards, and says
    /// nothing new before it knows what became of the last.
    pub(super) fn note_parcel(&mut self, edge: Incarnation, number: u64) -> bool {
        if let Some((_, latest)) = self.heard.iter_mut().find(|(known, _)| *known == edge) {
            let is_new = number > *latest;
            *latest = number.max(*latest);
            return is_new;
        }
        if self.heard.len() == EDGES_HEARD_MAX {
            self.heard.remove(0);
        }
        self.heard.push((edge, number));
        true
    }

    /// A delta arrived from Redis.
    pub(super) fn hear(&mut self, delta: RemoteDelta, teller: &Teller<'_>) {
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
    pub(super) fn resync(&mut self, lane: LaneId, teller: &Teller<'_>) {
        let members = self
            .members
            .get_or_insert_with(|| Box::new(Members::new(teller.epoch)));
        members.resyncs.push(lane);
        self.answer_joins(teller);
    }

    /// Looks at what waits for too long. Returns true while there is something to look at again.
    pub(super) fn tick(&mut self, now: Instant, teller: &Teller<'_>) -> bool {
        let (late, waiting) = self
            .waiting
            .drain(..)
            .partition(|(_, deadline)| *deadline <= now);
        let late: Vec<_> = late;
        self.waiting = waiting;
        for (ticket, _) in late {
            let refusal = Answer::Subscribed(self.topic.clone(), Err(Unavailable));
            answer(teller.inboxes, ticket, refusal);
        }
        self.tick_members(now, teller) || !self.waiting.is_empty()
    }

    fn tick_members(&mut self, now: Instant, teller: &Teller<'_>) -> bool {
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

    fn take_roster(&mut self, roster: Roster, changed: bool, teller: &Teller<'_>) {
        let Some(members) = self.members.as_mut() else {
            return;
        };
        if !self.standing {
            members.ahead.clear();
            return;
        }
        let Some(followed) = members.followed.as_mut() else {
            let version = roster.version;
            let is_heard = !changed || members.ahead.iter().any(|delta| delta.version == version);
            members.awaited = Some((roster, Instant::now() + DELTA_WAIT));
            if is_heard {
                self.install_awaited();
            }
            return;
        };
        let mut change = followed.replace(roster, Instant::now());
        for delta in std::mem::take(&mut members.ahead) {
            match followed.hear(&delta) {
                Heard::Changed(later) => change.then(later),
                Heard::Nothing => {}
                Heard::Lost => members.stale = true,
            }
        }
        let naming = followed.naming();
        if !change.is_nothing() {
            self.tell(change, naming, teller);
        }
    }

    /// The first roster takes effect, brought up to what has been heard since.
    fn install_awaited(&mut self) {
        let Some(members) = self.members.as_mut() else {
            return;
        };
        let Some((roster, _)) = members.awaited.take() else {
            return;
        };
        let mut followed = Followed::new(roster);
        for delta in std::mem::take(&mut members.ahead) {
            // Older ones are in the roster already.
            members.stale |= matches!(followed.hear(&delta), Heard::Lost);
        }
        members.followed = Some(followed);
    }

    /// Tells every lane of a change, in the next version of this entry.
    fn tell(&mut self, change: Change, naming: Naming, teller: &Teller<'_>) {
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
    fn answer_joins(&mut self, teller: &Teller<'_>) {
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
    fn refuse_joins(&mut self, inboxes: &[InboxHandle], which: impl Fn(&WaitingJoin) -> bool) {
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

    fn drop_empty_members(&mut self) {
        let is_empty = self.members.as_ref().is_some_and(|members| {
            members.held.is_empty() && members.followed.is_none() && members.calling == Calling::No
        });
        if is_empty && self.lanes.is_empty() {
            self.members = None;
        }
    }
}

impl Members {
    fn new(epoch: u64) -> Self {
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

    fn leave(&mut self, peer: &PeerId, session: SessionId) {
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

    fn all_held(&self) -> Vec<Arc<Peer>> {
        self.held
            .values()
            .filter(|held| !held.sessions.is_empty())
            .map(|held| Arc::clone(&held.peer))
            .collect()
    }

    /// Who came and who went since Redis was told; joins only if they `may_join`.
    fn take_changes(&mut self, may_join: bool) -> (Vec<Arc<Peer>>, Vec<PeerId>) {
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

    fn told_redis(&mut self, call: &HoldCall, version: Version) {
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

    fn keep_ahead(&mut self, delta: RemoteDelta) {
        if self.ahead.len() < AHEAD_MAX {
            self.ahead.push(delta);
        } else {
            self.ahead.clear();
            self.stale = true;
        }
    }

    fn forget_roster(&mut self) {
        self.followed = None;
        self.awaited = None;
        self.ahead.clear();
        self.stale = false;
        self.resyncs.clear();
    }
}

/// What an entry needs to speak to this edge's lanes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Teller<'a> {
    pub(super) incarnation: Incarnation,
    pub(super) inboxes: &'a [InboxHandle],
    /// Where joins are noted for the directs that follow them.
    pub(super) causes: Option<&'a Causes>,
    /// The epoch of a history that begins now.
    pub(super) epoch: u64,
}

fn roster_of(version: Version, followed: Option<&Followed>) -> Roster {
    Roster {
        version,
        members: followed.map(Followed::members).unwrap_or_default(),
        naming: followed.map_or(Naming::Named, Followed::naming),
    }
}

fn answer(inboxes: &[InboxHandle], ticket: Ticket, answer: Answer) {
    if let Some(inbox) = inboxes.get(usize::from(ticket.session.lane().0)) {
        inbox.push(Arrival::Answer(ticket, answer));
    }
}
