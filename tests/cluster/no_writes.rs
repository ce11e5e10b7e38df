//! Redis answers and carries messages, but writes nothing down: its primary has too few replicas, no memory, or no disk.
//! Whoever is there is served, nobody new comes, and it is said why.

use std::time::{Duration, Instant};

use serde_json::json;
use testkit::{
    Client, ClusterConfig, Door, EdgeConfig, Guard, Store, TestCluster, TestEdge, Token,
    redis::RedisServer, until,
};

use crate::crowd::{listed, moves, phone};

#[tokio::test]
async fn without_replicas_open_sessions_are_served_and_edges_unready() {
    let mut scene = Scene::set(RedisServer::start().await).await;
    scene.refuse(&["CONFIG", "SET", MIN_REPLICAS, "1"]).await;
    scene.is_said().await;
    scene.carries_messages().await;
    // Nor does it need the links that were there: a new one carries messages, and changes nothing else.
    scene
        .refuse(&["CLIENT", "KILL", "TYPE", "pubsub", "SKIPME", "yes"])
        .await;
    scene.carries_messages().await;
    for edge in 0..2 {
        assert!(scene.cluster.is_unready(edge, REASON).await);
    }
    scene.admits_nobody().await;
    scene.allow(&["CONFIG", "SET", MIN_REPLICAS, "0"]).await;
    scene.heals().await;
}

#[tokio::test]
async fn without_memory_open_sessions_are_served_and_edges_unready() {
    let mut scene = Scene::set(RedisServer::start().await).await;
    scene.refuse(&["CONFIG", "SET", "maxmemory", "1"]).await;
    scene.is_said().await;
    scene.carries_messages().await;
    scene.admits_nobody().await;
    scene.allow(&["CONFIG", "SET", "maxmemory", "0"]).await;
    scene.heals().await;
}

#[tokio::test]
async fn without_a_disk_open_sessions_are_served_and_edges_unready() {
    let server = RedisServer::with("save 3600 1\nenable-protected-configs yes\n").await;
    let mut scene = Scene::set(server).await;
    // Nobody can write there.
    scene.refuse(&["CONFIG", "SET", "dir", "/proc"]).await;
    scene.refuse(&["BGSAVE"]).await;
    scene.is_said().await;
    scene.carries_messages().await;
    scene.admits_nobody().await;
    let stop = "stop-writes-on-bgsave-error";
    scene.allow(&["CONFIG", "SET", stop, "no"]).await;
    scene.heals().await;
}

// The registration outlives so short a time, so that nothing but the end of the refusal tells the edge to say it again.
#[tokio::test]
async fn who_leaves_meanwhile_is_gone_afterwards() {
    let config = ClusterConfig::demo(2).edge(|edge| edge.timing("edge_ttl", "16s"));
    let mut scene = Scene::with(config, RedisServer::start().await).await;
    scene.refuse(&["CONFIG", "SET", MIN_REPLICAS, "1"]).await;
    until("both edges have noticed", async || {
        (scene.cluster.metric(WRITABLE).await == 0.0).then_some(())
    })
    .await;
    scene
        .bob
        .refusal(json!({"type": "subscribe", "channel": "other"}))
        .await;
    scene.bob.close().await;
    scene.cluster.edge(1).holds(0).await;
    let server = scene.cluster.store_mut().server();
    let allow = ["CONFIG", "SET", MIN_REPLICAS, "0"];
    server.command(&allow).await.accepted();
    for edge in 0..2 {
        until("bob has left", async || {
            (listed(&scene.cluster, edge, "room").await? == ["alice"]).then_some(())
        })
        .await;
    }
    for edge in scene.cluster.edges() {
        let log = edge.log();
        assert!(!log.contains("sign of life was lost"), "{log}");
    }
}

