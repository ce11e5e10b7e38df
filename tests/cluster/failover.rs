//! A planned failover: the former primary stays alive and answers whoever is still connected to it. Scorecard row 2.

use std::time::{Duration, Instant};

use futures_util::future::join;
use serde_json::json;
use testkit::{Client, ClusterConfig, Exchange, Guard, Ledger, Store, TestCluster, until};
use tokio::sync::watch;

use crate::crowd::{listed, phone};

#[tokio::test]
async fn no_acked_direct_is_lost_in_a_planned_failover_and_messages_only_for_a_moment() {
    let seen = planned_failover(ClusterConfig::demo(3)).await;
    seen.directs.assert_whole();
    seen.messages.assert_sound();
    seen.to_the_fresh_edge.assert_sound();
    assert!(
        seen.loss_window() <= Duration::from_millis(600),
        "{:?}",
        seen.loss_window()
    );
    for code in seen.directs.answers().keys() {
        assert!(["ack", "backend_error"].contains(code), "{}", seen.directs);
    }
}

// The same without asking Sentinel: it has to lose far more, or the test above proves nothing.
#[tokio::test]
async fn without_asking_sentinel_a_planned_failover_splits_the_world() {
    let config = ClusterConfig::demo(3)
        .without(Guard::TopologyPoll)
        .without(Guard::Probe);
    let seen = planned_failover(config).await;
    assert!(
        seen.loss_window() > Duration::from_millis(600),
        "nothing was lost without a guard"
    );
}

#[tokio::test]
async fn everything_works_on_after_failovers_of_a_sentinel_set() {
    let cluster = ClusterConfig::demo(2)
        .over(Store::sentinels().await)
        .start()
        .await;
    let mut scene = Scene::set(cluster).await;
    let Store::Sentinels(set) = scene.cluster.store() else {
        unreachable!()
    };
    set.failover().await;
    scene.is_whole().await;
    scene.ends_well().await;
}

#[tokio::test]
async fn everything_works_on_after_a_primary_of_redis_cluster_is_killed() {
    let cluster = ClusterConfig::demo(2)
        .over(Store::clustered().await)
        .start()
        .await;
    let mut scene = Scene::set(cluster).await;
    scene
        .cluster
        .store_mut()
        .redis_cluster()
        .node_mut(0)
        .kill()
        .await;
    let Store::Clustered(redis) = scene.cluster.store() else {
        unreachable!()
    };
    redis.promoted(3).await;
    redis.settled().await;
    scene.is_whole().await;
    scene.ends_well().await;
}

#[tokio::test]
async fn everything_works_on_after_a_planned_failover_of_redis_cluster() {
    let cluster = ClusterConfig::demo(2)
        .over(Store::clustered().await)
        .start()
        .await;
    let mut scene = Scene::set(cluster).await;
    let Store::Clustered(redis) = scene.cluster.store() else {
        unreachable!()
    };
    for replica in [3, 4, 5] {
        redis.failover(replica).await;
    }
    scene.is_whole().await;
    scene.ends_well().await;
}

/// What clients wrote down over a planned failover.
struct Seen {
    directs: Ledger,
    messages: Ledger,
    to_the_fresh_edge: Ledger,
}

impl Seen {
    fn loss_window(&self) -> Duration {
        let windows = [&self.messages, &self.to_the_fresh_edge].map(Ledger::loss_window);
        windows.into_iter().max().unwrap_or_default()
    }
}

