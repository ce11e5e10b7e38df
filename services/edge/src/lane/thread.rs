//! The lane's thread: a current-thread runtime and the loop that works the inbox, the timers and the commands.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use cluster::redis::Work;
use cluster::{Arrival, Cluster, Inbox, Pressure};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::task::LocalSet;
use tokio_util::task::TaskTracker;

use super::handle::{Command, LaneHandle};
use super::{Lane, Shared};
use crate::calls::Exchange;
use crate::metrics::Metrics;

/// How long mailboxes are flushed before the inbox is looked at again: a large fan-out delays others by one slice.
pub(crate) const SLICE: Duration = Duration::from_micros(250);
/// Mailboxes flushed between two looks at the clock.
const SLICE_STEP: usize = 4;
/// Of so many mailboxes that are flushed one is a large fan-out's, while small deliveries wait as well.
const LARGE_SHARE: usize = 4;
/// What one read may bring. Larger than the largest message, so that a whole one is usually read at once.
pub(super) const READ_BUFFER_BYTES: usize = 96 * 1024;
/// Newcomers, at most, between two slices.
const COMMANDS_PER_TURN: usize = 32;
/// Commands that wait for a lane; doors wait beyond it.
const COMMANDS_MAX: usize = 1_024;

/// What a lane has to know of the configuration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LaneConfig {
    /// Bound of a session's mailbox.
    pub(crate) mailbox_bytes: usize,
    /// Silence after which a client is pinged.
    pub(crate) ping: Duration,
    /// How long it then has to be heard.
    pub(crate) pong: Duration,
    /// How long an admitted session may take to its welcome.
    pub(crate) handshake: Duration,
    /// How long it writes before it looks at its inbox and its sessions again.
    pub(crate) slice: Duration,
    /// How long a member that was lost is not missed.
    pub(crate) presence_grace: Duration,
}

/// What all lanes of an edge work with.
#[derive(Clone, Debug)]
pub(crate) struct LaneShare {
    pub(crate) cluster: Cluster,
    /// `None` where no devices come.
    pub(crate) exchange: Option<Exchange>,
    pub(crate) pressure: Pressure,
    pub(crate) metrics: Metrics,
    /// Numbers of the edge's sessions.
    pub(crate) serials: Arc<AtomicU64>,
    /// Waits for the lanes, among others.
    pub(crate) tasks: TaskTracker,
}

/// Starts a lane, which is tracked until it has ended. With a `link` its thread does that work too, until the edge has left.
///
/// # Errors
/// The thread or its runtime could not be made.
pub(crate) fn spawn(
    inbox: Inbox,
    link: Option<Work>,
    share: LaneShare,
    config: LaneConfig,
) -> io::Result<(LaneHandle, JoinHandle<()>)> {
    let (serials, tracked) = (Arc::clone(&share.serials), share.tasks.token());
    let id = inbox.handle().lane();
    let (sender, commands) = mpsc::channel(COMMANDS_MAX);
    let work = move |runtime: &Runtime| {
        let lane = Lane::new(id, share, config);
        let lane = Rc::new(RefCell::new(lane));
        // A task among its sessions' tasks, and not what the runtime blocks on: a session that has published is followed by
        // the loop in the same round, with no look at the sockets in between.
        let tasks = LocalSet::new();
        let worked = tasks.spawn_local(run(lane, inbox, commands));
        if let Err(error) = tasks.block_on(runtime, worked)
            && error.is_panic()
        {
            std::panic::resume_unwind(error.into_panic());
        }
        drop(tracked);
    };
    let thread = std::thread::Builder::new().name(format!("lane-{}", id.0));
    let thread = match link {
        Some(link) => thread.spawn(move || link.run_beside(work))?,
        None => {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            thread.spawn(move || work(&runtime))?
        }
    };
    Ok((LaneHandle::new(id, sender, serials), thread))
}

/// Ends when the lane was told to drain and its last session is gone and no longer expected back, or when nobody can tell it anything any more.
async fn run(lane: Shared, inbox: Inbox, mut commands: mpsc::Receiver<Command>) {
    let (pressure, alarm) = {
        let lane = lane.borrow();
        (lane.pressure.clone(), Rc::clone(&lane.alarm))
    };
    let mut arrivals = VecDeque::new();
    // Armed anew only when another moment is due next: most wake-ups are messages, which change nothing about it.
    let sleep = tokio::time::sleep(Duration::ZERO);
    tokio::pin!(sleep);
    loop {
        if lane.borrow().is_drained() {
            return;
        }
        let (wake_at, paused) = lane.borrow_mut().fall_asleep();
        if sleep.deadline() != wake_at.into() || sleep.is_elapsed() {
            sleep.as_mut().reset(wake_at.into());
        }
        tokio::select! {
            () = inbox.filled() => {}
            command = commands.recv() => match command {
                Some(command) => obey(&lane, command),
                None => return,
            },
            () = &mut sleep => {}
            () = alarm.notified() => {}
            () = pressure.eased(), if paused => {}
        }
        loop {
            lane.borrow_mut().turn(&inbox, &mut arrivals);
            // A lane that is busy writing still hears its doors.
            for _ in 0..COMMANDS_PER_TURN {
                match commands.try_recv() {
                    Ok(command) => obey(&lane, command),
                    Err(_) => break,
                }
            }
            if !lane.borrow().has_to_write() && inbox.is_empty() {
                break;
            }
            // Sessions read between two slices.
            tokio::task::yield_now().await;
        }
    }
}

