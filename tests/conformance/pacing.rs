//! Time between ack and snapshot: some client libraries lose the roster when both come in one read.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{Client, Door, RawSocket, TestEdge, Token};

#[tokio::test]
async fn c35_the_snapshot_follows_its_ack_at_a_distance_of_10_ms() {
    let edge = TestEdge::demo().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    let mut gaps = Vec::new();
    for number in 0..21 {
        let channel = format!("room-{number}");
        alice
            .send(&json!({"type": "subscribe", "channel": channel, "requestId": "s"}))
            .await;
        let (acked, ack) = alice.timed_frame().await;
        assert_eq!(ack["type"], "ack");
        let (shown, snapshot) = alice.timed_frame().await;
        assert_eq!(snapshot["type"], "presence");
        gaps.push(shown - acked);
    }
    // This process may be late in reading an ack, which makes a single gap look shorter than it was on the wire.
    gaps.sort();
    assert!(gaps[10] >= Duration::from_micros(9_500), "{gaps:?}");
    assert!(gaps[10] <= Duration::from_millis(100), "{gaps:?}");
}

#[tokio::test]
async fn what_comes_between_ack_and_snapshot_is_held_back() {
    let edge = TestEdge::demo().await;
    let mut bob = Client::connect_peer(&edge, "bob").await;
    bob.subscribe("room").await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    for round in 0..10 {
        alice
            .send(&json!({"type": "subscribe", "channel": "room", "requestId": "s"}))
            .await;
        let burst: Vec<Value> = (0..15)
            .map(|n| direct_to("alice", &json!([round, n])))
            .collect();
        bob.send_all(&burst).await;
        let mut seen = Vec::new();
        while seen.iter().filter(|kind| *kind == "direct").count() < 15
            || !seen.contains(&"presence".to_owned())
        {
            let frame = alice.next_frame().await;
            seen.push(frame["type"].as_str().unwrap().to_owned());
        }
        let ack = seen.iter().position(|kind| kind == "ack").unwrap();
        assert_eq!(
            seen[ack + 1],
            "presence",
            "something overtook the snapshot: {seen:?}"
        );
        bob.fence().await;
    }
}

#[tokio::test]
async fn the_pong_waits_behind_the_snapshot_or_comes_before_the_ack_never_between() {
    let edge = TestEdge::demo().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    let burst = [
        json!({"type": "subscribe", "channel": "room", "requestId": "s"}),
        json!({"type": "ping"}),
    ];
    alice.send_all(&burst).await;
    let mut kinds = Vec::new();
    for _ in 0..3 {
        kinds.push(
            alice.next_frame().await["type"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    let ack = kinds.iter().position(|kind| kind == "ack").unwrap();
    assert_eq!(
        kinds.get(ack + 1).map(String::as_str),
        Some("presence"),
        "{kinds:?}"
    );
}

#[tokio::test]
async fn ack_and_snapshot_never_come_in_one_read() {
    let edge = TestEdge::demo().await;
    let door = Door::token(&Token::peer("alice").sign());
    let mut alice = RawSocket::welcomed(&edge, &door).await;
    for number in 0..20 {
        let frame =
            json!({"type": "subscribe", "channel": format!("room-{number}"), "requestId": "s"});
        alice
            .send(&testkit::RawFrame::text(&frame.to_string()))
            .await;
        assert_eq!(alice.text().await["type"], "ack");
        assert_eq!(alice.unread_bytes(), 0, "the ack did not come alone");
        assert_eq!(alice.text().await["type"], "presence");
    }
}

#[tokio::test]
async fn a_hundred_subscribes_are_acked_and_shown_without_a_hundred_waits() {
    let edge = TestEdge::demo().await;
    let mut others = Client::connect_peer(&edge, "others").await;
    others.send_all(&hundred_subscribes()).await;
    wait_for_hundred(&mut others).await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    let start = Instant::now();
    alice.send_all(&hundred_subscribes()).await;
    wait_for_hundred(&mut alice).await;
    // One wait each would take a second; the bound leaves room for a busy machine.
    assert!(
        start.elapsed() < Duration::from_millis(500),
        "{:?}",
        start.elapsed()
    );
}

/// Reads a hundred acks and a hundred snapshots, each snapshot after its own ack.
async fn wait_for_hundred(client: &mut Client) {
    let (mut acked, mut shown) = (Vec::new(), Vec::new());
    while acked.len() < 100 || shown.len() < 100 {
        let frame = client.next_frame().await;
        if frame["type"] == "ack" {
            acked.push(text(&frame["requestId"]));
        } else if frame["joined"]
            .as_array()
            .is_some_and(|joined| joined.iter().all(|e| e["peerId"] != "alice"))
        {
            let channel = text(&frame["channel"]);
            assert!(
                acked.contains(&channel),
                "the snapshot of {channel} overtook its ack"
            );
            shown.push(channel);
        }
    }
}

/// One subscribe for each of a hundred channels; the request id is the channel's name.
fn hundred_subscribes() -> Vec<Value> {
    (0..100)
        .map(|number| json!({"type": "subscribe", "channel": format!("c{number}"), "requestId": format!("c{number}")}))
        .collect()
}

fn direct_to(peer: &str, data: &Value) -> Value {
    json!({"type": "send", "to": peer, "data": data})
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
