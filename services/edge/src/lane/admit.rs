//! A client comes to its lane.

use std::io::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use cluster::{Fence, SessionId, Ticket};
use protocol::close::CloseReason;
use protocol::realtime::limits::TOKEN_EXPIRY_MARGIN;
use protocol::websocket::Decoder;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::listeners::Boundary;
use super::read::CONTROL_RATE;
use super::timers::millis;
use super::{Lane, Shared, unix_now};
use crate::dialects::Dialect;
use crate::limit::Bucket;
use crate::session::mailbox::Mailbox;
use crate::session::wire::Wire;
use crate::session::{Guards, Phase, Session, Subscriptions};

/// Evictions remembered for sessions that have not arrived; each is on its way from a door.
const EARLY_EVICTIONS_MAX: usize = 1_024;

/// What is left of HTTP.
#[derive(Debug)]
pub(crate) struct Upgraded {
    pub(crate) socket: std::net::TcpStream,
    /// The response that accepts the upgrade, still to be written, before anything else.
    pub(crate) response: Vec<u8>,
    /// What the client sent right behind its request.
    pub(crate) unread: Bytes,
}

impl Upgraded {
    /// Writes the response now, for nothing else comes soon. What the socket does not take is written later.
    pub(crate) fn respond(&mut self) {
        // A client that is gone is noticed by whoever reads.
        let written = self.socket.write(&self.response).unwrap_or(0);
        self.response.drain(..written);
    }
}

/// An admitted client on its way from a door to its lane: upgraded, authenticated, counted, leased.
#[derive(Debug)]
pub(crate) struct Admission {
    pub(crate) id: SessionId,
    pub(crate) upgraded: Upgraded,
    pub(crate) dialect: Dialect,
    /// End of its token, in Unix seconds.
    pub(crate) expires_at: Option<u64>,
    /// What it holds; nothing in a dialect that counts nobody.
    pub(crate) guards: Option<Guards>,
    pub(crate) tracked: TaskTrackerToken,
}

/// A session about to be put into the lane's table.
#[derive(Debug)]
pub(super) struct Newcomer {
    pub(super) id: SessionId,
    pub(super) wire: Wire,
    /// What is to be written before anything else.
    pub(super) response: Vec<u8>,
    pub(super) dialect: Dialect,
    pub(super) expires_at: Option<u64>,
    pub(super) guards: Option<Guards>,
    pub(super) tracked: TaskTrackerToken,
}

/// Installs the session and starts its task.
pub(super) fn admit(lane: &Shared, admission: Admission) {
    // Boxed, since it is mostly empty: a task of 128 bytes takes half of what a task of one byte more does.
    let unread = &admission.upgraded.unread;
    let mut unread = (!unread.is_empty()).then(|| Box::new(unread.clone()));
    let key = match lane.borrow_mut().install(admission) {
        Ok(key) => key,
        Err(error) => {
            tracing::debug!(%error, "a connection ended before its session began");
            return;
        }
    };
    let lane = Rc::clone(lane);
    // The lane outlives its session tasks: its loop ends only when the last session is gone.
    tokio::task::spawn_local(std::future::poll_fn(move |context| {
        let polled = catch_unwind(AssertUnwindSafe(|| {
            lane.borrow_mut().poll_session(key, &mut unread, context)
        }));
        polled.unwrap_or_else(|_| lane.borrow_mut().recover(key))
    }));
}

impl Lane {
    fn install(&mut self, admission: Admission) -> io::Result<usize> {
        let Admission {
            id,
            upgraded,
            dialect,
            expires_at,
            guards,
            tracked,
        } = admission;
        Ok(self.settle_in(Newcomer {
            id,
            wire: Wire::Tcp(tokio::net::TcpStream::from_std(upgraded.socket)?),
            response: upgraded.response,
            dialect,
            expires_at,
            guards,
            tracked,
        }))
    }

    /// Puts a session into the table and makes it reachable.
    pub(super) fn settle_in(&mut self, newcomer: Newcomer) -> usize {
        let Newcomer {
            id,
            wire,
            response,
            dialect,
            expires_at,
            guards,
            tracked,
        } = newcomer;
        let now = self.now();
        let entry_within = dialect.entry_within(self.config.handshake);
        let key = self.sessions.insert(Session {
            id,
            wire,
            decoder: Decoder::new(dialect.message_bytes_max()),
            mailbox: Mailbox::beginning_with(response),
            subscriptions: Subscriptions::default(),
            address: None,
            controls: Bucket::full(CONTROL_RATE, now.ms),
            phase: Phase::Opening {
                deadline_ms: now.ms + millis(entry_within),
            },
            unanswered: 0,
            ending: None,
            heard_ms: now.ms,
            pinged_ms: None,
            expires_ms: expires_at.map(|unix_s| expiry_ms(now.ms, unix_s)),
            timer_ms: u64::MAX,
            waker: None,
            paused: false,
            gate_armed: None,
            dirty: false,
            backlogged: false,
            guards: guards.map(Box::new),
            tracked,
            // Whoever slips in while the lane drains goes at once.
            departs_ms: self.draining.then_some(now.ms),
            dialect,
        });
        self.metrics.sessions.inc();
        self.set_timer(key);
        self.become_reachable(key);
        if let Some(tenancy) = &self.tenancy
            && let Err(reason) = self.sessions[key].dialect.rebind(tenancy)
        {
            // Admitted by what was in force before the last reload.
            self.close(key, reason);
            return key;
        }
        if let Some(list) = self.revoked.clone() {
            self.close_if_revoked(key, &list);
        }
        let early = self
            .early_evictions
            .iter()
            .find(|(session, _)| *session == id)
            .map(|(_, fence)| *fence);
        if let Some(fence) = early {
            self.evict(id, fence);
        }
        key
    }

    /// Makes the session's peer reachable; the answer leads to the welcome. Who has no peer has nothing to wait for.
    fn become_reachable(&mut self, key: usize) {
        let session = &mut self.sessions[key];
        let Some((topic, variant)) = session.dialect.address() else {
            return self.enter(key);
        };
        let (slot, boundary) = self.hub.add(&topic, key, variant);
        if boundary == Boundary::Outermost {
            self.metrics.topics.inc();
        }
        session.address = Some((topic.clone(), slot));
        // Also when the lane listens already: the answer comes only once the route is known to stand.
        self.cluster.bus.subscribe(
            &topic,
            self.id,
            Ticket {
                session: session.id,
                request: None,
            },
        );
    }

    /// A newer session holds the device of `id`.
    pub(super) fn evict(&mut self, id: SessionId, fence: Fence) {
        let Some(key) = self.sessions.serving(id) else {
            if self.early_evictions.len() == EARLY_EVICTIONS_MAX {
                self.early_evictions.pop_front();
            }
            self.early_evictions.push_back((id, fence));
            return;
        };
        let lease = self.sessions[key]
            .guards
            .as_ref()
            .and_then(|guards| guards.lease.as_ref());
        if lease.is_some_and(|lease| lease.is_older_than(fence)) {
            tracing::info!(session.id = %id, fence.newer = %fence, "session {id} taken over");
            self.metrics.takeovers.inc();
            self.close(key, CloseReason::TakenOver);
        }
    }
}

/// When to close a session whose token ends at `unix_s`, in lane milliseconds.
fn expiry_ms(now_ms: u64, unix_s: u64) -> u64 {
    let left = Duration::from_secs(unix_s)
        .saturating_sub(unix_now())
        .saturating_sub(TOKEN_EXPIRY_MARGIN);
    now_ms.saturating_add(millis(left))
}
