//! Who is there, and who is not (checklist 10–15).

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{EdgeConfig, Phone, RawSocket, TestEdge, Token};
use tokio_tungstenite::tungstenite::Message;

fn token() -> Token {
    Phone::token("alice", "phone", "1001")
}

/// A state that asks for a keepalive so soon: a silent client is waited for 10 s more.
async fn edge_with_interval(interval: &str) -> TestEdge {
    EdgeConfig::demo()
        .section("device", "keepalive_interval", interval)
        .start()
        .await
}

#[tokio::test]
async fn c10_a_keepalive_is_echoed_with_all_its_members() {
    let edge = TestEdge::demo().await;
    let mut phone = Phone::attach(&edge, &token()).await;
    for keepalive in [
        json!({"handshake": "keepalive", "transaction": "transaction-1"}),
        json!({"handshake": "keepalive", "transaction": "é \"\\ \u{1}", "line": 0}),
        json!({"handshake": "keepalive", "transaction": 1, "more": {"a": [1.5, null]}}),
        json!({"handshake": "keepalive"}),
    ] {
        phone.send(&keepalive).await;
        assert_eq!(phone.next_frame().await, keepalive);
    }
}

#[tokio::test]
async fn c11_twenty_keepalives_in_flight_are_answered_each_once_in_order() {
    let edge = TestEdge::demo().await;
    let mut phone = Phone::attach(&edge, &token()).await;
    let keepalives: Vec<Value> = (0..20)
        .map(|number| json!({"handshake": "keepalive", "transaction": format!("t-{number}")}))
        .collect();
    phone.send_all(&keepalives).await;
    for keepalive in &keepalives {
        assert_eq!(phone.next_frame().await, *keepalive);
    }
    phone.silent().await;
}

#[tokio::test]
async fn c12_c13_c14_a_silent_client_is_closed_with_4502_and_only_pings_of_its_own_are_answered() {
    let edge = edge_with_interval("500ms").await;
    let door = Phone::door(&token().sign(), testkit::Force::True);
    let mut silent = RawSocket::upgraded(&edge, &door).await;
    let state = silent.text().await;
    assert_eq!(state["keepalive_interval"], 500);
    let began = Instant::now();
    // Neither a ping nor a keepalive of the edge comes before the end.
    let (opcode, payload) = silent.frame().await.expect("a close frame");
    assert_eq!(opcode, 0x8, "{payload:?}");
    assert_eq!(payload[..2], 4502_u16.to_be_bytes());
    let waited = began.elapsed();
    let (least, most) = (Duration::from_millis(10_500), Duration::from_millis(11_500));
    assert!(waited >= least - Duration::from_millis(100), "{waited:?}");
    assert!(waited <= most, "{waited:?}");

    let mut phone = Phone::attach(&edge, &token()).await;
    phone.send_message(Message::Ping("mine".into())).await;
    phone.silent().await;
    let scrape = edge.scrape().await;
    let closes = scrape.value(
        "switchboard_closes_total{code=\"4502\",dialect=\"device\",reason=\"pong_timeout\"}",
    );
    assert_eq!(closes, Some(1.0));
}

#[tokio::test]
async fn c15_a_client_that_only_asks_is_not_closed() {
    let edge = edge_with_interval("100ms").await;
    let mut phone = Phone::attach(&edge, &token()).await;
    let until = Instant::now() + Duration::from_secs(12);
    let mut tick = tokio::time::interval(Duration::from_secs(2));
    while Instant::now() < until {
        tick.tick().await;
        phone.ask(json!({"request": "nonsense"})).await;
    }
    phone.silent().await;
}
