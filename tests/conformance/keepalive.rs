//! Pings of the edge, and clients that do not answer them.

use serde_json::json;
use testkit::{Client, Door, EdgeConfig, Opcode, RawFrame, RawSocket, TestEdge, Token};

#[tokio::test]
async fn c77_an_idle_client_is_pinged_and_survives_as_long_as_it_answers() {
    let edge = short_pings().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    for _ in 0..4 {
        alice.socket_ping().await;
    }
    alice.expect_quiet().await;
}

#[tokio::test]
async fn a_client_that_never_pongs_is_dropped_and_leaves_its_channels() {
    let edge = short_pings().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    alice.subscribe("room").await;
    let door = Door::token(&Token::peer("mute").sign());
    let mut mute = RawSocket::welcomed(&edge, &door).await;
    let subscribe = json!({"type": "subscribe", "channel": "room"});
    mute.send(&RawFrame::text(&subscribe.to_string())).await;
    assert_eq!(
        alice.expect_type("presence").await["joined"][0]["peerId"],
        "mute"
    );
    assert_eq!(
        alice.expect_type("presence").await["left"][0]["peerId"],
        "mute"
    );
    alice.expect_quiet().await;
    mute.hung_up().await;
}

#[tokio::test]
async fn a_ping_of_the_client_is_answered_with_its_own_payload() {
    let edge = TestEdge::demo().await;
    let mut raw = RawSocket::welcomed(&edge, &Door::key("pk_live_demo")).await;
    for payload in [b"".as_slice(), b"hello", &[0xFF; 125]] {
        raw.send(&RawFrame::new(Opcode::Ping, payload)).await;
        assert_eq!(
            raw.frame().await,
            Some((Opcode::Pong as u8, payload.to_vec()))
        );
    }
}

#[tokio::test]
async fn an_unasked_pong_is_ignored() {
    let edge = TestEdge::demo().await;
    let mut raw = RawSocket::welcomed(&edge, &Door::key("pk_live_demo")).await;
    raw.send(&RawFrame::new(Opcode::Pong, b"nobody asked"))
        .await;
    raw.send(&RawFrame::text(r#"{"type":"ping"}"#)).await;
    assert_eq!(raw.text().await, json!({"type": "pong"}));
}

async fn short_pings() -> TestEdge {
    let config = EdgeConfig::demo()
        .timing("ping", "900ms")
        .timing("pong", "800ms");
    config.start().await
}
