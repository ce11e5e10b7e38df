//! What each app uses.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use hashbrown::HashMap;
use protocol::AppId;

use crate::origin::Incarnation;
use crate::quotas::{Allowance, Overage, Period, SlotError, Spend, Usage};

/// The apps of a world; entries are as many as apps were ever configured.
#[derive(Debug, Default)]
pub(super) struct Apps(Mutex<HashMap<AppId, Arc<AppUsage>>>);

/// One app's counters. Messages are atomics: every publish of every lane passes here.
#[derive(Debug, Default)]
pub(crate) struct AppUsage {
    sessions: Mutex<Sessions>,
    period_end_s: AtomicU64,
    messages: AtomicU64,
    messages_overage: AtomicU64,
}

#[derive(Debug, Default)]
struct Sessions {
    by_edge: HashMap<Incarnation, u64>,
    total: u64,
    peak: u64,
    overage: u64,
}

impl Apps {
    pub(super) fn usage(&self, app: &AppId) -> Arc<AppUsage> {
        let mut apps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match apps.get(app) {
            Some(usage) => Arc::clone(usage),
            None => Arc::clone(apps.entry(app.clone()).or_default()),
        }
    }

    pub(super) fn forget(&self, incarnation: Incarnation) {
        for usage in self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
        {
            let mut sessions = usage
                .sessions
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if let Some(count) = sessions.by_edge.remove(&incarnation) {
                sessions.total -= count;
            }
        }
    }
}

impl AppUsage {
    pub(super) fn open_session(
        &self,
        incarnation: Incarnation,
        allowance: Allowance,
        now_s: u64,
    ) -> Result<(), SlotError> {
        self.roll(now_s);
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if allowance
            .sessions
            .is_some_and(|limit| sessions.total >= limit)
        {
            match allowance.overage {
                Overage::Refused => return Err(SlotError::Exhausted),
                Overage::Counted => sessions.overage += 1,
            }
        }
        *sessions.by_edge.entry(incarnation).or_default() += 1;
        sessions.total += 1;
        sessions.peak = sessions.peak.max(sessions.total);
        Ok(())
    }

    /// After the edge was forgotten its slots are gone already; a late guard finds nothing to give back.
    pub(super) fn close_session(&self, incarnation: Incarnation) {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(count) = sessions.by_edge.get_mut(&incarnation) else {
            return;
        };
        *count -= 1;
        if *count == 0 {
            sessions.by_edge.remove(&incarnation);
        }
        sessions.total -= 1;
    }

    pub(crate) fn spend(&self, allowance: Allowance, now_s: u64) -> Spend {
        self.roll(now_s);
        let before = self.messages.fetch_add(1, Ordering::Relaxed);
        match (allowance.messages, allowance.overage) {
            (Some(limit), Overage::Refused) if before >= limit => Spend::Refused,
            (Some(limit), Overage::Counted) if before >= limit => {
                self.messages_overage.fetch_add(1, Ordering::Relaxed);
                Spend::Taken
            }
            (Some(_) | None, Overage::Refused | Overage::Counted) => Spend::Taken,
        }
    }

    pub(crate) fn read(&self, now_s: u64) -> Usage {
        self.roll(now_s);
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        Usage {
            period: Period::containing(now_s),
            sessions: sessions.total,
            sessions_peak: sessions.peak,
            sessions_overage: sessions.overage,
            messages: self.messages.load(Ordering::Relaxed),
            messages_overage: self.messages_overage.load(Ordering::Relaxed),
        }
    }

    /// Begins a new period when the old one is over. The common case is one relaxed load.
    fn roll(&self, now_s: u64) {
        if now_s < self.period_end_s.load(Ordering::Acquire) {
            return;
        }
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if now_s >= self.period_end_s.load(Ordering::Acquire) {
            self.messages.store(0, Ordering::Relaxed);
            self.messages_overage.store(0, Ordering::Relaxed);
            sessions.peak = sessions.total;
            sessions.overage = 0;
            self.period_end_s
                .store(Period::containing(now_s).end_s, Ordering::Release);
        }
    }
}