/// 3 edges over Sentinels. Directs and messages go from edge a to edge b through a failover. Edge c starts again in the
/// middle of it, so that its connections are new, and messages go from edge a to a client there as well.
async fn planned_failover(config: ClusterConfig) -> Seen {
    let mut cluster = config.over(Store::sentinels().await).start().await;
    let mut listener = cluster.peer(1, "listener").await;
    listener.subscribe("room").await;
    let (alice, bob) = (cluster.peer(0, "alice").await, cluster.peer(1, "bob").await);
    let mut directs = Exchange::of_directs(alice, bob, PACE);
    let publisher = cluster.peer(0, "publisher").await;
    let mut messages = Exchange::of_messages(publisher, listener, "room", PACE);
    let second = cluster.peer(0, "second").await;
    let (over, ended) = watch::channel(false);
    let chaos = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let start = Instant::now();
        cluster.store_mut().sentinel_set().order_failover().await;
        let primary = cluster.store_mut().sentinel_set().succeeded(0).await;
        assert!(cluster.edge_mut(2).stop().await.success());
        cluster.restart(2).await;
        println!(
            "node {primary} is the primary, edge c is back, {:.1?} after the order",
            start.elapsed()
        );
        let mut fresh = cluster.peer(2, "fresh").await;
        fresh.subscribe("fresh room").await;
        let mut exchange = Exchange::of_messages(second, fresh, "fresh room", PACE);
        // The former primary lets go of its old connections about ten seconds after.
        let rest = Duration::from_secs(7).saturating_sub(start.elapsed());
        exchange.run(tokio::time::sleep(rest)).await;
        over.send_replace(true);
        exchange.into_ledger()
    };
    let both = join(
        directs.run(over_when(ended.clone())),
        messages.run(over_when(ended)),
    );
    let (_, to_the_fresh_edge) = join(both, chaos).await;
    let seen = Seen {
        directs: directs.into_ledger(),
        messages: messages.into_ledger(),
        to_the_fresh_edge,
    };
    println!(
        "directs: {}\nmessages: {}\nto the fresh edge: {}",
        seen.directs, seen.messages, seen.to_the_fresh_edge
    );
    seen
}

async fn over_when(mut ended: watch::Receiver<bool>) {
    // The sender lives longer than this.
    drop(ended.wait_for(|ended| *ended).await);
}

/// Clients on both edges that use everything there is.
struct Scene {
    cluster: TestCluster,
    alice: Client,
    bob: Client,
}

impl Scene {
    async fn set(cluster: TestCluster) -> Self {
        let mut alice = Client::connect_token(cluster.edge(0), &phone("alice")).await;
        let mut bob = cluster.peer(1, "bob").await;
        for number in 0..20 {
            alice.subscribe(&format!("room-{number}")).await;
            bob.subscribe(&format!("room-{number}")).await;
        }
        alice.fence_by(&mut bob).await;
        Self {
            cluster,
            alice,
            bob,
        }
    }

    /// Waits until directs and every channel work both ways.
    async fn is_whole(&mut self) {
        for edge in 0..2 {
            self.cluster.ready(edge).await;
        }
        until("directs cross", async || {
            let reply = self
                .alice
                .request(json!({"type": "send", "to": "bob", "data": 0}))
                .await;
            (reply["type"] == "ack").then_some(())
        })
        .await;
        for number in 0..20 {
            let channel = format!("room-{number}");
            until("a message crosses", async || {
                let frame = json!({"type": "publish", "channel": channel, "data": number});
                (self.alice.request(frame).await["type"] == "ack").then_some(())
            })
            .await;
            let arrives = async {
                while self.bob.find_type("message").await["channel"] != channel.as_str() {}
            };
            testkit::within("the message arrives", arrives).await;
        }
    }

    /// Presence, quota and lease have survived: nobody was told of anything, and the device is still one.
    async fn ends_well(mut self) {
        let expected = ["alice", "bob"];
        for edge in 0..2 {
            until("the roster is whole", async || {
                (listed(&self.cluster, edge, "room-7").await? == expected).then_some(())
            })
            .await;
        }
        let frames = self.alice.fence_by(&mut self.bob).await;
        assert_eq!(crate::crowd::moves(&frames).len(), 0, "{frames:?}");
        until("usage is right", async || {
            let usage = self.cluster.edge(1).rest().get("/v1/usage").await.ok();
            (usage["concurrentNow"] == 2).then_some(())
        })
        .await;
        let mut newer = Client::connect_token(self.cluster.edge(1), &phone("alice")).await;
        assert_eq!(self.alice.find_close().await.code, 4441);
        newer.expect_quiet().await;
    }
}

const PACE: Duration = Duration::from_millis(4);
