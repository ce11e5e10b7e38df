//! A planned failover: the former primary stays alive and answers whoever is still connected to it. Scorecard row 2.

use std::time::{Duration, Instant};

use futures_util::future::join;
use serde_json::json;
use testkit::{Client, ClusterConfig, Exchange, Guard, Ledger, Store, TestCluster, until};

use crate::crowd::{listed, phone};

#[tokio::test]
async fn no_acked_direct_is_lost_in_a_planned_failover_and_messages_only_for_a_moment() {
    let (directs, messages) = planned_failover(ClusterConfig::demo(3)).await;
    println!("directs: {directs}\nmessages: {messages}");
    directs.assert_whole();
    messages.assert_sound();
    assert!(
        messages.loss_window() <= Duration::from_millis(600),
        "{messages}"
    );
    for code in directs.answers().keys() {
        assert!(["ack", "backend_error"].contains(code), "{directs}");
    }
}

// An edge that starts right after a planned failover is linked to the new primary; one that was there before must follow.
#[tokio::test]
async fn an_edge_from_before_a_planned_failover_and_one_from_after_it_meet() {
    let refusals = refused_across_a_planned_failover(ClusterConfig::demo(3)).await;
    assert_eq!(refusals, 0);
}

// The same without asking Sentinel: both are linked to a primary, and neither sees anything wrong.
#[tokio::test]
async fn without_asking_sentinel_a_planned_failover_splits_the_world() {
    let config = ClusterConfig::demo(3)
        .without(Guard::TopologyPoll)
        .without(Guard::Probe);
    assert!(refused_across_a_planned_failover(config).await > 0);
}

/// Directs from an edge from before to one from after, in the seconds in which the former primary lets go of nobody.
async fn refused_across_a_planned_failover(config: ClusterConfig) -> usize {
    let mut cluster = config.over(Store::sentinels().await).start().await;
    let mut alice = cluster.peer(0, "alice").await;
    cluster.store_mut().sentinel_set().order_failover().await;
    let _new = cluster.store_mut().sentinel_set().succeeded(0).await;
    assert!(cluster.edge_mut(2).stop().await.success());
    cluster.restart(2).await;
    cluster.ready(2).await;
    let _carol = cluster.peer(2, "carol").await;
    let until = Instant::now() + Duration::from_secs(3);
    let mut refusals = 0;
    while Instant::now() < until {
        let send = json!({"type": "send", "to": "carol", "data": 1});
        refusals += usize::from(alice.request(send).await["type"] != "ack");
    }
    refusals
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

/// 3 edges over Sentinels; directs and messages go from edge a to edge b through a failover, and edge c starts again
/// in the middle of it, so that its connections are new.
async fn planned_failover(config: ClusterConfig) -> (Ledger, Ledger) {
    let mut cluster = config.over(Store::sentinels().await).start().await;
    let mut listener = cluster.peer(1, "listener").await;
    listener.subscribe("room").await;
    let mut directs = Exchange::of_directs(
        cluster.peer(0, "alice").await,
        cluster.peer(1, "bob").await,
        PACE,
    );
    let publisher = cluster.peer(0, "publisher").await;
    let mut messages = Exchange::of_messages(publisher, listener, "room", PACE);
    let (over, ended) = tokio::sync::watch::channel(false);
    let wait = |mut ended: tokio::sync::watch::Receiver<bool>| async move {
        drop(ended.wait_for(|ended| *ended).await);
    };
    let chaos = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let start = Instant::now();
        cluster.store_mut().sentinel_set().order_failover().await;
        assert!(cluster.edge_mut(2).stop().await.success());
        cluster.restart(2).await;
        let primary = cluster.store_mut().sentinel_set().succeeded(0).await;
        println!(
            "node {primary} is the primary, edge c is back, {:?} after the order",
            start.elapsed()
        );
        // The former primary lets go of its old connections about ten seconds after.
        tokio::time::sleep(Duration::from_secs(7).saturating_sub(start.elapsed())).await;
        over.send_replace(true);
    };
    let both = join(directs.run(wait(ended.clone())), messages.run(wait(ended)));
    let ((_, _), ()) = join(both, chaos).await;
    (directs.into_ledger(), messages.into_ledger())
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
        let usage = self.cluster.edge(1).rest().get("/v1/usage").await.ok();
        assert_eq!(usage["concurrentNow"], 2, "{usage}");
        let mut newer = Client::connect_token(self.cluster.edge(1), &phone("alice")).await;
        assert_eq!(self.alice.find_close().await.code, 4441);
        newer.expect_quiet().await;
    }
}

const PACE: Duration = Duration::from_millis(4);
