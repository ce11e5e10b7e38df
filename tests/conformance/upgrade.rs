//! The upgrade request itself (RFC 6455 §4.2.1): only what the RFC calls one becomes a WebSocket.

use serde_json::json;
use testkit::{RawFrame, RawSocket, TestEdge};

#[tokio::test]
async fn an_upgrade_that_breaks_the_rules_is_refused() {
    let edge = TestEdge::demo().await;
    let attempt = async |lines: &[&str]| answer(&edge, &head(DOOR, lines)).await;
    assert!(attempt(&GOOD).await.starts_with("HTTP/1.1 101"));
    for (place, missing) in GOOD.iter().enumerate() {
        let mut lines = GOOD.to_vec();
        lines.remove(place);
        let answer = attempt(&lines).await;
        assert!(
            answer.starts_with("HTTP/1.1 4"),
            "without {missing}: {answer}"
        );
    }
    let mut old = GOOD;
    old[2] = "Sec-WebSocket-Version: 8";
    let answer = attempt(&old).await.to_lowercase();
    assert!(
        answer.starts_with("http/1.1 426") && answer.contains("sec-websocket-version: 13"),
        "{answer}"
    );
    let browser = [
        "connection: keep-alive, Upgrade",
        "upgrade: WebSocket",
        GOOD[2],
        GOOD[3],
    ];
    assert!(attempt(&browser).await.starts_with("HTTP/1.1 101"));
}

// Each of these carries every header of an upgrade, so a server that looks at headers alone answers 101. A proxy in
// front reads the request line too and thinks that HTTP goes on: whatever the client says next would be taken for
// requests by one and for frames by the other.
#[tokio::test]
async fn a_request_that_only_looks_like_an_upgrade_is_refused() {
    let edge = TestEdge::demo().await;
    for request in [
        format!("GET {DOOR} HTTP/1.1"),
        format!("HEAD {DOOR} HTTP/1.1\r\nHost: x"),
        format!("POST {DOOR} HTTP/1.1\r\nHost: x\r\nContent-Length: 0"),
        format!("GET {DOOR} HTTP/1.0"),
        format!("GET {DOOR} HTTP/1.0\r\nHost: x"),
    ] {
        let head = format!("{request}\r\n{}", GOOD.join("\r\n"));
        let answer = answer(&edge, &head).await;
        let status = answer.split(' ').nth(1).unwrap_or_default();
        assert!(
            answer.starts_with("HTTP/1.") && status.starts_with('4'),
            "{request:?}: {answer:?}"
        );
    }
}

// A write is most of what a connect costs.
#[tokio::test]
async fn the_response_leaves_together_with_the_first_frame() {
    let edge = TestEdge::demo().await;
    for (door, expected) in [(DOOR, "welcome"), ("/v1?key=nobody", "a close frame")] {
        let mut raw = RawSocket::tcp(&edge).await;
        raw.write(format!("{}\r\n\r\n", head(door, &GOOD)).as_bytes())
            .await;
        assert!(raw.read_head().await.starts_with("HTTP/1.1 101"));
        assert!(raw.unread_bytes() > 0, "without {expected}");
    }
}

// All in one piece: a request before the upgrade, and a frame that did not wait for the welcome.
#[tokio::test]
async fn what_comes_before_and_right_behind_an_upgrade_is_answered_in_its_order() {
    let edge = TestEdge::demo().await;
    let mut raw = RawSocket::tcp(&edge).await;
    let upgrade = head(DOOR, &GOOD);
    let mut bytes =
        format!("HEAD /nowhere HTTP/1.1\r\nHost: x\r\n\r\n{upgrade}\r\n\r\n").into_bytes();
    let subscribe = json!({"type": "subscribe", "channel": "room", "requestId": "1"});
    bytes.extend(RawFrame::text(&subscribe.to_string()).to_bytes());
    raw.write(&bytes).await;
    assert!(raw.read_head().await.starts_with("HTTP/1.1 404"));
    assert!(raw.read_head().await.starts_with("HTTP/1.1 101"));
    assert_eq!(raw.text().await["type"], "welcome");
    let ack = raw.text().await;
    assert_eq!(
        (&ack["type"], &ack["requestId"]),
        (&json!("ack"), &json!("1"))
    );
}

/// A request whose blank line is still missing.
fn head(door: &str, lines: &[&str]) -> String {
    format!("GET {door} HTTP/1.1\r\nHost: x\r\n{}", lines.join("\r\n"))
}

/// The head of the answer to a request whose blank line is still missing.
async fn answer(edge: &TestEdge, head: &str) -> String {
    let mut raw = RawSocket::tcp(edge).await;
    raw.write(format!("{head}\r\n\r\n").as_bytes()).await;
    raw.read_head().await
}

const DOOR: &str = "/v1?key=pk_live_demo";

/// What makes a request an upgrade, beside its first line and its host.
const GOOD: [&str; 4] = [
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];
