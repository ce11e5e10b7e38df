//! A Redis that fails over: one primary, two replicas, three Sentinels.

use std::net::SocketAddr;

use super::{Connection, Port, RedisProcess, Reply, process::Program, server::STORELESS};
use crate::{Host, until};

/// Three data nodes and three Sentinels, on three hosts. Which node is the primary changes.
#[derive(Debug)]
pub struct SentinelSet {
    nodes: Vec<RedisProcess>,
    sentinels: Vec<RedisProcess>,
}

impl SentinelSet {
    /// Starts a set on this machine and waits until it could fail over.
    pub async fn start() -> Self {
        Self::on([Host::local(), Host::local(), Host::local()], "").await
    }

    /// Starts a set with a node and a Sentinel on each host, the primary on the first; `settings` are further lines of
    /// each node's `redis.conf`.
    pub async fn on(hosts: [Host; 3], settings: &str) -> Self {
        let mut set = Self {
            nodes: Vec::new(),
            sentinels: Vec::new(),
        };
        for host in &hosts {
            let role = set.nodes.first().map_or_else(String::new, |primary| {
                let address = primary.address();
                format!("replicaof {} {}\n", address.ip(), address.port())
            });
            let text = format!("{STORELESS}bind 0.0.0.0\n{role}{settings}");
            let process =
                RedisProcess::start(Program::Server, host.clone(), Port::lease(), &text).await;
            set.nodes.push(process);
        }
        let ports = [(); 3].map(|()| Port::lease());
        let peers: Vec<SocketAddr> = hosts
            .iter()
            .zip(&ports)
            .map(|(host, port)| SocketAddr::new(host.peers(), port.number()))
            .collect();
        for (index, (host, port)) in hosts.into_iter().zip(ports).enumerate() {
            let text = set.sentinel_settings(index, &peers);
            let process = RedisProcess::start(Program::Sentinel, host, port, &text).await;
            set.sentinels.push(process);
        }
        set.settled().await;
        set
    }

    /// The URL that an edge takes. It names Sentinels only.
    #[must_use]
    pub fn url(&self) -> String {
        let mut addresses = self.sentinels.iter().map(RedisProcess::address);
        let first = addresses.next().expect("a set has three Sentinels");
        let others: String = addresses.map(|other| format!("node={other}&")).collect();
        format!("redis-sentinel://{first}?{others}sentinelServiceName={NAME}")
    }

    /// A data node by its number, 0 to 2.
    #[must_use]
    pub fn node(&self, index: usize) -> &RedisProcess {
        &self.nodes[index]
    }

    /// A data node, to kill or revive it.
    pub fn node_mut(&mut self, index: usize) -> &mut RedisProcess {
        &mut self.nodes[index]
    }

    /// A Sentinel by its number, 0 to 2.
    #[must_use]
    pub fn sentinel(&self, index: usize) -> &RedisProcess {
        &self.sentinels[index]
    }

