//! The wire languages, each a pure translator.
//!
//! A dialect turns what a session hears into [`Action`]s and what crosses the bus into frames. It does no I/O, holds no
//! socket and knows no lane; the session loop, the hub and the mailbox exist once for all of them. A closed set: one more
//! dialect is one more file here, one more folder in `protocol` and one more door.

mod actions;
pub(crate) mod device;
pub(crate) mod echo;
pub(crate) mod realtime;
pub(crate) mod room;

use std::sync::Arc;
use std::time::{Duration, Instant};

use cluster::{Answer, Envelope, News, Outcome, Peer, Ticket, Topic};
use protocol::PeerId;
use protocol::close::CloseReason;
use protocol::device::limits::STATE_WITHIN;
use protocol::realtime::limits::SNAPSHOT_DELAY;

pub(crate) use actions::{Action, Actions};
use device::Device;
use echo::Echo;
use realtime::Realtime;
use room::Room;

use crate::auth::Bearer;
use crate::calls::Party;
use crate::metrics::{DialectMetrics, FrameOut, Metrics};
use crate::session::Subscriptions;
use crate::tenancy::Tenancy;

/// One session's language and what it remembers.
#[derive(Debug)]
pub(crate) enum Dialect {
    Realtime(Realtime),
    /// Larger than the others together, and most sessions are none.
    Room(Box<Room>),
    Device(Box<Device>),
    Echo(Echo),
}

/// How a listener wants to be told; listeners of one variant share their frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    Realtime(realtime::Variant),
    Room(room::Variant),
    /// It is told by its session, one by one, and not by a rendering.
    Device,
}

/// What leads from a reachable session to its first frame.
#[derive(Debug)]
pub(crate) enum Entry {
    /// Nothing.
    AtOnce,
    /// Joining a topic, of which the session is a member from then on: the frame tells who else is.
    Home(Topic, Variant),
    /// The exchange reads its state, for as whom it enters.
    Exchange(Arc<Party>),
}

/// How it is found out that a client is no longer there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Watch {
    /// It is pinged when it is silent.
    Ping,
    /// It has to say something within this time.
    Silence(Duration),
}

