//! The calls of a cluster, as one edge sees them: what all modules here work with.

use std::sync::Arc;
use std::time::Duration;

use cluster::{Bus, Cluster, Leases};
use protocol::device::{ErrorCode, Event, Request};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::metrics::{CallMetrics, Metrics};
use crate::tenancy::TenancyHandle;

use super::fold::Held;
use super::numbers::Numbers;
use super::sink::Sink;
use super::store::{Store, StoreError};
use super::wake::{Wake, WakeError};

/// The calls of a cluster, as one edge sees them. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Board(pub(super) Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) store: Store,
    pub(super) numbers: Numbers,
    pub(super) bus: Bus,
    pub(super) leases: Leases,
    pub(super) wake: Wake,
    pub(super) patience: Patience,
    /// Whether offers are held back for their candidates, and which.
    pub(super) folds: bool,
    pub(super) held: Held,
    pub(super) metrics: CallMetrics,
    pub(super) tasks: TaskTracker,
    pub(super) drain: CancellationToken,
}

/// What an edge's calls have to do with: its part of the cluster, and its tasks.
#[derive(Debug)]
pub(crate) struct Surroundings<'a> {
    pub(crate) config: &'a Config,
    pub(crate) cluster: &'a Cluster,
    pub(crate) tenancy: TenancyHandle,
    pub(crate) metrics: Metrics,
    pub(crate) tasks: TaskTracker,
    pub(crate) drain: CancellationToken,
}

impl Board {
    /// # Errors
    /// Devices cannot be woken as configured.
    pub(crate) fn new(of: Surroundings<'_>) -> Result<Self, WakeError> {
        let patience = Patience {
            ring: of.config.calls.ring,
            grace: of.config.calls.grace,
        };
        let (metrics, tasks) = (of.metrics.calls, of.tasks);
        let records = of.cluster.records.clone();
        let push = &of.config.push;
        Ok(Self(Arc::new(Inner {
            wake: Wake::new(
                push,
                patience.ring,
                metrics.clone(),
                tasks.clone(),
                of.drain.clone(),
            )?,
            store: Store(records.clone()),
            numbers: Numbers::new(records, of.tenancy),
            bus: of.cluster.bus.clone(),
            leases: of.cluster.leases.clone(),
            patience,
            folds: of.config.calls.fold_candidates,
            held: Held::default(),
            metrics,
            tasks,
            drain: of.drain,
        })))
    }

    /// The directory.
    pub(crate) fn numbers(&self) -> &Numbers {
        &self.0.numbers
    }
}

/// How long is waited for people and their phones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Patience {
    /// For an answer.
    pub(crate) ring: Duration,
    /// For a device that lost its connection in a call.
    pub(crate) grace: Duration,
}

/// What whoever asks hears, in this order: first that the request is carried out, then what comes of it.
#[derive(Debug)]
pub(super) struct Replies<'a> {
    pub(super) request: &'a Request,
    pub(super) sink: &'a mut Sink,
}

impl Replies<'_> {
    /// It is.
    pub(super) fn ack(&mut self) {
        self.sink.ack(self.request);
    }

    /// Something happened.
    pub(super) fn say(&mut self, event: &Event) {
        self.sink.event(event);
    }
}

/// A request is not carried out: the error answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Denied {
    /// For programs.
    pub(crate) code: ErrorCode,
    /// For people.
    pub(crate) reason: &'static str,
}

impl From<StoreError> for Denied {
    fn from(error: StoreError) -> Self {
        let reason = match error {
            StoreError::Unavailable => "the cluster could not be asked, try again",
            StoreError::Full => "more than can be kept of one call",
        };
        Self {
            code: ErrorCode::BackendError,
            reason,
        }
    }
}