fn obey(lane: &Shared, command: Command) {
    match command {
        Command::Admit(admission) => super::admit::admit(lane, *admission),
        Command::Rebind(tenancy) => lane.borrow_mut().rebind(tenancy),
        Command::Revoke(list) => lane.borrow_mut().revoke(list),
        Command::EndMembership { room, account } => {
            lane.borrow_mut().end_membership(&room, &account);
        }
        Command::Drain { spread } => lane.borrow_mut().drain(spread),
    }
}

impl Lane {
    /// One turn: what arrived is queued, a slice of what is queued is written, what is due is done.
    pub(super) fn turn(&mut self, inbox: &Inbox, arrivals: &mut VecDeque<Arrival>) {
        // Awake: what is set now is seen before the next sleep.
        self.sleeps_until = self.began;
        let lagged = if self.fanouts.is_full() {
            0
        } else {
            inbox.take(arrivals)
        };
        if lagged > 0 {
            self.metrics.inbox_lag.inc_by(lagged);
        }
        self.deliver(arrivals);
        if lagged > 0 {
            tracing::warn!(
                lane = self.id.0,
                lagged,
                "a lane's inbox overflowed, presence is read again"
            );
            self.resync_all();
        }
        let now = Instant::now();
        self.write_slice(now);
        self.end_absences(now);
        self.look_at_gates(now);
        self.fire_timers(now);
        if !self.pressure.is_high() {
            self.resume();
        }
    }

    /// Flushes all mailboxes of small deliveries, and those of large fan-outs until there is none left or the slice is over.
    fn write_slice(&mut self, now: Instant) {
        loop {
            for _ in 0..SLICE_STEP {
                let Some(key) = self.next_to_write() else {
                    return;
                };
                self.flush(key, now);
            }
            if !self.sessions.has_small() && now.elapsed() >= self.config.slice {
                return;
            }
        }
    }

    /// The next mailbox to flush. One in `LARGE_SHARE` is a large fan-out's while small deliveries wait as well: pairs beside
    /// a large channel are not delayed by it, and do not starve it.
    fn next_to_write(&mut self) -> Option<usize> {
        self.flushes = self.flushes.wrapping_add(1);
        if self.flushes.is_multiple_of(LARGE_SHARE) {
            self.next_of_large().or_else(|| self.sessions.take_small())
        } else {
            self.sessions.take_small().or_else(|| self.next_of_large())
        }
    }

    fn next_of_large(&mut self) -> Option<usize> {
        self.sessions.take_large().or_else(|| self.step_fanout())
    }

    pub(super) fn has_to_write(&self) -> bool {
        self.sessions.has_dirty() || !self.fanouts.is_empty()
    }

    fn is_drained(&self) -> bool {
        self.draining && self.sessions.is_empty() && self.absences.is_empty()
    }

    /// When to look at the timers again, and whether sessions are paused. What comes up earlier rings the alarm.
    fn fall_asleep(&mut self) -> (Instant, bool) {
        // With nothing due an hour is as good as never.
        let idle = Instant::now() + Duration::from_secs(3_600);
        let gate = self.gates.front().map(|(due, ..)| *due);
        let timer = self
            .wheel
            .next_due_ms()
            .map(|ms| self.began + Duration::from_millis(ms));
        let absence = self.absences.next_due();
        let due = gate.into_iter().chain(timer).chain(absence);
        let wake_at = due.min().unwrap_or(idle);
        self.sleeps_until = wake_at;
        (wake_at, !self.paused.is_empty())
    }

    /// Flushes the sessions whose gates may open now.
    fn look_at_gates(&mut self, now: Instant) {
        while let Some(&(due, key, id)) = self.gates.front()
            && due <= now
        {
            self.gates.pop_front();
            if self
                .sessions
                .get(key)
                .is_some_and(|session| session.id == id)
            {
                self.flush(key, now);
            }
        }
    }

    /// Lets sessions read again that stopped because inboxes were filling up.
    fn resume(&mut self) {
        for key in std::mem::take(&mut self.paused) {
            if let Some(session) = self.sessions.get_mut(key) {
                session.paused = false;
                session.wake();
            }
        }
    }
}
