//! A session's task: what its client says.
//!
//! One poll function per session. It reads into the lane's shared buffer, decides every frame of one read, and only then
//! lets anything be written.

use std::mem;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::{Buf, Bytes};
use cluster::{Envelope, Origin, Payload, Ticket, Topic};
use protocol::RequestId;
use protocol::close::CloseReason;
use protocol::websocket::{DecodeError, Decoder, Event, pong_frame};

use super::Lane;
use super::absence::Hold;
use super::listeners::Boundary;
use crate::dialects::{Action, Input, Leaving, Now, Variant};
use crate::limit::Rate;
use crate::metrics::{FrameIn, FrameOut};
use crate::session::mailbox::{Content, Segment};
use crate::session::{Awaiting, LeaseGuard, Phase};

/// Reads in one poll, before others get their turn.
const READS_PER_POLL: usize = 4;
/// Room that the lane keeps for the replies of one read.
const REPLIES_KEPT_BYTES: usize = 64 * 1024;
/// Pings and pongs of one client, far above what any heartbeat needs.
pub(super) const CONTROL_RATE: Rate = Rate {
    per_second: 50,
    burst: 500,
};

impl Lane {
    /// Polls the session under `key`; ready once it is over and removed.
    pub(super) fn poll_session(
        &mut self,
        key: usize,
        unread: &mut Option<Box<Bytes>>,
        context: &mut Context<'_>,
    ) -> Poll<()> {
        let Some(session) = self.sessions.get_mut(key) else {
            return Poll::Ready(());
        };
        if !session
            .waker
            .as_ref()
            .is_some_and(|waker| waker.will_wake(context.waker()))
        {
            session.waker = Some(context.waker().clone());
        }
        for _ in 0..READS_PER_POLL {
            if self.is_gone(key) {
                return self.remove(key);
            }
            if self.pauses(key) {
                return self.poll_backlog(key, context);
            }
            let length = if let Some(bytes) = unread {
                let length = bytes.len().min(self.read_buffer.len());
                bytes.copy_to_slice(&mut self.read_buffer[..length]);
                if bytes.is_empty() {
                    // An empty remainder would keep the whole request's buffer alive.
                    *unread = None;
                }
                length
            } else {
                let Lane {
                    sessions,
                    read_buffer,
                    ..
                } = self;
                match sessions[key].wire.poll_read(context, read_buffer) {
                    Poll::Pending => return self.poll_backlog(key, context),
                    Poll::Ready(Ok(0) | Err(_)) => {
                        self.lose(key);
                        return self.remove(key);
                    }
                    Poll::Ready(Ok(length)) => length,
                }
            };
            self.hear(key, length);
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// Whether the session does not read for now: before its welcome, and while the inboxes are filling up.
    fn pauses(&mut self, key: usize) -> bool {
        let session = &mut self.sessions[key];
        if session.is_opening() {
            return true;
        }
        if !self.pressure.is_high() || !session.is_serving() {
            return false;
        }
        if !session.paused {
            session.paused = true;
            self.paused.push(key);
            self.alarm.notify_one();
        }
        true
    }

    /// Waits for a full wire to become writable, if this one is.
    fn poll_backlog(&mut self, key: usize, context: &mut Context<'_>) -> Poll<()> {
        while self.sessions[key].backlogged && !self.is_gone(key) {
            match self.sessions[key].wire.poll_writable(context) {
                Poll::Pending => break,
                Poll::Ready(_) => self.flush(key, Instant::now()),
            }
        }
        if self.is_gone(key) {
            self.remove(key)
        } else {
            Poll::Pending
        }
    }

    fn is_gone(&self, key: usize) -> bool {
        self.sessions[key].phase == Phase::Gone
    }

    /// Takes in what one read brought, then writes what follows from it.
    pub(super) fn hear(&mut self, key: usize, length: usize) {
        let now = self.now();
        self.metrics.bytes_in.inc_by(length as u64);
        let session = &mut self.sessions[key];
        session.heard_ms = now.ms;
        session.pinged_ms = None;
        let mut buffer = mem::take(&mut self.read_buffer);
        let mut decoder = mem::replace(&mut session.decoder, Decoder::new(0));
        let mut at = 0;
        while !self.ignores(key) {
            match decoder.decode(&mut buffer[at..length]) {
                Ok(decoded) => {
                    at += decoded.consumed;
                    match decoded.event {
                        Some(event) => self.hear_event(key, event, now),
                        None => break,
                    }
                }
                Err(error) => {
                    self.answer(key);
                    self.close_when_answered(key, reason_of(error));
                    self.stop_listening(key);
                    break;
                }
            }
        }
        self.read_buffer = buffer;
        self.sessions[key].decoder = decoder;
        self.answer(key);
        self.flush(key, now.instant);
    }

    /// Whether nothing that the client still says matters.
    fn ignores(&self, key: usize) -> bool {
        let session = &self.sessions[key];
        match session.phase {
            Phase::Opening { .. } | Phase::Entering { .. } | Phase::Open => {
                session.ending.is_some()
            }
            Phase::Closing {
                awaiting: Awaiting::CloseFrame,
                ..
            } => false,
            Phase::Closing {
                awaiting: Awaiting::End,
                ..
            }
            | Phase::Gone => true,
        }
    }

    fn hear_event(&mut self, key: usize, event: Event<'_>, now: Now) {
        match event {
            Event::Close(_) => {
                self.count_in(key, FrameIn::Control);
                self.answer(key);
                self.close_when_answered(key, CloseReason::ClientClosed);
                self.stop_listening(key);
            }
            Event::Ping(payload) => {
                self.count_in(key, FrameIn::Control);
                if self.floods(key, now) {
                    return;
                }
                let mut pong = Vec::new();
                pong_frame(&mut pong, payload);
                self.count_out(key, FrameOut::Control);
                self.append(key, Segment::Own(pong), Content::Other);
            }
            Event::Pong(_) => {
                self.count_in(key, FrameIn::Control);
                self.floods(key, now);
            }
            Event::Text(text) => self.decide(key, Input::Text(text), now),
            Event::Binary(bytes) => self.decide(key, Input::Binary(bytes), now),
        }
    }

    /// Takes one control frame from its bucket. Control frames are free of the dialect's limits, so they have their own: a
    /// flood of them is nothing that a client needs.
    fn floods(&mut self, key: usize, now: Now) -> bool {
        let is_flood = self.sessions[key]
            .controls
            .take(CONTROL_RATE, now.ms)
            .is_err();
        if is_flood {
            self.close(key, CloseReason::PolicyViolation);
        }
        is_flood
    }

    /// Lets the dialect decide and does what it wants, replies excepted: see [`answer`](Self::answer).
    pub(super) fn decide(&mut self, key: usize, input: Input<'_>, now: Now) {
        let session = &mut self.sessions[key];
        if !session.is_serving() {
            return;
        }
        session
            .dialect
            .decide(input, &session.subscriptions, now, &mut self.actions);
        self.actions
            .tally
            .count(session.dialect.metrics(&self.metrics), &self.metrics);
        let mut actions = mem::take(&mut self.actions.list);
        for action in actions.drain(..) {
            self.perform(key, action, now);
        }
        self.actions.list = actions;
    }

    /// Queues the replies of the last decisions: one piece, however many they are.
    pub(super) fn answer(&mut self, key: usize) {
        if !self.actions.replies.is_empty() {
            let replies = self.actions.replies.as_slice().into();
            self.actions.replies.clear();
            // One large reply is no reason to hold its room for good.
            self.actions.replies.shrink_to(REPLIES_KEPT_BYTES);
            self.append(key, Segment::Own(replies), Content::Other);
        }
    }

    fn perform(&mut self, key: usize, action: Action, now: Now) {
        match action {
            Action::Join {
                topic,
                variant,
                request,
            } => self.join(key, &topic, variant, request),
            Action::Leave { topic } => self.leave(key, &topic),
            Action::Publish {
                topic,
                message,
                request,
            } => {
                let session = self.sessions[key].id;
                let lease = self.sessions[key].lease().map(LeaseGuard::fenced);
                let envelope = Envelope {
                    origin: Origin {
                        incarnation: self.cluster.incarnation,
                        session,
                        lease,
                    },
                    received: Some(now.instant),
                    receipt: None,
                    payload: Payload::Message(message),
                };
                if request.is_some() {
                    self.sessions[key].unanswered += 1;
                }
                self.cluster
                    .bus
                    .publish(&topic, envelope, Ticket { session, request });
            }
            Action::Heard(record) => {
                let held = self.sessions[key].guards.as_ref();
                if let Some(seat) = held.and_then(|held| held.seat.as_ref()) {
                    seat.hear(&record);
                }
            }
            Action::Ask(request) => {
                let session = &mut self.sessions[key];
                let seat = session.guards.as_ref().and_then(|held| held.seat.as_ref());
                if let Some(seat) = seat {
                    seat.submit(request);
                    session.unanswered += 1;
                }
            }
            Action::Close(reason) => {
                self.answer(key);
                self.close_when_answered(key, reason);
            }
        }
    }

    /// Makes the session listen to a topic, or listen in another way. Its answer brings ack and snapshot.
    pub(super) fn join(
        &mut self,
        key: usize,
        topic: &Topic,
        variant: Variant,
        request: Option<RequestId>,
    ) {
        let known = self.hub.known(topic);
        let session = &mut self.sessions[key];
        let ticket = Ticket {
            session: session.id,
            request,
        };
        if let Some(slot) = session.subscriptions.slot(topic) {
            if let Some(listener) = self.hub.listener_mut(topic, slot) {
                listener.variant = variant;
            }
        } else {
            let (slot, boundary) = self.hub.add(topic, key, variant);
            self.metrics.presence_members.inc();
            if boundary == Boundary::Outermost {
                self.metrics.topics.inc();
                self.cluster.bus.subscribe(
                    topic,
                    self.id,
                    Ticket {
                        session: session.id,
                        request: None,
                    },
                );
            }
            session.subscriptions.insert(topic.clone(), slot);
        }
        if variant.sees_presence()
            && session
                .mailbox
                .close_gate(topic, self.config.mailbox_bytes)
                .is_err()
        {
            self.close(key, CloseReason::SlowConsumer);
            return;
        }
        if let Some(peer) = session.dialect.peer() {
            session.unanswered += 1;
            self.cluster.presence.join(topic, peer, known, ticket);
        }
    }

    /// Stops listening to a topic, as far as the session did, and is no member of it any more.
    pub(super) fn leave(&mut self, key: usize, topic: &Topic) {
        if let Some(hold) = self.part(key, topic) {
            self.give_up(hold, Leaving::ForGood);
        }
    }

    /// Stops listening to a topic. What is left of the session there is its membership.
    pub(super) fn part(&mut self, key: usize, topic: &Topic) -> Option<Hold> {
        self.catch_up(key);
        let session = &mut self.sessions[key];
        let subscription = session.subscriptions.remove(topic)?;
        session.mailbox.void_due_gates(topic);
        let id = session.id;
        let peer = session.dialect.peer().map(|peer| peer.id.clone());
        self.leave_slot(topic, subscription.slot);
        self.metrics.presence_members.dec();
        Some(Hold {
            topic: topic.clone(),
            peer: peer?,
            session: id,
        })
    }

    /// Gives up one place in the hub, and the lane's route with the topic's last.
    pub(super) fn leave_slot(&mut self, topic: &Topic, slot: usize) {
        if self.hub.remove(topic, slot) == Boundary::Outermost {
            self.cluster.bus.unsubscribe(topic, self.id);
            self.metrics.topics.dec();
        }
    }

    pub(super) fn count_in(&self, key: usize, kind: FrameIn) {
        self.sessions[key]
            .dialect
            .metrics(&self.metrics)
            .frames_in
            .count(kind);
    }

    pub(super) fn count_out(&self, key: usize, kind: FrameOut) {
        self.sessions[key]
            .dialect
            .metrics(&self.metrics)
            .frames_out
            .count(kind);
    }
}

fn reason_of(error: DecodeError) -> CloseReason {
    match error.close_code() {
        1007 => CloseReason::InvalidUtf8,
        1008 => CloseReason::PolicyViolation,
        1009 => CloseReason::TooBig,
        _ => CloseReason::ProtocolViolation,
    }
}
