//! What the cluster answers to a session's operation.
//!
//! Answers travel through the inbox of the session's lane, in one order with the envelopes, also when the backend knew
//! them at once. So a session has one place where the world reaches it, whatever carries the cluster.

use protocol::RequestId;

use crate::Unavailable;
use crate::origin::SessionId;
use crate::presence::{Roster, Version};
use crate::topic::Topic;

/// Names the operation that an answer belongs to; the cluster hands it back as it got it.
#[derive(Clone, Debug)]
pub struct Ticket {
    /// Who asked; its lane gets the answer.
    pub session: SessionId,
    /// The client's own id of the request, if it gave one.
    pub request: Option<RequestId>,
}

impl Ticket {
    /// Whether a publication is answered: when somebody asked, or when it did not reach whom it should. To say each time that
    /// all is well would wake the lane for every message a second time.
    pub(crate) fn is_told(&self, topic: &Topic, taken: Result<usize, Unavailable>) -> bool {
        let is_well = taken.is_ok_and(|taken| taken > 0 || !topic.is_direct());
        self.request.is_some() || !is_well
    }
}

/// How an operation went.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The session's lane now hears the topic.
    Subscribed(Topic, Result<(), Unavailable>),
    /// The lane no longer hears the topic, and has heard all that was taken for it before.
    Departed(Topic),
    /// The envelope was taken by this many lanes; 0 on a peer's topic means that nobody holds the peer. A ticket without a
    /// request hears it only if it was not.
    Published(Topic, Result<usize, Unavailable>),
    /// Everybody in the topic, as [`Presence::resync`](crate::Presence::resync) found it.
    Roster(Topic, Result<Roster, Unavailable>),
    /// The session's peer is a member of the topic.
    Joined(Topic, Result<Joined, Unavailable>),
}

/// A completed join.
#[derive(Clone, Debug)]
pub struct Joined {
    /// The topic's version right after the join.
    pub version: Version,
    /// Everybody in the topic at that version; only for a lane that said it knew nothing.
    pub roster: Option<Roster>,
}
