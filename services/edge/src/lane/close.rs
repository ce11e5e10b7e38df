//! A session ends: for a reason, by loss, with the drain.
//!
//! What a session holds is given back at once; its stream stays a moment longer, so that the client can read why.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use protocol::close::CloseReason;

use super::Lane;
use super::thread::READ_BUFFER_BYTES;
use super::timers::millis;
use crate::dialects::Actions;
use crate::metrics::{FrameOut, Outcome};
use crate::revocation::RevocationList;
use crate::session::mailbox::Backlog;
use crate::session::{Awaiting, Phase, awaiting_after};
use crate::tenancy::Tenancy;

/// How long a client may take to answer a close frame and to end its stream.
const LINGER_MS: u64 = 2_000;
/// How long an ending session waits for its answers.
const ANSWERS_MS: u64 = 1_000;

impl Lane {
    /// Ends a session for a reason: its close frame passes every gate, and nobody waits for the client.
    pub(super) fn close(&mut self, key: usize, reason: CloseReason) {
        self.catch_up(key);
        let Some(session) = self
            .sessions
            .get_mut(key)
            .filter(|session| session.is_serving())
        else {
            return;
        };
        let close = session.dialect.close_frame(reason);
        let backlog = if reason == CloseReason::SlowConsumer {
            Backlog::Discard
        } else {
            Backlog::Keep
        };
        let forgotten = session.mailbox.close_with(close, backlog);
        self.metrics.mailbox_dropped_bytes.inc_by(forgotten as u64);
        self.count_out(key, FrameOut::Control);
        self.retire(key, reason);
        let now = self.now();
        self.sessions[key].phase = Phase::Closing {
            deadline_ms: now.ms + LINGER_MS,
            awaiting: awaiting_after(reason),
        };
        self.set_timer(key);
        self.flush(key, now.instant);
    }

    /// Ends a session that has done nothing wrong with what it asked so far: every request gets its reply first. Nothing
    /// more is read from it.
    pub(super) fn close_when_answered(&mut self, key: usize, reason: CloseReason) {
        let now_ms = self.now().ms;
        let session = &mut self.sessions[key];
        if session.unanswered == 0 {
            self.close(key, reason);
        } else if session.ending.is_none() {
            session.ending = Some((reason, now_ms + ANSWERS_MS));
            self.set_timer(key);
        }
    }

    /// An answer has come; it may be the one that an ending session waited for.
    pub(super) fn count_answer(&mut self, key: usize) {
        let session = &mut self.sessions[key];
        session.unanswered = session.unanswered.saturating_sub(1);
        if let (0, Some((reason, _))) = (session.unanswered, session.ending) {
            self.close(key, reason);
        }
    }

    /// What the client still says no longer matters, whether it has said goodbye or can no longer be understood.
    pub(super) fn stop_listening(&mut self, key: usize) {
        if let Phase::Closing { awaiting, .. } = &mut self.sessions[key].phase {
            *awaiting = Awaiting::End;
        }
    }

    /// The stream is over, whatever the session still had to say.
    pub(super) fn lose(&mut self, key: usize) {
        if self.sessions[key].is_serving() {
            self.retire(key, CloseReason::ConnectionLost);
        }
        let session = &mut self.sessions[key];
        session.phase = Phase::Gone;
        session.backlogged = false;
        session.wake();
    }

    /// A panic in a session's task is a fault of ours: it costs that session, and nobody else.
    pub(super) fn recover(&mut self, key: usize) -> Poll<()> {
        tracing::error!(
            lane = self.id.0,
            "a session's task panicked, the session is dropped"
        );
        self.read_buffer.resize(READ_BUFFER_BYTES, 0);
        self.actions = Actions::default();
        if self.sessions.get(key).is_none() {
            return Poll::Ready(());
        }
        self.lose(key);
        self.remove(key)
    }

    /// Forgets a session that is over; only its own task does.
    pub(super) fn remove(&mut self, key: usize) -> Poll<()> {
        self.sessions.remove(key);
        if self.draining && self.sessions.is_empty() {
            self.alarm.notify_one();
        }
        Poll::Ready(())
    }

    /// Gives back everything that the session holds, and makes it unfindable.
    fn retire(&mut self, key: usize, reason: CloseReason) {
        let session = &mut self.sessions[key];
        let id = session.id;
        tracing::debug!(session.id = %id, reason = reason.as_str(), "session {id} closed");
        session.guards = None;
        let address = session.address.take();
        let metrics = session.dialect.metrics(&self.metrics);
        metrics.close(reason);
        if session.is_opening() {
            metrics.handshakes.count(Outcome::of(reason));
        }
        self.metrics.sessions.dec();
        self.sessions.retire(id);
        let leaving = self.sessions[key].dialect.leaving(reason);
        for topic in self.sessions[key].subscriptions.topics() {
            if let Some(hold) = self.part(key, &topic) {
                self.give_up(hold, leaving);
            }
        }
        if let Some((topic, slot)) = address {
            self.leave_slot(&topic, slot);
        }
    }

    /// Sends everybody away, one after the other over `spread`, so that nobody meets them all at once.
    pub(super) fn drain(&mut self, spread: Duration) {
        let serving = self.sessions.all_serving();
        let now_ms = self.now().ms;
        let step = spread / u32::try_from(serving.len().max(1)).unwrap_or(u32::MAX);
        let mut offset = Duration::ZERO;
        self.draining = true;
        for key in serving {
            self.sessions[key].departs_ms = Some(now_ms + millis(offset));
            self.set_timer(key);
            offset += step;
        }
    }

    /// Tokens have been revoked: whoever lives on one goes.
    pub(super) fn revoke(&mut self, list: Arc<RevocationList>) {
        for key in self.sessions.all_serving() {
            self.close_if_revoked(key, &list);
        }
        self.revoked = Some(list);
    }

    pub(super) fn close_if_revoked(&mut self, key: usize, list: &RevocationList) {
        let bearer = self.sessions[key].dialect.bearer();
        if bearer.is_some_and(|bearer| list.has(bearer)) {
            self.close(key, CloseReason::InvalidToken);
        }
    }

    /// Apps and keys have changed: rights follow at the next frame, and whoever has lost its key or app goes.
    pub(super) fn rebind(&mut self, tenancy: Arc<Tenancy>) {
        for key in self.sessions.all_serving() {
            if let Err(reason) = self.sessions[key].dialect.rebind(&tenancy) {
                self.close(key, reason);
            }
        }
        self.tenancy = Some(tenancy);
    }
}
