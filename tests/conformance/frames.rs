//! The shape of frames: what is refused, with which code, and that nothing of it ends the session.

use serde_json::{Value, json};
use testkit::{Client, TestEdge};
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn c67_what_is_no_frame_is_malformed_and_c72_the_connection_still_answers() {
    let edge = TestEdge::demo().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    for text in [
        "",
        " ",
        "hello",
        "{",
        "[]",
        "[{\"type\":\"ping\"}]",
        "null",
        "1",
        "\"ping\"",
        "{}",
        "{\"type\":1}",
        "{\"type\":null}",
        "{\"type\":[\"ping\"]}",
        "{\"type\":\"ping\"} x",
        "{\"type\":\"ping\",}",
        "{'type':'ping'}",
        "\u{feff}{\"type\":\"ping\"}",
        "{\"type\":\"ping\"}{\"type\":\"ping\"}",
    ] {
        alice.send_text(text).await;
        let error = alice.expect_type("error").await;
        assert_eq!(error["code"], "malformed_message", "{text:?}");
        assert_eq!(error.get("requestId"), None, "{text:?}");
        alice.expect_quiet().await;
    }
}

#[tokio::test]
async fn c68_an_unknown_type_is_named_so_and_echoes_the_request() {
    let edge = TestEdge::demo().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    for kind in [
        "nonsense",
        "",
        "Ping",
        "PUBLISH",
        "welcome",
        "ack",
        "pong",
        "subscribe ",
    ] {
        assert_eq!(
            alice.refusal(json!({"type": kind})).await,
            "unknown_type",
            "{kind:?}"
        );
    }
    alice.send(&json!({"type": "nonsense"})).await;
    assert_eq!(alice.expect_type("error").await.get("requestId"), None);
    alice.expect_quiet().await;
}

#[tokio::test]
async fn c69_a_bad_channel_is_invalid_and_c72_the_connection_still_answers() {
    let edge = TestEdge::demo().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    let long = "x".repeat(257);
    let long_in_bytes = "é".repeat(129);
    let bad: [Value; 14] = [
        json!(""),
        json!(long),
        json!(long_in_bytes),
        json!("a\u{0}"),
        json!("a\nb"),
        json!("\u{1f}"),
        json!("\u{7f}"),
        json!("\u{80}"),
        json!("a\u{9f}"),
        json!(1),
        json!(null),
        json!(["a"]),
        json!({"a": 1}),
        json!(true),
    ];
    for kind in ["subscribe", "unsubscribe", "publish"] {
        for channel in &bad {
            let frame = json!({"type": kind, "channel": channel, "data": 1});
            assert_eq!(
                alice.refusal(frame).await,
                "invalid_channel",
                "{kind} {channel}"
            );
        }
        assert_eq!(
            alice.refusal(json!({"type": kind, "data": 1})).await,
            "invalid_channel"
        );
        alice.expect_quiet().await;
    }
    for channel in [
        "x".repeat(256),
        "é".repeat(128),
        " ".to_owned(),
        "\u{a0}".to_owned(),
        "🦀".repeat(64),
    ] {
        alice.publish(&channel, 1).await;
    }
}

#[tokio::test]
async fn c70_missing_data_is_named_so_and_c72_the_connection_still_answers() {
    let edge = TestEdge::demo().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    assert_eq!(
        alice
            .refusal(json!({"type": "publish", "channel": "c"}))
            .await,
        "missing_data"
    );
    assert_eq!(
        alice.refusal(json!({"type": "send", "to": "alice"})).await,
        "missing_data"
    );
    alice.expect_quiet().await;
    alice.publish("c", Value::Null).await;
}

#[tokio::test]
async fn c71_a_bad_target_is_an_invalid_peer_id_and_c72_the_connection_still_answers() {
    let edge = TestEdge::demo().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    let long = "a".repeat(129);
    for to in [
        json!(""),
        json!(long),
        json!("é"),
        json!("a\nb"),
        json!("\u{0}"),
        json!(1),
        json!(null),
        json!(["a"]),
    ] {
        let frame = json!({"type": "send", "to": to, "data": 1});
        assert_eq!(alice.refusal(frame).await, "invalid_peer_id", "{to}");
    }
    assert_eq!(
        alice.refusal(json!({"type": "send", "data": 1})).await,
        "invalid_peer_id"
    );
    let longest = json!({"type": "send", "to": "a".repeat(128), "data": 1});
    assert_eq!(alice.refusal(longest).await, "peer_not_found");
    alice.expect_quiet().await;
}

