//! Whether an edge's own clients have to slow down.
//!
//! Counts inboxes that are too full and knows nothing else of them. Whoever waits for the count to reach zero is woken
//! when it does, also if that happens between its look and its wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// How many inboxes of an edge are more than half full; sessions pause reading while any is.
#[derive(Clone, Debug, Default)]
pub struct Pressure(Arc<Gauge>);

#[derive(Debug, Default)]
struct Gauge {
    pressing: AtomicUsize,
    eased: Notify,
}

impl Pressure {
    /// True while some inbox is more than half full.
    #[must_use]
    pub fn is_high(&self) -> bool {
        self.0.pressing.load(Ordering::Acquire) > 0
    }

    /// Waits until no inbox is more than half full.
    pub async fn eased(&self) {
        loop {
            let eased = self.0.eased.notified();
            if !self.is_high() {
                return;
            }
            eased.await;
        }
    }

    pub(crate) fn rise(&self) {
        self.0.pressing.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn fall(&self) {
        if self.0.pressing.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.eased.notify_waiters();
        }
    }
}
