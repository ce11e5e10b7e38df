//! What protects a cluster from a fault, and the setting that takes the protection away.
//!
//! A test of a fault proves something only if it fails without the guard. No guard has a switch of its own: each is a
//! period, which can be never, or longer than any test. The names of these settings stand here and nowhere else in the kit.

use crate::EdgeConfig;

/// One protection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// Asking Sentinel, or Redis Cluster, who the primary is.
    TopologyPoll,
    /// Pings through the publish path that must come back.
    Probe,
    /// Comparing held leases with Redis.
    LeaseAudit,
    /// The heartbeat of an edge, without which nobody finds out that it is gone.
    EdgeTtl,
}

impl Guard {
    /// The configuration without this guard.
    #[must_use]
    pub fn off(self, config: EdgeConfig) -> EdgeConfig {
        match self {
            Self::TopologyPoll => config.section("redis", "topology_poll", "0s"),
            Self::Probe => config.section("redis", "probe", "0s"),
            Self::LeaseAudit => config.timing("lease_audit", "0s"),
            Self::EdgeTtl => config.timing("edge_ttl", "1h"),
        }
    }
}
