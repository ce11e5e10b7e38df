//! What time does to a session: deadlines, pings, the end of its token, its turn in a drain.

use std::time::{Duration, Instant};

use cluster::Ticket;
use protocol::close::CloseReason;
use protocol::websocket::ping_frame;
use rand::Rng;

use super::Lane;
use crate::dialects::Watch;
use crate::metrics::FrameOut;
use crate::session::mailbox::{Content, Segment};
use crate::session::{Phase, Session};

/// Bounds of the delay that a drain suggests to a client before it comes back: spread, so that the other edges do not meet
/// all of them in one moment.
const RETRY_AFTER_MS: std::ops::RangeInclusive<u64> = 250..=3_000;

impl Lane {
    /// Does what is due.
    pub(super) fn fire_timers(&mut self, now: Instant) {
        let now_ms = self.ms(now);
        while let Some((slot_ms, due)) = self.wheel.take_due(now_ms) {
            for (key, id) in due {
                let fires = self
                    .sessions
                    .get(key)
                    .is_some_and(|session| session.id == id && session.timer_ms == slot_ms);
                if fires {
                    self.sessions[key].timer_ms = u64::MAX;
                    self.tick(key, now_ms);
                    self.set_timer(key);
                }
            }
        }
    }

    /// Sees to it that the wheel looks at the session in time. A later deadline than the one set needs nothing: the wheel
    /// looks, finds nothing due and sets the next.
    pub(super) fn set_timer(&mut self, key: usize) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        let due_ms = session.due_ms(self.config.ping, self.config.pong);
        if due_ms < session.timer_ms {
            session.timer_ms = self.wheel.schedule(due_ms, (key, session.id));
            let due = self.began + Duration::from_millis(session.timer_ms);
            self.rouse(due);
        }
    }

    fn tick(&mut self, key: usize, now_ms: u64) {
        let session = &mut self.sessions[key];
        match session.phase {
            Phase::Gone => {}
            Phase::Closing { deadline_ms, .. } => {
                if deadline_ms <= now_ms {
                    self.lose(key);
                }
            }
            Phase::Opening { deadline_ms } | Phase::Entering { deadline_ms } => {
                if deadline_ms <= now_ms {
                    self.close(key, CloseReason::HandshakeTimeout);
                }
            }
            Phase::Open => self.tick_open(key, now_ms),
        }
    }

    fn tick_open(&mut self, key: usize, now_ms: u64) {
        let session = &mut self.sessions[key];
        if let Some((reason, at_ms)) = session.ending
            && at_ms <= now_ms
        {
            self.close(key, reason);
        } else if session.departs_ms.is_some_and(|at_ms| at_ms <= now_ms) {
            self.depart(key);
        } else if session.expires_ms.is_some_and(|at_ms| at_ms <= now_ms) {
            self.close(key, CloseReason::TokenExpired);
        } else if self.pressure.is_high() {
            // Sessions that do not read cannot be heard: that is not the client's silence.
            session.heard_ms = now_ms;
            session.pinged_ms = None;
        } else if session.silence_ends_ms(self.config.ping, self.config.pong) <= now_ms {
            match (session.dialect.watch(), session.pinged_ms) {
                (Watch::Ping, None) => self.ping(key, now_ms),
                (Watch::Ping, Some(_)) | (Watch::Silence(_), _) => {
                    self.close(key, CloseReason::PongTimeout);
                }
            }
        }
    }

    fn ping(&mut self, key: usize, now_ms: u64) {
        self.sessions[key].pinged_ms = Some(now_ms);
        let mut ping = Vec::new();
        ping_frame(&mut ping, b"");
        self.count_out(key, FrameOut::Control);
        self.append(key, Segment::Own(ping), Content::Other);
    }

    /// The session's turn in a drain.
    fn depart(&mut self, key: usize) {
        let retry_after_ms = rand::rng().random_range(RETRY_AFTER_MS);
        let dialect = &self.sessions[key].dialect;
        dialect.going_away(retry_after_ms, &mut self.actions);
        self.actions
            .tally
            .count(dialect.metrics(&self.metrics), &self.metrics);
        self.answer(key);
        let session = &mut self.sessions[key];
        session.departs_ms = None;
        // Directs that were taken for its peer still come; none after that is taken.
        if let Some((topic, _)) = &session.address
            && self.hub.is_last(topic)
        {
            session.unanswered += 1;
            let ticket = Ticket {
                session: session.id,
                request: None,
            };
            self.cluster.bus.depart(topic, self.id, ticket);
        }
        self.close_when_answered(key, CloseReason::GoingAway);
    }
}

impl Session {
    /// When to look at this session again, in lane milliseconds.
    fn due_ms(&self, ping: Duration, pong: Duration) -> u64 {
        match self.phase {
            Phase::Opening { deadline_ms }
            | Phase::Entering { deadline_ms }
            | Phase::Closing { deadline_ms, .. } => deadline_ms,
            Phase::Open => self
                .silence_ends_ms(ping, pong)
                .min(self.expires_ms.unwrap_or(u64::MAX))
                .min(self.departs_ms.unwrap_or(u64::MAX))
                .min(self.ending.map_or(u64::MAX, |(_, at_ms)| at_ms)),
            Phase::Gone => u64::MAX,
        }
    }

    /// When silence means something: that the client is pinged, or taken for gone.
    fn silence_ends_ms(&self, ping: Duration, pong: Duration) -> u64 {
        match (self.dialect.watch(), self.pinged_ms) {
            (Watch::Ping, None) => self.heard_ms + millis(ping),
            (Watch::Ping, Some(pinged_ms)) => pinged_ms + millis(pong),
            (Watch::Silence(longest), _) => self.heard_ms + millis(longest),
        }
    }
}

/// Whole milliseconds of a duration.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
