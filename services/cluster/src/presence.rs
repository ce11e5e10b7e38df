//! Who is in a topic, as a versioned truth.
//!
//! Every change raises the topic's version and is published as a delta in version order, from inside the change, so no
//! crash and no race can come between the two. A peer counts once, however many sessions it has in the topic.

use std::sync::Arc;

use protocol::PeerId;

use crate::Unavailable;
use crate::answer::Ticket;
use crate::in_process;
use crate::origin::{LaneId, SessionId};
use crate::peer::Peer;
use crate::redis;
use crate::topic::Topic;

/// The handle of one edge.
#[derive(Clone, Debug)]
pub struct Presence(Backend);

#[derive(Clone, Debug)]
enum Backend {
    InProcess(Arc<in_process::Member>),
    Redis(Arc<redis::Member>),
}

/// Where a topic's membership stands. Another epoch means another history: nothing of the old one can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// When the record was created, in microseconds of the backend's clock; so a topic that was empty or lost never
    /// repeats a version.
    pub epoch: u64,
    /// Raised by one with every delta.
    pub sequence: u64,
}

/// Whether a topic names its members to subscribers. A large one only counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// Snapshots and deltas name everybody.
    Named,
    /// Snapshots are empty and deltas are not shown; REST still has the list.
    Counted,
}

/// One change of a topic's membership.
#[derive(Clone, Debug)]
pub struct Delta {
    /// The version that this delta leads to.
    pub version: Version,
    /// Peers that came.
    pub joined: Vec<Arc<Peer>>,
    /// Peers that went with their last session.
    pub left: Vec<Arc<Peer>>,
    /// How the topic stands after it.
    pub naming: Naming,
}

/// Everybody in a topic at one version.
#[derive(Clone, Debug)]
pub struct Roster {
    /// When this was true.
    pub version: Version,
    /// The members, in no order.
    pub members: Vec<Arc<Peer>>,
    /// How the topic stands.
    pub naming: Naming,
}

/// What the asking lane already knows of a topic, so that a join's answer need not grow with the roster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// The lane follows the deltas already.
    Roster,
    /// The lane has just subscribed and needs the roster.
    Nothing,
}

impl Presence {
    pub(crate) fn in_process(member: Arc<in_process::Member>) -> Self {
        Self(Backend::InProcess(member))
    }

    pub(crate) fn redis(member: Arc<redis::Member>) -> Self {
        Self(Backend::Redis(member))
    }

    /// Makes the ticket's session hold `peer`'s membership of `topic`, which its lane has subscribed to before. Publishes a
    /// delta if it is the peer's first session there. Joining again is harmless. Answers
    /// [`Answer::Joined`](crate::Answer::Joined).
    pub fn join(&self, topic: &Topic, peer: &Arc<Peer>, known: Known, ticket: Ticket) {
        match &self.0 {
            Backend::InProcess(member) => member.join(topic, peer, known, ticket),
            Backend::Redis(member) => member.join(topic, peer, known, ticket),
        }
    }

    /// Ends the session's hold; publishes a delta if it was the peer's last. Idempotent.
    pub fn leave(&self, topic: &Topic, peer: &PeerId, session: SessionId) {
        match &self.0 {
            Backend::InProcess(member) => member.leave(topic, peer, session),
            Backend::Redis(member) => member.leave(topic, peer, session),
        }
    }

    /// Reads the topic again for a lane that missed a delta. Answers [`Answer::Roster`](crate::Answer::Roster) to
    /// [`SessionId::lane_itself`], in one order with the deltas.
    pub fn resync(&self, topic: &Topic, lane: LaneId) {
        match &self.0 {
            Backend::InProcess(member) => member.resync(topic, lane),
            Backend::Redis(member) => member.resync(topic, lane),
        }
    }

    /// Everybody in the topic now, also in one that only counts.
    ///
    /// # Errors
    /// The backend could not be asked.
    pub async fn roster(&self, topic: &Topic) -> Result<Roster, Unavailable> {
        match &self.0 {
            Backend::InProcess(member) => Ok(member.roster(topic)),
            Backend::Redis(member) => member.roster(topic).await,
        }
    }
}
