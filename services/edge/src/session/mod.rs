//! One admitted client, from its lease to its close.
//!
//! - [`wire`]: the bytes under it. [`mailbox`]: what is on its way out. [`subscriptions`]: what it listens to.
//! - [`guards`]: what it holds and gives back by being dropped.
//!
//! A session is plain data in its lane's table. The lane moves it; nothing here does I/O by itself or knows the hub.

pub(crate) mod guards;
pub(crate) mod mailbox;
#[cfg(test)]
pub(crate) mod memory;
mod subscriptions;
pub(crate) mod wire;

use std::task::Waker;
use std::time::Instant;

use cluster::{SessionId, Topic};
use protocol::close::CloseReason;
use protocol::websocket::Decoder;
use tokio_util::task::task_tracker::TaskTrackerToken;

pub(crate) use guards::{Guards, LeaseGuard};
use mailbox::Mailbox;
pub(crate) use subscriptions::Subscriptions;
use wire::Wire;

use crate::dialects::Dialect;
use crate::limit::Bucket;

/// A client on a lane.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) wire: Wire,
    pub(crate) decoder: Decoder,
    pub(crate) mailbox: Mailbox,
    pub(crate) dialect: Dialect,
    pub(crate) subscriptions: Subscriptions,
    /// The topic of the session's own peer, and its place there.
    pub(crate) address: Option<(Topic, usize)>,
    pub(crate) phase: Phase,
    /// Control frames that the client may still send.
    pub(crate) controls: Bucket,
    /// Operations whose answers somebody waits for.
    pub(crate) unanswered: u32,
    /// Why the session ends as soon as they have come, and when it ends without them, in lane milliseconds.
    pub(crate) ending: Option<(CloseReason, u64)>,
    /// When the client was last heard, in lane milliseconds.
    pub(crate) heard_ms: u64,
    /// When a ping was sent that nothing has answered yet.
    pub(crate) pinged_ms: Option<u64>,
    /// When its token ends, in lane milliseconds.
    pub(crate) expires_ms: Option<u64>,
    /// Its turn in a drain, in lane milliseconds.
    pub(crate) departs_ms: Option<u64>,
    /// The wheel's slot that will look at this session next.
    pub(crate) timer_ms: u64,
    /// Wakes the session's task.
    pub(crate) waker: Option<Waker>,
    /// In the lane's list of sessions that have stopped reading.
    pub(crate) paused: bool,
    /// The time for which the lane looks at its gates.
    pub(crate) gate_armed: Option<Instant>,
    /// In the lane's list of mailboxes to flush.
    pub(crate) dirty: bool,
    /// The wire is full: its task waits until it is writable.
    pub(crate) backlogged: bool,
    pub(crate) guards: Option<Box<Guards>>,
    /// Keeps the drain waiting until the stream is over.
    #[expect(dead_code, reason = "held, and given back by being dropped")]
    pub(crate) tracked: TaskTrackerToken,
}

/// How far a session has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Admitted, but not yet reachable: the welcome waits for its peer's topic.
    Opening {
        /// When to give up, in lane milliseconds.
        deadline_ms: u64,
    },
    /// Reachable, and joining its home topic. What is said there already waits behind the gate; nothing is read.
    Entering {
        /// When to give up, in lane milliseconds.
        deadline_ms: u64,
    },
    /// In service.
    Open,
    /// Our close frame is queued or sent; the stream stays for a moment, so that the client can read it.
    Closing {
        /// When to cut, in lane milliseconds.
        deadline_ms: u64,
        /// What still matters of the client's bytes.
        awaiting: Awaiting,
    },
    /// Over; the session's task removes it.
    Gone,
}

/// What a closing session waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Awaiting {
    /// The client's answering close frame.
    CloseFrame,
    /// The end of the stream: the client's bytes no longer matter, so our half ends and they are thrown away. Closing before
    /// the client does could make the kernel send a reset that overtakes our close frame.
    End,
}

impl Session {
    /// The right to be the device's one session, if the session has one.
    pub(crate) fn lease(&self) -> Option<&LeaseGuard> {
        self.guards.as_ref()?.lease.as_deref()
    }

    /// True until the session begins to close.
    pub(crate) const fn is_serving(&self) -> bool {
        match self.phase {
            Phase::Opening { .. } | Phase::Entering { .. } | Phase::Open => true,
            Phase::Closing { .. } | Phase::Gone => false,
        }
    }

    /// True until the session has its first frame.
    pub(crate) const fn is_opening(&self) -> bool {
        match self.phase {
            Phase::Opening { .. } | Phase::Entering { .. } => true,
            Phase::Open | Phase::Closing { .. } | Phase::Gone => false,
        }
    }

    /// True while what is said reaches the session: its welcome is out or waits in front, and no close.
    pub(crate) const fn hears(&self) -> bool {
        match self.phase {
            Phase::Entering { .. } | Phase::Open => true,
            Phase::Opening { .. } | Phase::Closing { .. } | Phase::Gone => false,
        }
    }

    /// The session's place in a topic that it listens to.
    pub(crate) fn slot(&self, topic: &Topic) -> Option<usize> {
        match &self.address {
            Some((address, slot)) if address == topic => Some(*slot),
            Some(_) | None => self.subscriptions.slot(topic),
        }
    }

    /// Lets the session's task run.
    pub(crate) fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }
}

/// Whether the client's further bytes can be read as frames after a close for this reason.
pub(crate) const fn awaiting_after(reason: CloseReason) -> Awaiting {
    match reason {
        CloseReason::ProtocolViolation
        | CloseReason::InvalidUtf8
        | CloseReason::TooBig
        | CloseReason::PolicyViolation
        | CloseReason::OverMessageRate
        | CloseReason::NotUnderstood
        | CloseReason::ClientClosed
        | CloseReason::ConnectionLost => Awaiting::End,
        CloseReason::GoingAway
        | CloseReason::SlowConsumer
        | CloseReason::PongTimeout
        | CloseReason::HandshakeTimeout
        | CloseReason::InvalidToken
        | CloseReason::TokenExpired
        | CloseReason::ScopeMismatch
        | CloseReason::OriginRefused
        | CloseReason::OverConcurrentLimit
        | CloseReason::AppSuspended
        | CloseReason::Kicked
        | CloseReason::TakenOver
        | CloseReason::KeyRemoved
        | CloseReason::BackendUnavailable
        | CloseReason::InternalError
        | CloseReason::MembershipEnded
        | CloseReason::RoomClosed
        | CloseReason::DeviceAttached => Awaiting::CloseFrame,
    }
}
