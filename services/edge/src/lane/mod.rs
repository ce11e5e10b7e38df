//! A lane: one thread that owns its sessions, their sockets and their mailboxes.
//!
//! - `thread`: the thread and its loop. `handle`: how the doors and the drain speak to it. `placement`: who comes to which.
//! - `fanouts`: messages on their way to very many. `hub`, `listeners`, `roster`: who listens to what here. `wheel`: the shared timers.
//! - [`workbench`]: a lane without thread and sockets, to be measured.
//! - `admit`, `read`, `answers`, `deliver`, `close`: what happens to a session, in the order of its life. `absence`: and shortly after it.
//!
//! Invariants: everything that reaches a session from the cluster comes through the lane's inbox, in its order; everything
//! that leaves a session goes through its mailbox; nothing on a lane is locked or waits for another lane.

mod absence;
mod admit;
mod answers;
mod chunked_slab;
mod close;
mod deliver;
mod fanouts;
mod handle;
mod hub;
mod listeners;
mod placement;
mod read;
mod rendering;
mod roster;
mod table;
mod thread;
mod timers;
mod wheel;
pub mod workbench;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use cluster::{Answer, Cluster, Envelope, Fence, LaneId, Pressure, SessionId, Ticket};
use protocol::close::CloseReason;
use protocol::realtime::limits::SNAPSHOT_DELAY;
use tokio::sync::Notify;

pub(crate) use admit::{Admission, Upgraded};
pub(crate) use handle::{LaneEnded, LaneHandle};
pub(crate) use placement::Placement;
use thread::READ_BUFFER_BYTES;
pub(crate) use thread::{LaneConfig, LaneShare, SLICE, spawn};

use crate::calls::Exchange;
use crate::dialects::{Actions, Now};
use crate::metrics::Metrics;
use crate::revocation::RevocationList;
use crate::session::mailbox::{Content, Flushed, Full, Segment};
use crate::session::{Awaiting, Phase};
use crate::tenancy::Tenancy;
use absence::Absences;
use fanouts::Fanouts;
use hub::Hub;
use rendering::Rendering;
use table::{Fanout, Sessions};
use wheel::Wheel;

/// Snapshots that are made before any of them is written.
const SNAPSHOTS_BYTES: usize = 64 * 1024;

/// The lane's state, shared by its tasks, which all run on one thread and never hold it across an await.
type Shared = Rc<RefCell<Lane>>;

/// One lane.
#[derive(Debug)]
struct Lane {
    id: LaneId,
    config: LaneConfig,
    cluster: Cluster,
    /// `None` where no devices come.
    exchange: Option<Exchange>,
    metrics: Metrics,
    pressure: Pressure,
    began: Instant,
    sessions: Sessions,
    hub: Hub,
    wheel: Wheel<(usize, SessionId)>,
    /// Sessions whose first gate may open soon, nearly in the order of their times.
    gates: VecDeque<(Instant, usize, SessionId)>,
    /// Members who were lost a moment ago.
    absences: Absences,
    /// Sessions that stopped reading because inboxes are filling up.
    paused: Vec<usize>,
    /// Evictions that came before their session.
    early_evictions: VecDeque<(SessionId, Fence)>,
    /// What every session reads into.
    read_buffer: Vec<u8>,
    actions: Actions,
    fanouts: Fanouts,
    /// Mailboxes taken to be flushed so far.
    flushes: usize,
    /// Room that is used again in every turn: the run that is delivered, its rendering, answers to publishes.
    run: Vec<Arc<Envelope>>,
    rendering: Rendering,
    published: Vec<(Ticket, Answer)>,
    draining: bool,
    /// What the lane was last told; newcomers may have been admitted by something older.
    tenancy: Option<Arc<Tenancy>>,
    /// The same of revoked tokens.
    revoked: Option<Arc<RevocationList>>,
    /// Until when the lane's loop sleeps, and what wakes it earlier: sessions set timers while it does.
    sleeps_until: Instant,
    alarm: Rc<Notify>,
}

