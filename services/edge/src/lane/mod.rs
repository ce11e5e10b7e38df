//! A lane: one thread that owns its sessions, their sockets and their mailboxes.
//!
//! - `thread`: the thread and its loop. `handle`: how the doors and the drain speak to it.
//! - `hub`, `roster`: who listens to what here. `wheel`: the shared timers.
//! - `admit`, `read`, `deliver`, `close`: what happens to a session, in the order of its life.
//!
//! Invariants: everything that reaches a session from the cluster comes through the lane's inbox, in its order; everything
//! that leaves a session goes through its mailbox; nothing on a lane is locked or waits for another lane.

mod admit;
mod close;
mod deliver;
mod handle;
mod hub;
mod read;
mod rendering;
mod roster;
mod table;
mod thread;
mod timers;
mod wheel;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::ErrorKind;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use cluster::{Cluster, Fence, LaneId, Pressure, SessionId};
use protocol::close::CloseReason;
use tokio::sync::Notify;

pub(crate) use admit::Admission;
pub(crate) use handle::LaneHandle;
pub(crate) use thread::{LaneConfig, spawn};

use crate::dialects::{Actions, Now};
use crate::metrics::Metrics;
use crate::session::mailbox::{Content, Flushed, Full, GATE_DELAY, Segment};
use crate::session::{Awaiting, Phase};
use hub::Hub;
use table::Sessions;
use wheel::Wheel;

/// The lane's state, shared by its tasks, which all run on one thread and never hold it across an await.
type Shared = Rc<RefCell<Lane>>;

/// One lane.
#[derive(Debug)]
struct Lane {
    id: LaneId,
    config: LaneConfig,
    cluster: Cluster,
    metrics: Metrics,
    pressure: Pressure,
    began: Instant,
    sessions: Sessions,
    hub: Hub,
    wheel: Wheel<(usize, SessionId)>,
    /// Gates that open soon. All wait equally long, so they come due in the order in which they were filled.
    gates: VecDeque<(Instant, usize, SessionId)>,
    /// Sessions that stopped reading because inboxes are filling up.
    paused: Vec<usize>,
    /// Evictions that came before their session.
    early_evictions: VecDeque<(SessionId, Fence)>,
    /// What every session reads into.
    read_buffer: Vec<u8>,
    actions: Actions,
    draining: bool,
    /// Until when the lane's loop sleeps, and what wakes it earlier: sessions set timers while it does.
    sleeps_until: Instant,
    alarm: Rc<Notify>,
}

impl Lane {
    fn now(&self) -> Now {
        let instant = Instant::now();
        Now {
            instant,
            ms: self.ms(instant),
            unix_s: unix_now().as_secs(),
        }
    }

    fn ms(&self, instant: Instant) -> u64 {
        u64::try_from(instant.duration_since(self.began).as_millis()).unwrap_or(u64::MAX)
    }

    /// Sees to it that the lane's loop runs at `due`, if it sleeps longer.
    fn rouse(&self, due: Instant) {
        if due < self.sleeps_until {
            self.alarm.notify_one();
        }
    }

    /// Appends frames to a session's mailbox. A client that does not read is closed.
    fn append(&mut self, key: usize, segment: Segment, content: Content<'_>) {
        if self.sessions.append(key, segment, content) == Err(Full) {
            self.close(key, CloseReason::SlowConsumer);
        }
    }

    /// Writes what one session's mailbox may let go.
    fn flush(&mut self, key: usize, now: Instant) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        let before = session.mailbox.size_bytes();
        let flushed = session.mailbox.flush(&mut session.wire, now);
        self.metrics
            .bytes_out
            .inc_by((before - session.mailbox.size_bytes()) as u64);
        match flushed {
            Ok(Flushed::All) => {
                session.backlogged = false;
                match session.phase {
                    Phase::Closing {
                        awaiting: Awaiting::Flush,
                        ..
                    } => {
                        session.phase = Phase::Gone;
                        session.wake();
                    }
                    Phase::Closing {
                        awaiting: Awaiting::End,
                        ..
                    } => session.wire.finish(),
                    Phase::Closing {
                        awaiting: Awaiting::CloseFrame,
                        ..
                    }
                    | Phase::Opening { .. }
                    | Phase::Open
                    | Phase::Gone => {}
                }
                if let Some(due) = session.mailbox.gate_due() {
                    // A gate that is due but stayed shut had a backlog in front of it: its delay begins anew.
                    let due = if due <= now { now + GATE_DELAY } else { due };
                    self.gates.push_back((due, key, session.id));
                    self.rouse(due);
                }
            }
            Ok(Flushed::Backlog) => {
                if !session.backlogged {
                    session.backlogged = true;
                    session.wake();
                }
            }
            Err(error) => {
                debug_assert_ne!(error.kind(), ErrorKind::WouldBlock);
                self.lose(key);
            }
        }
    }
}

/// Time since 1970.
pub(crate) fn unix_now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}
