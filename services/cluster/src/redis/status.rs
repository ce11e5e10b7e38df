//! How the link to Redis is, for whoever watches the edge: states, reasons, counts.
//!
//! Plain numbers; what they are called in metrics and health checks is the edge's business.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

/// Whether the cluster can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// Connected and everything is heard.
    Up,
    /// The same, but Redis writes nothing down: it has too few replicas, no memory or no disk. What is said goes on; nobody is
    /// admitted, joins or leaves.
    Unwritable,
    /// Not usable since, and why.
    Down {
        /// When the last link ended, or the edge began.
        since: Instant,
        /// Why.
        reason: Reason,
    },
}

/// Why a link was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There has been no link yet.
    Starting,
    /// A connection was refused, or ended.
    Disconnected,
    /// A command was not answered in time.
    Timeout,
    /// The edge did not hear its own probes.
    Deaf,
    /// The node is no primary any more.
    NotPrimary,
    /// Sentinel names another primary, or the cluster's slots moved.
    Moved,
    /// Redis refuses the credentials.
    Refused,
    /// Redis writes nothing down, and an edge that it never knew cannot begin so.
    Unwritable,
}

impl Reason {
    /// Every reason, for whoever makes a series of each.
    pub const ALL: [Self; 8] = [
        Self::Starting,
        Self::Disconnected,
        Self::Timeout,
        Self::Deaf,
        Self::NotPrimary,
        Self::Moved,
        Self::Refused,
        Self::Unwritable,
    ];

    /// The word for it in metrics and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Disconnected => "disconnected",
            Self::Timeout => "timeout",
            Self::Deaf => "deaf",
            Self::NotPrimary => "not_primary",
            Self::Moved => "moved",
            Self::Refused => "refused",
            Self::Unwritable => "unwritable",
        }
    }
}

/// What this edge counts about its link. All grow only, save the last two.
#[derive(Debug, Default)]
pub struct LinkCounts {
    /// Links that were given up, by reason in the order of [`Reason::ALL`].
    pub rebuilds: [AtomicU64; Reason::ALL.len()],
    /// Redis messages published.
    pub parcels_out: AtomicU64,
    /// Redis messages received.
    pub parcels_in: AtomicU64,
    /// Messages that could not be published and were answered with an error.
    pub unpublished: AtomicU64,
    /// Redis messages that were sent again, since their answer was missing.
    pub resent: AtomicU64,
    /// Redis messages that came twice and were dropped.
    pub duplicates: AtomicU64,
    /// Redis messages that no edge of this version wrote.
    pub malformed: AtomicU64,
    /// Redis messages lost between socket and reader; a resync follows.
    pub lagged: AtomicU64,
    /// Messages that Redis had taken from other edges on topics heard here, and that never came.
    pub missed: AtomicU64,
    /// Messages of sessions whose device has a newer one.
    pub fenced: AtomicU64,
    /// Topics read again.
    pub resyncs: AtomicU64,
    /// Edges cleaned up after.
    pub sweeps: AtomicU64,
    /// Leases lost to a newer holder that the audit found.
    pub audit_losses: AtomicU64,
    /// Edges alive, this one included.
    pub edges: AtomicU64,
    /// Sessions that Redis counts for this edge more (or, as a two's complement, less) than it has.
    pub quota_drift: AtomicU64,
}

/// The link's health, shared by the backend and whoever watches.
#[derive(Clone, Debug)]
pub struct LinkStatus(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    health: Mutex<Health>,
    counts: LinkCounts,
}

#[derive(Debug)]
struct Health {
    state: LinkState,
    /// Since when it has not been [`LinkState::Up`].
    unwell: Option<Instant>,
    has_been_linked: bool,
}

impl LinkStatus {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self(Arc::new(Shared {
            health: Mutex::new(Health {
                state: LinkState::Down {
                    since: now,
                    reason: Reason::Starting,
                },
                unwell: Some(now),
                has_been_linked: false,
            }),
            counts: LinkCounts::default(),
        }))
    }

    /// How the link is now.
    #[must_use]
    pub fn state(&self) -> LinkState {
        self.lock().state
    }

    /// Since when the link has been anything but up, whatever it was in turn; `None` while it is.
    #[must_use]
    pub fn unwell_since(&self) -> Option<Instant> {
        self.lock().unwell
    }

    /// Whether there has ever been a link.
    #[must_use]
    pub fn has_been_linked(&self) -> bool {
        self.lock().has_been_linked
    }

    /// What was counted.
    #[must_use]
    pub fn counts(&self) -> &LinkCounts {
        &self.0.counts
    }

    /// A link stands, and Redis has written something down.
    pub(super) fn up(&self) {
        *self.lock() = Health {
            state: LinkState::Up,
            unwell: None,
            has_been_linked: true,
        };
    }

    /// A link stands over which Redis writes nothing down.
    pub(super) fn up_unwritable(&self) {
        let mut health = self.lock();
        health.state = LinkState::Unwritable;
        health.unwell.get_or_insert_with(Instant::now);
        health.has_been_linked = true;
    }

    /// Redis wrote nothing down. Returns whether that is new. What a link is like that is being made, the keeper says.
    pub(super) fn unwritable(&self) -> bool {
        let mut health = self.lock();
        let is_new = health.state == LinkState::Up;
        if is_new {
            health.state = LinkState::Unwritable;
            health.unwell = Some(Instant::now());
        }
        is_new
    }

    /// Redis wrote something down. Returns whether it had refused to.
    pub(super) fn writable(&self) -> bool {
        let mut health = self.lock();
        let had_refused = health.state == LinkState::Unwritable;
        if had_refused {
            health.state = LinkState::Up;
            health.unwell = None;
        }
        had_refused
    }

    /// The link ended, or could not be made. The time of the first counts, the reason of the last.
    pub(super) fn down(&self, reason: Reason) {
        let mut health = self.lock();
        let since = match health.state {
            LinkState::Up | LinkState::Unwritable => {
                let at = Reason::ALL.iter().position(|known| *known == reason);
                if let Some(rebuilds) = at.and_then(|at| self.0.counts.rebuilds.get(at)) {
                    rebuilds.fetch_add(1, Ordering::Relaxed);
                }
                Instant::now()
            }
            LinkState::Down { since, .. } => since,
        };
        health.unwell.get_or_insert(since);
        health.state = LinkState::Down { since, reason };
    }

    pub(super) fn set(&self, gauge: impl FnOnce(&LinkCounts) -> &AtomicU64, value: u64) {
        gauge(&self.0.counts).store(value, Ordering::Relaxed);
    }

    pub(super) fn add(&self, count: impl FnOnce(&LinkCounts) -> &AtomicU64, by: u64) {
        count(&self.0.counts).fetch_add(by, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Health> {
        self.0.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
