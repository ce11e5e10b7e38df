//! Tokens minted over REST.

use serde_json::json;
use testkit::{Client, TestEdge, unix_now};

#[tokio::test]
async fn c86_a_minted_token_connects_with_the_claims_that_were_asked_for() {
    let edge = TestEdge::demo().await;
    let body = json!({
        "peerId": "alice", "channels": ["app/*"], "permissions": ["publish", "subscribe", "presence"],
        "expiresInSec": 120, "metadata": {"m": 1}, "peerMetadata": {"p": 2},
    });
    let minted = edge.rest().post("/v1/tokens", &body).await.ok();
    let expiry = minted["expiresAt"].as_i64().unwrap();
    assert!((expiry - unix_now() - 120).abs() <= 5, "{minted}");
    let mut alice = Client::connect_token(&edge, minted["token"].as_str().unwrap()).await;
    assert_eq!(alice.peer(), "alice");
    assert_eq!(alice.welcome()["expiresAt"], expiry);
    assert_eq!(alice.welcome()["metadata"], json!({"m": 1}));
    let mut bob = Client::connect_peer(&edge, "bob").await;
    bob.subscribe("app/room").await;
    alice.subscribe("app/room").await;
    let joined = json!([{"peerId": "alice", "metadata": {"p": 2}}]);
    assert_eq!(bob.expect_type("presence").await["joined"], joined);
    assert_eq!(
        alice
            .refusal(json!({"type": "subscribe", "channel": "b"}))
            .await,
        "channel_not_authorized"
    );
    let send = json!({"type": "send", "to": "bob", "data": 1});
    assert_eq!(alice.refusal(send).await, "action_not_permitted");
}

#[tokio::test]
async fn a_minted_token_lives_an_hour_unless_told_otherwise_and_a_day_at_most() {
    let edge = TestEdge::demo().await;
    let minted = edge
        .rest()
        .post("/v1/tokens", &json!({"peerId": "alice"}))
        .await
        .ok();
    let lifetime = minted["expiresAt"].as_i64().unwrap() - unix_now();
    assert!((lifetime - 3600).abs() <= 5, "{lifetime}");
    for (seconds, status) in [(86_400, 200), (86_401, 400), (0, 400), (-1, 400)] {
        let body = json!({"peerId": "alice", "expiresInSec": seconds});
        assert_eq!(
            edge.rest().post("/v1/tokens", &body).await.status,
            status,
            "{seconds}"
        );
    }
}

#[tokio::test]
async fn a_minted_token_carries_device_rooms_and_number() {
    let edge = TestEdge::demo().await;
    let body = json!({"peerId": "alice", "device": "phone", "rooms": {"0f8fad5b-d9cb-469f-a165-70867728950e": 50}, "number": "100"});
    let mut sessions = Vec::new();
    for _ in 0..2 {
        let minted = edge.rest().post("/v1/tokens", &body).await.ok();
        sessions.push(Client::connect_token(&edge, minted["token"].as_str().unwrap()).await);
    }
    assert_eq!(
        sessions[0].expect_close().await.code,
        4441,
        "the device claim was copied"
    );
}

#[tokio::test]
async fn c87_a_wrong_token_request_gets_400() {
    let edge = TestEdge::demo().await;
    let many: Vec<String> = (0..101).map(|number| format!("c{number}")).collect();
    let bodies = [
        json!({}),
        json!({"peerId": ""}),
        json!({"peerId": "é"}),
        json!({"peerId": "a".repeat(129)}),
        json!({"peerId": 1}),
        json!({"peerId": "a", "channels": "room"}),
        json!({"peerId": "a", "channels": many}),
        json!({"peerId": "a", "permissions": ["fly"]}),
        json!({"peerId": "a", "expiresInSec": "60"}),
        json!({"peerId": "a", "metadata": []}),
        json!({"peerId": "a", "metadata": {"x": "y".repeat(8200)}}),
        json!({"peerId": "a", "peerMetadata": {"x": "y".repeat(4100)}}),
        json!([]),
    ];
    for body in bodies {
        let answer = edge.rest().post("/v1/tokens", &body).await;
        assert_eq!(answer.refusal(), (400, "invalid_request"), "{body}");
    }
    for text in ["", "{", "peerId=alice"] {
        let answer = edge.rest().post_text("/v1/tokens", text).await;
        assert_eq!(answer.refusal(), (400, "invalid_request"), "{text:?}");
    }
}
