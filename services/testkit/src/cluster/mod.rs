//! Several edges over one Redis.
//!
//! - [`TestCluster`]: the edges and what they share; each edge can be killed, frozen, drained and started again.
//! - [`ClusterConfig`]: how many edges, over which [`Store`], through a relay or not, with which settings.
//! - [`Guard`]: the protections, and how a test goes without one.

mod config;
mod guard;
mod store;

use std::thread;

pub use config::ClusterConfig;
pub use guard::Guard;
pub use store::Store;

use crate::{Client, EdgeConfig, TestEdge, edge::SESSIONS, proxy::FaultProxy, until};

/// A running cluster. Dropping it kills all of its processes; a panic in an edge's log fails the test.
#[derive(Debug)]
pub struct TestCluster {
    edges: Vec<TestEdge>,
    configs: Vec<EdgeConfig>,
    proxies: Vec<FaultProxy>,
    store: Store,
}

impl TestCluster {
    /// So many edges with [`EdgeConfig::demo`] over a single Redis.
    pub async fn start(edges: usize) -> Self {
        ClusterConfig::demo(edges).start().await
    }

    /// An edge by its number. Its id is the letter: `a`, `b`, `c`.
    #[must_use]
    pub fn edge(&self, index: usize) -> &TestEdge {
        &self.edges[index]
    }

    /// An edge, to end it.
    pub fn edge_mut(&mut self, index: usize) -> &mut TestEdge {
        &mut self.edges[index]
    }

    /// All edges.
    pub fn edges(&self) -> impl Iterator<Item = &TestEdge> {
        self.edges.iter()
    }

    /// What they share.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// What they share, to do something to it.
    pub fn store_mut(&mut self) -> &mut Store {
        &mut self.store
    }

    /// The relay between an edge and Redis, of a cluster that was started with relays.
    #[must_use]
    pub fn proxy(&self, index: usize) -> &FaultProxy {
        &self.proxies[index]
    }

    /// A client of one edge, as [`Client::connect_peer`] makes it.
    #[track_caller]
    pub fn peer(&self, edge: usize, name: &str) -> impl Future<Output = Client> {
        Client::connect_peer(&self.edges[edge], name)
    }

    /// Starts an edge again that has ended, with the same id and settings, on new ports, and waits until it is ready.
    pub async fn restart(&mut self, index: usize) {
        self.edges[index] = TestEdge::start(&self.configs[index]).await;
        self.ready(index).await;
    }

    /// Waits until an edge says that new clients may come.
    pub async fn ready(&self, index: usize) {
        until("the edge is ready", async || {
            let answer = self.edges[index].admin().get("/readyz").await;
            (answer.status == 200).then_some(())
        })
        .await;
    }

    /// Waits until an edge gives this reason not to be ready.
    pub async fn unready(&self, index: usize, reason: &str) {
        until("the edge is not ready", async || {
            self.is_unready(index, reason).await.then_some(())
        })
        .await;
    }

    /// Whether an edge gives this reason not to be ready.
    pub async fn is_unready(&self, index: usize, reason: &str) -> bool {
        let answer = self.edges[index].admin().get("/readyz").await;
        let reasons = answer.body["reasons"].as_array().cloned();
        answer.status == 503 && reasons.is_some_and(|reasons| reasons.iter().any(|is| is == reason))
    }

    /// Waits until the edges that run hold so many sessions together.
    pub async fn holds(&self, sessions: u32) {
        until("so many sessions are left", async || {
            (self.metric(SESSIONS).await == f64::from(sessions)).then_some(())
        })
        .await;
    }

    /// The value of a metric, added up over the edges that run; an edge without the series counts nothing.
    pub async fn metric(&self, series: &str) -> f64 {
        let mut sum = 0.0;
        for edge in self.edges.iter().filter(|edge| edge.is_running()) {
            sum += edge.scrape().await.value(series).unwrap_or_default();
        }
        sum
    }
}

impl Drop for TestCluster {
    fn drop(&mut self) {
        if thread::panicking() {
            return;
        }
        for (edge, letter) in self.edges.iter().zip('a'..) {
            let log = edge.log();
            assert!(
                !log.contains("panicked at"),
                "edge {letter} panicked:\n{log}"
            );
        }
    }
}
