//! The room dialect: what its packets mean (spec room §2).
//!
//! A session is in one room from its first packet to its last. Whatever a member says is relayed to the room's topic, also
//! what is meant for one account only, so all of it keeps one order and none of it can leave the room. Knows nothing of
//! sockets, of lanes and of how somebody came to be a member. `variant`: what listeners are told.

mod variant;

use std::sync::Arc;

use cluster::quotas::Spend;
use cluster::{Answer, Message, Meter, Peer, SessionId, Ticket, Topic};
use protocol::EdgeId;
use protocol::close::CloseReason;
use protocol::room::{
    ClientFrame, CloseCode, Connected, ErrorCode, RoomId, ServerFrame, Wire, reason_text, timestamp,
};
use protocol::websocket;

use super::{Action, Actions, Input, Leaving, Now, Snapshot};
use crate::auth::{Bearer, Stamp};
use crate::lane::unix_now;
use crate::limit::{Bucket, Rate};
use crate::metrics::{ErrorLabel, FrameIn, FrameOut, Refusal};
use crate::tenancy::{Signer, Tenancy};
pub(crate) use variant::Variant;

/// Packets that make no sense or come too fast, before the session ends: enough for a client with a bug to be told of it,
/// too few to be worth a flood.
const STRIKES: Rate = Rate {
    per_second: 10,
    burst: 100,
};
/// Of packets that come too fast a client hears once in this time: answering each would double the flood.
const WARN_EVERY_MS: u64 = 1_000;
/// When to try again, in seconds: by then the bucket has a second's worth of tokens.
const RETRY_AFTER_S: u32 = 1;

/// One session's part of the dialect.
#[derive(Debug)]
pub(crate) struct Room {
    signer: Signer,
    stamp: Stamp,
    peer: Arc<Peer>,
    room: RoomId,
    wire: Wire,
    meter: Meter,
    limits: Limits,
    messages: Bucket,
    strikes: Bucket,
    /// When the client was last told that it is too fast.
    warned_ms: Option<u64>,
    /// This session and its edge, as the first packet names them.
    session: SessionId,
    edge: EdgeId,
}

/// Who comes into which room.
#[derive(Debug)]
pub(crate) struct Entrance {
    /// Who signed the token.
    pub(crate) signer: Signer,
    /// What the token can be revoked by.
    pub(crate) stamp: Stamp,
    /// The account, with what others are shown of it.
    pub(crate) peer: Arc<Peer>,
    /// Where to.
    pub(crate) room: RoomId,
    /// How it wants to be spoken to.
    pub(crate) wire: Wire,
    /// Its session.
    pub(crate) session: SessionId,
}

/// What one session may do at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Packets, pings included.
    pub(crate) messages: Rate,
    /// Largest packet, in bytes.
    pub(crate) frame_bytes: u32,
}

impl Room {
    pub(crate) fn new(entrance: Entrance, edge: EdgeId, meter: Meter, limits: Limits) -> Self {
        Self {
            signer: entrance.signer,
            stamp: entrance.stamp,
            peer: entrance.peer,
            room: entrance.room,
            wire: entrance.wire,
            meter,
            limits,
            messages: Bucket::full(limits.messages, 0),
            strikes: Bucket::full(STRIKES, 0),
            warned_ms: None,
            session: entrance.session,
            edge,
        }
    }

    pub(super) fn decide(&mut self, input: Input<'_>, now: Now, actions: &mut Actions) {
        match input {
            Input::Text(text) => self.hear(text, now, actions),
            // The kind of a frame means nothing: JSON is JSON (spec room §2.4).
            Input::Binary(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => self.hear(text, now, actions),
                Err(_) => self.hear("", now, actions),
            },
            Input::Answer(ticket, answer) => Self::answered(ticket, answer, actions),
            // Of devices only.
            Input::Outcome(_) | Input::News(_) => {}
        }
    }

