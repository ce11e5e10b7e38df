//! The contract of `cluster`, kept over a real Redis: every point on every topology.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cluster::Pressure;
use cluster::contract::{Deployment, Edge, NAMED_MEMBERS};
use cluster::redis::{RedisConfig, connect};

/// An empty cluster of its own, under a prefix that nobody else uses.
struct Prefixed {
    url: String,
    prefix: String,
}

impl Prefixed {
    fn new(url: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        Self {
            url: url.to_owned(),
            prefix: format!(
                "contract-{}-{}",
                std::process::id(),
                NUMBER.fetch_add(1, Ordering::Relaxed)
            ),
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
            edge_ttl: Duration::from_secs(1),
            lease_audit: Duration::from_secs(1),
            topology_poll: Duration::from_millis(500),
            probe: Duration::from_millis(250),
        };
        let cluster = connect(config, Edge::handles(&inboxes), Pressure::default())
            .expect("a configuration that can be used");
        Edge::new(cluster, inboxes)
    }

    async fn crash(&self, edge: &Edge) {
        edge.cluster().sever();
    }
}

mod standalone {
    use super::Prefixed;

    cluster::contract_points!(Prefixed::new(&std::env::var("REDIS_URL").unwrap()));
}
