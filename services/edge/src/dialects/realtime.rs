//! The realtime dialect: what its frames mean (spec realtime §2 and §3).
//!
//! Checks follow one order for every frame: shape, permission, channel syntax, reserved prefix, scope, limit, data, target
//! (§2). Exactly one reply per request id. Knows nothing of sockets and lanes.

use std::sync::Arc;

use cluster::quotas::{Overage, Spend};
use cluster::{Address, Allowance, Answer, Envelope, Message, Meter, Payload, Peer, Ticket, Topic};
use protocol::close::CloseReason;
use protocol::realtime::limits::{CLIENT_FRAME_BYTES, MAX_MESSAGE_BYTES};
use protocol::realtime::{
    ClientFrame, CloseCode, Command, ErrorCode, Field, Member, SenderMetadata, ServerFrame,
    reason_text, write_snapshot,
};
use protocol::{ChannelName, Permission, RequestId, websocket};
use serde_json::value::RawValue;

use super::{Action, Actions, Input, Now};
use crate::limit::{Bucket, Rate};
use crate::metrics::{FrameIn, FrameOut, Refusal};
use crate::session::Subscriptions;
use crate::tenancy::{Plan, Scope, Tenancy};

/// Largest message that a client may send.
#[expect(clippy::cast_possible_truncation, reason = "a constant of some 66 KB")]
pub(super) const MESSAGE_BYTES_MAX: u32 = CLIENT_FRAME_BYTES as u32;

/// After its welcome a client replays its subscriptions, up to a hundred at once: they drain no bucket (spec §7.4).
const REPLAY_MS: u64 = 10_000;

/// One session's part of the dialect.
#[derive(Debug)]
pub(crate) struct Realtime {
    scope: Scope,
    peer: Arc<Peer>,
    meter: Meter,
    limits: Limits,
    messages: Bucket,
    pings: Bucket,
    welcomed_ms: u64,
    /// Told once, in the welcome, and then forgotten.
    opening: Option<Box<Opening>>,
}

/// What the welcome tells about the token.
#[derive(Debug)]
pub(crate) struct Opening {
    /// Unix seconds; `None` for a publishable key.
    pub(crate) expires_at: Option<u64>,
    /// The claim, with TURN servers added.
    pub(crate) metadata: Option<Box<RawValue>>,
}

/// What one session may do at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Frames, pings excepted.
    pub(crate) messages: Rate,
    /// Channels held at once; 0 is no limit.
    pub(crate) channels: usize,
}

/// How a listener of this dialect wants to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    /// It is the addressed peer.
    Direct,
    /// It subscribed to the channel.
    Channel {
        /// Whether messages carry their sender's metadata.
        sender_metadata: SenderMetadata,
        /// Whether it may see who is there.
        sees_presence: bool,
    },
}

impl Realtime {
    pub(crate) fn new(
        scope: Scope,
        peer: Arc<Peer>,
        meter: Meter,
        limits: Limits,
        opening: Opening,
    ) -> Self {
        Self {
            scope,
            peer,
            meter,
            limits,
            messages: Bucket::full(limits.messages, 0),
            pings: Bucket::full(limits.messages, 0),
            welcomed_ms: 0,
            opening: Some(Box::new(opening)),
        }
    }

    pub(super) fn welcome(&mut self, now: Now, actions: &mut Actions) {
        self.welcomed_ms = now.ms;
        let Some(opening) = self.opening.take() else {
            return;
        };
        let welcome = ServerFrame::Welcome {
            peer_id: &self.peer.id,
            expires_at: opening.expires_at,
            server_time: now.unix_s,
            max_message_size: MAX_MESSAGE_BYTES,
            metadata: opening.metadata.as_deref(),
        };
        write(&welcome, &mut actions.replies);
    }

    pub(super) fn decide(
        &mut self,
        input: Input<'_>,
        held: &Subscriptions,
        now: Now,
        actions: &mut Actions,
    ) {
        match input {
            Input::Text(text) => self.hear(text, held, now, actions),
            Input::Binary => {
                actions.tally.heard = Some(FrameIn::Malformed);
                if self.may_speak(now, actions) {
                    refuse(
                        ErrorCode::MalformedMessage,
                        None,
                        "binary frames are not used",
                        actions,
                    );
                }
            }
            Input::Answer(ticket, answer) => answered(ticket, answer, actions),
        }
    }

