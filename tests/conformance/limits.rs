//! The limits of one session and of an app's plan.

use serde_json::{Value, json};
use testkit::{App, Client, EdgeConfig, TestEdge};

#[tokio::test]
async fn c63_the_101st_channel_is_refused_until_one_is_left() {
    let edge = TestEdge::demo().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    for number in 0..100 {
        alice.accepted(on("subscribe", &format!("c{number}"))).await;
    }
    assert_eq!(
        alice.refusal(on("subscribe", "c100")).await,
        "channel_limit_exceeded"
    );
    alice.accepted(on("subscribe", "c7")).await;
    alice.accepted(on("unsubscribe", "c7")).await;
    alice.accepted(on("subscribe", "c100")).await;
    assert_eq!(
        alice.refusal(on("subscribe", "c7")).await,
        "channel_limit_exceeded"
    );
}

#[tokio::test]
async fn c64_a_frame_over_the_cap_closes_with_1009() {
    let edge = TestEdge::demo().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    alice
        .send(&json!({"type": "publish", "channel": "c", "data": "x".repeat(70_000)}))
        .await;
    assert_eq!(alice.expect_close().await.code, 1009);
}

#[tokio::test]
async fn c65_a_burst_over_the_bucket_closes_with_4011_and_a_hundred_subscribes_pass() {
    let edge = TestEdge::demo().await;
    let mut calm = Client::connect_peer(&edge, "calm").await;
    let subscribes: Vec<Value> = (0..100)
        .map(|number| on("subscribe", &format!("c{number}")))
        .collect();
    calm.send_all(&subscribes).await;
    // Those hundred leave the bucket of 200 as it was.
    let within: Vec<Value> = (0..190).map(|_| on("publish", "c")).collect();
    calm.send_all(&within).await;
    calm.accepted(on("publish", "c")).await;

    let mut wild = Client::connect_peer(&edge, "wild").await;
    let burst: Vec<Value> = (0..1000).map(|_| on("publish", "c")).collect();
    wild.send_all(&burst).await;
    assert_eq!(wild.find_close().await.code, 4011);
    calm.accepted(on("publish", "c")).await;
}

#[tokio::test]
async fn the_bucket_can_be_configured_and_pings_do_not_drain_it() {
    let config = EdgeConfig::demo()
        .limit("messages_per_second", 1)
        .limit("message_burst", 5);
    let edge = config.start().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    let pings: Vec<Value> = (0..4).map(|_| json!({"type": "ping"})).collect();
    alice.send_all(&pings).await;
    for _ in 0..4 {
        alice.accepted(on("publish", "c")).await;
    }
    let burst: Vec<Value> = (0..10).map(|_| on("publish", "c")).collect();
    alice.send_all(&burst).await;
    assert_eq!(alice.find_close().await.code, 4011);
}

#[tokio::test]
async fn a_flood_of_pings_closes_with_1008() {
    let edge = TestEdge::demo().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    let flood: Vec<Value> = (0..1000).map(|_| json!({"type": "ping"})).collect();
    alice.send_all(&flood).await;
    assert_eq!(alice.find_close().await.code, 1008);
}

#[tokio::test]
async fn c66_a_used_up_quota_refuses_publish_and_send_while_deliveries_continue() {
    let app = App::demo().plan("max_messages", 5).plan("overage", false);
    let edge = EdgeConfig::new().app(app).start().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    let mut bob = Client::connect_peer(&edge, "bob").await;
    bob.subscribe("room").await;
    for _ in 0..3 {
        alice.publish("room", 1).await;
    }
    for _ in 0..2 {
        alice.direct("bob", 1).await;
    }
    assert_eq!(
        alice.refusal(on("publish", "room")).await,
        "over_message_quota"
    );
    let send = json!({"type": "send", "to": "bob", "data": 1});
    assert_eq!(alice.refusal(send).await, "over_message_quota");
    for kind in ["message", "message", "message", "direct", "direct"] {
        bob.expect_type(kind).await;
    }
    // What is not a message goes on: presence here, and the ping inside the fence.
    alice.subscribe("room").await;
    bob.expect_type("presence").await;
    bob.expect_quiet().await;
    let used = edge.rest().get("/v1/usage").await.ok();
    assert_eq!(
        used["messagesUsed"], 7,
        "refused attempts count as used: {used}"
    );
}

#[tokio::test]
async fn with_overage_a_used_up_quota_refuses_nothing() {
    let app = App::demo().plan("max_messages", 1).plan("overage", true);
    let edge = EdgeConfig::new().app(app).start().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    for _ in 0..5 {
        alice.publish("room", 1).await;
    }
}

/// A frame of this type about a channel, complete for every type.
fn on(kind: &str, channel: &str) -> Value {
    json!({"type": kind, "channel": channel, "data": 1})
}
