//! What the doors work with.

use cluster::Cluster;
use prometheus::Registry;
use protocol::EdgeId;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::calls::Exchange;
use crate::config::Config;
use crate::dialects;
use crate::dialects::realtime::Limits;
use crate::lane::Placement;
use crate::limit::ConnectLimit;
use crate::membership::Membership;
use crate::metrics::Metrics;
use crate::readiness::Readiness;
use crate::revocation::Revocations;
use crate::tenancy::TenancyHandle;
use crate::turn::Turn;

/// Everything of an edge that a door, or the drain, needs.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) config: Config,
    pub(crate) edge_id: EdgeId,
    pub(crate) tenancy: TenancyHandle,
    pub(crate) cluster: Cluster,
    pub(crate) turn: Option<Turn>,
    pub(crate) connects: ConnectLimit,
    pub(crate) session_limits: Limits,
    pub(crate) room_limits: dialects::room::Limits,
    pub(crate) device_limits: dialects::device::Limits,
    pub(crate) membership: Membership,
    pub(crate) exchange: Exchange,
    pub(crate) revocations: Revocations,
    pub(crate) registry: Registry,
    pub(crate) metrics: Metrics,
    pub(crate) readiness: Readiness,
    /// Ends the accepting of connections.
    pub(crate) drain: CancellationToken,
    /// Ends whatever is still there when the grace period is over.
    pub(crate) abort: CancellationToken,
    /// Every task of the front, and every session.
    pub(crate) tasks: TaskTracker,
    /// The accepting of connections, and those that come while the edge drains: nothing waits for them.
    pub(crate) latecomers: TaskTracker,
    /// Held while the metrics are read.
    pub(crate) scrape: tokio::sync::Mutex<()>,
    pub(crate) lanes: Placement,
}
