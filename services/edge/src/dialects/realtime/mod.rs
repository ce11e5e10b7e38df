//! The realtime dialect: what its frames mean (spec realtime §2 and §3).
//!
//! Checks follow one order for every frame: shape, permission, channel syntax, reserved prefix, scope, limit, data, target
//! (§2). Exactly one reply per request id. Knows nothing of sockets and lanes. `reply`: what a client is answered;
//! `variant`: what listeners are told.

mod reply;
mod variant;

use std::sync::Arc;

use cluster::quotas::Spend;
use cluster::{Message, Meter, Peer, Topic};
use protocol::close::CloseReason;
use protocol::realtime::limits::{CLIENT_FRAME_BYTES, MAX_MESSAGE_BYTES};
use protocol::realtime::{ClientFrame, Command, ErrorCode, Field, SenderMetadata, ServerFrame};
use protocol::{ChannelName, Permission, RequestId};
use serde_json::value::RawValue;

use super::{Action, Actions, Input, Now};
use crate::auth::{Bearer, Stamp};
use crate::limit::{Bucket, Rate};
use crate::metrics::{FrameIn, FrameOut, Refusal};
use crate::session::Subscriptions;
use crate::tenancy::{Scope, Tenancy};
pub(crate) use reply::close_frame;
pub(super) use reply::going_away;
use reply::{ack, answered, detail_of, refuse, write};
pub(crate) use variant::Variant;
pub(super) use variant::snapshot;

/// Largest message that a client may send.
#[expect(clippy::cast_possible_truncation, reason = "a constant of some 66 KB")]
pub(super) const MESSAGE_BYTES_MAX: u32 = CLIENT_FRAME_BYTES as u32;

/// After its welcome a client replays its subscriptions in one burst: so long, and so many, drain no bucket (spec §7.4).
const REPLAY_MS: u64 = 10_000;
const REPLAYS: u16 = 200;

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
    /// Subscribes that still drain nothing.
    replays: u16,
    /// Told once, in the welcome, and then forgotten.
    opening: Option<Box<Opening>>,
    /// What its token can be revoked by.
    stamp: Option<Box<Stamp>>,
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

impl Realtime {
    pub(crate) fn new(
        scope: Scope,
        peer: Arc<Peer>,
        meter: Meter,
        limits: Limits,
        opening: Opening,
        stamp: Option<Stamp>,
    ) -> Self {
        Self {
            scope,
            peer,
            meter,
            limits,
            messages: Bucket::full(limits.messages, 0),
            pings: Bucket::full(limits.messages, 0),
            welcomed_ms: 0,
            replays: REPLAYS,
            opening: Some(Box::new(opening)),
            stamp: stamp.map(Box::new),
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
        actions.tally.said = Some(FrameOut::Welcome);
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
            Input::Binary(_) => {
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
            // Of devices only.
            Input::Outcome(_) | Input::News(_) => {}
        }
    }

    pub(super) fn rebind(&mut self, tenancy: &Tenancy) -> Result<(), CloseReason> {
        let key = self.scope.key_in_force(tenancy)?;
        self.scope.rebind(key);
        Ok(())
    }

    pub(super) fn bearer(&self) -> Option<Bearer<'_>> {
        self.stamp.as_deref().map(|stamp| Bearer {
            app: &self.scope.key.app.id,
            subject: &self.peer.id,
            stamp,
        })
    }

    pub(super) const fn peer(&self) -> &Arc<Peer> {
        &self.peer
    }

    pub(super) fn address(&self) -> Topic {
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
            Command::Subscribe { .. } if self.may_replay(now) => true,
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
        request.iter().for_each(|request| ack(request, actions));
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
            to: None,
            data,
        })
    }

    /// Counts an attempt, also one that is refused.
    fn spend(&self, now: Now, actions: &mut Actions) -> Result<(), ErrorCode> {
        match self
            .meter
            .spend(self.scope.key.app.plan.allowance(), now.unix_s)
        {
            Spend::Taken => Ok(()),
            Spend::Refused => {
                actions.tally.refused = Some(Refusal::Messages);
                Err(ErrorCode::OverMessageQuota)
            }
        }
    }

    fn may_replay(&mut self, now: Now) -> bool {
        let may = now.ms < self.welcomed_ms + REPLAY_MS && self.replays > 0;
        self.replays = self.replays.saturating_sub(1);
        may
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

const fn kind_of(command: &Command<'_>) -> FrameIn {
    match command {
        Command::Subscribe { .. } => FrameIn::Subscribe,
        Command::Unsubscribe { .. } => FrameIn::Unsubscribe,
        Command::Publish { .. } => FrameIn::Publish,
        Command::Send { .. } => FrameIn::Send,
        Command::Ping => FrameIn::Ping,
    }
}
