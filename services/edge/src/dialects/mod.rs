//! The wire languages, each a pure translator.
//!
//! A dialect turns what a session hears into [`Action`]s and what crosses the bus into frames. It does no I/O, holds no
//! socket and knows no lane; the session loop, the hub and the mailbox exist once for all of them. A closed set: one more
//! dialect is one more file here, one more folder in `protocol` and one more door.

mod actions;
pub(crate) mod echo;
pub(crate) mod realtime;

use std::sync::Arc;
use std::time::Instant;

use cluster::{Answer, Envelope, Peer, Ticket, Topic};
use protocol::close::CloseReason;

pub(crate) use actions::{Action, Actions};
use echo::Echo;
use realtime::Realtime;

use crate::metrics::{DialectMetrics, FrameOut, Metrics};
use crate::session::Subscriptions;
use crate::tenancy::Tenancy;

/// One session's language and what it remembers.
#[derive(Debug)]
pub(crate) enum Dialect {
    Realtime(Realtime),
    Echo(Echo),
}

/// How a listener wants to be told; listeners of one variant share their frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    Realtime(realtime::Variant),
}

/// What a session hears.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Input<'a> {
    /// A text message.
    Text(&'a str),
    /// A binary message.
    Binary(&'a [u8]),
    /// The cluster's answer to one of its operations.
    Answer(&'a Ticket, &'a Answer),
}

/// When a session hears it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    /// For the latency histogram.
    pub(crate) instant: Instant,
    /// Milliseconds since the lane began.
    pub(crate) ms: u64,
    /// Unix time in seconds.
    pub(crate) unix_s: u64,
}

impl Dialect {
    /// What follows from one input. `held` are the session's topics.
    pub(crate) fn decide(
        &mut self,
        input: Input<'_>,
        held: &Subscriptions,
        now: Now,
        actions: &mut Actions,
    ) {
        match self {
            Self::Realtime(realtime) => realtime.decide(input, held, now, actions),
            Self::Echo(echo) => echo.decide(input, actions),
        }
    }

    /// The first frame of an admitted session, if the dialect has one.
    pub(crate) fn welcome(&mut self, now: Now, actions: &mut Actions) {
        match self {
            Self::Realtime(realtime) => realtime.welcome(now, actions),
            Self::Echo(_) => {}
        }
    }

    /// The frame that announces a drain, if the dialect has one.
    pub(crate) fn going_away(&self, retry_after_ms: u64, actions: &mut Actions) {
        match self {
            Self::Realtime(_) => realtime::going_away(retry_after_ms, actions),
            Self::Echo(_) => {}
        }
    }

    /// The close frame for a reason.
    pub(crate) fn close_frame(&self, reason: CloseReason) -> Vec<u8> {
        match self {
            Self::Realtime(_) => realtime::close_frame(reason),
            Self::Echo(_) => echo::close_frame(reason),
        }
    }

    /// Puts the present form of the session's key in force; the reason to close if there is none any more.
    pub(crate) fn rebind(&mut self, tenancy: &Tenancy) -> Result<(), CloseReason> {
        match self {
            Self::Realtime(realtime) => realtime.rebind(tenancy),
            Self::Echo(_) => Ok(()),
        }
    }

    /// Who the session is to others; without a peer it is a member of nothing.
    pub(crate) const fn peer(&self) -> Option<&Arc<Peer>> {
        match self {
            Self::Realtime(realtime) => Some(realtime.peer()),
            Self::Echo(_) => None,
        }
    }

    /// Where directs to this session arrive, if it can be reached at all.
    pub(crate) fn address(&self) -> Option<(Topic, Variant)> {
        match self {
            Self::Realtime(realtime) => Some((
                realtime.address(),
                Variant::Realtime(realtime::Variant::Direct),
            )),
            Self::Echo(_) => None,
        }
    }

    /// Largest message that a client may send, in bytes.
    pub(crate) const fn message_bytes_max(&self) -> u32 {
        match self {
            Self::Realtime(_) => realtime::MESSAGE_BYTES_MAX,
            Self::Echo(_) => echo::MESSAGE_BYTES_MAX,
        }
    }

    /// The dialect's counters.
    pub(crate) fn metrics<'m>(&self, metrics: &'m Metrics) -> &'m DialectMetrics {
        match self {
            Self::Realtime(_) => &metrics.realtime,
            Self::Echo(_) => &metrics.echo,
        }
    }
}

impl Variant {
    /// Appends the frame that tells a listener of this variant about `envelope`; nothing if it is not to know.
    pub(crate) fn render(
        self,
        topic: &Topic,
        envelope: &Envelope,
        out: &mut Vec<u8>,
    ) -> Option<FrameOut> {
        match self {
            Self::Realtime(variant) => variant.render(topic, envelope, out),
        }
    }

    /// The frames that tell a listener of this variant who is in a topic.
    pub(crate) fn snapshot<'a>(
        self,
        topic: &Topic,
        members: impl Iterator<Item = &'a Peer>,
    ) -> Vec<u8> {
        match self {
            Self::Realtime(_) => realtime::snapshot(topic, members),
        }
    }

    /// Whether a listener of this variant follows presence, so that its subscribe is answered with a snapshot.
    pub(crate) const fn sees_presence(self) -> bool {
        match self {
            Self::Realtime(variant) => variant.sees_presence(),
        }
    }

    /// The dialect's counters.
    pub(crate) fn metrics(self, metrics: &Metrics) -> &DialectMetrics {
        match self {
            Self::Realtime(_) => &metrics.realtime,
        }
    }
}