    pub(super) fn snapshot<'a>(
        &self,
        topic: &Topic,
        members: impl Iterator<Item = &'a Peer>,
    ) -> Vec<u8> {
        let mut frames = Vec::new();
        if let Address::Channel(channel) = topic.address() {
            let others = members.filter(|peer| peer.id != self.peer.id).map(member);
            write_snapshot(channel, others, |json| {
                websocket::text_frame(&mut frames, |out| out.extend_from_slice(json));
            });
        }
        frames
    }

    pub(super) fn rebind(&mut self, tenancy: &Tenancy) -> Result<(), CloseReason> {
        let key = tenancy
            .key(self.scope.key.id.as_str())
            .ok_or(CloseReason::KeyRemoved)?;
        if key.app.id != self.scope.key.app.id {
            return Err(CloseReason::KeyRemoved);
        }
        if key.app.suspended {
            return Err(CloseReason::AppSuspended);
        }
        self.scope.rebind(Arc::clone(key));
        Ok(())
    }

    pub(super) const fn peer(&self) -> &Arc<Peer> {
        &self.peer
    }

    pub(super) fn inbox(&self) -> Topic {
        Topic::peer(&self.scope.key.app.id, self.peer.id.clone())
    }

    fn hear(&mut self, text: &str, held: &Subscriptions, now: Now, actions: &mut Actions) {
        let frame = match ClientFrame::decode(text) {
            Ok(frame) => frame,
            Err(error) => {
                actions.tally.heard = Some(FrameIn::Malformed);
                if self.may_speak(now, actions) {
                    refuse(error.code, error.request.as_ref(), error.detail, actions);
                }
                return;
            }
        };
        actions.tally.heard = Some(kind_of(&frame.command));
        let ClientFrame { request, command } = frame;
        let allowed = match &command {
            Command::Ping => self.may_ping(now, actions),
            Command::Subscribe { .. } if now.ms < self.welcomed_ms + REPLAY_MS => true,
            Command::Subscribe { .. }
            | Command::Unsubscribe { .. }
            | Command::Publish { .. }
            | Command::Send { .. } => self.may_speak(now, actions),
        };
        if !allowed {
            return;
        }
        let decided = match command {
            Command::Subscribe {
                channel,
                sender_metadata,
            } => self.subscribe(channel, sender_metadata, &request, held, actions),
            Command::Unsubscribe { channel } => self.unsubscribe(channel, &request, actions),
            Command::Publish { channel, data } => {
                self.publish(channel, data, &request, now, actions)
            }
            Command::Send { to, data } => self.send(to, data, &request, now, actions),
            Command::Ping => {
                actions.tally.said = Some(FrameOut::Pong);
                write(
                    &ServerFrame::Pong {
                        request_id: request.as_ref(),
                    },
                    &mut actions.replies,
                );
                Ok(())
            }
        };
        if let Err(code) = decided {
            refuse(code, request.as_ref(), detail_of(code), actions);
        }
    }

    fn subscribe(
        &self,
        channel: Field<'_>,
        sender_metadata: SenderMetadata,
        request: &Option<RequestId>,
        held: &Subscriptions,
        actions: &mut Actions,
    ) -> Result<(), ErrorCode> {
        self.permit(Permission::Subscribe)?;
        let topic = self.channel(channel)?;
        let is_over = self.limits.channels > 0 && held.len() >= self.limits.channels;
        if is_over && !held.contains(&topic) {
            actions.tally.refused = Some(Refusal::Channels);
            return Err(ErrorCode::ChannelLimitExceeded);
        }
        let sees_presence = self.scope.permits(Permission::Presence);
        let variant = super::Variant::Realtime(Variant::Channel {
            sender_metadata,
            sees_presence,
        });
        actions.push(Action::Join {
            topic,
            variant,
            request: request.clone(),
        });
        Ok(())
    }

    /// Leaving needs no right: whoever lost it must still be able to go.
    fn unsubscribe(
        &self,
        channel: Field<'_>,
        request: &Option<RequestId>,
        actions: &mut Actions,
    ) -> Result<(), ErrorCode> {
        let channel = channel.parse_channel()?;
        actions.push(Action::Leave {
            topic: self.topic(channel),
        });
        if let Some(request) = request {
            actions.tally.said = Some(FrameOut::Ack);
            write(
                &ServerFrame::Ack {
                    request_id: request,
                },
                &mut actions.replies,
            );
        }
        Ok(())
    }

    fn publish(
        &self,
        channel: Field<'_>,
        data: Option<&RawValue>,
        request: &Option<RequestId>,
        now: Now,
        actions: &mut Actions,
    ) -> Result<(), ErrorCode> {
        self.permit(Permission::Publish)?;
        let topic = self.channel(channel)?;
        self.spend(now, actions)?;
        let message = self.message(data)?;
        actions.push(Action::Publish {
            topic,
            message,
            request: request.clone(),
        });
        Ok(())
    }

    fn send(
        &self,
        to: Field<'_>,
        data: Option<&RawValue>,
        request: &Option<RequestId>,
        now: Now,
        actions: &mut Actions,
    ) -> Result<(), ErrorCode> {
        self.permit(Permission::Send)?;
        self.spend(now, actions)?;
        let message = self.message(data)?;
        let topic = Topic::peer(&self.scope.key.app.id, to.parse_peer()?);
        actions.push(Action::Publish {
            topic,
            message,
            request: request.clone(),
        });
        Ok(())
    }

    fn permit(&self, permission: Permission) -> Result<(), ErrorCode> {
        if self.scope.permits(permission) {
            Ok(())
        } else {
            Err(ErrorCode::ActionNotPermitted)
        }
    }

    fn channel(&self, field: Field<'_>) -> Result<Topic, ErrorCode> {
        let channel = field.parse_channel()?;
        if !self.scope.covers(&channel) {
            return Err(ErrorCode::ChannelNotAuthorized);
        }
        Ok(self.topic(channel))
    }

    fn topic(&self, channel: ChannelName) -> Topic {
        Topic::channel(&self.scope.key.app.id, channel)
    }

    fn message(&self, data: Option<&RawValue>) -> Result<Message, ErrorCode> {
        let data = data.ok_or(ErrorCode::MissingData)?.to_owned();
        Ok(Message {
            from: Arc::clone(&self.peer),
            data,
        })
    }

    /// Counts an attempt, also one that is refused.
    fn spend(&self, now: Now, actions: &mut Actions) -> Result<(), ErrorCode> {
        match self
            .meter
            .spend(allowance(&self.scope.key.app.plan), now.unix_s)
        {
            Spend::Taken => Ok(()),
            Spend::Refused => {
                actions.tally.refused = Some(Refusal::Messages);
                Err(ErrorCode::OverMessageQuota)
            }
        }
    }

    fn may_speak(&mut self, now: Now, actions: &mut Actions) -> bool {
        let taken = self.messages.take(self.limits.messages, now.ms).is_ok();
        if !taken {
            actions.tally.refused = Some(Refusal::Rate);
            actions.push(Action::Close(CloseReason::OverMessageRate));
        }
        taken
    }

    /// Pings drain no message, but a flood of them is a flood.
    fn may_ping(&mut self, now: Now, actions: &mut Actions) -> bool {
        let taken = self.pings.take(self.limits.messages, now.ms).is_ok();
        if !taken {
            actions.push(Action::Close(CloseReason::PolicyViolation));
        }
        taken
    }
}