#[tokio::test]
async fn a_bad_request_id_is_malformed_and_is_not_echoed() {
    let edge = TestEdge::demo().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    let long = "r".repeat(129);
    for id in [
        json!(""),
        json!(long),
        json!(1),
        json!(null),
        json!(["a"]),
        json!({}),
    ] {
        alice
            .send(&json!({"type": "subscribe", "channel": "c", "requestId": id}))
            .await;
        let error = alice.expect_type("error").await;
        assert_eq!(error["code"], "malformed_message", "{id}");
        assert_eq!(error.get("requestId"), None);
    }
    let longest = "r".repeat(128);
    alice
        .send(&json!({"type": "unsubscribe", "channel": "c", "requestId": longest}))
        .await;
    assert_eq!(
        alice.next_frame().await,
        json!({"type": "ack", "requestId": longest})
    );
}

#[tokio::test]
async fn c73_without_a_request_id_there_is_no_ack() {
    let edge = TestEdge::demo().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    alice
        .send(&json!({"type": "publish", "channel": "c", "data": 1}))
        .await;
    alice
        .send(&json!({"type": "unsubscribe", "channel": "c"}))
        .await;
    alice.expect_quiet().await;
    alice
        .send(&json!({"type": "subscribe", "channel": "c"}))
        .await;
    alice.expect_type("presence").await;
    let mut bob = Client::connect_peer(&edge, "bob").await;
    alice
        .send(&json!({"type": "send", "to": "bob", "data": 1}))
        .await;
    bob.expect_type("direct").await;
    alice
        .send(&json!({"type": "send", "to": "nobody", "data": 1}))
        .await;
    let error = alice.expect_type("error").await;
    assert_eq!(
        (error["code"].as_str(), error.get("requestId")),
        (Some("peer_not_found"), None)
    );
    alice.expect_quiet().await;
}

#[tokio::test]
async fn c74_an_ack_has_no_other_members() {
    let edge = TestEdge::demo().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    let frames = [
        json!({"type": "subscribe", "channel": "c"}),
        json!({"type": "publish", "channel": "c", "data": 1}),
        json!({"type": "send", "to": "alice", "data": 1}),
        json!({"type": "unsubscribe", "channel": "c"}),
    ];
    for frame in frames {
        let ack = alice.request(frame).await;
        let members: Vec<&String> = ack.as_object().unwrap().keys().collect();
        assert_eq!(members, ["requestId", "type"]);
    }
}

#[tokio::test]
async fn c75_every_request_gets_exactly_one_reply() {
    let edge = TestEdge::demo().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    let frames = [
        json!({"type": "subscribe", "channel": "a", "requestId": "0"}),
        json!({"type": "publish", "channel": "a", "data": 1, "requestId": "1"}),
        json!({"type": "subscribe", "channel": "", "requestId": "2"}),
        json!({"type": "send", "to": "nobody", "data": 1, "requestId": "3"}),
        json!({"type": "nonsense", "requestId": "4"}),
        json!({"type": "unsubscribe", "channel": "a", "requestId": "5"}),
        json!({"type": "subscribe", "channel": "a", "requestId": "6"}),
        json!({"type": "subscribe", "channel": "a", "requestId": "7"}),
        json!({"type": "ping", "requestId": "8"}),
    ];
    alice.send_all(&frames).await;
    let mut replies: Vec<String> = Vec::new();
    while replies.len() < frames.len() {
        let frame = alice.next_frame().await;
        replies.extend(frame["requestId"].as_str().map(str::to_owned));
    }
    replies.sort();
    assert_eq!(replies, ["0", "1", "2", "3", "4", "5", "6", "7", "8"]);
    // The last snapshot may still be on its way; a second reply to anything may not.
    alice.subscribe("b").await;
    assert!(
        alice
            .fence()
            .await
            .iter()
            .all(|frame| frame.get("requestId").is_none())
    );
}

#[tokio::test]
async fn c76_a_binary_frame_is_refused_and_never_a_crash() {
    let edge = TestEdge::demo().await;
    let mut other = Client::connect_peer(&edge, "other").await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    alice
        .send_message(Message::binary(br#"{"type":"ping"}"#.to_vec()))
        .await;
    let error = alice.expect_type("error").await;
    assert_eq!(error["code"], "malformed_message");
    alice.expect_quiet().await;
    other.expect_quiet().await;
}

#[tokio::test]
async fn unknown_members_are_ignored() {
    let edge = TestEdge::demo().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    alice
        .accepted(json!({"type": "unsubscribe", "channel": "c", "v": 2, "to": 1, "x": {"y": []}}))
        .await;
}

#[tokio::test]
async fn an_error_has_a_code_and_at_most_a_request_id_and_a_message() {
    let edge = TestEdge::demo().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    let error = alice
        .request(json!({"type": "publish", "channel": "_system/x", "data": 1}))
        .await;
    let members: Vec<&str> = error
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert!(
        members
            .iter()
            .all(|name| ["code", "message", "requestId", "type"].contains(name)),
        "{members:?}"
    );
}
