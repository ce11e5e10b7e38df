//! The Redis that a cluster's edges share, whichever kind.

use crate::redis::{CommandStats, RedisCluster, RedisServer, SentinelSet};

/// One Redis for all edges of a test.
#[derive(Debug)]
pub enum Store {
    /// A single server.
    Standalone(RedisServer),
    /// A primary with replicas, guarded by Sentinels.
    Sentinels(SentinelSet),
    /// Redis Cluster.
    Clustered(RedisCluster),
}

impl Store {
    /// An empty single server.
    pub async fn standalone() -> Self {
        Self::Standalone(RedisServer::start().await)
    }

    /// An empty set guarded by Sentinels.
    pub async fn sentinels() -> Self {
        Self::Sentinels(SentinelSet::start().await)
    }

    /// An empty Redis Cluster.
    pub async fn clustered() -> Self {
        Self::Clustered(RedisCluster::start().await)
    }

    /// The URL that an edge takes.
    #[must_use]
    pub fn url(&self) -> String {
        match self {
            Self::Standalone(server) => server.url(),
            Self::Sentinels(set) => set.url(),
            Self::Clustered(cluster) => cluster.url(),
        }
    }

    /// Calls so far of every command, where commands go: on the single server, the primary, or all nodes.
    pub async fn command_stats(&self) -> CommandStats {
        match self {
            Self::Standalone(server) => server.command_stats().await,
            Self::Sentinels(set) => {
                let primary = set.primary().await.expect("the set has a primary");
                set.node(primary).command_stats().await
            }
            Self::Clustered(cluster) => cluster.command_stats().await,
        }
    }

    /// What edges called while `work` went on: the readings themselves are left out.
    pub async fn counted(&self, work: impl AsyncFnOnce()) -> CommandStats {
        let before = self.command_stats().await;
        work().await;
        let mut between = self.command_stats().await.since(&before);
        between.leave_out("info");
        between
    }

    /// The single server; a failure of the test if it is none.
    #[track_caller]
    pub fn server(&mut self) -> &mut RedisServer {
        match self {
            Self::Standalone(server) => server,
            Self::Sentinels(_) | Self::Clustered(_) => panic!("{self:?} is no single server"),
        }
    }

    /// The Sentinel set; a failure of the test if it is none.
    #[track_caller]
    pub fn sentinel_set(&mut self) -> &mut SentinelSet {
        match self {
            Self::Sentinels(set) => set,
            Self::Standalone(_) | Self::Clustered(_) => panic!("{self:?} has no Sentinels"),
        }
    }

    /// Redis Cluster; a failure of the test if it is none.
    #[track_caller]
    pub fn redis_cluster(&mut self) -> &mut RedisCluster {
        match self {
            Self::Clustered(cluster) => cluster,
            Self::Standalone(_) | Self::Sentinels(_) => panic!("{self:?} is no Redis Cluster"),
        }
    }
}
