//! A client that does not read costs itself its session, and nobody else anything.

use std::time::{Duration, Instant};

use serde_json::json;
use testkit::{Client, Door, EdgeConfig, RawFrame, RawSocket, TestEdge, Token, until};

#[tokio::test]
async fn a_client_that_never_reads_is_closed_while_the_others_get_everything() {
    let edge = small_mailboxes().await;
    let mut bob = Client::connect_peer(&edge, "bob").await;
    bob.subscribe("room").await;
    let door = Door::token(&Token::peer("deaf").sign());
    let mut deaf = RawSocket::welcomed(&edge, &door).await;
    let subscribe = json!({"type": "subscribe", "channel": "room"});
    deaf.send(&RawFrame::text(&subscribe.to_string())).await;
    assert_eq!(
        bob.expect_type("presence").await["joined"][0]["peerId"],
        "deaf"
    );

    let mut alice = Client::connect_peer(&edge, "alice").await;
    let payload = "x".repeat(60_000);
    let mut slowest = Duration::ZERO;
    // Enough for any kernel buffer on the way; the deaf client stops taking long before.
    for number in 0..400 {
        let start = Instant::now();
        alice.publish("room", json!([number, payload])).await;
        let message = bob.find_type("message").await;
        assert_eq!(message["data"][0], number);
        slowest = slowest.max(start.elapsed());
    }
    assert!(
        slowest < Duration::from_secs(2),
        "the deaf client slowed the others down: {slowest:?}"
    );
    assert_eq!(
        bob.expect_type("presence").await["left"][0]["peerId"],
        "deaf"
    );
    // What was written before is still readable; a close after it may or may not have fitted.
    let closed = deaf.closed().await;
    assert!([1013, 1006].contains(&closed.code), "{closed:?}");
}

#[tokio::test]
async fn the_slow_consumer_is_counted_by_its_reason() {
    let edge = small_mailboxes().await;
    let door = Door::token(&Token::peer("deaf").sign());
    let _deaf = RawSocket::welcomed(&edge, &door).await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    let frame = json!({"type": "send", "to": "deaf", "data": "x".repeat(60_000)});
    until("the deaf client is gone", async || {
        let reply = alice.request(frame.clone()).await;
        (reply["code"] == "peer_not_found").then_some(())
    })
    .await;
    let scrape = edge.scrape().await;
    let counted: Vec<&str> = scrape
        .series()
        .into_iter()
        .filter(|series| series.contains("slow_consumer"))
        .collect();
    assert!(
        counted
            .iter()
            .any(|series| scrape.value(series) == Some(1.0)),
        "{counted:?}"
    );
}

#[tokio::test]
async fn a_client_that_writes_and_never_reads_its_replies_is_closed_too() {
    let edge = small_mailboxes().await;
    let door = Door::token(&Token::peer("deaf").sign());
    let mut deaf = RawSocket::welcomed(&edge, &door).await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    alice.subscribe("room").await;
    deaf.send(&RawFrame::text(
        &json!({"type": "subscribe", "channel": "room"}).to_string(),
    ))
    .await;
    assert_eq!(
        alice.expect_type("presence").await["joined"][0]["peerId"],
        "deaf"
    );
    // Each ping asks for a pong of the same size or so; none of them is read.
    let pings = RawFrame::text(r#"{"type":"ping","requestId":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}"#)
        .to_bytes()
        .repeat(1000);
    let (_, delta) = tokio::join!(
        deaf.write_until_hung_up(&pings),
        alice.find_type("presence")
    );
    assert_eq!(delta["left"][0]["peerId"], "deaf");
}

async fn small_mailboxes() -> TestEdge {
    let config = EdgeConfig::demo()
        .limit("mailbox_bytes", 131_072)
        .limit("messages_per_second", 0);
    config.start().await
}