    /// The first packet: who else is here.
    pub(super) fn connected<'a>(&self, members: impl Iterator<Item = &'a Peer>) -> Snapshot {
        let participants: Vec<_> = members.filter_map(variant::member).collect();
        let connected = Connected {
            account: &self.peer.id,
            room: self.room,
            session: &self.session.to_string(),
            edge: self.edge.as_str(),
            timestamp: &timestamp(unix_now()),
            participants: &participants,
        };
        let mut frames = Vec::new();
        write(&ServerFrame::Connected(connected), self.wire, &mut frames);
        Snapshot {
            kind: FrameOut::Welcome,
            frames,
        }
    }

    pub(super) fn rebind(&mut self, tenancy: &Tenancy) -> Result<(), CloseReason> {
        self.signer = self.signer.in_force(tenancy)?;
        Ok(())
    }

    /// The session that this is.
    pub(crate) const fn session(&self) -> SessionId {
        self.session
    }

    pub(super) fn bearer(&self) -> Bearer<'_> {
        Bearer {
            app: &self.signer.app().id,
            subject: &self.peer.id,
            stamp: &self.stamp,
        }
    }

    pub(super) const fn peer(&self) -> &Arc<Peer> {
        &self.peer
    }

    /// Where the administrator reaches the account, whatever room it is in.
    pub(super) fn address(&self) -> (Topic, Variant) {
        let topic = Topic::account(&self.signer.app().id, self.peer.id.clone());
        (topic, Variant::Account)
    }

    /// The room, where the session is from its first packet on.
    pub(super) fn home(&self) -> (Topic, Variant) {
        (self.topic(), Variant::Room(self.wire))
    }

    pub(super) const fn message_bytes_max(&self) -> u32 {
        self.limits.frame_bytes
    }

    /// The close frame for a reason, behind the last packet if there is one to say why in words: the guide's client comes
    /// back after every clean close, and only the packet tells it not to.
    pub(super) fn close_frame(&self, reason: CloseReason) -> Vec<u8> {
        let mut frames = Vec::new();
        if reason == CloseReason::TakenOver {
            write(&ServerFrame::Dupe, self.wire, &mut frames);
        } else if reason == CloseReason::RoomClosed {
            write(&ServerFrame::Ended(self.room), self.wire, &mut frames);
        }
        let code = CloseCode::from(reason).as_u16();
        websocket::close_frame(&mut frames, code, reason_text(reason));
        frames
    }

    fn topic(&self) -> Topic {
        Topic::room(&self.signer.app().id, self.room)
    }

    fn hear(&mut self, text: &str, now: Now, actions: &mut Actions) {
        let frame = ClientFrame::decode(text);
        actions.tally.heard = Some(kind_of(frame.as_ref().ok()));
        if !self.may_speak(now, actions) {
            return;
        }
        match frame {
            Ok(ClientFrame::Ping) => {
                actions.tally.said = Some(FrameOut::Pong);
                write(&ServerFrame::Pong, self.wire, &mut actions.replies);
            }
            Ok(ClientFrame::Signal { signal, to }) => {
                if !self.may_spend(now, actions) {
                    return;
                }
                let message = Message {
                    from: Arc::clone(&self.peer),
                    to,
                    data: signal.to_data(),
                };
                actions.push(Action::Publish {
                    topic: self.topic(),
                    message,
                    request: None,
                });
            }
            Err(error) => {
                if self.forgives(now) {
                    refuse(error.code, error.detail, None, actions);
                } else {
                    actions.push(Action::Close(CloseReason::PolicyViolation));
                }
            }
        }
    }

    fn may_speak(&mut self, now: Now, actions: &mut Actions) -> bool {
        if self.messages.take(self.limits.messages, now.ms).is_ok() {
            return true;
        }
        actions.tally.refused = Some(Refusal::Rate);
        if !self.forgives(now) {
            actions.push(Action::Close(CloseReason::OverMessageRate));
        } else if self.warned_ms.is_none_or(|at| now.ms >= at + WARN_EVERY_MS) {
            self.warned_ms = Some(now.ms);
            let detail = "too many packets, this one was not relayed";
            refuse(ErrorCode::RateLimited, detail, Some(RETRY_AFTER_S), actions);
        }
        false
    }

    fn may_spend(&self, now: Now, actions: &mut Actions) -> bool {
        match self
            .meter
            .spend(self.signer.app().plan.allowance(), now.unix_s)
        {
            Spend::Taken => true,
            Spend::Refused => {
                actions.tally.refused = Some(Refusal::Messages);
                let detail = "the app's messages of this period are used up";
                refuse(ErrorCode::OverMessageQuota, detail, None, actions);
                false
            }
        }
    }

    /// Counts one more packet that was none.
    fn forgives(&mut self, now: Now) -> bool {
        self.strikes.take(STRIKES, now.ms).is_ok()
    }

    /// Nobody here is no error: whoever is meant may just have gone (spec room §2.6).
    fn answered(_: &Ticket, answer: &Answer, actions: &mut Actions) {
        match answer {
            Answer::Published(_, Err(_)) => {
                let detail = "the packet was not relayed, try again";
                refuse(ErrorCode::BackendError, detail, None, actions);
            }
            Answer::Published(_, Ok(_))
            | Answer::Joined(..)
            | Answer::Subscribed(..)
            | Answer::Departed(_)
            | Answer::Roster(..) => {}
        }
    }
}

/// Whoever did not mean to go is not missed for a while: members hang up on somebody who has left (spec room §3).
pub(super) const fn leaving(reason: CloseReason) -> Leaving {
    match reason {
        CloseReason::GoingAway
        | CloseReason::ConnectionLost
        | CloseReason::SlowConsumer
        | CloseReason::PongTimeout
        | CloseReason::TokenExpired
        | CloseReason::BackendUnavailable
        | CloseReason::InternalError => Leaving::ForNow,
        CloseReason::ClientClosed
        | CloseReason::ProtocolViolation
        | CloseReason::InvalidUtf8
        | CloseReason::PolicyViolation
        | CloseReason::TooBig
        | CloseReason::HandshakeTimeout
        | CloseReason::InvalidToken
        | CloseReason::ScopeMismatch
        | CloseReason::OriginRefused
        | CloseReason::OverConcurrentLimit
        | CloseReason::OverMessageRate
        | CloseReason::AppSuspended
        | CloseReason::Kicked
        | CloseReason::TakenOver
        | CloseReason::KeyRemoved
        | CloseReason::MembershipEnded
        | CloseReason::RoomClosed
        | CloseReason::DeviceAttached
        | CloseReason::NotUnderstood => Leaving::ForGood,
    }
}

fn refuse(code: ErrorCode, message: &str, retry_after: Option<u32>, actions: &mut Actions) {
    actions.tally.said = Some(FrameOut::Error);
    actions.tally.error = Some(ErrorLabel::Room(code));
    let error = ServerFrame::Error {
        code,
        message,
        retry_after,
    };
    write(&error, Wire::Default, &mut actions.replies);
}

const fn kind_of(frame: Option<&ClientFrame<'_>>) -> FrameIn {
    match frame {
        Some(ClientFrame::Ping) => FrameIn::Ping,
        Some(ClientFrame::Signal { to: None, .. }) => FrameIn::Publish,
        Some(ClientFrame::Signal { to: Some(_), .. }) => FrameIn::Send,
        None => FrameIn::Malformed,
    }
}

/// Appends one packet.
fn write(frame: &ServerFrame<'_>, wire: Wire, out: &mut Vec<u8>) {
    websocket::text_frame(out, |json| frame.write_json(wire, json));
}