// Without the heartbeat, which is a write, nobody finds out.
#[tokio::test]
async fn without_a_heartbeat_edges_stay_ready() {
    let config = ClusterConfig::demo(2).without(Guard::EdgeTtl);
    let mut scene = Scene::with(config, RedisServer::start().await).await;
    scene.refuse(&["CONFIG", "SET", MIN_REPLICAS, "1"]).await;
    let end = Instant::now() + Duration::from_secs(5);
    while Instant::now() < end {
        for edge in 0..2 {
            assert!(
                !scene.cluster.is_unready(edge, REASON).await,
                "noticed without a guard"
            );
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn an_edge_that_starts_meanwhile_waits_and_says_why() {
    let server = RedisServer::start().await;
    let refuse = ["CONFIG", "SET", MIN_REPLICAS, "1"];
    server.command(&refuse).await.accepted();
    let config = EdgeConfig::demo().set("redis_url", server.url());
    let edge = config.set("edge_id", "a").start().await;
    never_ready(&edge, Duration::from_secs(4)).await;
    let answer = edge.admin().get("/readyz").await;
    assert_eq!(answer.body["reasons"], json!([REASON]));
    let allow = ["CONFIG", "SET", MIN_REPLICAS, "0"];
    server.command(&allow).await.accepted();
    until("the edge is ready", async || {
        (edge.admin().get("/readyz").await.status == 200).then_some(())
    })
    .await;
    Client::connect_peer(&edge, "alice").await.close().await;
}

#[tokio::test]
async fn an_edge_that_never_reached_redis_is_not_ready_for_a_moment() {
    let mut server = RedisServer::start().await;
    server.kill().await;
    let config = EdgeConfig::demo().set("redis_url", server.url());
    let edge = config.set("edge_id", "a").start().await;
    never_ready(&edge, Duration::from_secs(4)).await;
}

async fn never_ready(edge: &TestEdge, during: Duration) {
    let end = Instant::now() + during;
    while Instant::now() < end {
        let answer = edge.admin().get("/readyz").await;
        assert_eq!(answer.status, 503, "{}", answer.text);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A channel with a member on each edge, and a phone on the first.
struct Scene {
    cluster: TestCluster,
    alice: Client,
    bob: Client,
    carol: Client,
}

impl Scene {
    async fn set(server: RedisServer) -> Self {
        Self::with(ClusterConfig::demo(2), server).await
    }

    async fn with(config: ClusterConfig, server: RedisServer) -> Self {
        let cluster = config.over(Store::Standalone(server)).start().await;
        let mut alice = cluster.peer(0, "alice").await;
        let mut bob = cluster.peer(1, "bob").await;
        for client in [&mut alice, &mut bob] {
            client.subscribe("room").await;
        }
        alice.fence_by(&mut bob).await;
        bob.fence_by(&mut alice).await;
        let carol = Client::connect_token(cluster.edge(0), &phone("carol")).await;
        Self {
            cluster,
            alice,
            bob,
            carol,
        }
    }

    async fn refuse(&mut self, words: &[&str]) {
        let server = self.cluster.store_mut().server();
        server.command(words).await.accepted();
    }

    async fn allow(&mut self, words: &[&str]) {
        self.refuse(words).await;
    }

    /// By readiness, metrics and log.
    async fn is_said(&self) {
        for edge in 0..2 {
            self.cluster.unready(edge, REASON).await;
        }
        assert_eq!(self.cluster.metric("switchboard_link_up").await, 2.0);
        assert_eq!(self.cluster.metric(WRITABLE).await, 0.0);
        for edge in self.cluster.edges() {
            let log = edge.log();
            assert_eq!(log.matches("Redis refuses writes").count(), 1, "{log}");
        }
    }

    /// Both ways, to the channel and to a peer.
    async fn carries_messages(&mut self) {
        crosses(&mut self.alice, &mut self.bob).await;
        crosses(&mut self.bob, &mut self.alice).await;
    }

    /// Neither to an edge nor to a channel.
    async fn admits_nobody(&mut self) {
        for door in [
            Door::key("pk_live_demo"),
            Door::token(&Token::peer("dave").sign()),
            Door::token(&phone("carol")),
        ] {
            let closed = Client::refused(self.cluster.edge(1), door).await;
            assert_eq!(closed.code, 1013, "{closed:?}");
        }
        let join = json!({"type": "subscribe", "channel": "other"});
        assert_eq!(self.alice.refusal(join).await, "backend_error");
    }

    /// Everything is known again that was: members, places, leases.
    async fn heals(mut self) {
        for edge in 0..2 {
            self.cluster.ready(edge).await;
            until("the roster is whole", async || {
                (listed(&self.cluster, edge, "room").await? == ["alice", "bob"]).then_some(())
            })
            .await;
        }
        assert_eq!(self.cluster.metric(WRITABLE).await, 2.0);
        until("usage is right", async || {
            let usage = self.cluster.edge(0).rest().get("/v1/usage").await;
            (usage.body["concurrentNow"] == 3).then_some(())
        })
        .await;
        let newer = Client::connect_token(self.cluster.edge(1), &phone("carol")).await;
        assert_eq!(self.carol.find_close().await.code, 4441);
        newer.close().await;
        let heard = self.bob.fence_by(&mut self.alice).await;
        assert_eq!(moves(&heard).len(), 0, "nobody came or went: {heard:?}");
    }
}

/// A direct and a message to the channel; the direct as soon as there is a link.
async fn crosses(from: &mut Client, to: &mut Client) {
    let direct = json!({"type": "send", "to": to.peer(), "data": "direct"});
    until("a direct is taken", async || {
        (from.request(direct.clone()).await["type"] == "ack").then_some(())
    })
    .await;
    assert_eq!(to.find_type("direct").await["data"], "direct");
    from.publish("room", "message").await;
    assert_eq!(to.find_type("message").await["data"], "message");
}

const REASON: &str = "redis_refuses_writes";
const WRITABLE: &str = "switchboard_link_writable";
/// A server without replicas then has too few.
const MIN_REPLICAS: &str = "min-replicas-to-write";
