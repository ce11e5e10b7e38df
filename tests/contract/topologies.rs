//! The servers under contract, one of each kind for all points, and an empty cluster on one of them for each point.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cluster::Pressure;
use cluster::contract::{Deployment, Edge, NAMED_MEMBERS};
use cluster::redis::{RedisConfig, connect};
use testkit::redis::{RedisCluster, RedisServer, SentinelSet};
use tokio::sync::OnceCell;

/// An empty cluster of its own, under a prefix that nobody else uses.
pub(crate) struct Prefixed {
    url: String,
    prefix: String,
}

impl Prefixed {
    pub(crate) fn new(url: String) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Self {
            url,
            prefix: format!("contract-{number}"),
        }
    }
}

impl Deployment for Prefixed {
    async fn start(&self) -> Edge {
        let inboxes = Edge::inboxes();
        let config = RedisConfig {
            url: self.url.clone(),
            prefix: self.prefix.clone(),
            ca_file: None,
            edge: "edge".to_owned(),
            region: "here".to_owned(),
            named_members: NAMED_MEMBERS,
            edge_ttl: Duration::from_secs(2),
            lease_audit: Duration::from_secs(1),
            topology_poll: Duration::from_millis(500),
            probe: Duration::from_millis(500),
        };
        let (cluster, link) = connect(config, Edge::handles(&inboxes), Pressure::default())
            .expect("a configuration that can be used");
        link.spawn().expect("a thread");
        Edge::new(cluster, inboxes)
    }

    async fn crash(&self, edge: &Edge) {
        edge.cluster().sever();
    }
}

pub(crate) async fn standalone() -> String {
    static SERVER: OnceCell<RedisServer> = OnceCell::const_new();
    SERVER.get_or_init(RedisServer::start).await.url()
}

pub(crate) async fn sentinel() -> String {
    static SERVERS: OnceCell<SentinelSet> = OnceCell::const_new();
    SERVERS.get_or_init(SentinelSet::start).await.url()
}

pub(crate) async fn redis_cluster() -> String {
    static SERVERS: OnceCell<RedisCluster> = OnceCell::const_new();
    SERVERS.get_or_init(RedisCluster::start).await.url()
}
