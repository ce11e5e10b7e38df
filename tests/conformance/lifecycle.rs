//! From the first ping to the last close: unsubscribe, expiry, and coming back after a cut.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{Client, Door, RawFrame, RawSocket, TestEdge, Token, unix_now};
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

#[tokio::test]
async fn c77_ping_is_answered_by_pong_also_with_a_request_id() {
    let edge = TestEdge::demo().await;
    let mut alice = Client::connect_key(&edge, "pk_live_demo").await;
    alice.send(&json!({"type": "ping"})).await;
    assert_eq!(alice.next_frame().await, json!({"type": "pong"}));
    alice.send(&json!({"type": "ping", "requestId": "p"})).await;
    assert_eq!(
        alice.next_frame().await,
        json!({"type": "pong", "requestId": "p"})
    );
}

#[tokio::test]
async fn c78_unsubscribe_is_idempotent_and_stops_delivery() {
    let edge = TestEdge::demo().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    let mut bob = Client::connect_peer(&edge, "bob").await;
    bob.accepted(json!({"type": "unsubscribe", "channel": "room"}))
        .await;
    bob.subscribe("room").await;
    alice.publish("room", 1).await;
    bob.expect_type("message").await;
    for _ in 0..2 {
        bob.accepted(json!({"type": "unsubscribe", "channel": "room"}))
            .await;
    }
    alice.publish("room", 2).await;
    alice.subscribe("room").await;
    bob.expect_quiet_by(&mut alice).await;
}

#[tokio::test]
async fn nothing_of_a_channel_comes_after_the_ack_of_its_unsubscribe() {
    let edge = TestEdge::demo().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    let mut bob = Client::connect_peer(&edge, "bob").await;
    for _ in 0..10 {
        bob.subscribe("room").await;
        let burst: Vec<Value> = (0..15)
            .map(|number| json!({"type": "publish", "channel": "room", "data": number}))
            .collect();
        alice.send_all(&burst).await;
        bob.send(&json!({"type": "unsubscribe", "channel": "room", "requestId": "u"}))
            .await;
        while bob.next_frame().await["type"] != "ack" {}
        bob.expect_quiet_by(&mut alice).await;
        alice.fence().await;
    }
}

#[tokio::test]
async fn a_subscribe_right_after_an_unsubscribe_is_a_fresh_one() {
    let edge = TestEdge::demo().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    alice.subscribe("room").await;
    let mut bob = Client::connect_peer(&edge, "bob").await;
    let burst = [
        json!({"type": "subscribe", "channel": "room", "requestId": "1"}),
        json!({"type": "unsubscribe", "channel": "room", "requestId": "2"}),
        json!({"type": "subscribe", "channel": "room", "requestId": "3"}),
    ];
    bob.send_all(&burst).await;
    bob.find_type("presence").await;
    let frames = alice.fence_by(&mut bob).await;
    let steps: Vec<(usize, usize)> = frames
        .iter()
        .map(|frame| {
            (
                frame["joined"].as_array().unwrap().len(),
                frame["left"].as_array().unwrap().len(),
            )
        })
        .collect();
    let net: usize = steps.iter().map(|(joined, _)| joined).sum::<usize>()
        - steps.iter().map(|(_, left)| left).sum::<usize>();
    assert_eq!(
        net, 1,
        "joins and leaves alternate and end with a join: {frames:?}"
    );
    alice.publish("room", 1).await;
    bob.find_type("message").await;
}

#[tokio::test]
async fn c79_after_a_cut_a_replay_of_the_subscriptions_restores_roster_messages_and_options() {
    let edge = TestEdge::demo().await;
    let token = Token::peer("alice")
        .claim("peerMetadata", json!({"name": "Al"}))
        .sign();
    let mut alice = Client::connect_token(&edge, &token).await;
    alice.subscribe("a").await;
    let replay = [
        json!({"type": "subscribe", "channel": "a", "requestId": "1", "includeSenderMetadata": true}),
        json!({"type": "subscribe", "channel": "b", "requestId": "2"}),
    ];
    let mut bob = Client::connect_peer(&edge, "bob").await;
    bob.send_all(&replay).await;
    bob.find_type("presence").await;
    bob.cut();

    let mut bob = Client::connect_peer(&edge, "bob").await;
    bob.send_all(&replay).await;
    let mut roster = bob.find_type("presence").await;
    if roster["channel"] != "a" {
        roster = bob.find_type("presence").await;
    }
    assert_eq!(roster["joined"][0]["peerId"], "alice");
    for channel in ["a", "b"] {
        alice.publish(channel, 1).await;
    }
    let messages = [
        bob.find_type("message").await,
        bob.find_type("message").await,
    ];
    assert_eq!(
        (
            &messages[0]["channel"],
            &messages[0]["fromMetadata"]["name"]
        ),
        (&json!("a"), &json!("Al"))
    );
    assert_eq!(
        (&messages[1]["channel"], messages[1].get("fromMetadata")),
        (&json!("b"), None)
    );
}