/// Frames that tell a listener who is in a topic.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// As what they count.
    pub(crate) kind: FrameOut,
    pub(crate) frames: Vec<u8>,
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
    /// What the edge has found out for it.
    Outcome(&'a Outcome),
    /// What some edge tells its device.
    News(&'a News),
}

/// Whether somebody who goes may be back in a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaving {
    /// It said goodbye, was sent away, or has another session in its place.
    ForGood,
    /// Its connection or its edge failed it.
    ForNow,
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
            Self::Room(room) => room.decide(input, now, actions),
            Self::Device(device) => device.decide(input, now, actions),
            Self::Echo(echo) => echo.decide(input, actions),
        }
    }

    /// The first frame of an admitted session, if the dialect has one.
    pub(crate) fn welcome(&mut self, now: Now, actions: &mut Actions) {
        match self {
            Self::Realtime(realtime) => realtime.welcome(now, actions),
            // Its first frame is the snapshot of its room, or the state of its device.
            Self::Room(_) | Self::Device(_) | Self::Echo(_) => {}
        }
    }

    /// The frame that announces a drain, if the dialect has one.
    pub(crate) fn going_away(&self, retry_after_ms: u64, actions: &mut Actions) {
        match self {
            Self::Realtime(_) => realtime::going_away(retry_after_ms, actions),
            Self::Room(_) | Self::Device(_) | Self::Echo(_) => {}
        }
    }

    /// The close frame for a reason.
    pub(crate) fn close_frame(&self, reason: CloseReason) -> Vec<u8> {
        match self {
            Self::Realtime(_) => realtime::close_frame(reason),
            Self::Room(room) => room.close_frame(reason),
            Self::Device(_) => device::close_frame(reason),
            Self::Echo(_) => echo::close_frame(reason),
        }
    }

    /// Puts the present form of the session's key in force; the reason to close if there is none any more.
    pub(crate) fn rebind(&mut self, tenancy: &Tenancy) -> Result<(), CloseReason> {
        match self {
            Self::Realtime(realtime) => realtime.rebind(tenancy),
            Self::Room(room) => room.rebind(tenancy),
            Self::Device(device) => device.rebind(tenancy),
            Self::Echo(_) => Ok(()),
        }
    }

    /// Whose token the session lives on, if on any.
    pub(crate) fn bearer(&self) -> Option<Bearer<'_>> {
        match self {
            Self::Realtime(realtime) => realtime.bearer(),
            Self::Room(room) => Some(room.bearer()),
            Self::Device(device) => Some(device.bearer()),
            Self::Echo(_) => None,
        }
    }

    /// Who the session is to others; without a peer it is a member of nothing.
    pub(crate) fn peer(&self) -> Option<&Arc<Peer>> {
        match self {
            Self::Room(room) => Some(room.peer()),
            Self::Realtime(realtime) => Some(realtime.peer()),
            Self::Device(_) | Self::Echo(_) => None,
        }
    }

    /// Whether the session is one of `peer`.
    pub(crate) fn is_peer(&self, peer: &PeerId) -> bool {
        self.peer().is_some_and(|own| own.id == *peer)
    }

    /// Where directs to this session arrive, if it can be reached at all.
    pub(crate) fn address(&self) -> Option<(Topic, Variant)> {
        match self {
            Self::Realtime(realtime) => Some((
                realtime.address(),
                Variant::Realtime(realtime::Variant::Direct),
            )),
            Self::Room(room) => {
                let (topic, variant) = room.address();
                Some((topic, Variant::Room(variant)))
            }
            Self::Device(device) => Some((device.address(), Variant::Device)),
            Self::Echo(_) => None,
        }
    }

    /// What the session's first frame waits for, once it can be reached.
    pub(crate) fn entry(&self) -> Entry {
        match self {
            Self::Room(room) => {
                let (topic, variant) = room.home();
                Entry::Home(topic, Variant::Room(variant))
            }
            Self::Device(device) => Entry::Exchange(Arc::clone(device.party())),
            Self::Realtime(_) | Self::Echo(_) => Entry::AtOnce,
        }
    }

    /// How long all that may take, of the time that the edge gives.
    pub(crate) fn entry_within(&self, given: Duration) -> Duration {
        match self {
            Self::Realtime(_) | Self::Room(_) | Self::Echo(_) => given,
            Self::Device(_) => given.min(STATE_WITHIN),
        }
    }

    /// How it is found out that the client is gone.
    pub(crate) fn watch(&self) -> Watch {
        match self {
            Self::Realtime(_) | Self::Room(_) | Self::Echo(_) => Watch::Ping,
            Self::Device(device) => Watch::Silence(device.silence_max()),
        }
    }

    /// Whether somebody whose session ended for this reason may be back in a moment and is not missed until then.
    pub(crate) const fn leaving(&self, reason: CloseReason) -> Leaving {
        match self {
            Self::Room(_) => room::leaving(reason),
            Self::Realtime(_) | Self::Device(_) | Self::Echo(_) => Leaving::ForGood,
        }
    }

    /// What the session is told when it has joined a topic.
    pub(crate) fn snapshot<'a>(
        &self,
        topic: &Topic,
        others: impl Iterator<Item = &'a Peer>,
    ) -> Snapshot {
        match self {
            Self::Realtime(_) => realtime_snapshot(topic, others),
            Self::Room(room) => room.connected(others),
            Self::Device(_) | Self::Echo(_) => Snapshot {
                kind: FrameOut::Presence,
                frames: Vec::new(),
            },
        }
    }

    /// Largest message that a client may send, in bytes.
    pub(crate) fn message_bytes_max(&self) -> u32 {
        match self {
            Self::Room(room) => room.message_bytes_max(),
            Self::Device(device) => device.message_bytes_max(),
            Self::Realtime(_) => realtime::MESSAGE_BYTES_MAX,
            Self::Echo(_) => echo::MESSAGE_BYTES_MAX,
        }
    }

    /// The dialect's counters.
    pub(crate) fn metrics<'m>(&self, metrics: &'m Metrics) -> &'m DialectMetrics {
        match self {
            Self::Realtime(_) => &metrics.realtime,
            Self::Room(_) => &metrics.room,
            Self::Device(_) => &metrics.device,
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
            Self::Room(variant) => variant.render(topic, envelope, out),
            Self::Device => None,
        }
    }

    /// The frames that tell a listener of this variant who is in a topic, after it was told once.
    pub(crate) fn snapshot<'a>(
        self,
        topic: &Topic,
        members: impl Iterator<Item = &'a Peer>,
    ) -> Snapshot {
        match self {
            Self::Realtime(_) => realtime_snapshot(topic, members),
            Self::Room(variant) => variant.snapshot(members),
            Self::Device => Snapshot {
                kind: FrameOut::Presence,
                frames: Vec::new(),
            },
        }
    }

    /// Whether a listener of this variant follows presence, so that its subscribe is answered with a snapshot.
    pub(crate) const fn sees_presence(self) -> bool {
        match self {
            Self::Realtime(variant) => variant.sees_presence(),
            Self::Room(variant) => variant.sees_presence(),
            Self::Device => false,
        }
    }

    /// Least time between the answer to a join and its snapshot.
    pub(crate) const fn snapshot_delay(self) -> Duration {
        match self {
            Self::Realtime(_) => SNAPSHOT_DELAY,
            // Nothing is said before the snapshot that it would have to keep a distance from.
            Self::Room(_) | Self::Device => Duration::ZERO,
        }
    }

    /// The dialect's counters.
    pub(crate) fn metrics(self, metrics: &Metrics) -> &DialectMetrics {
        match self {
            Self::Realtime(_) => &metrics.realtime,
            Self::Room(_) => &metrics.room,
            Self::Device => &metrics.device,
        }
    }
}

fn realtime_snapshot<'a>(topic: &Topic, members: impl Iterator<Item = &'a Peer>) -> Snapshot {
    Snapshot {
        kind: FrameOut::Presence,
        frames: realtime::snapshot(topic, members),
    }
}