impl Lane {
    fn new(id: LaneId, share: LaneShare, config: LaneConfig) -> Self {
        let LaneShare {
            cluster,
            exchange,
            pressure,
            metrics,
            ..
        } = share;
        Self {
            id,
            config,
            cluster,
            exchange,
            metrics,
            pressure,
            began: Instant::now(),
            sessions: Sessions::new(config.mailbox_bytes),
            hub: Hub::default(),
            wheel: Wheel::new(),
            gates: VecDeque::new(),
            absences: Absences::default(),
            paused: Vec::new(),
            early_evictions: VecDeque::new(),
            read_buffer: vec![0; READ_BUFFER_BYTES],
            actions: Actions::default(),
            fanouts: Fanouts::default(),
            flushes: 0,
            run: Vec::new(),
            rendering: Rendering::default(),
            published: Vec::new(),
            draining: false,
            tenancy: None,
            revoked: None,
            sleeps_until: Instant::now(),
            alarm: Rc::new(Notify::new()),
        }
    }

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

    /// Appends frames to a session's mailbox. Full means only that nothing has been written for a while, perhaps by us: a
    /// client is slow when its wire refuses.
    fn append(&mut self, key: usize, segment: Segment, content: Content<'_>) {
        self.catch_up(key);
        if let Err(Full(segment)) = self.sessions.append(key, segment, content, Fanout::Small) {
            self.flush(key, Instant::now());
            if self
                .sessions
                .append(key, segment, content, Fanout::Small)
                .is_err()
            {
                self.close(key, CloseReason::SlowConsumer);
            }
        }
    }

    /// Writes what one session's mailbox may let go.
    fn flush(&mut self, key: usize, now: Instant) {
        let Some(session) = self.sessions.get(key) else {
            return;
        };
        let was_backlogged = session.backlogged;
        while self.write(key) == Flushed::All {
            // After a backlog the ack has only just left: its snapshot keeps its distance.
            if was_backlogged || !self.open_gates(key, now) {
                break;
            }
        }
        self.watch_gate(key, now);
    }

    /// One flush of the mailbox, and what its outcome means for the session.
    fn write(&mut self, key: usize) -> Flushed {
        let session = &mut self.sessions[key];
        let before = session.mailbox.size_bytes();
        let flushed = session.mailbox.flush(&mut session.wire);
        self.metrics
            .bytes_out
            .inc_by((before - session.mailbox.size_bytes()) as u64);
        match flushed {
            Ok(Flushed::All) => {
                session.backlogged = false;
                if let Phase::Closing {
                    awaiting: Awaiting::End,
                    ..
                } = session.phase
                {
                    session.wire.finish();
                }
                Flushed::All
            }
            Ok(Flushed::Backlog) => {
                if !session.backlogged {
                    session.backlogged = true;
                    session.wake();
                }
                Flushed::Backlog
            }
            Err(_) => {
                self.lose(key);
                Flushed::Backlog
            }
        }
    }

    /// Lets snapshots out that are due, a portion of them at a time: the next are made when these are written. Returns
    /// whether there were any.
    fn open_gates(&mut self, key: usize, now: Instant) -> bool {
        let mut opened_bytes = 0;
        while opened_bytes < SNAPSHOTS_BYTES
            && let Some(topic) = self.sessions[key].mailbox.due_topic(now)
        {
            let snapshot = self.first_snapshot(key, &topic);
            opened_bytes += snapshot.len().max(1);
            self.sessions[key].mailbox.open_gate(snapshot);
        }
        opened_bytes > 0
    }

    /// Sees to it that the session is flushed again when its first gate may open.
    fn watch_gate(&mut self, key: usize, now: Instant) {
        let session = &mut self.sessions[key];
        let Some(due) = session.mailbox.gate_due() else {
            session.gate_armed = None;
            return;
        };
        // A gate that is due and shut has a backlog in front of it.
        let due = if due <= now {
            now + SNAPSHOT_DELAY
        } else {
            due
        };
        if session.gate_armed.is_none_or(|armed| armed <= now) {
            session.gate_armed = Some(due);
            self.gates.push_back((due, key, session.id));
            self.rouse(due);
        }
    }
}

/// Time since 1970.
pub(crate) fn unix_now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}