impl Variant {
    pub(super) fn render(
        self,
        topic: &Topic,
        envelope: &Envelope,
        out: &mut Vec<u8>,
    ) -> Option<FrameOut> {
        match (&envelope.payload, topic.address(), self) {
            (Payload::Message(message), Address::Peer(_), Self::Direct) => {
                let frame = ServerFrame::Direct {
                    from: &message.from.id,
                    data: &message.data,
                    from_metadata: message.from.metadata.as_deref(),
                };
                write(&frame, out);
                Some(FrameOut::Direct)
            }
            (
                Payload::Message(message),
                Address::Channel(channel),
                Self::Channel {
                    sender_metadata, ..
                },
            ) => {
                let from_metadata = match sender_metadata {
                    SenderMetadata::Include => message.from.metadata.as_deref(),
                    SenderMetadata::Omit => None,
                };
                let frame = ServerFrame::Message {
                    channel,
                    from: &message.from.id,
                    data: &message.data,
                    from_metadata,
                };
                write(&frame, out);
                Some(FrameOut::Message)
            }
            (
                Payload::Presence(delta),
                Address::Channel(channel),
                Self::Channel {
                    sees_presence: true,
                    ..
                },
            ) => {
                let joined: Vec<Member<'_>> =
                    delta.joined.iter().map(|peer| member(peer)).collect();
                let left: Vec<Member<'_>> = delta.left.iter().map(|peer| member(peer)).collect();
                write(
                    &ServerFrame::Presence {
                        channel,
                        joined: &joined,
                        left: &left,
                    },
                    out,
                );
                Some(FrameOut::Presence)
            }
            (
                Payload::Message(_) | Payload::Presence(_) | Payload::Kick,
                Address::Peer(_) | Address::Channel(_),
                Self::Direct | Self::Channel { .. },
            ) => None,
        }
    }

