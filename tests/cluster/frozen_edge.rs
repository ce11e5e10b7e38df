//! An edge stands still and goes on later, believing what was true before. Scorecard row 10, with shorter times.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{Client, ClusterConfig, Guard, TestCluster, until};

use crate::crowd::{listed, moves, phone};

#[tokio::test]
async fn its_stale_sessions_are_closed_and_nobody_elsewhere_flaps() {
    let cluster = TestCluster::start(3).await;
    let mut observer = cluster.peer(1, "observer").await;
    observer.subscribe("room").await;
    let mut steady = cluster.peer(2, "steady").await;
    steady.subscribe("room").await;
    let mut resting = cluster.peer(0, "resting").await;
    resting.subscribe("room").await;
    let mut stale = Client::connect_token(cluster.edge(0), &phone("alice")).await;
    stale.subscribe("room").await;
    observer.fence_by(&mut steady).await;

    cluster.edge(0).freeze().await;
    let frozen = Instant::now();
    // The device comes back elsewhere at once; nobody waits for the frozen edge to agree.
    let mut fresh = Client::connect_token(cluster.edge(1), &phone("alice")).await;
    fresh.subscribe("room").await;
    assert!(
        frozen.elapsed() < Duration::from_millis(2000),
        "{:?}",
        frozen.elapsed()
    );
    let mut frames: Vec<Value> = Vec::new();
    while moves(&frames)
        .get("resting")
        .is_none_or(|signs| signs != "-")
    {
        frames.push(observer.expect_type("presence").await);
    }
    println!("swept after {:?}", frozen.elapsed());

    cluster.edge(0).thaw().await;
    let thawed = Instant::now();
    assert_eq!(stale.find_close().await.code, 4441);
    println!("stale session closed {:?} after the thaw", thawed.elapsed());
    assert!(
        thawed.elapsed() < Duration::from_secs(5),
        "{:?}",
        thawed.elapsed()
    );
    until("the edge is back with its members", async || {
        let there = listed(&cluster, 1, "room").await?;
        (there == ["alice", "observer", "resting", "steady"]).then_some(())
    })
    .await;
    let quiet = Instant::now() + Duration::from_secs(3);
    while Instant::now() < quiet {
        frames.extend(observer.fence_by(&mut steady).await);
    }
    let seen = moves(&frames);
    assert_eq!(seen.get("steady"), None, "{seen:?}");
    assert_eq!(seen["resting"], "-+", "gone once, back once");
    let alice = seen.get("alice").cloned().unwrap_or_default();
    assert!(
        !alice.contains("--") && !alice.contains("++") && !alice.ends_with('-'),
        "{alice}"
    );

    // One session of the device is left, and it is whole.
    steady.direct("alice", 1).await;
    assert_eq!(fresh.find_type("direct").await["data"], 1);
    steady.direct("resting", 2).await;
    assert_eq!(resting.find_type("direct").await["data"], 2);
    cluster.ready(0).await;
}

#[tokio::test]
async fn without_a_heartbeat_nobody_misses_a_frozen_edge() {
    let cluster = ClusterConfig::demo(2).without(Guard::EdgeTtl).start().await;
    let mut observer = cluster.peer(1, "observer").await;
    let mut other = cluster.peer(1, "other").await;
    observer.subscribe("room").await;
    let mut resting = cluster.peer(0, "resting").await;
    resting.subscribe("room").await;
    observer.fence_by(&mut other).await;
    cluster.edge(0).freeze().await;
    let end = Instant::now() + Duration::from_secs(6);
    while Instant::now() < end {
        observer.expect_quiet_by(&mut other).await;
    }
    cluster.edge(0).thaw().await;
}

#[tokio::test]
async fn frames_of_a_stale_session_reach_nobody_after_the_newer_one_spoke() {
    let cluster = TestCluster::start(2).await;
    let mut listener = cluster.peer(1, "listener").await;
    listener.subscribe("room").await;
    let mut stale = Client::connect_token(cluster.edge(0), &phone("alice")).await;
    stale.publish("room", "before").await;
    assert_eq!(listener.find_type("message").await["data"], "before");
    cluster.edge(0).freeze().await;
    // Written while its edge sleeps: read when it wakes up, before anybody can have told it.
    for number in 0..50 {
        stale
            .send(&json!({"type": "publish", "channel": "room", "data": {"stale": number}, "requestId": "p"}))
            .await;
    }
    let mut fresh = Client::connect_token(cluster.edge(1), &phone("alice")).await;
    fresh.publish("room", "after").await;
    assert_eq!(listener.find_type("message").await["data"], "after");
    cluster.edge(0).thaw().await;
    assert_eq!(stale.find_close().await.code, 4441);
    fresh.publish("room", "end").await;
    let mut seen = Vec::new();
    while seen.last() != Some(&json!("end")) {
        seen.push(listener.find_type("message").await["data"].take());
    }
    assert_eq!(seen, ["end"], "stale frames after a newer one");
}

#[tokio::test]
async fn a_frozen_edge_that_nobody_missed_goes_on_as_before() {
    let cluster = TestCluster::start(2).await;
    let mut observer = cluster.peer(1, "observer").await;
    observer.subscribe("room").await;
    let mut resting = Client::connect_token(cluster.edge(0), &phone("resting")).await;
    resting.subscribe("room").await;
    observer.find_type("presence").await;
    // Shorter than the life of its heartbeat.
    cluster.edge(0).freeze().await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    cluster.edge(0).thaw().await;
    resting.expect_quiet().await;
    let quiet = Instant::now() + Duration::from_secs(4);
    while Instant::now() < quiet {
        observer.expect_quiet_by(&mut resting).await;
    }
}
