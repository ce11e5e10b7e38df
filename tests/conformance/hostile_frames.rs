//! Bytes that break RFC 6455: each ends its own session with the right code, and nobody else's.

use serde_json::json;
use testkit::{Client, Door, EdgeConfig, Opcode, RawFrame, RawSocket, TestEdge};

#[tokio::test]
async fn broken_framing_closes_with_1002() {
    let edge = TestEdge::demo().await;
    let ping = || RawFrame::text(r#"{"type":"ping"}"#);
    let long_control = [b'x'; 126];
    let cases: [(&str, Vec<RawFrame>); 12] = [
        ("no mask", vec![ping().unmasked()]),
        ("RSV1", vec![ping().reserved_bits(0x40)]),
        ("RSV2", vec![ping().reserved_bits(0x20)]),
        (
            "RSV3 on a ping",
            vec![RawFrame::new(Opcode::Ping, b"").reserved_bits(0x10)],
        ),
        (
            "a reserved opcode",
            vec![RawFrame::new(Opcode::Reserved, b"")],
        ),
        (
            "a fragmented ping",
            vec![RawFrame::new(Opcode::Ping, b"").unfinished()],
        ),
        (
            "a ping of 126 bytes",
            vec![RawFrame::new(Opcode::Ping, &long_control)],
        ),
        (
            "a continuation of nothing",
            vec![RawFrame::new(Opcode::Continuation, b"x")],
        ),
        ("text inside a text", vec![ping().unfinished(), ping()]),
        (
            "a close of one byte",
            vec![RawFrame::new(Opcode::Close, b"x")],
        ),
        ("a close with 1005", vec![RawFrame::close(1005, "")]),
        ("a close with 999", vec![RawFrame::close(999, "")]),
    ];
    for (case, frames) in cases {
        let mut raw = client(&edge).await;
        for frame in &frames {
            raw.send(frame).await;
        }
        assert_eq!(raw.closed().await.code, 1002, "{case}");
        raw.hung_up().await;
    }
}

#[tokio::test]
async fn a_length_in_a_longer_form_than_needed_closes_with_1002() {
    let edge = TestEdge::demo().await;
    for header in [
        vec![0x81, 0xFE, 0, 5],
        vec![0x81, 0xFF, 0, 0, 0, 0, 0, 0, 0, 5],
        vec![0x81, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0],
    ] {
        let mut raw = client(&edge).await;
        raw.write(&header).await;
        raw.write(&[0, 0, 0, 0]).await;
        assert_eq!(raw.closed().await.code, 1002, "{header:x?}");
    }
}

#[tokio::test]
async fn invalid_utf8_closes_with_1007_as_soon_as_it_is_seen() {
    let edge = TestEdge::demo().await;
    let surrogate = [0xED, 0xA0, 0x80];
    let whole = [
        RawFrame::new(Opcode::Text, b"\xff"),
        RawFrame::new(Opcode::Text, &surrogate),
        RawFrame::new(Opcode::Text, b"\xc3"),
        // The rest of these messages never comes.
        RawFrame::new(Opcode::Text, b"{\"a\":\"\xff").unfinished(),
        RawFrame::new(Opcode::Text, b"\"\xff").announcing(1000),
        RawFrame::new(Opcode::Close, b"\x03\xe8\xff"),
    ];
    for frame in whole {
        let mut raw = client(&edge).await;
        raw.send(&frame).await;
        assert_eq!(raw.closed().await.code, 1007, "{frame:?}");
    }
}

#[tokio::test]
async fn a_frame_that_announces_too_much_closes_with_1009_before_it_comes() {
    let edge = TestEdge::demo().await;
    for announced in [68_000, 1 << 20, 1 << 40, usize::MAX >> 1] {
        let mut raw = client(&edge).await;
        raw.send(&RawFrame::text("").announcing(announced)).await;
        assert_eq!(raw.closed().await.code, 1009, "{announced}");
    }
}

#[tokio::test]
async fn fragments_that_add_up_to_too_much_close_with_1009() {
    let edge = TestEdge::demo().await;
    let mut raw = client(&edge).await;
    let chunk = "x".repeat(20_000);
    raw.send(&RawFrame::text(&chunk).unfinished()).await;
    for _ in 0..3 {
        raw.send(&RawFrame::new(Opcode::Continuation, chunk.as_bytes()).unfinished())
            .await;
    }
    assert_eq!(raw.closed().await.code, 1009);
}

#[tokio::test]
async fn a_flood_of_empty_fragments_closes_the_session() {
    let edge = TestEdge::demo().await;
    let mut raw = client(&edge).await;
    raw.send(&RawFrame::text("").unfinished()).await;
    let flood = RawFrame::new(Opcode::Continuation, b"")
        .unfinished()
        .to_bytes()
        .repeat(100_000);
    raw.write(&flood).await;
    // The flood may still be on its way when the edge hangs up, which can cut off its close frame.
    let closed = raw.closed().await;
    assert!([1008, 1009, 1006].contains(&closed.code), "{closed:?}");
}

#[tokio::test]
async fn fragments_with_pings_in_between_are_one_message() {
    let edge = TestEdge::demo().await;
    let mut raw = client(&edge).await;
    let text = r#"{"type":"ping","requestId":"é"}"#;
    let (head, tail) = text.as_bytes().split_at(text.find('é').unwrap() + 1);
    raw.send(&RawFrame::new(Opcode::Text, head).unfinished())
        .await;
    raw.send(&RawFrame::new(Opcode::Ping, b"one")).await;
    raw.send(&RawFrame::new(Opcode::Continuation, b"").unfinished())
        .await;
    raw.send(&RawFrame::new(Opcode::Ping, b"two")).await;
    raw.send(&RawFrame::new(Opcode::Continuation, tail)).await;
    assert_eq!(raw.frame().await, Some((0xA, b"one".to_vec())));
    assert_eq!(raw.frame().await, Some((0xA, b"two".to_vec())));
    assert_eq!(raw.text().await, json!({"type": "pong", "requestId": "é"}));
}

#[tokio::test]
async fn a_frame_that_comes_byte_by_byte_is_read() {
    let edge = TestEdge::demo().await;
    let mut raw = client(&edge).await;
    for byte in RawFrame::text(r#"{"type":"ping"}"#).to_bytes() {
        raw.write(&[byte]).await;
    }
    assert_eq!(raw.text().await, json!({"type": "pong"}));
}

#[tokio::test]
async fn many_frames_in_one_write_are_all_answered() {
    let edge = TestEdge::demo().await;
    let mut raw = client(&edge).await;
    raw.write(&RawFrame::text(r#"{"type":"ping"}"#).to_bytes().repeat(150))
        .await;
    for _ in 0..150 {
        assert_eq!(raw.text().await, json!({"type": "pong"}));
    }
}

#[tokio::test]
async fn frames_in_the_same_write_as_the_upgrade_are_read() {
    let edge = TestEdge::demo().await;
    let mut raw = RawSocket::tcp(&edge).await;
    let mut bytes = b"GET /v1?key=pk_live_demo HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        .to_vec();
    bytes.extend(RawFrame::text(r#"{"type":"ping"}"#).to_bytes());
    raw.write(&bytes).await;
    let head = raw.read_head().await;
    assert!(
        head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        "the accept value of RFC 6455 §1.3: {head}"
    );
    assert_eq!(raw.text().await["type"], "welcome");
    assert_eq!(raw.text().await, json!({"type": "pong"}));
}

// A client may well say goodbye, or something broken, in the same write as its last requests. What was asked before that is
// carried out, so its reply has to be on the wire before the close: exactly one for each request.
#[tokio::test]
async fn replies_come_before_the_close_that_the_same_write_brings() {
    let edge = TestEdge::demo().await;
    let broken = RawFrame::text(r#"{"type":"ping"}"#).unmasked();
    for (last, code) in [
        (broken, 1002),
        (RawFrame::new(Opcode::Text, b"\xff"), 1007),
        (RawFrame::text("").announcing(1 << 20), 1009),
        (RawFrame::close(1000, "done"), 1000),
    ] {
        let mut raw = client(&edge).await;
        let mut write = Vec::new();
        for text in [
            r#"{"type":"ping","requestId":"a"}"#,
            r#"{"type":"unsubscribe","channel":"c","requestId":"b"}"#,
            r#"{"type":"nonsense","requestId":"c"}"#,
            r#"{"type":"publish","channel":"c","data":1,"requestId":"d"}"#,
        ] {
            write.extend(RawFrame::text(text).to_bytes());
        }
        write.extend(last.to_bytes());
        raw.write(&write).await;
        for (kind, request) in [("pong", "a"), ("ack", "b"), ("error", "c"), ("ack", "d")] {
            let reply = raw.text().await;
            assert_eq!(
                (&reply["type"], &reply["requestId"]),
                (&json!(kind), &json!(request)),
                "before {code}: {reply}"
            );
        }
        assert_eq!(raw.closed().await.code, code);
    }
}

#[tokio::test]
async fn unfinished_messages_of_many_clients_disturb_nobody() {
    let edge = EdgeConfig::demo().start().await;
    let mut calm = Client::connect_peer(&edge, "calm").await;
    let mut unfinished = Vec::new();
    for _ in 0..50 {
        let mut raw = client(&edge).await;
        raw.send(&RawFrame::text(&"x".repeat(60_000)).unfinished())
            .await;
        raw.write(&[0x00]).await;
        unfinished.push(raw);
    }
    calm.publish("room", 1).await;
    for raw in unfinished {
        raw.reset();
    }
    calm.publish("room", 1).await;
    calm.expect_quiet().await;
}

/// A raw socket with a session, its welcome read.
async fn client(edge: &TestEdge) -> RawSocket {
    RawSocket::welcomed(edge, &Door::key("pk_live_demo")).await
}
