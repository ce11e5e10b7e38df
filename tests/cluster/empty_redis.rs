//! Redis comes back with nothing in it, or is emptied while it runs. Scorecard row 5.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::Value;
use testkit::{App, Client, ClusterConfig, EdgeConfig, Guard, TestCluster, until};

use crate::crowd::{listed, moves, names, phone, spread};

#[tokio::test]
async fn a_flush_is_repaired_and_nobody_notices() {
    let mut scene = Scene::set().await;
    scene.cluster.store_mut().server().flush().await;
    scene.is_repaired(Instant::now()).await;
    scene.nobody_noticed().await;
}

#[tokio::test]
async fn an_empty_restart_is_repaired_and_nobody_notices() {
    let mut scene = Scene::set().await;
    scene.cluster.store_mut().server().restart_empty().await;
    scene.is_repaired(Instant::now()).await;
    scene.nobody_noticed().await;
}

// The heartbeat finds out; without it nobody does.
#[tokio::test]
async fn without_a_heartbeat_a_flush_is_not_repaired() {
    let mut scene = Scene::with(ClusterConfig::demo(2).without(Guard::EdgeTtl)).await;
    scene.cluster.store_mut().server().flush().await;
    let end = Instant::now() + Duration::from_secs(5);
    while Instant::now() < end {
        let listed = listed(&scene.cluster, 0, "room").await;
        assert_ne!(
            listed.map(|peers| peers.len()),
            Some(MEMBERS + 2),
            "repaired without a guard"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn leases_and_places_are_known_again_after_a_flush() {
    let app = App::demo().plan("max_sessions", 12);
    let mut cluster = ClusterConfig::new(2, EdgeConfig::new().app(app))
        .start()
        .await;
    let mut phones = Vec::new();
    for number in 0..10 {
        let token = phone(&format!("phone-{number}"));
        phones.push((Client::connect_token(cluster.edge(0), &token).await, token));
    }
    cluster.store_mut().server().flush().await;
    let flushed = Instant::now();
    until("the places are taken again", async || {
        let usage = cluster.edge(1).rest().get("/v1/usage").await;
        (usage.body["concurrentNow"] == 10).then_some(())
    })
    .await;
    // A newcomer may be granted before the older edge has offered its lease again; the older session still loses.
    for (older, token) in &mut phones {
        let mut newer = Client::connect_token(cluster.edge(1), token).await;
        assert_eq!(older.find_close().await.code, 4441);
        newer.expect_quiet().await;
        *older = newer;
    }
    assert!(
        flushed.elapsed() < Duration::from_secs(10),
        "{:?}",
        flushed.elapsed()
    );
    for (holder, _) in &mut phones {
        holder.expect_quiet().await;
    }
}

#[tokio::test]
async fn a_newcomer_right_after_a_flush_still_ends_the_older_session() {
    let mut cluster = TestCluster::start(2).await;
    for round in 0..3 {
        let token = phone(&format!("alice-{round}"));
        let mut older = Client::connect_token(cluster.edge(0), &token).await;
        cluster.store_mut().server().flush().await;
        let newer = Client::connect_token(cluster.edge(1), &token).await;
        let flushed = Instant::now();
        assert_eq!(older.find_close().await.code, 4441);
        assert!(
            flushed.elapsed() < Duration::from_secs(10),
            "{:?}",
            flushed.elapsed()
        );
        let mut newer = newer;
        newer.expect_quiet().await;
    }
}

/// A channel with members on both edges, and one observer on each.
struct Scene {
    cluster: TestCluster,
    observers: Vec<Client>,
    members: Vec<Client>,
}

impl Scene {
    async fn set() -> Self {
        Self::with(ClusterConfig::demo(2)).await
    }

    async fn with(config: ClusterConfig) -> Self {
        let cluster = config.start().await;
        let mut members = spread(&cluster, "member", MEMBERS).await;
        for batch in members.chunks_mut(50) {
            join_all(batch.iter_mut().map(|member| member.subscribe("room"))).await;
        }
        let mut observers = spread(&cluster, "observer", 2).await;
        for observer in &mut observers {
            observer.subscribe("room").await;
        }
        // What is left of the arrivals does not count.
        for observer in &mut observers {
            observer.fence_by(&mut members[1]).await;
        }
        Self {
            cluster,
            observers,
            members,
        }
    }

    async fn is_repaired(&mut self, since: Instant) {
        let mut expected = names("member", MEMBERS);
        expected.extend(names("observer", 2));
        for edge in 0..2 {
            until("the roster is whole again", async || {
                (listed(&self.cluster, edge, "room").await? == expected).then_some(())
            })
            .await;
            self.cluster.ready(edge).await;
        }
        assert!(
            since.elapsed() < Duration::from_secs(10),
            "{:?}",
            since.elapsed()
        );
        until("usage is right again", async || {
            let usage = self.cluster.edge(0).rest().get("/v1/usage").await;
            (usage.body["concurrentNow"] == MEMBERS + 2).then_some(())
        })
        .await;
    }

    /// No close, no join, no leave: and none that was only put off.
    async fn nobody_noticed(&mut self) {
        let deadline = Instant::now() + PUT_OFF;
        let mut frames: Vec<Value> = Vec::new();
        while Instant::now() < deadline {
            for observer in &mut self.observers {
                frames.extend(observer.fence_by(&mut self.members[0]).await);
            }
        }
        assert_eq!(moves(&frames).len(), 0, "{frames:?}");
        for member in &mut self.members {
            member.fence().await;
        }
    }
}

const MEMBERS: usize = 100;
/// Leaves found by comparing rosters wait while edges offer their members again; none may come after that either.
const PUT_OFF: Duration = Duration::from_secs(4);
