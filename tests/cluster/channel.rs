//! Messages to channels across edges.

use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{App, Client, ClusterConfig, EdgeConfig, Store, TestCluster, Token};

use crate::{
    crowd::{data_of, spread},
    over_every_store,
};

over_every_store! {
    a_message_reaches_every_subscriber_on_every_edge_once_and_in_order,
    messages_of_many_publishers_keep_each_ones_order,
    publishers_on_two_edges_hear_all_of_each_others_bursts,
    a_publisher_hears_no_echo_and_its_twin_on_another_edge_does,
}

async fn a_message_reaches_every_subscriber_on_every_edge_once_and_in_order(store: Store) {
    let cluster = ClusterConfig::demo(3).over(store).start().await;
    let mut listeners = spread(&cluster, "listener", 6).await;
    for listener in &mut listeners {
        listener.subscribe("room").await;
    }
    let mut alice = cluster.peer(0, "alice").await;
    alice.send_all(&numbered("room", 100)).await;
    for listener in &mut listeners {
        let expected: Vec<Value> = (0..100).map(Value::from).collect();
        assert_eq!(messages(listener, 100).await, expected);
    }
    for listener in &mut listeners {
        let more = listener.fence_by(&mut alice).await;
        assert_eq!(
            data_of(&more, "message"),
            Vec::<Value>::new(),
            "delivered twice"
        );
    }
}

// The first session of every edge has the same number there; what crosses in one batch must not be taken for an echo.
async fn publishers_on_two_edges_hear_all_of_each_others_bursts(store: Store) {
    let cluster = ClusterConfig::demo(2).over(store).start().await;
    let mut talkers = spread(&cluster, "talker", 2).await;
    for talker in &mut talkers {
        talker.subscribe("room").await;
    }
    let frames = numbered("room", 60);
    join_all(talkers.iter_mut().map(|talker| talker.send_all(&frames))).await;
    for talker in &mut talkers {
        let expected: Vec<Value> = (0..60).map(Value::from).collect();
        assert_eq!(messages(talker, 60).await, expected);
    }
}

async fn messages_of_many_publishers_keep_each_ones_order(store: Store) {
    let cluster = ClusterConfig::demo(2).over(store).start().await;
    let mut listeners = spread(&cluster, "listener", 2).await;
    for listener in &mut listeners {
        listener.subscribe("room").await;
    }
    let mut publishers = spread(&cluster, "publisher", 6).await;
    let frames = numbered("room", 60);
    join_all(
        publishers
            .iter_mut()
            .map(|publisher| publisher.send_all(&frames)),
    )
    .await;
    for listener in &mut listeners {
        let mut next = [0; 6];
        for _ in 0..360 {
            let message = listener.find_type("message").await;
            let from = message["from"].as_str().unwrap_or_default();
            let number: usize = from
                .trim_start_matches("publisher-")
                .parse()
                .expect("publishers are numbered");
            assert_eq!(message["data"], next[number], "{from} out of order");
            next[number] += 1;
        }
    }
}

async fn a_publisher_hears_no_echo_and_its_twin_on_another_edge_does(store: Store) {
    let cluster = ClusterConfig::demo(2).over(store).start().await;
    let mut alice = cluster.peer(0, "alice").await;
    let mut twin = cluster.peer(1, "alice").await;
    let mut bob = cluster.peer(1, "bob").await;
    for client in [&mut alice, &mut twin, &mut bob] {
        client.subscribe("room").await;
    }
    alice.publish("room", "mine").await;
    assert_eq!(messages(&mut twin, 1).await, ["mine"]);
    bob.find_type("message").await;
    bob.publish("room", "yours").await;
    assert_eq!(
        messages(&mut alice, 1).await,
        ["yours"],
        "an echo would have come first"
    );
}

#[tokio::test]
async fn metadata_is_shown_only_to_those_who_asked_on_whichever_edge() {
    let cluster = TestCluster::start(2).await;
    let token = Token::peer("alice").claim("peerMetadata", json!({"name": "Al"}));
    let mut alice = Client::connect_token(cluster.edge(0), &token.sign()).await;
    let mut plain = cluster.peer(1, "plain").await;
    plain.subscribe("room").await;
    let mut curious = cluster.peer(1, "curious").await;
    curious
        .accepted(json!({"type": "subscribe", "channel": "room", "includeSenderMetadata": true}))
        .await;
    alice.publish("room", 1).await;
    let seen = curious.find_type("message").await;
    assert_eq!(seen["fromMetadata"], json!({"name": "Al"}));
    assert!(
        plain
            .find_type("message")
            .await
            .get("fromMetadata")
            .is_none()
    );
}

#[tokio::test]
async fn every_kind_of_json_crosses_edges_unchanged() {
    let cluster = TestCluster::start(2).await;
    let mut alice = cluster.peer(0, "alice").await;
    let mut bob = cluster.peer(1, "bob").await;
    bob.subscribe("room").await;
    let kinds = [
        json!(null),
        json!(-1.5),
        json!("nul \u{0}, é, 漢, 🚀, \u{2028}, \r\n"),
        json!([[null], {"": {"type": "ack", "requestId": "x"}}]),
        json!("x".repeat(60_000)),
    ];
    for kind in &kinds {
        alice.publish("room", kind.clone()).await;
        alice.direct("bob", kind.clone()).await;
        assert_eq!(bob.find_type("message").await["data"], *kind);
        assert_eq!(bob.find_type("direct").await["data"], *kind);
    }
}

#[tokio::test]
async fn nothing_arrives_after_unsubscribe_and_everything_after_subscribing_again() {
    let cluster = TestCluster::start(2).await;
    let mut alice = cluster.peer(0, "alice").await;
    let mut bob = cluster.peer(1, "bob").await;
    for round in 0..20 {
        bob.subscribe("room").await;
        alice.publish("room", round).await;
        assert_eq!(messages(&mut bob, 1).await, [round]);
        bob.accepted(json!({"type": "unsubscribe", "channel": "room"}))
            .await;
        alice.publish("room", "too late").await;
        assert_eq!(
            data_of(&bob.fence_by(&mut alice).await, "message"),
            Vec::<Value>::new()
        );
    }
}

#[tokio::test]
async fn other_apps_hear_nothing_on_any_edge() {
    let config = EdgeConfig::demo().app(App::other());
    let cluster = ClusterConfig::new(2, config).start().await;
    let stranger = Token::peer("bob")
        .key("sk_id_other", "sk_secret_other")
        .sign();
    let mut stranger = Client::connect_token(cluster.edge(1), &stranger).await;
    stranger.subscribe("room").await;
    let mut alice = cluster.peer(0, "alice").await;
    let mut bob = cluster.peer(1, "bob").await;
    bob.subscribe("room").await;
    alice.publish("room", "ours").await;
    alice.direct("bob", "ours").await;
    bob.find_type("message").await;
    bob.find_type("direct").await;
    stranger.expect_quiet().await;
}

fn numbered(channel: &str, count: usize) -> Vec<Value> {
    let frame =
        |number| json!({"type": "publish", "channel": channel, "data": number, "requestId": "p"});
    (0..count).map(frame).collect()
}

async fn messages(client: &mut Client, count: usize) -> Vec<Value> {
    let mut messages = Vec::new();
    while messages.len() < count {
        messages.push(client.find_type("message").await["data"].take());
    }
    messages
}
