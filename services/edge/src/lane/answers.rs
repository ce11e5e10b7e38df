//! What a session asked is answered, and what becomes of it: it is reachable, it enters, it is in service, it has joined.

use std::sync::Arc;

use cluster::{
    Answer, Envelope, Naming, Origin, Outcome, Payload, Roster, SessionId, Ticket, Topic,
    Unavailable,
};
use protocol::close::CloseReason;

use super::Lane;
use super::deliver::Audience;
use crate::dialects::{Entry, Input};
use crate::metrics;
use crate::session::Phase;
use crate::session::mailbox::{Content, Full};

impl Lane {
    pub(super) fn take_answer(&mut self, ticket: &Ticket, answer: &Answer) {
        match answer {
            Answer::Roster(topic, roster) => return self.take_roster(topic, roster.as_ref().ok()),
            Answer::Joined(topic, Ok(joined)) => {
                if let Some(roster) = &joined.roster {
                    self.take_roster(topic, Some(roster));
                }
            }
            Answer::Joined(_, Err(_))
            | Answer::Subscribed(..)
            | Answer::Departed(_)
            | Answer::Published(..) => {}
        }
        let Some(key) = self.sessions.serving(ticket.session) else {
            return;
        };
        match answer {
            Answer::Subscribed(topic, result) => self.subscribed(key, topic, *result),
            Answer::Departed(_) => self.count_answer(key),
            Answer::Published(..) => {
                let now = self.now();
                self.decide(key, Input::Answer(ticket, answer), now);
                self.answer(key);
                if ticket.request.is_some() {
                    self.count_answer(key);
                }
            }
            Answer::Joined(topic, result) => {
                self.joined(key, ticket, topic, result.is_ok(), answer);
                self.count_answer(key);
            }
            Answer::Roster(..) => {}
        }
    }

    /// The session's peer can be reached: the welcome may go out.
    fn subscribed(&mut self, key: usize, topic: &Topic, result: Result<(), Unavailable>) {
        let session = &mut self.sessions[key];
        let is_address = session
            .address
            .as_ref()
            .is_some_and(|(address, _)| address == topic);
        if !is_address || !matches!(session.phase, Phase::Opening { .. }) {
            return;
        }
        if result.is_err() {
            self.close(key, CloseReason::BackendUnavailable);
            return;
        }
        self.enter(key);
    }

    /// The session can be reached, and goes on to its first frame as its dialect does.
    pub(super) fn enter(&mut self, key: usize) {
        let session = &mut self.sessions[key];
        let Phase::Opening { deadline_ms } = session.phase else {
            return;
        };
        match session.dialect.entry() {
            Entry::AtOnce => self.open(key),
            Entry::Home(topic, variant) => {
                session.phase = Phase::Entering { deadline_ms };
                self.join(key, &topic, variant, None);
            }
            Entry::Exchange(party) => {
                session.phase = Phase::Entering { deadline_ms };
                if let Some(guards) = &mut session.guards {
                    let exchange = self.exchange.as_ref();
                    guards.seat = exchange.and_then(|exchange| exchange.attach(&party));
                }
            }
        }
    }

    /// The session is in service and hears so.
    pub(super) fn open(&mut self, key: usize) {
        let now = self.now();
        let session = &mut self.sessions[key];
        session.phase = Phase::Open;
        session.wake();
        session.dialect.welcome(now, &mut self.actions);
        let metrics = session.dialect.metrics(&self.metrics);
        metrics.handshakes.count(metrics::Outcome::Admitted);
        self.actions.tally.count(metrics, &self.metrics);
        self.answer(key);
        self.set_timer(key);
    }

    /// Those who follow the topic already are told what a newer roster changes.
    fn take_roster(&mut self, topic: &Topic, roster: Option<&Roster>) {
        let Some(of_topic) = self.hub.get_mut(topic) else {
            return;
        };
        let Some(roster) = roster.cloned() else {
            // The next gap asks again.
            of_topic.resyncing = false;
            return;
        };
        let Some(difference) = of_topic.follow(roster) else {
            return;
        };
        if difference.joined.is_empty() && difference.left.is_empty()
            || difference.naming == Naming::Counted
        {
            return;
        }
        let origin = Origin {
            incarnation: self.cluster.incarnation,
            session: SessionId::NONE,
            lease: None,
        };
        let envelope = Envelope {
            origin,
            received: None,
            receipt: None,
            payload: Payload::Presence(difference),
        };
        self.queue(
            topic,
            &[Arc::new(envelope)],
            Audience::Followers,
            Content::Presence(topic),
        );
    }

    /// A join is answered: the ack leaves alone, and the gate becomes due.
    fn joined(
        &mut self,
        key: usize,
        ticket: &Ticket,
        topic: &Topic,
        joined: bool,
        answer: &Answer,
    ) {
        let now = self.now();
        if let Phase::Entering { .. } = self.sessions[key].phase {
            if !joined {
                return self.close(key, CloseReason::BackendUnavailable);
            }
            self.open(key);
        }
        self.decide(key, Input::Answer(ticket, answer), now);
        let listener = self.sessions[key]
            .subscriptions
            .slot(topic)
            .and_then(|slot| self.hub.listener_mut(topic, slot))
            .filter(|listener| listener.variant.sees_presence());
        let mailbox = &mut self.sessions[key].mailbox;
        let appended = if self.actions.acks_ahead.is_empty() {
            Ok(())
        } else {
            mailbox.append_ahead(&self.actions.acks_ahead, self.config.mailbox_bytes)
        };
        self.actions.acks_ahead.clear();
        match listener {
            Some(listener) if joined => {
                // Whatever changes until the snapshot is made will be in it.
                listener.snapshotted = false;
                mailbox.answer_gate(topic, now.instant + listener.variant.snapshot_delay());
            }
            Some(_) | None => mailbox.void_gate(topic),
        }
        let subscriptions = &mut self.sessions[key].subscriptions;
        if joined {
            subscriptions.note_joined(topic);
        } else if subscriptions.is_new(topic) {
            // The client is told that it failed, so it must not hear the topic.
            self.leave(key, topic);
        }
        self.answer(key);
        match appended {
            Ok(()) => self.flush(key, now.instant),
            Err(Full(())) => self.close(key, CloseReason::SlowConsumer),
        }
    }

    /// What the edge has found out for one of its sessions. Its state, if it is that, is the first thing that it hears.
    pub(super) fn take_outcome(&mut self, id: SessionId, outcome: &Outcome) {
        let Some(key) = self.sessions.serving(id) else {
            return;
        };
        if let (Outcome::Begun { .. }, Phase::Entering { .. }) = (outcome, self.sessions[key].phase)
        {
            self.open(key);
        }
        let now = self.now();
        self.decide(key, Input::Outcome(outcome), now);
        self.answer(key);
        match outcome {
            Outcome::Answered { .. } => self.count_answer(key),
            Outcome::Begun { .. } | Outcome::Failed | Outcome::Said(_) => {}
        }
    }
}
