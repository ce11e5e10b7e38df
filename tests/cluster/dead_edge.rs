//! An edge dies without a word.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{Client, ClusterConfig, Guard, TestCluster};

use crate::crowd::{listed, moves, phone, spread};

#[tokio::test]
async fn each_member_of_a_killed_edge_leaves_once_for_every_observer() {
    let mut scene = Scene::set(ClusterConfig::demo(4)).await;
    scene.cluster.edge_mut(3).kill().await;
    let killed = Instant::now();
    for observer in &mut scene.observers {
        let mut frames = Vec::new();
        while moves(&frames).len() < MEMBERS {
            frames.push(observer.expect_type("presence").await);
        }
        println!(
            "told in {} frames within {:?}",
            frames.len(),
            killed.elapsed()
        );
        assert!(
            moves(&frames).values().all(|signs| signs == "-"),
            "{frames:?}"
        );
    }
    assert!(
        killed.elapsed() < Duration::from_secs(10),
        "{:?}",
        killed.elapsed()
    );
    // Three edges sweep; whatever the slower ones do must not be told again.
    let quiet = Instant::now() + Duration::from_secs(3);
    while Instant::now() < quiet {
        scene.nothing_new().await;
    }
    for edge in 0..3 {
        assert_eq!(listed(&scene.cluster, edge, "room").await.unwrap().len(), 3);
    }
    let usage = scene.cluster.edge(0).rest().get("/v1/usage").await.ok();
    assert_eq!(usage["concurrentNow"], 4, "the places are free: {usage}");
}

#[tokio::test]
async fn without_a_heartbeat_the_members_of_a_killed_edge_stay_for_ever() {
    let mut scene = Scene::set(ClusterConfig::demo(4).without(Guard::EdgeTtl)).await;
    scene.cluster.edge_mut(3).kill().await;
    let quiet = Instant::now() + Duration::from_secs(6);
    while Instant::now() < quiet {
        scene.nothing_new().await;
    }
    assert_eq!(
        listed(&scene.cluster, 0, "room").await.unwrap().len(),
        MEMBERS + 3
    );
}

#[tokio::test]
async fn a_peer_with_another_session_elsewhere_does_not_leave() {
    let mut cluster = TestCluster::start(2).await;
    let mut observer = cluster.peer(0, "observer").await;
    observer.subscribe("room").await;
    let mut here = cluster.peer(0, "alice").await;
    let mut there = cluster.peer(1, "alice").await;
    let mut alone = cluster.peer(1, "bob").await;
    for session in [&mut here, &mut there, &mut alone] {
        session.subscribe("room").await;
    }
    cluster.edge_mut(1).kill().await;
    let mut frames: Vec<Value> = Vec::new();
    while moves(&frames).get("bob").is_none_or(|signs| signs != "+-") {
        frames.push(observer.expect_type("presence").await);
    }
    assert_eq!(moves(&frames)["alice"], "+");
    observer.expect_quiet_by(&mut here).await;
}

#[tokio::test]
async fn the_devices_and_peers_of_a_killed_edge_are_welcome_elsewhere_at_once() {
    let mut cluster = TestCluster::start(2).await;
    let mut bob = cluster.peer(0, "bob").await;
    let _dead = Client::connect_token(cluster.edge(1), &phone("alice")).await;
    bob.direct("alice", 1).await;
    cluster.edge_mut(1).kill().await;
    let killed = Instant::now();
    let mut alice = Client::connect_token(cluster.edge(0), &phone("alice")).await;
    assert!(
        killed.elapsed() < Duration::from_millis(1500),
        "{:?}",
        killed.elapsed()
    );
    bob.direct("alice", "welcome back").await;
    assert_eq!(alice.expect_type("direct").await["data"], "welcome back");
    // The sweep of the dead edge comes later and must not touch what is alive.
    let quiet = Instant::now() + Duration::from_secs(5);
    while Instant::now() < quiet {
        bob.direct("alice", 2).await;
        assert_eq!(alice.expect_type("direct").await["data"], 2);
    }
}

#[tokio::test]
async fn a_peer_of_a_killed_edge_is_not_found_and_never_acknowledged() {
    let mut cluster = TestCluster::start(2).await;
    let mut alice = cluster.peer(0, "alice").await;
    let bob = cluster.peer(1, "bob").await;
    cluster.edge_mut(1).kill().await;
    drop(bob);
    let send = json!({"type": "send", "to": "bob", "data": 1});
    // While it is not known whether the edge is gone or only cut off, nobody can say that he is nowhere.
    let mut code = alice.refusal(send.clone()).await;
    while code == "backend_error" {
        code = alice.refusal(send.clone()).await;
    }
    assert_eq!(code, "peer_not_found");
}

/// One observer on each of three edges, and a channel full of members on the fourth.
struct Scene {
    cluster: TestCluster,
    observers: Vec<Client>,
    mouth: Client,
    _members: Vec<Client>,
}

impl Scene {
    async fn set(config: ClusterConfig) -> Self {
        let cluster = config.start().await;
        let mut observers = spread(&cluster, "observer", 3).await;
        for observer in &mut observers {
            observer.subscribe("room").await;
        }
        let arrivals =
            (0..MEMBERS).map(async |number| cluster.peer(3, &format!("member-{number}")).await);
        let mut members = join_all(arrivals).await;
        join_all(members.iter_mut().map(|member| member.subscribe("room"))).await;
        let mouth = cluster.peer(0, "mouth").await;
        for observer in &mut observers {
            let mut frames = Vec::new();
            while moves(&frames)
                .keys()
                .filter(|peer| peer.starts_with("member"))
                .count()
                < MEMBERS
            {
                frames.push(observer.expect_type("presence").await);
            }
        }
        Self {
            cluster,
            observers,
            mouth,
            _members: members,
        }
    }

    async fn nothing_new(&mut self) {
        for observer in &mut self.observers {
            let frames = observer.fence_by(&mut self.mouth).await;
            assert_eq!(moves(&frames).len(), 0, "{frames:?}");
        }
    }
}

const MEMBERS: usize = 100;
