//! Redis Cluster: three primaries with a replica each, slots in thirds.

use super::{CommandStats, Port, RedisProcess, process::Program, server::STORELESS};
use crate::{Host, until};

/// Six nodes that agree. Nodes 0 to 2 begin as primaries, 3 to 5 as their replicas.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<RedisProcess>,
    /// The second port of each node, by which nodes speak to each other.
    _buses: Vec<Port>,
}

impl RedisCluster {
    /// Starts six nodes, joins them, and waits until all of them serve.
    pub async fn start() -> Self {
        let mut cluster = Self {
            nodes: Vec::new(),
            _buses: Vec::new(),
        };
        for _ in 0..NODES {
            let bus = Port::lease();
            let settings = format!(
                "{STORELESS}bind 127.0.0.1\ncluster-enabled yes\ncluster-config-file nodes.conf\n\
                 cluster-node-timeout {NODE_TIMEOUT_MS}\ncluster-port {}\n",
                bus.number()
            );
            let process =
                RedisProcess::start(Program::Server, Host::local(), Port::lease(), &settings).await;
            cluster.nodes.push(process);
            cluster._buses.push(bus);
        }
        cluster.join().await;
        cluster
    }

    /// The URL that an edge takes.
    #[must_use]
    pub fn url(&self) -> String {
        let mut addresses = self.nodes.iter().map(RedisProcess::address);
        let first = addresses.next().expect("a cluster has six nodes");
        let others: Vec<String> = addresses.map(|other| format!("node={other}")).collect();
        format!("redis-cluster://{first}?{}", others.join("&"))
    }

    /// A node by its number, 0 to 5.
    #[must_use]
    pub fn node(&self, index: usize) -> &RedisProcess {
        &self.nodes[index]
    }

    /// A node, to kill or revive it.
    pub fn node_mut(&mut self, index: usize) -> &mut RedisProcess {
        &mut self.nodes[index]
    }

    /// Calls so far, over all nodes that are up.
    pub async fn command_stats(&self) -> CommandStats {
        let mut all = Vec::new();
        for node in self.nodes.iter().filter(|node| node.is_up()) {
            all.push(node.command_stats().await);
        }
        CommandStats::sum(all)
    }

    /// Waits until every node that is up serves all slots and every replica that is up has what its primary has.
    pub async fn settled(&self) {
        until("the cluster serves", async || {
            for node in self.nodes.iter().filter(|node| node.is_up()) {
                let state = node.try_command(&["CLUSTER", "INFO"]).await.ok()?.text();
                let replication = node
                    .try_command(&["INFO", "replication"])
                    .await
                    .ok()?
                    .text();
                let serves = state.contains("cluster_state:ok\r\n");
                let attached = replication.contains("role:master\r\n")
                    || replication.contains("master_link_status:up\r\n");
                if !serves || !attached {
                    return None;
                }
            }
            Some(())
        })
        .await;
    }

    /// A planned failover: `replica` takes over from its primary, which stays alive.
    pub async fn failover(&self, replica: usize) {
        let node = &self.nodes[replica];
        until("the replica may take over", async || {
            let reply = node.try_command(&["CLUSTER", "FAILOVER"]).await.ok()?;
            (reply.text() == "OK").then_some(())
        })
        .await;
        self.promoted(replica).await;
        self.settled().await;
    }

    /// Waits until `replica` is a primary.
    pub async fn promoted(&self, replica: usize) {
        until("the replica is a primary", async || {
            self.nodes[replica].is_role("master").await
        })
        .await;
    }

    async fn join(&self) {
        let (primaries, replicas) = self.nodes.split_at(PRIMARIES);
        for (index, node) in primaries.iter().enumerate() {
            let slot = |third: usize| (third * SLOTS / PRIMARIES).to_string();
            let last = ((index + 1) * SLOTS / PRIMARIES - 1).to_string();
            let words = ["CLUSTER", "ADDSLOTSRANGE", &slot(index), &last];
            node.command(&words).await.accepted();
        }
        for (index, node) in self.nodes.iter().enumerate() {
            // Equal epochs would make the nodes argue about the slots first.
            let words = ["CLUSTER", "SET-CONFIG-EPOCH", &(index + 1).to_string()];
            node.command(&words).await.accepted();
        }
        for (node, bus) in self.nodes.iter().zip(&self._buses).skip(1) {
            let address = node.address();
            let (ip, port) = (address.ip().to_string(), address.port().to_string());
            let words = ["CLUSTER", "MEET", &ip, &port, &bus.number().to_string()];
            self.nodes[0].command(&words).await.accepted();
        }
        self.agreed("every node knows every other", |nodes| {
            nodes
                .lines()
                .filter(|line| line.ends_with(' ') || line.contains(" connected"))
                .count()
                == NODES
                && !nodes.contains("handshake")
        })
        .await;
        for (replica, primary) in replicas.iter().zip(primaries) {
            let id = primary.command(&["CLUSTER", "MYID"]).await.text();
            replica
                .command(&["CLUSTER", "REPLICATE", &id])
                .await
                .accepted();
        }
        self.agreed("every node knows every role", |nodes| {
            nodes
                .lines()
                .filter(|line| role_of(line).contains("slave"))
                .count()
                == NODES - PRIMARIES
        })
        .await;
        self.settled().await;
    }

    /// Waits until `CLUSTER NODES` looks right to every node.
    async fn agreed(&self, what: &str, right: impl Fn(&str) -> bool) {
        for node in &self.nodes {
            until(what, async || {
                let nodes = node.try_command(&["CLUSTER", "NODES"]).await.ok()?.text();
                right(&nodes).then_some(())
            })
            .await;
        }
    }
}

/// The flags in a line of `CLUSTER NODES`.
fn role_of(line: &str) -> &str {
    line.split(' ').nth(2).unwrap_or_default()
}

const NODES: usize = 6;
const PRIMARIES: usize = 3;
const SLOTS: usize = 16_384;
const NODE_TIMEOUT_MS: u32 = 2000;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_killed_primary_is_succeeded_by_its_replica() {
        let mut cluster = RedisCluster::start().await;
        let moved = cluster.node(2).command(&["SET", "{a}", "x"]).await;
        let owner = if moved.text() == "OK" { 2 } else { 0 };
        assert!(
            owner == 2 || moved.to_string().contains("MOVED"),
            "neither owner nor redirected: {moved}"
        );
        cluster.node_mut(0).kill().await;
        cluster.promoted(3).await;
        cluster.settled().await;
    }

    #[tokio::test]
    async fn a_planned_failover_swaps_the_roles() {
        let cluster = RedisCluster::start().await;
        cluster.failover(4).await;
        until("the former primary is a replica", async || {
            cluster.node(1).is_role("slave").await
        })
        .await;
    }
}
