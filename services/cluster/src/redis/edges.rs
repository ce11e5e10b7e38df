//! Which edges are alive, this one included.
//!
//! Each edge has a registration with a sign of life that runs out; what an edge holds in Redis carries its registration. An
//! edge whose sign of life was lost (it was cut off, or Redis was emptied) takes another registration and tells everything
//! again: somebody may be cleaning up after the old one already.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hashbrown::{HashMap, HashSet};
use tokio::time::Instant;

use crate::origin::Incarnation;

/// A missing sign of life counts only when it is missing again after this long.
const SECOND_LOOK: Duration = Duration::from_secs(1);

/// The edges as this one sees them.
#[derive(Debug)]
pub(super) struct Edges {
    registration: AtomicU64,
    /// The present registration is known to Redis.
    is_registered: AtomicBool,
    view: Mutex<View>,
}

#[derive(Debug, Default)]
struct View {
    alive: HashSet<Incarnation>,
    /// When a sign of life was first missed.
    missed: HashMap<Incarnation, Instant>,
    dead: HashSet<Incarnation>,
    /// Registrations that this edge had, and still has to clean up after.
    former: Vec<Incarnation>,
    /// Since when every renewal of this edge's own sign of life has gone through.
    steady_since: Option<Instant>,
}

impl Edges {
    pub(super) fn new(first: Incarnation) -> Self {
        Self {
            registration: AtomicU64::new(first.as_u64()),
            is_registered: AtomicBool::new(false),
            view: Mutex::default(),
        }
    }

    /// What this edge's members, leases and sessions carry now.
    pub(super) fn registration(&self) -> Incarnation {
        Incarnation::from_u64(self.registration.load(Ordering::Acquire))
    }

    /// Takes another registration.
    pub(super) fn register_anew(&self) -> Incarnation {
        let former = self.registration();
        self.lock().former.push(former);
        let registration = Incarnation::random();
        self.is_registered.store(false, Ordering::Release);
        self.registration
            .store(registration.as_u64(), Ordering::Release);
        registration
    }

    /// Takes the registrations that this edge had before.
    pub(super) fn take_former(&self) -> Vec<Incarnation> {
        std::mem::take(&mut self.lock().former)
    }

    pub(super) fn is_registered(&self) -> bool {
        self.is_registered.load(Ordering::Acquire)
    }

    pub(super) fn note_registered(&self) {
        self.is_registered.store(true, Ordering::Release);
    }

    /// Registrations other than this edge's that are to be looked at.
    pub(super) fn known(&self) -> Vec<Incarnation> {
        let view = self.lock();
        view.alive
            .iter()
            .chain(view.missed.keys())
            .copied()
            .collect()
    }

    /// Edges that are taken for alive, without this one.
    pub(super) fn alive(&self) -> HashSet<Incarnation> {
        let view = self.lock();
        view.alive
            .iter()
            .chain(view.missed.keys())
            .copied()
            .collect()
    }

    /// Edges that are known to be gone.
    pub(super) fn dead(&self) -> Vec<Incarnation> {
        self.lock().dead.iter().copied().collect()
    }

    /// How many edges there are, this one included.
    pub(super) fn count(&self) -> usize {
        let view = self.lock();
        1 + view.alive.len() + view.missed.len()
    }

    /// This edge's sign of life was not renewed in time, or not at all.
    pub(super) fn falter(&self) {
        self.lock().steady_since = None;
    }

    /// Takes in a look at everybody. `registered` are all registrations, `lives` says of those that were looked at whether
    /// they are alive. Returns those that are gone and have to be cleaned up after, once this edge can be trusted to judge.
    pub(super) fn look(
        &self,
        registered: &[Incarnation],
        lives: &[(Incarnation, bool)],
        ttl: Duration,
    ) -> Vec<Incarnation> {
        let (own, now) = (self.registration(), Instant::now());
        let mut view = self.lock();
        let steady_since = *view.steady_since.get_or_insert(now);
        for (edge, lives) in lives {
            if *lives {
                view.missed.remove(edge);
                view.dead.remove(edge);
                view.alive.insert(*edge);
            } else if view.alive.remove(edge) {
                view.missed.insert(*edge, now);
            }
        }
        // Who is registered and has not been looked at yet is alive until a look says otherwise.
        for edge in registered {
            if *edge != own && !view.missed.contains_key(edge) && !view.dead.contains(edge) {
                view.alive.insert(*edge);
            }
        }
        // Who was cleaned up after, or left in order, is no longer registered.
        let registered: HashSet<Incarnation> = registered.iter().copied().collect();
        view.alive.retain(|edge| registered.contains(edge));
        view.missed.retain(|edge, _| registered.contains(edge));
        // After Redis was away or frozen every sign of life has run out at once: nobody is judged until all had the time to
        // renew theirs.
        if now.duration_since(steady_since) >= ttl {
            let gone: Vec<Incarnation> = view
                .missed
                .iter()
                .filter(|(_, missed)| now.duration_since(**missed) >= SECOND_LOOK)
                .map(|(edge, _)| *edge)
                .collect();
            for edge in gone {
                view.missed.remove(&edge);
                view.dead.insert(edge);
            }
        }
        view.dead
            .iter()
            .filter(|edge| registered.contains(*edge))
            .copied()
            .collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
