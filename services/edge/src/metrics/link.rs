//! The link to Redis in numbers. The backend counts; this copies at each scrape.

use std::sync::atomic::{AtomicU64, Ordering};

use cluster::redis::status::{LinkCounts, LinkState, LinkStatus, Reason};
use prometheus::{IntCounter, IntCounterVec, IntGauge};

use super::Registrar;

/// Everything about the link. All zero on an edge that runs alone.
#[derive(Clone, Debug)]
pub struct LinkMetrics {
    up: IntGauge,
    writable: IntGauge,
    edges: IntGauge,
    rebuilds: IntCounterVec,
    counters: Vec<(IntCounter, Count)>,
    quota_drift: IntGauge,
}

/// One of the backend's counts.
type Count = fn(&LinkCounts) -> &AtomicU64;

/// Name, help, and where the backend counts it.
const COUNTERS: [(&str, &str, Count); 12] = [
    (
        "switchboard_link_parcels_out_total",
        "Redis messages published; one may carry many envelopes.",
        |counts| &counts.parcels_out,
    ),
    (
        "switchboard_link_parcels_in_total",
        "Redis messages received.",
        |counts| &counts.parcels_in,
    ),
    (
        "switchboard_link_unpublished_total",
        "Messages that Redis did not take and that were answered with an error.",
        |counts| &counts.unpublished,
    ),
    (
        "switchboard_link_resent_total",
        "Redis messages sent again because their answer was missing.",
        |counts| &counts.resent,
    ),
    (
        "switchboard_link_duplicates_total",
        "Redis messages that came twice and were dropped.",
        |counts| &counts.duplicates,
    ),
    (
        "switchboard_link_malformed_total",
        "Redis messages that no edge of this version wrote.",
        |counts| &counts.malformed,
    ),
    (
        "switchboard_link_lag_total",
        "Redis messages lost because this edge read too slowly; a resync follows.",
        |counts| &counts.lagged,
    ),
    (
        "switchboard_link_missed_total",
        "Messages that Redis took from an edge and that never reached this one, which listened.",
        |counts| &counts.missed,
    ),
    (
        "switchboard_link_fenced_total",
        "Messages dropped because their session's device has a newer session.",
        |counts| &counts.fenced,
    ),
    (
        "switchboard_link_resyncs_total",
        "Rosters read from Redis.",
        |counts| &counts.resyncs,
    ),
    (
        "switchboard_link_sweeps_total",
        "Dead edges that this edge cleaned up after.",
        |counts| &counts.sweeps,
    ),
    (
        "switchboard_lease_audit_losses_total",
        "Leases that the audit found with a newer holder.",
        |counts| &counts.audit_losses,
    ),
];

impl LinkMetrics {
    pub(super) fn register(new: &Registrar<'_>) -> Result<Self, prometheus::Error> {
        let rebuilds = new.counters(
            "switchboard_link_rebuilds_total",
            "Links to Redis that were given up, by reason.",
            &["reason"],
        )?;
        for reason in Reason::ALL {
            rebuilds.with_label_values(&[reason.as_str()]);
        }
        let counters: Result<Vec<_>, prometheus::Error> = COUNTERS
            .into_iter()
            .map(|(name, help, count)| Ok((new.counter(name, help)?, count)))
            .collect();
        Ok(Self {
            up: new.gauge("switchboard_link_up", "1 while Redis can be asked and is heard.")?,
            writable: new.gauge("switchboard_link_writable", "1 while Redis writes down what this edge tells it.")?,
            edges: new.gauge("switchboard_edges", "Edges of the cluster that are alive, this one included; 0 on an edge that runs alone.")?,
            quota_drift: new.gauge("switchboard_quota_sessions_drift", "Sessions that Redis counted for this edge more than it had, when last compared.")?,
            rebuilds,
            counters: counters?,
        })
    }

    /// Copies what the backend has counted.
    pub fn read(&self, status: &LinkStatus) {
        let counts = status.counts();
        let (up, writable) = match status.state() {
            LinkState::Up => (1, 1),
            LinkState::Unwritable => (1, 0),
            LinkState::Down { .. } => (0, 0),
        };
        self.up.set(up);
        self.writable.set(writable);
        self.edges
            .set(counts.edges.load(Ordering::Relaxed).cast_signed());
        self.quota_drift
            .set(counts.quota_drift.load(Ordering::Relaxed).cast_signed());
        for (counter, count) in &self.counters {
            let grown = count(counts)
                .load(Ordering::Relaxed)
                .saturating_sub(counter.get());
            counter.inc_by(grown);
        }
        for (reason, count) in Reason::ALL.iter().zip(&counts.rebuilds) {
            let counter = self.rebuilds.with_label_values(&[reason.as_str()]);
            counter.inc_by(count.load(Ordering::Relaxed).saturating_sub(counter.get()));
        }
    }
}
