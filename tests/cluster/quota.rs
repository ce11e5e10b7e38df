//! Plans hold over all edges together.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;
use testkit::{
    App, Client, Closed, ClusterConfig, Door, EdgeConfig, Guard, Store, TestCluster, Token, until,
};

use crate::{crowd::spread, over_every_store};

over_every_store! {
    sessions_never_exceed_the_plan_over_all_edges,
    messages_never_exceed_the_plan_over_all_edges,
}

async fn sessions_never_exceed_the_plan_over_all_edges(store: Store) {
    let cluster = with_plan(3, "max_sessions", 9, store).await;
    let mut crowd = spread(&cluster, "member", 9).await;
    for edge in 0..3 {
        let refused = Client::refused(cluster.edge(edge), Door::key("pk_live_demo")).await;
        assert_eq!(refused.code, 4010);
    }
    crowd.remove(1).close().await;
    until("the place is free on another edge", async || {
        let mut client = Client::open(cluster.edge(2), Door::key("pk_live_demo")).await;
        client.next_frame_or_close().await.ok()
    })
    .await;
}

async fn messages_never_exceed_the_plan_over_all_edges(store: Store) {
    let cluster = with_plan(3, "max_messages", 200, store).await;
    let mut crowd = spread(&cluster, "member", 3).await;
    let spend = crowd.iter_mut().map(async |member| {
        let mut taken = 0;
        for _ in 0..100 {
            let frame = json!({"type": "publish", "channel": "room", "data": 1});
            let reply = member.request(frame).await;
            match reply["code"].as_str() {
                None => taken += 1,
                Some(code) => assert_eq!(code, "over_message_quota"),
            }
        }
        taken
    });
    let taken: usize = join_all(spend).await.into_iter().sum();
    assert!(
        (150..=200).contains(&taken),
        "{taken} of 200 were let through"
    );
    let refused = cluster
        .edge(1)
        .rest()
        .post("/v1/channels/room/publish", &json!({"data": 1}))
        .await;
    assert!(
        taken < 200 || refused.refusal() == (429, "over_message_quota"),
        "{refused:?}"
    );
}

// Scorecard row 18: 300 clients want 100 places on three edges, and one edge dies under them.
#[tokio::test]
async fn a_full_app_is_never_exceeded_and_the_places_of_a_dead_edge_come_back() {
    let config = ClusterConfig::new(3, capped());
    assert_eq!(crowded(config).await, Ok(()));
}

#[tokio::test]
async fn without_a_heartbeat_the_places_of_a_dead_edge_stay_taken() {
    let config = ClusterConfig::new(3, capped()).without(Guard::EdgeTtl);
    assert!(crowded(config).await.is_err());
}

fn capped() -> EdgeConfig {
    EdgeConfig::new().app(App::demo().plan("max_sessions", 100))
}

/// An error says that places did not come back.
async fn crowded(config: ClusterConfig) -> Result<(), String> {
    let mut cluster = config.start().await;
    let attempts = (0..300).map(|number| attach(&cluster, number % 3));
    let mut admitted = Vec::new();
    for (edge, outcome) in join_all(attempts).await {
        match outcome {
            Ok(client) => admitted.push((edge, client)),
            Err(closed) => assert_eq!(closed.code, 4010),
        }
    }
    assert_eq!(admitted.len(), 100, "never above, and no place wasted");

    let dead = admitted.iter().filter(|(edge, _)| *edge == 2).count();
    assert!(dead > 0);
    cluster.edge_mut(2).kill().await;
    let killed = Instant::now();
    // The places come back by themselves; each is taken as soon as it does.
    let mut extra: Vec<Client> = Vec::new();
    while extra.len() < dead {
        match attach(&cluster, extra.len() % 2).await {
            (_, Ok(client)) => extra.push(client),
            (_, Err(closed)) => assert_eq!(closed.code, 4010),
        }
        let waited = killed.elapsed();
        if waited > Duration::from_secs(10) {
            return Err(format!(
                "{} of {dead} places came back in {waited:?}",
                extra.len()
            ));
        }
    }
    println!("{dead} places came back within {:.1?}", killed.elapsed());
    for edge in 0..2 {
        let refused = Client::refused(cluster.edge(edge), Door::key("pk_live_demo")).await;
        assert_eq!(refused.code, 4010, "exact again");
    }
    until("usage is exact again", async || {
        let usage = cluster.edge(0).rest().get("/v1/usage").await.ok();
        (usage["concurrentNow"] == 100).then_some(())
    })
    .await;
    Ok(())
}

#[tokio::test]
async fn a_takeover_from_another_edge_needs_no_free_place() {
    let cluster = with_plan(2, "max_sessions", 1, Store::standalone().await).await;
    let token = Token::peer("alice").claim("device", json!("phone")).sign();
    let mut old = Client::connect_token(cluster.edge(0), &token).await;
    let mut new = Client::connect_token(cluster.edge(1), &token).await;
    assert_eq!(old.expect_close().await.code, 4441);
    new.expect_quiet().await;
}

#[tokio::test]
async fn apps_use_up_only_their_own_plan() {
    let app = App::demo().plan("max_sessions", 1);
    let config = EdgeConfig::new().app(app).app(App::other());
    let cluster = ClusterConfig::new(2, config).start().await;
    let _one = Client::connect_key(cluster.edge(0), "pk_live_demo").await;
    let refused = Client::refused(cluster.edge(1), Door::key("pk_live_demo")).await;
    assert_eq!(refused.code, 4010);
    for edge in [0, 1, 0] {
        Client::connect_key(cluster.edge(edge), "pk_live_other").await;
    }
}

async fn attach(cluster: &TestCluster, edge: usize) -> (usize, Result<Client, Closed>) {
    let mut client = Client::open(cluster.edge(edge), Door::key("pk_live_demo")).await;
    let admitted = client.next_frame_or_close().await;
    (edge, admitted.map(|_| client))
}

async fn with_plan(edges: usize, member: &str, value: i64, store: Store) -> TestCluster {
    let config = EdgeConfig::new().app(App::demo().plan(member, value));
    ClusterConfig::new(edges, config).over(store).start().await
}
