//! One topic as this edge has it: which lanes listen, who is in it, and what Redis has yet to be told.
//!
//! - [`Entry`]: the lanes, and whether Redis sends the topic. `members`: who is held here and what is known of the rest.
//! - `asking`: what is handed out to be asked of Redis, a [`HoldCall`], and what the answer does. `telling`: what lanes ask, and
//!   what they are told.
//!
//! Knows no lock and no connection; whoever holds the entry is alone with it. One call is under way at a time: whatever
//! changes meanwhile goes with the next, so a storm of joins becomes few calls and few deltas, and nothing overtakes.
//!
//! Lanes are told in versions of this entry's own, which rise by one with every delta. What goes wrong between Redis and
//! this edge (a missed delta, a lost history) is mended here and reaches them as one more delta.

mod asking;
mod members;
mod telling;

use fred::bytes_utils::Str;
use tokio::time::Instant;

use super::causes::Causes;
use crate::Unavailable;
use crate::answer::{Answer, Ticket};
use crate::inbox::{Arrival, InboxHandle};
use crate::origin::{Incarnation, LaneId};
use crate::topic::Topic;

pub(super) use asking::{Extent, HoldCall, Holding};
use members::{Calling, Members};

/// Edges whose latest parcel is remembered; the one heard first is forgotten first.
const EDGES_HEARD_MAX: usize = 256;

/// One topic on this edge.
#[derive(Debug)]
pub(super) struct Entry {
    topic: Topic,
    channel: Str,
    lanes: Vec<InboxHandle>,
    /// Redis has confirmed that this edge hears the topic.
    standing: bool,
    waiting: Vec<(Ticket, Instant)>,
    /// Lanes that have left, and hear what is on its way until Redis has confirmed that nothing more is.
    departing: Vec<Departing>,
    /// What was heard of each edge here.
    heard: Vec<Heard>,
    /// `None` for topics that nobody is a member of, such as the inbox of a peer.
    members: Option<Box<Members>>,
}

#[derive(Debug)]
struct Departing {
    inbox: InboxHandle,
    ticket: Ticket,
    deadline: Instant,
}

/// What was heard of one edge.
#[derive(Debug)]
struct Heard {
    edge: Incarnation,
    /// Its latest parcel.
    number: u64,
    /// Messages that it has said up to there; `None` if it was not listened to all the time.
    said: Option<u64>,
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

impl Entry {
    pub(super) fn new(topic: &Topic, channel: Str) -> Self {
        Self {
            topic: topic.clone(),
            channel,
            lanes: Vec::new(),
            standing: false,
            waiting: Vec::new(),
            departing: Vec::new(),
            heard: Vec::new(),
            members: None,
        }
    }

    /// True when nothing here is needed any more.
    pub(super) fn is_idle(&self) -> bool {
        self.lanes.is_empty()
            && self.departing.is_empty()
            && self
                .members
                .as_ref()
                .is_none_or(|members| members.held.is_empty() && members.calling == Calling::No)
    }

    /// True while somebody waits for an answer.
    pub(super) fn is_waited_for(&self) -> bool {
        !self.waiting.is_empty()
            || !self.departing.is_empty()
            || self
                .members
                .as_ref()
                .is_some_and(|members| !members.joins.is_empty())
    }

    pub(super) fn is_listened_to(&self) -> bool {
        !self.lanes.is_empty()
    }

    /// The lanes that hear what arrives: those that listen, and those that have left a moment ago.
    pub(super) fn hearers(&self) -> impl Iterator<Item = &InboxHandle> {
        let left = self.departing.iter().map(|departing| &departing.inbox);
        let left = left.filter(|inbox| {
            let mut listening = self.lanes.iter();
            !listening.any(|listening| listening.lane() == inbox.lane())
        });
        self.lanes.iter().chain(left)
    }

    pub(super) fn is_departed(&self) -> bool {
        !self.departing.is_empty()
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
            // What is said while nobody listens is not missed.
            self.heard.iter_mut().for_each(|heard| heard.said = None);
            if let Some(members) = &mut self.members {
                members.forget_roster();
            }
        }
        was_last
    }

    /// Removes a lane that is told once nothing more is on its way to it. Returns whether Redis has to be asked for that;
    /// otherwise it is told now.
    pub(super) fn depart(&mut self, lane: LaneId, ticket: Ticket, deadline: Instant) -> bool {
        let inbox = self
            .lanes
            .iter()
            .find(|inbox| inbox.lane() == lane)
            .cloned();
        let was_heard = self.standing;
        let was_last = self.unlisten(lane);
        let Some(inbox) = inbox else { return false };
        let departing = Departing {
            inbox,
            ticket,
            deadline,
        };
        if was_last && was_heard {
            self.departing.push(departing);
        } else {
            // Other lanes still hear what comes, or nothing comes at all.
            departing.tell(&self.topic);
        }
        was_last
    }

    /// Nothing more is on its way to the lanes that have left.
    pub(super) fn depart_all(&mut self) {
        for departing in self.departing.drain(..) {
            departing.tell(&self.topic);
        }
    }

    /// Redis says that this edge hears the topic.
    pub(super) fn stand(&mut self, inboxes: &[InboxHandle]) {
        self.standing = self.is_listened_to();
        self.depart_all();
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

    /// Notes a parcel of so many messages, before which its edge had `said` so many here. Returns how many of those never
    /// came, and `None` if the parcel is not new: an edge numbers what it says on a topic upwards, and says nothing new
    /// before it knows what became of the last.
    pub(super) fn note_parcel(
        &mut self,
        edge: Incarnation,
        number: u64,
        said: u64,
        messages: u64,
    ) -> Option<u64> {
        let now = Some(said.saturating_add(messages));
        if let Some(heard) = self.heard.iter_mut().find(|heard| heard.edge == edge) {
            if number <= heard.number {
                return None;
            }
            heard.number = number;
            let before = std::mem::replace(&mut heard.said, now);
            return Some(before.map_or(0, |before| said.saturating_sub(before)));
        }
        if self.heard.len() == EDGES_HEARD_MAX {
            self.heard.remove(0);
        }
        self.heard.push(Heard {
            edge,
            number,
            said: now,
        });
        Some(0)
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
        let (late, departing): (Vec<_>, Vec<_>) = std::mem::take(&mut self.departing)
            .into_iter()
            .partition(|departing| departing.deadline <= now);
        self.departing = departing;
        late.iter()
            .for_each(|departing| departing.tell(&self.topic));
        self.tick_members(now, teller) || !self.waiting.is_empty() || !self.departing.is_empty()
    }
}

impl Departing {
    fn tell(&self, topic: &Topic) {
        let departed = Answer::Departed(topic.clone());
        self.inbox
            .push(Arrival::Answer(self.ticket.clone(), departed));
    }
}

fn answer(inboxes: &[InboxHandle], ticket: Ticket, answer: Answer) {
    if let Some(inbox) = inboxes.get(usize::from(ticket.session.lane().0)) {
        inbox.push(Arrival::Answer(ticket, answer));
    }
}