    /// The number of the node that at least two Sentinels call the primary; nothing while they disagree.
    pub async fn primary(&self) -> Option<usize> {
        let mut votes = [0; 3];
        for sentinel in self.sentinels.iter().filter(|sentinel| sentinel.is_up()) {
            let words = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME];
            let Ok(reply) = sentinel.try_command(&words).await else {
                continue;
            };
            let named = reply.list().iter().map(Reply::text).collect::<Vec<_>>();
            let named = named.join(":");
            let is_named = |node: &RedisProcess| node.address().to_string() == named;
            if let Some(index) = self.nodes.iter().position(is_named) {
                votes[index] += 1;
            }
        }
        votes.iter().position(|votes| *votes >= 2)
    }

    /// Waits until another node than `former` is the primary, for the Sentinels and for itself.
    pub async fn succeeded(&self, former: usize) -> usize {
        until("another primary", async || {
            let primary = self.primary().await?;
            self.nodes[primary].is_role("master").await?;
            (primary != former).then_some(primary)
        })
        .await
    }

    /// A planned failover, as before an upgrade: the primary stays alive. Returns the number of the new one.
    pub async fn failover(&self) -> usize {
        let former = until("a primary", async || self.primary().await).await;
        self.order_failover().await;
        self.succeeded(former).await
    }

    /// Orders a planned failover and returns at once.
    pub async fn order_failover(&self) {
        until("a Sentinel takes the order", async || {
            let order = ["SENTINEL", "FAILOVER", NAME];
            let reply = self.sentinels[0].try_command(&order).await.ok()?;
            (reply.text() == "OK").then_some(())
        })
        .await;
    }

    /// Waits until every Sentinel sees the whole set in good health, so that a failover would go through.
    pub async fn settled(&self) {
        until("the Sentinels see a healthy set", async || {
            for sentinel in self.sentinels.iter().filter(|sentinel| sentinel.is_up()) {
                let mut connection = sentinel.connect().await.ok()?;
                sees_healthy_set(&mut connection).await?;
            }
            Some(())
        })
        .await;
    }

    fn sentinel_settings(&self, index: usize, peers: &[SocketAddr]) -> String {
        let primary = self.nodes[0].address();
        let mut text = format!(
            "bind 0.0.0.0\nsentinel myid {}\nsentinel monitor {NAME} {} {} 2\n\
             sentinel down-after-milliseconds {NAME} {DOWN_AFTER_MS}\n\
             sentinel failover-timeout {NAME} {FAILOVER_TIMEOUT_MS}\nsentinel parallel-syncs {NAME} 2\n",
            sentinel_id(index),
            primary.ip(),
            primary.port()
        );
        // What they would find out within seconds by themselves is told, to save every test those seconds.
        for replica in self.nodes.iter().skip(1).map(RedisProcess::address) {
            let (ip, port) = (replica.ip(), replica.port());
            text.push_str(&format!("sentinel known-replica {NAME} {ip} {port}\n"));
        }
        for (other, address) in peers
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != index)
        {
            let (ip, port, id) = (address.ip(), address.port(), sentinel_id(other));
            text.push_str(&format!(
                "sentinel known-sentinel {NAME} {ip} {port} {id}\n"
            ));
        }
        text
    }
}

async fn sees_healthy_set(sentinel: &mut Connection) -> Option<()> {
    let ask = async |sentinel: &mut Connection, what: &str| {
        let reply = sentinel.command(&["SENTINEL", what, NAME]).await;
        reply.ok()
    };
    let quorum = ask(sentinel, "CKQUORUM").await?.text();
    let primary = ask(sentinel, "MASTER").await?;
    let replicas = ask(sentinel, "REPLICAS").await?;
    let attached = replicas.list().iter().filter(|replica| {
        field(replica, "flags") == "slave" && field(replica, "master-link-status") == "ok"
    });
    let healthy = quorum.starts_with("OK")
        && field(&primary, "flags") == "master"
        && field(&primary, "num-other-sentinels") == "2"
        && attached.count() == 2;
    healthy.then_some(())
}

/// One value of a flat list of names and values.
fn field(reply: &Reply, name: &str) -> String {
    let mut pairs = reply.list().chunks(2);
    let found = pairs.find(|pair| pair[0].text() == name);
    found
        .and_then(|pair| pair.get(1))
        .map_or_else(String::new, Reply::text)
}

fn sentinel_id(index: usize) -> String {
    format!("{index:040x}").replacen('0', "a", 1)
}

const NAME: &str = "mymaster";
const DOWN_AFTER_MS: u32 = 1000;
const FAILOVER_TIMEOUT_MS: u32 = 4000;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_killed_primary_is_succeeded_and_comes_back_as_a_replica() {
        let mut set = SentinelSet::start().await;
        assert_eq!(set.primary().await, Some(0));
        set.node_mut(0).kill().await;
        let next = set.succeeded(0).await;
        set.node(next)
            .command(&["SET", "key", "value"])
            .await
            .accepted();
        set.node_mut(0).revive().await;
        until("the former primary is a replica", async || {
            set.node(0).is_role("slave").await
        })
        .await;
    }

    #[tokio::test]
    async fn a_planned_failover_leaves_the_former_primary_alive() {
        let set = SentinelSet::start().await;
        let next = set.failover().await;
        assert_ne!(next, 0);
        assert_eq!(set.primary().await, Some(next));
        assert_eq!(set.node(0).command(&["PING"]).await.text(), "PONG");
    }
}