    pub(super) const fn sees_presence(self) -> bool {
        match self {
            Self::Direct => false,
            Self::Channel { sees_presence, .. } => sees_presence,
        }
    }
}

/// The frame that announces a drain (spec §3.3).
pub(super) fn going_away(retry_after_ms: u64, actions: &mut Actions) {
    write(
        &ServerFrame::GoingAway { retry_after_ms },
        &mut actions.replies,
    );
}

/// The close frame for a reason.
pub(crate) fn close_frame(reason: CloseReason) -> Vec<u8> {
    let mut frame = Vec::new();
    websocket::close_frame(
        &mut frame,
        CloseCode::from(reason).as_u16(),
        reason_text(reason),
    );
    frame
}

/// What a plan allows.
pub(crate) fn allowance(plan: &Plan) -> Allowance {
    Allowance {
        sessions: plan.max_sessions.map(Into::into),
        messages: plan.max_messages.map(Into::into),
        overage: if plan.overage {
            Overage::Counted
        } else {
            Overage::Refused
        },
    }
}

/// The reply that an operation's answer leads to. Without a request id there is no ack, and an error comes uncorrelated.
fn answered(ticket: &Ticket, answer: &Answer, actions: &mut Actions) {
    let request = ticket.request.as_ref();
    match answer {
        Answer::Joined(_, Ok(_)) => {
            if let Some(request) = request {
                actions.tally.said = Some(FrameOut::Ack);
                write(
                    &ServerFrame::Ack {
                        request_id: request,
                    },
                    &mut actions.acks_ahead,
                );
            }
        }
        Answer::Published(topic, Ok(0)) if matches!(topic.address(), Address::Peer(_)) => {
            refuse(
                ErrorCode::PeerNotFound,
                request,
                detail_of(ErrorCode::PeerNotFound),
                actions,
            );
        }
        Answer::Published(_, Ok(_)) => {
            if let Some(request) = request {
                actions.tally.said = Some(FrameOut::Ack);
                write(
                    &ServerFrame::Ack {
                        request_id: request,
                    },
                    &mut actions.replies,
                );
            }
        }
        Answer::Joined(_, Err(_)) | Answer::Published(_, Err(_)) => {
            refuse(
                ErrorCode::BackendError,
                request,
                detail_of(ErrorCode::BackendError),
                actions,
            );
        }
        Answer::Subscribed(..) => {}
    }
}

fn refuse(code: ErrorCode, request: Option<&RequestId>, detail: &str, actions: &mut Actions) {
    actions.tally.said = Some(FrameOut::Error);
    actions.tally.error = Some(code);
    write(
        &ServerFrame::Error {
            code,
            request_id: request,
            message: Some(detail),
        },
        &mut actions.replies,
    );
}

fn write(frame: &ServerFrame<'_>, out: &mut Vec<u8>) {
    websocket::text_frame(out, |json| frame.write_json(json));
}

fn member(peer: &Peer) -> Member<'_> {
    Member {
        peer: &peer.id,
        metadata: peer.metadata.as_deref(),
    }
}

const fn kind_of(command: &Command<'_>) -> FrameIn {
    match command {
        Command::Subscribe { .. } => FrameIn::Subscribe,
        Command::Unsubscribe { .. } => FrameIn::Unsubscribe,
        Command::Publish { .. } => FrameIn::Publish,
        Command::Send { .. } => FrameIn::Send,
        Command::Ping => FrameIn::Ping,
    }
}

/// For people: what a code means.
const fn detail_of(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::MalformedMessage => "the frame is not a JSON object with a string type",
        ErrorCode::UnknownType => "unknown type",
        ErrorCode::InvalidChannel => {
            "channel has to be a string of 1 to 256 bytes without control characters"
        }
        ErrorCode::InvalidPeerId => "to has to be a string of 1 to 128 printable ASCII characters",
        ErrorCode::ChannelNotAuthorized => "not authorized for this channel",
        ErrorCode::ChannelReserved => "the channel's prefix is reserved",
        ErrorCode::ChannelLimitExceeded => "too many channels, leave one first",
        ErrorCode::PeerNotFound => "no session of this peer",
        ErrorCode::MissingData => "data is missing",
        ErrorCode::ActionNotPermitted => "the key or token does not have this permission",
        ErrorCode::OverMessageQuota => "the messages of this period are used up",
        ErrorCode::BackendError => "the backend cannot be reached, try again",
        ErrorCode::InternalError => "internal error, try again",
    }
}
