//! What a device's session hears of the rest of the cluster, how it leaves, and what is counted (checklist 52, 55, 56).

use std::time::{Duration, Instant};

use serde_json::json;
use testkit::{Client, Phone, TestCluster, TestEdge, Token};

use crate::pair::{accept, alice, alice_and_bob, bob, hangup, on_line, rings, talk};

#[tokio::test]
async fn c52_nothing_of_other_dialects_reaches_a_device() {
    let cluster = TestCluster::start(2).await;
    let mut bob = bob(cluster.edge(0)).await;
    // The same user, at the same time, in the other dialects.
    let mut realtime = Client::connect_token(
        cluster.edge(1),
        &Token::peer("bob").claim("device", json!("phone")).sign(),
    )
    .await;
    let mut alice = cluster.peer(0, "alice").await;
    realtime.subscribe("room").await;
    alice.direct("bob", "a direct").await;
    alice.publish("room", "a message").await;
    realtime.find_type("direct").await;
    realtime.find_type("message").await;
    let rest = cluster.edge(1).rest();
    let push = json!({"type": "push", "data": {}});
    rest.post("/admin/accounts/bob/push", &push).await.ok();
    rest.delete("/v1/peers/bob").await;
    realtime.find_close().await;
    bob.silent().await;
}

#[tokio::test]
async fn c55_a_drain_sends_everybody_elsewhere_with_the_calls() {
    let mut cluster = TestCluster::start(2).await;
    let mut alice_old = alice(cluster.edge(0)).await;
    let mut bob_old = bob(cluster.edge(0)).await;
    talk(&mut alice_old, &mut bob_old).await;
    cluster.edge_mut(0).terminate().await;
    let began = Instant::now();
    for phone in [&mut alice_old, &mut bob_old] {
        assert_eq!(phone.expect_close().await.code, 1001);
    }
    // The leases are free: whoever does not force comes in.
    let polite = |user: &str, number: &str| {
        let token = Phone::token(user, "phone", number).sign();
        Phone::door(&token, testkit::Force::False)
    };
    let mut alice = Phone::through(cluster.edge(1), polite("alice", "1001")).await;
    let mut bob = Phone::through(cluster.edge(1), polite("bob", "1002")).await;
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    assert!(on_line(&alice, 0).is_some() && on_line(&bob, 0).is_some());
    alice.acked(hangup()).await;
    assert_eq!(bob.event("hangup").await["code"], 200);
}

#[tokio::test]
async fn c56_what_an_operator_asks_about_is_counted() {
    let edge = TestEdge::demo().await;
    let (mut alice, mut bob) = (alice(&edge).await, bob(&edge).await);
    rings(&mut alice, &mut bob).await;
    bob.acked(accept()).await;
    let scrape = edge.scrape().await;
    assert_eq!(scrape.value("switchboard_sessions"), Some(2.0));
    assert_eq!(scrape.value("switchboard_calls_placed_total"), Some(1.0));
    for code in ["4201", "4431", "4441", "4502"] {
        let of_code = format!("code=\"{code}\"");
        let closes = scrape.series().into_iter().filter(|series| {
            series.starts_with("switchboard_closes_total{") && series.contains(&of_code)
        });
        let closes: Vec<&str> = closes.collect();
        assert!(!closes.is_empty(), "{code}");
        let closed: f64 = closes
            .iter()
            .filter_map(|series| scrape.value(series))
            .sum();
        assert_eq!(closed, 0.0, "{code}");
    }
    for series in [
        "switchboard_takeovers_total",
        "switchboard_calls_ended_total{reason=\"lost\"}",
        "switchboard_wakeups_total{outcome=\"sent\"}",
    ] {
        assert_eq!(scrape.value(series), Some(0.0), "{series}");
    }
}

#[tokio::test]
async fn a_call_is_placed_and_taken_on_one_edge_alone() {
    let edge = TestEdge::demo().await;
    let (mut alice, mut bob) = (alice(&edge).await, bob(&edge).await);
    talk(&mut alice, &mut bob).await;
    alice.acked(hangup()).await;
    assert_eq!(bob.event("hangup").await["code"], 200);
}

#[tokio::test]
async fn a_call_over_every_kind_of_redis() {
    for store in [
        testkit::Store::sentinels().await,
        testkit::Store::clustered().await,
    ] {
        let cluster = testkit::ClusterConfig::demo(2).over(store).start().await;
        let (mut alice, mut bob) = alice_and_bob(&cluster).await;
        talk(&mut alice, &mut bob).await;
        alice.acked(hangup()).await;
        assert_eq!(bob.event("hangup").await["code"], 200);
    }
}
