//! What a client wants done (spec device-session §3.1), read and owned: it is carried out elsewhere.

use super::{About, CallId, Json, Number, Transaction};

/// One request of the subset that is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What its answer is recognised by.
    pub transaction: Transaction,
    /// What is asked.
    pub ask: Ask,
}

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Something of a call.
    Call {
        /// The line of this device that the call is on, or is to be on.
        line: u8,
        /// The call.
        call: CallId,
        /// What of it.
        ask: CallAsk,
    },
    /// A candidate for the other side of the call on a line; `None` is the end of them. The request names no call.
    IceTrickle {
        /// The line.
        line: u8,
        /// An object, as it came.
        candidate: Option<Json>,
    },
    /// What watchers are to see of the user.
    PresenceUpdate {
        /// An object, as it came.
        settings: Json,
    },
}

/// What a request asks of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallAsk {
    /// `outgoing_call`: call a number. The description is an offer.
    Outgoing {
        /// Whom.
        number: Number,
        /// The offer.
        jsep: Jsep,
    },
    /// `accept`: take an incoming call.
    Accept {
        /// The answer; an offer if the call came without one.
        jsep: Jsep,
    },
    /// `decline`: do not take it.
    Decline,
    /// `hangup`: end it, or give up calling.
    Hangup,
    /// `update`: a new offer, or the answer to one.
    Update {
        /// Offer or answer.
        jsep: Jsep,
    },
    /// `hold`.
    Hold {
        /// Which way media still flow, if the client says so.
        direction: Option<Direction>,
    },
    /// `unhold`.
    Unhold,
    /// `peer_message`: something for the other side.
    PeerMessage {
        /// The member `type`, as it came.
        kind: Json,
        /// The member `data`, as it came.
        data: Json,
    },
}

/// A session description: an object with `type` and `sdp`, passed on as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jsep {
    /// Its `type`.
    pub kind: JsepKind,
    /// The whole object.
    pub json: Json,
}

/// What a session description is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JsepKind {
    /// Asks for an answer.
    Offer,
    /// Answers an offer.
    Answer,
}

/// Which way media flow while a call is on hold, as the holder sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// `sendonly`.
    SendOnly,
    /// `recvonly`.
    RecvOnly,
    /// `inactive`.
    Inactive,
}

impl Request {
    /// Which line and call the request speaks of, as its answer mirrors it.
    #[must_use]
    pub fn about(&self) -> About {
        match &self.ask {
            Ask::Call { line, call, .. } => About::call(*line, call.clone()),
            Ask::IceTrickle { line, .. } => About::line(*line),
            Ask::PresenceUpdate { .. } => About::default(),
        }
    }
}

impl Direction {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }
}
