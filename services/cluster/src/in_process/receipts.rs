//! Gatherings of the reports that lanes make about one envelope.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use hashbrown::HashMap;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use crate::receipts::{GATHER_TIMEOUT, Receipts};

/// More lanes than this never take one envelope: 256 lanes an edge, and reports beyond the bound would be late anyway.
const REPORTS_MAX: usize = 1_024;

#[derive(Debug, Default)]
pub(super) struct Gatherings {
    next: AtomicU64,
    open: Mutex<HashMap<u64, mpsc::Sender<u64>>>,
}

/// One gathering; closes itself when dropped, also when its caller gives up.
#[derive(Debug)]
pub(super) struct Gathering<'a> {
    gatherings: &'a Gatherings,
    number: u64,
    reports: mpsc::Receiver<u64>,
}

impl Gatherings {
    pub(super) fn open(&self) -> Gathering<'_> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, reports) = mpsc::channel(REPORTS_MAX);
        self.open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(number, sender);
        Gathering {
            gatherings: self,
            number,
            reports,
        }
    }

    /// A report for a gathering that is over changes nothing.
    pub(super) fn report(&self, number: u64, sessions: u64) {
        if let Some(sender) = self
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&number)
        {
            // Full means more reports than lanes; the caller already has what it needs.
            let _ = sender.try_send(sessions);
        }
    }
}

impl Gathering<'_> {
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Waits for as many reports as lanes took the envelope.
    pub(super) async fn collect(mut self, lanes: usize) -> Receipts {
        let deadline = Instant::now() + GATHER_TIMEOUT;
        let mut receipts = Receipts {
            sessions: 0,
            missing: lanes,
        };
        while receipts.missing > 0
            && let Ok(Some(sessions)) = timeout_at(deadline, self.reports.recv()).await
        {
            receipts.sessions += sessions;
            receipts.missing -= 1;
        }
        receipts
    }
}

impl Drop for Gathering<'_> {
    fn drop(&mut self) {
        self.gatherings
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.number);
    }
}