#[tokio::test]
async fn c80_over_a_drop_the_survivors_see_one_leave_and_one_join_and_are_listed_in_one_frame() {
    let edge = TestEdge::demo().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    alice.subscribe("room").await;
    let mut carol = Client::connect_peer(&edge, "carol").await;
    carol.subscribe("room").await;
    let mut bob = Client::connect_peer(&edge, "bob").await;
    bob.subscribe("room").await;
    for _ in 0..2 {
        alice.expect_type("presence").await;
    }
    bob.cut();
    assert_eq!(alice.next_frame().await["left"], json!([{"peerId": "bob"}]));
    let mut bob = Client::connect_peer(&edge, "bob").await;
    assert_eq!(
        bob.subscribe("room").await["joined"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(
        alice.next_frame().await["joined"],
        json!([{"peerId": "bob"}])
    );
    alice.expect_quiet_by(&mut bob).await;
}

#[tokio::test]
async fn c81_a_session_ends_with_4002_within_the_second_before_its_token_does() {
    let edge = TestEdge::demo().await;
    let expiry = unix_now() + 3;
    let token = Token::peer("alice").claim("exp", json!(expiry)).sign();
    let mut alice = Client::connect_token(&edge, &token).await;
    alice.subscribe("room").await;
    assert_eq!(alice.expect_close().await.code, 4002);
    let left = Duration::from_secs(u64::try_from(expiry).unwrap()).saturating_sub(since_1970());
    assert!(
        Duration::ZERO < left && left <= Duration::from_secs(1),
        "{left:?} before the expiry"
    );

    let mut alice = Client::connect_peer(&edge, "alice").await;
    alice.subscribe("room").await;
    let mut bob = Client::connect_peer(&edge, "bob").await;
    bob.publish("room", 1).await;
    alice.expect_type("message").await;
}

#[tokio::test]
async fn expiry_gives_a_leave_delta() {
    let edge = TestEdge::demo().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    alice.subscribe("room").await;
    let mut bob = Client::connect_token(&edge, &Token::peer("bob").expires_in(2).sign()).await;
    bob.subscribe("room").await;
    alice.expect_type("presence").await;
    assert_eq!(
        alice.expect_type("presence").await["left"],
        json!([{"peerId": "bob"}])
    );
}

#[tokio::test]
async fn c83_close_frames_are_answered_within_a_second() {
    let edge = TestEdge::demo().await;
    for code in [1000, 1001, 3000, 4000, 4999] {
        let mut alice = Client::connect_peer(&edge, "alice").await;
        let frame = CloseFrame {
            code: CloseCode::from(code),
            reason: "bye".into(),
        };
        let start = Instant::now();
        alice.send_message(Message::Close(Some(frame))).await;
        let answer = alice.find_close().await.code;
        assert!(
            [code, 1000].contains(&answer),
            "{code} was answered by {answer}"
        );
        assert!(
            start.elapsed() < Duration::from_secs(1),
            "{:?}",
            start.elapsed()
        );
    }
    // A close without a code, and the TCP connection that the server ends.
    let mut raw = RawSocket::welcomed(&edge, &Door::key("pk_live_demo")).await;
    raw.send(&RawFrame::new(testkit::Opcode::Close, b"")).await;
    assert_eq!(raw.frame().await.map(|(opcode, _)| opcode), Some(0x8));
    raw.hung_up().await;
}

#[tokio::test]
async fn c84_no_frame_above_1_mib_is_sent_though_a_roster_is_larger() {
    let edge = TestEdge::demo().await;
    let metadata = json!({"x": "y".repeat(4000)});
    let mut members = Vec::new();
    for number in 0..300 {
        let token = Token::peer(&format!("m{number}"))
            .claim("peerMetadata", metadata.clone())
            .claim("permissions", json!(["subscribe"]));
        let mut member = Client::connect_token(&edge, &token.sign()).await;
        member
            .accepted(json!({"type": "subscribe", "channel": "room"}))
            .await;
        members.push(member);
    }
    // The client refuses larger frames; here it is enough that everybody was named.
    let mut alice = Client::connect_peer(&edge, "alice").await;
    let mut named = alice.subscribe("room").await["joined"]
        .as_array()
        .unwrap()
        .len();
    while named < members.len() {
        let more = alice.expect_type("presence").await;
        named += more["joined"].as_array().unwrap().len();
    }
    assert_eq!(named, members.len());
}

fn since_1970() -> Duration {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default()
}
