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
    /// The same for silent edges.
    hurry_silent: Notify,
    probes: bool,
}

#[derive(Debug)]
struct Signs {
    heard: Option<Instant>,
    /// Edges that should be there and did not hear the last probe.
    silent: HashSet<Incarnation>,
    /// When the place of the primary was last asked for and found unchanged; `None` if it cannot change.
    located: Option<Instant>,
    moves: bool,
}

/// What silence about a direct means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// No edge holds the peer.
    Still,
    /// The world has moved: say it again.
    Retry,
    /// Nothing was decided in time.
    Unknown,
}

impl Pulse {
    pub(super) fn new(moves: bool, probes: bool) -> Self {
        Self {
            signs: Mutex::new(Signs {
                heard: None,
                silent: HashSet::new(),
                located: None,
                moves,
            }),
            changes: watch::Sender::new(0),
            hurry: Notify::new(),
            hurry_silent: Notify::new(),
            probes,
        }
    }

    /// A link was just made: nothing is known of it.
    pub(super) fn reset(&self) {
        self.change(|signs| {
            signs.heard = None;
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

    pub(super) fn probed(&self, edge: Incarnation, listeners: u64) {
        self.change(|signs| {
            if listeners == 0 {
                signs.silent.insert(edge);
            } else {
                signs.silent.remove(&edge);
            }
        });
    }

    /// Edges that are known to be gone are not waited for.
    pub(super) fn expect(&self, edges: &HashSet<Incarnation>) {
        self.change(|signs| signs.silent.retain(|edge| edges.contains(edge)));
    }

    pub(super) fn has_silent(&self) -> bool {
        !self.lock().silent.is_empty()
    }

    /// Whether nothing has moved since `sent`.
    pub(super) fn is_still(&self, sent: Instant) -> bool {
        let signs = self.lock();
        let hears = !self.probes || signs.heard.is_some_and(|heard| heard.elapsed() < FRESH);
        let stays = !signs.moves || signs.located.is_some_and(|asked| asked >= sent);
        hears && stays && signs.silent.is_empty()
    }

    /// Waits until it is known what silence at `sent` on this link means.
    pub(super) async fn confirm(
        &self,
        links: &Links,
        generation: u64,
        sent: Instant,
        deadline: Instant,
    ) -> Verdict {
        let mut changes = self.changes.subscribe();
        let had_silent = self.has_silent();
        loop {
            if links
                .current()
                .is_none_or(|link| link.generation != generation)
            {
                return if Instant::now() < deadline {
                    Verdict::Retry
                } else {
                    Verdict::Unknown
                };
            }
            if had_silent && !self.has_silent() && Instant::now() < deadline {
                return Verdict::Retry;
            }
            if self.is_still(sent) {
                return Verdict::Still;
            }
            self.hurry.notify_one();
            if self.has_silent() {
                self.hurry_silent.notify_one();
            }
            if tokio::time::timeout_at(deadline, changes.changed())
                .await
                .is_err()
            {
                return Verdict::Unknown;
            }
        }
    }

    /// Waits until somebody needs a sign.
    pub(super) async fn hurried(&self) {
        self.hurry.notified().await;
    }

    /// Waits until somebody waits for a silent edge.
    pub(super) async fn hurried_silent(&self) {
        self.hurry_silent.notified().await;
    }

    fn change(&self, change: impl FnOnce(&mut Signs)) {
        change(&mut self.lock());
        self.changes.send_modify(|count| *count += 1);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Signs> {
        self.signs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
