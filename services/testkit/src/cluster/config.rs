//! How a cluster is put together.

use super::{Guard, Store, TestCluster};
use crate::{EdgeConfig, Host, TestEdge, proxy::FaultProxy};

/// A cluster before it is started: a single Redis, no relays, heartbeats and audits fast enough for a test.
#[derive(Debug)]
pub struct ClusterConfig {
    edges: usize,
    config: EdgeConfig,
    store: Option<Store>,
    url: Option<String>,
    relay_seed: Option<u64>,
    hosts: Vec<Host>,
}

impl ClusterConfig {
    /// So many edges, each with [`EdgeConfig::demo`].
    #[must_use]
    pub fn demo(edges: usize) -> Self {
        Self::new(edges, EdgeConfig::demo())
    }

    /// So many edges with this configuration, limits on clients and addresses switched off.
    #[must_use]
    pub fn new(edges: usize, config: EdgeConfig) -> Self {
        let config = config
            .limit("messages_per_second", 0)
            .limit("message_burst", 0)
            .limit("unauthenticated_per_address", 0)
            .limit("unauthenticated_total", 0)
            .timing("edge_ttl", "2s")
            .timing("lease_audit", "2s")
            .timing("drain", "5s")
            .set("lanes", 2);
        Self {
            edges,
            config,
            store: None,
            url: None,
            relay_seed: None,
            hosts: Vec::new(),
        }
    }

    /// Changes the configuration of all edges.
    #[must_use]
    pub fn edge(mut self, change: impl FnOnce(EdgeConfig) -> EdgeConfig) -> Self {
        self.config = change(self.config);
        self
    }

    /// Shares this instead of a new single server.
    #[must_use]
    pub fn over(mut self, store: Store) -> Self {
        self.store = Some(store);
        self
    }

    /// Tells the edges this URL, whatever they share: an address that follows nobody, say.
    #[must_use]
    pub fn at(mut self, url: String) -> Self {
        self.url = Some(url);
        self
    }

    /// Puts a relay between each edge and Redis. For a single server only: Sentinels and cluster nodes tell the edges
    /// where to connect.
    #[must_use]
    pub fn through_relays(mut self, seed: u64) -> Self {
        self.relay_seed = Some(seed);
        self
    }

    /// Runs the edges there, one on each; those beyond the list run on this machine as it is.
    #[must_use]
    pub fn on(mut self, hosts: Vec<Host>) -> Self {
        self.hosts = hosts;
        self
    }

    /// Goes without a guard.
    #[must_use]
    pub fn without(self, guard: Guard) -> Self {
        self.edge(|config| guard.off(config))
    }

    /// Starts Redis, if none was given, and the edges, and waits until all are ready.
    pub async fn start(self) -> TestCluster {
        let mut store = match self.store {
            Some(store) => store,
            None => Store::standalone().await,
        };
        let mut proxies = Vec::new();
        let mut configs = Vec::new();
        for (index, letter) in (0..self.edges).zip('a'..) {
            let mut url = self.url.clone().unwrap_or_else(|| store.url());
            if let Some(seed) = self.relay_seed {
                let proxy = FaultProxy::start(store.server().address(), seed + index as u64);
                url = format!("redis://{}", proxy.address());
                proxies.push(proxy);
            }
            let id = letter.to_string();
            let host = self.hosts.get(index).cloned().unwrap_or_else(Host::local);
            let mut config = self.config.clone().set("redis_url", url).set("edge_id", id);
            if index % 2 == 1 {
                // A single lane does the link's work as well, of several none.
                config = config.set("lanes", 1);
            }
            configs.push(config.on(host));
        }
        let mut edges = Vec::new();
        for config in &configs {
            edges.push(TestEdge::start(config).await);
        }
        let cluster = TestCluster {
            edges,
            configs,
            proxies,
            store,
        };
        for index in 0..cluster.edges.len() {
            cluster.ready(index).await;
        }
        cluster
    }
}
