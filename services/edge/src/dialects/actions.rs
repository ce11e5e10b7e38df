//! What a dialect wants done.

use std::mem;
use std::sync::Arc;

use cluster::{Message, Topic};
use protocol::RequestId;
use protocol::close::CloseReason;
use protocol::device::Request;

use super::Variant;
use crate::metrics::{DialectMetrics, ErrorLabel, FrameIn, FrameOut, Metrics, Refusal};

/// One thing for the session loop to do.
#[derive(Debug)]
pub(crate) enum Action {
    /// Listen to a topic as its member. Answered by [`cluster::Answer::Joined`].
    Join {
        topic: Topic,
        variant: Variant,
        request: Option<RequestId>,
    },
    /// Stop listening.
    Leave { topic: Topic },
    /// Publish. Answered by [`cluster::Answer::Published`].
    Publish {
        topic: Topic,
        message: Message,
        request: Option<RequestId>,
    },
    /// Let the exchange carry out a request of a device. Answered by [`cluster::Outcome::Answered`].
    Ask(Request),
    /// Note that the session has heard of a record for the first time (device dialect).
    Heard(Arc<str>),
    /// End the session.
    Close(CloseReason),
}

/// The outcome of deciding one or more inputs; emptied and used again, so that deciding allocates nothing of its own.
#[derive(Debug, Default)]
pub(crate) struct Actions {
    /// In the order in which they are to be done.
    pub(crate) list: Vec<Action>,
    /// Framed replies, for the end of the session's mailbox.
    pub(crate) replies: Vec<u8>,
    /// Framed acks of subscribes, which no gate holds back.
    pub(crate) acks_ahead: Vec<u8>,
    /// What there is to count.
    pub(crate) tally: Tally,
}

/// What one decision adds to the metrics.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) heard: Option<FrameIn>,
    pub(crate) said: Option<FrameOut>,
    /// Events said besides.
    pub(crate) events: u64,
    pub(crate) error: Option<ErrorLabel>,
    pub(crate) refused: Option<Refusal>,
}

impl Actions {
    pub(crate) fn push(&mut self, action: Action) {
        self.list.push(action);
    }
}

impl Tally {
    /// Counts everything and starts anew.
    pub(crate) fn count(&mut self, dialect: &DialectMetrics, metrics: &Metrics) {
        let Self {
            heard,
            said,
            events,
            error,
            refused,
        } = mem::take(self);
        heard
            .into_iter()
            .for_each(|kind| dialect.frames_in.count(kind));
        said.into_iter()
            .for_each(|kind| dialect.frames_out.count(kind));
        if events > 0 {
            dialect.frames_out.add(FrameOut::Event, events);
        }
        error
            .into_iter()
            .for_each(|code| dialect.errors.count(code));
        refused
            .into_iter()
            .for_each(|limit| metrics.quota_refusals.count(limit));
    }
}
