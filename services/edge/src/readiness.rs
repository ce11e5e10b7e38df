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

/// A link that is made anew within this time is nobody's concern: a load balancer that moves everybody away does more
/// harm than the gap.
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
        if self.link.as_ref().is_some_and(is_unreachable) {
            reasons.push(REDIS_UNREACHABLE);
        }
        reasons
    }
}

fn is_unreachable(link: &LinkStatus) -> bool {
    match link.state() {
        LinkState::Up => false,
        LinkState::Down { since, reason } => {
            reason == Reason::Starting || since.elapsed() >= LINK_GRACE
        }
    }
}
