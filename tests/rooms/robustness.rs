//! Whatever is sent, slow or lost: the room goes on (spec §2.8).

use std::time::{Duration, Instant};

use serde_json::json;
use testkit::{RawFrame, RawSocket, TestEdge};
use tokio_tungstenite::tungstenite::Message;

use crate::member::{ROOM, door, enter_by, member, members, quiet, token};
use crate::site::{Edges as _, Spread, here_and_across};

here_and_across!(
    c44_bad_input_is_answered_and_costs_nobody_anything,
    c45_a_peer_that_vanishes_does_not_disturb_the_sender,
    c49_a_ping_gets_a_pong_and_reaches_nobody,
    c46_a_member_that_does_not_read_is_dropped_and_nobody_waits_for_it,
    c47_a_frame_over_the_limit_closes_its_session_alone,
    c48_a_flood_is_warned_then_closed_with_1008,
    c50_a_client_that_only_answers_protocol_pings_stays_and_one_that_does_not_goes,
);

async fn c44_bad_input_is_answered_and_costs_nobody_anything(spread: Spread) {
    let site = spread.demo().await;
    let [mut alice, mut bob] = members(&site, ["alice", "bob"]).await;
    let deep = format!(
        "{{\"type\":\"x\",\"data\":{}{}}}",
        "[".repeat(5_000),
        "]".repeat(5_000)
    );
    for text in [
        "{",
        "",
        "42",
        "null",
        "[]",
        "\"offer\"",
        "{}",
        "{\"data\":{}}",
        "{\"type\":7}",
        "{\"type\":null}",
        "{\"type\":\"webrtc.signal\"}",
        "{\"type\":\"a\",\"type\":\"b\"}",
        &deep,
    ] {
        alice.send_text(text).await;
        let error = alice.next_frame().await;
        assert_eq!(error["type"], "error", "{text}");
        assert!(error["error_message"].is_string());
        assert_eq!(error["data"]["code"], "malformed_message", "{text}");
    }
    alice.send_message(Message::binary(vec![0xff, 0xfe])).await;
    assert_eq!(alice.next_frame().await["type"], "error");
    quiet(&mut bob, "bob", &mut alice).await;
}

#[tokio::test]
async fn bad_input_without_end_closes_with_1008() {
    let edge = TestEdge::demo().await;
    let [mut alice, mut bob] = members(&edge, ["alice", "bob"]).await;
    alice.send_all(&vec![json!([]); 200]).await;
    assert_eq!(alice.find_close().await.code, 1008);
    assert_eq!(bob.next_frame().await["data"]["type"], "user-left");
    bob.expect_quiet().await;
}

async fn c45_a_peer_that_vanishes_does_not_disturb_the_sender(spread: Spread) {
    let site = spread.demo().await;
    let [mut alice, bob] = members(&site, ["alice", "bob"]).await;
    bob.cut();
    for _ in 0..50 {
        alice.send(&json!({"type": "offer", "to": "bob"})).await;
        alice.send(&json!({"type": "offer"})).await;
    }
    assert_eq!(
        alice.find_type("webrtc.signal").await["data"]["type"],
        "user-left"
    );
    alice.expect_quiet().await;
}

async fn c46_a_member_that_does_not_read_is_dropped_and_nobody_waits_for_it(spread: Spread) {
    let site = spread
        .start(|config| {
            config
                .limit("mailbox_bytes", 65_536)
                .section("room", "messages_per_second", 0)
        })
        .await;
    let [mut alice, mut bob] = members(&site, ["alice", "bob"]).await;
    let mut deaf = RawSocket::upgraded(site.of(1), &door(ROOM, &token("deaf"))).await;
    for listener in [&mut alice, &mut bob] {
        assert_eq!(listener.next_frame().await["data"]["account_id"], "deaf");
    }
    let payload = "x".repeat(60_000);
    let mut slowest = Duration::ZERO;
    let mut gone = false;
    for number in 0..400 {
        let start = Instant::now();
        alice
            .send(&json!({"type": "n", "data": [number, payload]}))
            .await;
        loop {
            let frame = bob.next_frame().await;
            if frame["data"]["type"] == "n" {
                assert_eq!(frame["data"]["data"][0], number);
                break;
            }
            assert_eq!(
                (&frame["data"]["type"], &frame["data"]["account_id"]),
                (&json!("user-left"), &json!("deaf"))
            );
            gone = true;
        }
        slowest = slowest.max(start.elapsed());
    }
    assert!(gone, "the deaf member is still there");
    assert!(
        slowest < Duration::from_secs(2),
        "the others waited: {slowest:?}"
    );
    let closed = deaf.closed().await;
    assert!([1013, 1006].contains(&closed.code), "{closed:?}");
}

