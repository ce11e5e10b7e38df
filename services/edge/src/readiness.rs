//! Whether this edge should get new clients, and why not.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cluster::redis::status::{LinkState, LinkStatus, Reason};

/// The reasons not to be ready; none means ready.
#[derive(Debug)]
pub(crate) struct Readiness {
    blocked: Mutex<Vec<&'static str>>,
    /// The link to Redis; an edge that runs alone has none.
    link: Option<LinkStatus>,
}

/// The edge has been told to leave.
pub(crate) const DRAINING: &str = "draining";
/// Redis cannot be asked, or is not heard.
pub(crate) const REDIS_UNREACHABLE: &str = "redis_unreachable";
/// Redis writes nothing down: nobody can be admitted.
pub(crate) const REDIS_REFUSES_WRITES: &str = "redis_refuses_writes";

/// A link that is made anew within this time, or a new primary that waits for its replicas, is nobody's concern: a load
/// balancer that moves everybody away does more harm than the gap.
const LINK_GRACE: Duration = Duration::from_secs(3);

impl Readiness {
    pub(crate) fn new(link: Option<LinkStatus>) -> Self {
        Self {
            blocked: Mutex::default(),
            link,
        }
    }

    /// Adds a reason.
    pub(crate) fn block(&self, reason: &'static str) {
        let mut blocked = self.blocked.lock().unwrap_or_else(PoisonError::into_inner);
        if !blocked.contains(&reason) {
            blocked.push(reason);
        }
    }

    /// Why the edge is not ready.
    pub(crate) fn reasons(&self) -> Vec<&'static str> {
        let mut reasons = self
            .blocked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        reasons.extend(self.link.as_ref().and_then(trouble));
        reasons
    }
}

/// What is wrong with the link, for longer than it may be.
fn trouble(link: &LinkStatus) -> Option<&'static str> {
    // An edge that never had a link has nobody to keep.
    if link.unwell_since()?.elapsed() < LINK_GRACE && link.has_been_linked() {
        return None;
    }
    match link.state() {
        LinkState::Up => None,
        LinkState::Unwritable
        | LinkState::Down {
            reason: Reason::Unwritable,
            ..
        } => Some(REDIS_REFUSES_WRITES),
        LinkState::Down { .. } => Some(REDIS_UNREACHABLE),
    }
}
