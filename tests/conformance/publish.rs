//! Channel traffic: who hears what, and what it looks like.

use serde_json::{Value, json};
use testkit::{Client, TestEdge, Token};

#[tokio::test]
async fn c39_a_publish_reaches_all_other_subscribers_with_exactly_four_members() {
    let edge = TestEdge::demo().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    let mut listeners = Vec::new();
    for peer in ["bob", "carol", "dave"] {
        listeners.push(listener(&edge, peer, "room").await);
    }
    alice.publish("room", json!({"n": 1})).await;
    for listener in &mut listeners {
        let message =
            json!({"type": "message", "channel": "room", "from": "alice", "data": {"n": 1}});
        assert_eq!(listener.find_type("message").await, message);
    }
}

#[tokio::test]
async fn c40_the_publisher_hears_no_echo() {
    let edge = TestEdge::demo().await;
    let mut bob = Client::connect_peer(&edge, "bob").await;
    let mut alice = listener(&edge, "alice", "room").await;
    alice.publish("room", 1).await;
    alice.expect_quiet_by(&mut bob).await;
}

#[tokio::test]
async fn a_second_connection_of_the_publisher_does_hear_it() {
    let edge = TestEdge::demo().await;
    let mut second = listener(&edge, "alice", "room").await;
    let mut first = Client::connect_peer(&edge, "alice").await;
    first.publish("room", 1).await;
    assert_eq!(second.expect_type("message").await["from"], "alice");
}

#[tokio::test]
async fn c41_publishing_needs_no_subscription() {
    let edge = TestEdge::demo().await;
    let mut bob = listener(&edge, "bob", "room").await;
    let mut alice = Client::connect_key(&edge, "pk_live_demo").await;
    alice.publish("room", "hello").await;
    assert_eq!(bob.expect_type("message").await["from"], alice.peer());
}

#[tokio::test]
async fn c42_a_publish_to_nobody_is_acknowledged() {
    let edge = TestEdge::demo().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    alice.publish("nobody/here", 1).await;
}

#[tokio::test]
async fn c43_every_json_kind_goes_round_unchanged() {
    let edge = TestEdge::demo().await;
    let mut bob = listener(&edge, "bob", "room").await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    let values = [
        Value::Null,
        json!(true),
        json!(false),
        json!(0),
        json!(-1.5e-9),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(""),
        json!("\u{0}\u{1f}\"\\/ é 日本 🦀 \u{2028}"),
        json!([]),
        json!([1, [2, [3, null]]]),
        json!({}),
        json!({"": {"a": [{}]}, "type": "message", "channel": "other"}),
    ];
    for value in values {
        alice.publish("room", value.clone()).await;
        let message = bob.expect_type("message").await;
        assert_eq!(message.get("data"), Some(&value));
        alice.direct("bob", value.clone()).await;
        let direct = bob.expect_type("direct").await;
        assert_eq!(direct.get("data"), Some(&value));
    }
}

#[tokio::test]
async fn the_text_of_a_payload_is_passed_on_byte_by_byte() {
    let edge = TestEdge::demo().await;
    let mut bob = listener(&edge, "bob", "room").await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    // Numbers beyond what a double holds, and members that come twice, are none of the edge's business.
    let frame = r#"{"type":"publish","channel":"room","data":{"big":123456789012345678901234567890,"e":1.10e+2,"k":1,"k":2}}"#;
    alice.send_text(frame).await;
    let message = bob.expect_type("message").await;
    assert_eq!(message["data"]["k"], 2);
    assert_eq!(message["data"]["e"].as_f64(), Some(110.0));
}

#[tokio::test]
async fn c44_eighty_messages_in_flight_keep_their_order() {
    let edge = TestEdge::demo().await;
    let mut bob = listener(&edge, "bob", "room").await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    let burst: Vec<Value> = (0..80)
        .map(|number| json!({"type": "publish", "channel": "room", "data": number}))
        .collect();
    alice.send_all(&burst).await;
    for number in 0..80 {
        assert_eq!(bob.expect_type("message").await["data"], number);
    }
}

#[tokio::test]
async fn c45_from_metadata_comes_only_to_subscriptions_that_asked() {
    let edge = TestEdge::demo().await;
    let mut plain = listener(&edge, "plain", "room").await;
    let mut curious = Client::connect_peer(&edge, "curious").await;
    curious.accepted(subscribe("room", &json!(true))).await;
    curious.expect_type("presence").await;
    plain.expect_type("presence").await;

    let token = Token::peer("alice")
        .claim("peerMetadata", json!({"name": "Al"}))
        .sign();
    let mut alice = Client::connect_token(&edge, &token).await;
    alice.publish("room", 1).await;
    assert_eq!(
        curious.expect_type("message").await["fromMetadata"],
        json!({"name": "Al"})
    );
    assert_eq!(plain.expect_type("message").await.get("fromMetadata"), None);

    // A sender without metadata leaves nothing behind, not even a null.
    let mut bare = Client::connect_key(&edge, "pk_live_demo").await;
    bare.publish("room", 2).await;
    assert_eq!(
        curious.expect_type("message").await.get("fromMetadata"),
        None
    );
}

#[tokio::test]
async fn c46_the_last_subscribe_decides_on_from_metadata() {
    let edge = TestEdge::demo().await;
    let token = Token::peer("alice")
        .claim("peerMetadata", json!({"name": "Al"}))
        .sign();
    let mut alice = Client::connect_token(&edge, &token).await;
    let mut bob = Client::connect_peer(&edge, "bob").await;
    let steps = [
        (json!(true), true),
        (json!(false), false),
        (json!(true), true),
        (Value::Null, false),
    ];
    for (option, expected) in steps {
        let frame = if option.is_null() {
            json!({"type": "subscribe", "channel": "room"})
        } else {
            subscribe("room", &option)
        };
        bob.accepted(frame).await;
        bob.expect_type("presence").await;
        alice.publish("room", 1).await;
        let message = bob.expect_type("message").await;
        assert_eq!(
            message.get("fromMetadata").is_some(),
            expected,
            "after {option}"
        );
    }
}

#[tokio::test]
async fn c47_a_payload_of_65000_bytes_passes() {
    let edge = TestEdge::demo().await;
    let mut bob = listener(&edge, "bob", "room").await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    // The libraries compare the payload alone with the limit, so one just under it comes inside a larger frame.
    for length in [65_000, 65_534] {
        let data = "x".repeat(length);
        alice.publish("room", data.as_str()).await;
        assert_eq!(bob.expect_type("message").await["data"], data);
        alice.direct("bob", data.as_str()).await;
        assert_eq!(bob.expect_type("direct").await["data"], data);
    }
}

#[tokio::test]
async fn a_publish_reaches_subscribers_of_that_channel_only() {
    let edge = TestEdge::demo().await;
    let mut other = listener(&edge, "other", "rooms").await;
    let mut upper = listener(&edge, "upper", "ROOM").await;
    let mut literal = listener(&edge, "literal", "*").await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    alice.publish("room", 1).await;
    for outsider in [&mut other, &mut upper, &mut literal] {
        outsider.expect_quiet_by(&mut alice).await;
    }
}

/// A peer that subscribes to one channel and has read its snapshot.
async fn listener(edge: &TestEdge, peer: &str, channel: &str) -> Client {
    let mut client = Client::connect_peer(edge, peer).await;
    client.subscribe(channel).await;
    client
}

fn subscribe(channel: &str, include: &Value) -> Value {
    json!({"type": "subscribe", "channel": channel, "includeSenderMetadata": include})
}
