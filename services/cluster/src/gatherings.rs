//! Gatherings of the reports that lanes make about one envelope.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hashbrown::HashMap;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use crate::receipts::Receipts;

/// More lanes than this never take one envelope: 256 lanes an edge, and reports beyond the bound would be late anyway.
const REPORTS_MAX: usize = 1_024;

#[derive(Debug, Default)]
pub(crate) struct Gatherings {
    next: AtomicU64,
    open: Mutex<HashMap<u64, mpsc::Sender<Receipts>>>,
}

/// One gathering; closes itself when dropped, also when its caller gives up.
#[derive(Debug)]
pub(crate) struct Gathering {
    gatherings: Arc<Gatherings>,
    number: u64,
    reports: mpsc::Receiver<Receipts>,
}

impl Gatherings {
    pub(crate) fn open(self: &Arc<Self>) -> Gathering {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, reports) = mpsc::channel(REPORTS_MAX);
        self.open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(number, sender);
        Gathering {
            gatherings: Arc::clone(self),
            number,
            reports,
        }
    }

    /// A report for a gathering that is over changes nothing.
    pub(crate) fn report(&self, number: u64, receipts: Receipts) {
        if let Some(sender) = self
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&number)
        {
            // Full means more reports than lanes; the caller already has what it needs.
            let _ = sender.try_send(receipts);
        }
    }
}

impl Gathering {
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Waits until `takers` have reported, for `patience` at most; who has not is missing.
    pub(crate) async fn collect(mut self, takers: usize, patience: Duration) -> Receipts {
        let deadline = Instant::now() + patience;
        let mut receipts = Receipts::default();
        let mut silent = takers;
        while silent > 0
            && let Ok(Some(report)) = timeout_at(deadline, self.reports.recv()).await
        {
            receipts.sessions += report.sessions;
            receipts.missing += report.missing;
            silent -= 1;
        }
        receipts.missing += silent;
        receipts
    }
}

impl Drop for Gathering {
    fn drop(&mut self) {
        self.gatherings
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.number);
    }
}
