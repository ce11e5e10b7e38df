//! What a session joined a moment ago, told along with its directs.
//!
//! A Redis Cluster carries a join and a direct over different connections, so that an edge may read the direct first; a
//! member would hear from somebody who, as far as it knows, is not there. An edge that reads such a direct lets it wait
//! for the join. Only kept for a cluster: elsewhere one connection carries both in order.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hashbrown::HashMap;
use tokio::time::Instant;

use super::keys::TopicKey;
use crate::origin::SessionId;
use crate::presence::Version;

/// A join that is older has long been heard everywhere.
const LIFE: Duration = Duration::from_secs(2);
/// Joins told along with one direct: the latest.
pub(super) const CAUSES_MAX: usize = 8;

/// A topic, and the version that has to be heard there first.
pub(super) type Cause = (TopicKey, Version);

/// The latest joins of this edge's sessions.
#[derive(Debug, Default)]
pub(super) struct Causes(Mutex<Recent>);

#[derive(Debug, Default)]
struct Recent {
    by_session: HashMap<SessionId, Vec<(Cause, Instant)>>,
    pruned: Option<Instant>,
}

impl Causes {
    pub(super) fn note(&self, session: SessionId, cause: Cause) {
        let now = Instant::now();
        let mut recent = self.lock();
        recent.prune(now);
        let causes = recent.by_session.entry(session).or_default();
        if causes.len() == CAUSES_MAX {
            causes.remove(0);
        }
        causes.push((cause, now));
    }

    pub(super) fn of(&self, session: SessionId) -> Vec<Cause> {
        let now = Instant::now();
        let recent = self.lock();
        let causes = recent.by_session.get(&session).into_iter().flatten();
        causes
            .filter(|(_, at)| now.duration_since(*at) < LIFE)
            .map(|(cause, _)| *cause)
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Recent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recent {
    fn prune(&mut self, now: Instant) {
        if self
            .pruned
            .is_some_and(|pruned| now.duration_since(pruned) < LIFE)
        {
            return;
        }
        self.pruned = Some(now);
        self.by_session.retain(|_, causes| {
            causes.retain(|(_, at)| now.duration_since(*at) < LIFE);
            !causes.is_empty()
        });
    }
}