async fn c47_a_frame_over_the_limit_closes_its_session_alone(spread: Spread) {
    let site = spread
        .start(|config| config.section("room", "frame_bytes", 10_000))
        .await;
    let [mut alice, mut bob] = members(&site, ["alice", "bob"]).await;
    alice
        .send_text(&format!(
            "{{\"type\":\"x\",\"data\":\"{}\"}}",
            "y".repeat(9_000)
        ))
        .await;
    assert_eq!(bob.next_frame().await["data"]["type"], "x");
    alice.send_text(&"y".repeat(10_001)).await;
    assert_eq!(alice.find_close().await.code, 1009);
    assert_eq!(bob.next_frame().await["data"]["type"], "user-left");
    bob.expect_quiet().await;
}

async fn c48_a_flood_is_warned_then_closed_with_1008(spread: Spread) {
    let site = spread
        .start(|config| {
            config
                .section("room", "messages_per_second", 1)
                .section("room", "message_burst", 20)
        })
        .await;
    let [mut alice, mut bob] = members(&site, ["alice", "bob"]).await;
    alice.send_all(&vec![json!({"type": "n"}); 30]).await;
    let warning = alice.next_frame().await;
    assert_eq!(
        (&warning["type"], &warning["data"]["code"]),
        (&json!("error"), &json!("rate_limited"))
    );
    assert_eq!(warning["data"]["retry_after"], 1);
    alice.send_all(&vec![json!({"type": "n"}); 300]).await;
    assert_eq!(alice.find_close().await.code, 1008);
    let mut heard = 0;
    while bob.next_frame().await["data"]["type"] == "n" {
        heard += 1;
    }
    assert!((20..=25).contains(&heard), "{heard} got through");
    bob.send(&json!({"type": "n"})).await;
    bob.expect_quiet().await;
}

async fn c49_a_ping_gets_a_pong_and_reaches_nobody(spread: Spread) {
    let site = spread.demo().await;
    let [mut alice, mut bob] = members(&site, ["alice", "bob"]).await;
    for ping in [
        json!({"type": "ping"}),
        json!({"type": "ping", "data": {"t": 1}}),
        json!({"type": "ping", "to": "bob"}),
    ] {
        alice.send(&ping).await;
        assert_eq!(alice.next_frame().await, json!({"type": "pong"}));
    }
    quiet(&mut bob, "bob", &mut alice).await;
}

async fn c50_a_client_that_only_answers_protocol_pings_stays_and_one_that_does_not_goes(
    spread: Spread,
) {
    // Five minutes of a 30 s ping are ten pings; here they take two seconds.
    let site = spread
        .start(|config| config.timing("ping", "200ms").timing("pong", "150ms"))
        .await;
    let mut alice = member(site.of(0), "alice").await;
    let mut deaf = RawSocket::upgraded(site.of(1), &door(ROOM, &token("deaf"))).await;
    for _ in 0..10 {
        alice.socket_ping().await;
    }
    assert_eq!(deaf.closed().await.code, 1008);
    assert_eq!(alice.next_frame().await["data"]["type"], "user-joined");
    assert_eq!(alice.next_frame().await["data"]["type"], "user-left");
    alice.expect_quiet().await;
}

#[tokio::test]
async fn broken_framing_ends_one_session() {
    let edge = TestEdge::demo().await;
    let mut bob = member(&edge, "bob").await;
    let mut rude = RawSocket::upgraded(&edge, &door(ROOM, &token("rude"))).await;
    bob.expect_type("webrtc.signal").await;
    rude.send(&RawFrame::text("{}").unmasked()).await;
    assert_eq!(rude.closed().await.code, 1002);
    assert_eq!(bob.next_frame().await["data"]["type"], "user-left");
    let (_carol, connected) = enter_by(&edge, door(ROOM, &token("carol"))).await;
    assert_eq!(connected["participants"].as_array().unwrap().len(), 1);
}
