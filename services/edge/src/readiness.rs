//! Whether this edge should get new clients, and why not.

use std::sync::{Arc, Mutex, PoisonError};

/// The reasons not to be ready; none means ready. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Readiness(Arc<Mutex<Vec<&'static str>>>);

/// The edge has been told to leave.
pub(crate) const DRAINING: &str = "draining";

impl Readiness {
    /// Adds a reason.
    pub(crate) fn block(&self, reason: &'static str) {
        let mut reasons = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }

    /// Why the edge is not ready.
    pub(crate) fn reasons(&self) -> Vec<&'static str> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
