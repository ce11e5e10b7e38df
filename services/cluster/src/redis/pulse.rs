//! Whether the world stands still: what this edge sees of Redis is what every edge sees.
//!
//! An edge publishes a probe to itself and to every other edge each second. Hearing its own proves both its connections;
//! the others' receiver counts prove that all edges look at the same Redis and have their subscriptions. Where the place
//! of the primary can change, that place is asked for too. Only while all of that holds, "nobody heard it" means that
//! nobody is there.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hashbrown::HashSet;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::links::Links;
use crate::origin::Incarnation;

/// A probe that was heard longer ago proves nothing about now.
const FRESH: Duration = Duration::from_millis(1_500);

/// Signs of how the cluster is.
#[derive(Debug)]
pub(super) struct Pulse {
    signs: Mutex<Signs>,
    changes: watch::Sender<u64>,
    /// Somebody waits for a sign: look for the primary now.
    hurry: Notify,
    /// The same: probe the others now.
    hurry_probe: Notify,
    probes: bool,
}

#[derive(Debug)]
struct Signs {
    heard: Option<Instant>,
    /// When the last round of probes began that every edge has heard.
    all_heard: Option<Instant>,
    /// Edges that should be there and did not hear the last probe.
    silent: HashSet<Incarnation>,
    /// When the place of the primary was last asked for and found unchanged; `None` if it cannot change.
    located: Option<Instant>,
    moves: bool,
}

/// Whether the world stood still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It did, all edges hear, and the primary is where it was.
    Still,
    /// There is another link now.
    Moved,
    /// That could not be seen in time.
    Unknown,
}

impl Pulse {
    pub(super) fn new(moves: bool, probes: bool) -> Self {
        Self {
            signs: Mutex::new(Signs {
                heard: None,
                all_heard: None,
                silent: HashSet::new(),
                located: None,
                moves,
            }),
            changes: watch::Sender::new(0),
            hurry: Notify::new(),
            hurry_probe: Notify::new(),
            probes,
        }
    }

    /// A link was just made: nothing is known of it.
    pub(super) fn reset(&self) {
        self.change(|signs| {
            signs.heard = None;
            signs.all_heard = None;
            signs.located = None;
        });
    }

    pub(super) fn heard_itself(&self) {
        self.change(|signs| signs.heard = Some(Instant::now()));
    }

    pub(super) fn last_heard(&self) -> Option<Instant> {
        self.lock().heard
    }

    pub(super) fn located(&self, asked: Instant) {
        self.change(|signs| signs.located = Some(asked));
    }

    /// A round of probes that began at `began` was heard by all but `silent`.
    pub(super) fn probed(&self, began: Instant, silent: HashSet<Incarnation>) {
        self.change(|signs| {
            if silent.is_empty() {
                signs.all_heard = Some(began);
            }
            signs.silent = silent;
        });
    }

    /// Edges that are known to be gone are not waited for.
    pub(super) fn expect(&self, edges: &HashSet<Incarnation>) {
        self.change(|signs| signs.silent.retain(|edge| edges.contains(edge)));
    }

    /// Whether nothing has moved since `sent`, as far as is known.
    fn is_still(&self, sent: Instant) -> bool {
        let signs = self.lock();
        let since = |at: Option<Instant>| at.is_some_and(|at| at >= sent);
        let hears = !self.probes
            || signs.heard.is_some_and(|heard| heard.elapsed() < FRESH) && since(signs.all_heard);
        hears && (!signs.moves || since(signs.located))
    }

    /// Waits until it is seen that the world has stood still since `sent`, or that it has not.
    pub(super) async fn confirm(
        &self,
        links: &Links,
        generation: u64,
        sent: Instant,
        deadline: Instant,
    ) -> Verdict {
        let mut changes = self.changes.subscribe();
        loop {
            let is_current = links
                .current()
                .is_some_and(|link| link.generation == generation);
            if !is_current {
                return Verdict::Moved;
            }
            if self.is_still(sent) {
                return Verdict::Still;
            }
            self.hurry.notify_one();
            self.hurry_probe.notify_one();
            let changed = tokio::time::timeout_at(deadline, changes.changed()).await;
            if changed.is_err() {
                return Verdict::Unknown;
            }
        }
    }

    /// Waits until somebody needs the place of the primary.
    pub(super) async fn hurried(&self) {
        self.hurry.notified().await;
    }

    /// Waits until somebody needs a round of probes.
    pub(super) async fn hurried_to_probe(&self) {
        self.hurry_probe.notified().await;
    }

    fn change(&self, change: impl FnOnce(&mut Signs)) {
        change(&mut self.lock());
        self.changes.send_modify(|count| *count += 1);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Signs> {
        self.signs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
