//! Before a session exists: slow handshakes, many sockets from one address, and addresses told by a proxy.

use std::time::{Duration, Instant};

use testkit::{Client, Door, EdgeConfig, RawSocket, TestEdge, until};

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed_at_the_handshake_deadline() {
    let edge = EdgeConfig::demo()
        .timing("handshake", "400ms")
        .start()
        .await;
    let start = Instant::now();
    let mut silent = RawSocket::tcp(&edge).await;
    silent.hung_up().await;
    assert!(
        start.elapsed() >= Duration::from_millis(300),
        "{:?}",
        start.elapsed()
    );
    assert!(
        start.elapsed() <= Duration::from_millis(1_400),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn a_head_that_comes_byte_by_byte_is_closed_at_the_handshake_deadline_too() {
    let edge = EdgeConfig::demo()
        .timing("handshake", "400ms")
        .start()
        .await;
    let start = Instant::now();
    let mut slow = RawSocket::tcp(&edge).await;
    slow.write(b"GET /v1?key=pk_live_demo HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        .await;
    slow.hung_up().await;
    assert!(
        start.elapsed() <= Duration::from_millis(1_400),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn a_head_over_64_kib_is_refused_and_one_with_the_largest_token_is_not() {
    let edge = TestEdge::demo().await;
    let mut raw = RawSocket::tcp(&edge).await;
    let head = format!("GET /v1?key={} HTTP/1.1\r\nHost: x\r\n", "k".repeat(80_000));
    raw.write(head.as_bytes()).await;
    let answer = raw.read_head().await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
        "{answer}"
    );
    let closed = Client::refused(
        &edge,
        Door::path(&format!("/v1?token={}", "t".repeat(51_000))),
    )
    .await;
    assert_eq!(closed.code, 4001);
}

#[tokio::test]
async fn what_is_not_http_is_hung_up_on() {
    let edge = TestEdge::demo().await;
    for noise in [
        b"\x16\x03\x01\x02\x00\x01\x00".as_slice(),
        b"\0\0\0\0\r\n\r\n",
        b"HELLO\r\n\r\n",
    ] {
        let mut raw = RawSocket::tcp(&edge).await;
        raw.write(noise).await;
        let answer = raw.read_head().await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
            "{answer}"
        );
    }
    Client::connect_key(&edge, "pk_live_demo").await;
}

#[tokio::test]
async fn sockets_without_a_session_are_bounded_per_address() {
    let config = EdgeConfig::demo()
        .limit("unauthenticated_per_address", 3)
        .timing("handshake", "30s");
    let edge = config.start().await;
    let mut idle = Vec::new();
    for _ in 0..3 {
        idle.push(RawSocket::tcp(&edge).await);
    }
    until("the fourth is refused", async || {
        (!upgrades(&edge).await).then_some(())
    })
    .await;
    // Sockets that got a session, or went away, give their place back.
    drop(idle);
    until("there is room again", async || {
        upgrades(&edge).await.then_some(())
    })
    .await;
    let mut sessions = Vec::new();
    for _ in 0..6 {
        sessions.push(Client::connect_key(&edge, "pk_live_demo").await);
    }
}

#[tokio::test]
async fn the_connect_limit_counts_the_address_that_a_trusted_proxy_names() {
    let config = EdgeConfig::demo()
        .limit("connects_per_minute", 2)
        .set("trusted_proxies", vec!["127.0.0.0/8", "10.0.0.0/8"]);
    let edge = config.start().await;
    for (forwarded, expected) in [
        ("198.51.100.1", 101),
        ("198.51.100.1", 101),
        ("198.51.100.1", 429),
        ("198.51.100.2", 101),
        // What a client wrote itself stands to the left of what the proxy added.
        ("203.0.113.9, 198.51.100.1", 429),
        // Trusted hops are passed over.
        ("198.51.100.2, 10.1.2.3", 101),
        ("198.51.100.2, 10.1.2.3", 429),
        // IPv6 addresses count by their /64.
        ("2001:db8:1:1::1", 101),
        ("2001:db8:1:1::2", 101),
        ("2001:db8:1:1:ffff::3", 429),
        ("2001:db8:1:2::1", 101),
    ] {
        let door = Door::key("pk_live_demo").header("x-forwarded-for", forwarded);
        let status = Client::response(&edge, door).await.status().as_u16();
        assert_eq!(status, expected, "{forwarded}");
    }
}

// The client writes both lines; the proxy appends its own entry to the last. If a line that is no ASCII were skipped as
// unreadable, the line before it would decide, and each attempt could bring a new address.
#[tokio::test]
async fn a_line_beyond_ascii_does_not_let_a_client_choose_its_address() {
    let config = EdgeConfig::demo()
        .limit("connects_per_minute", 2)
        .set("trusted_proxies", vec!["127.0.0.0/8"]);
    let edge = config.start().await;
    for (number, expected) in [(1, "101"), (2, "101"), (3, "429"), (4, "429")] {
        let door = Door::key("pk_live_demo")
            .header("x-forwarded-for", &format!("203.0.113.{number}"))
            .header("x-forwarded-for", "\u{fc}, 198.51.100.1");
        let answer = RawSocket::answer(&edge, &door).await;
        assert_eq!(
            answer.split(' ').nth(1),
            Some(expected),
            "attempt {number}: {answer}"
        );
    }
}

#[tokio::test]
async fn an_address_named_by_anybody_else_is_ignored() {
    let edge = EdgeConfig::demo()
        .limit("connects_per_minute", 2)
        .start()
        .await;
    for (number, expected) in [(1, 101), (2, 101), (3, 429)] {
        let door =
            Door::key("pk_live_demo").header("x-forwarded-for", &format!("198.51.100.{number}"));
        assert_eq!(
            Client::response(&edge, door).await.status().as_u16(),
            expected
        );
    }
}

/// Whether a fresh connection gets as far as an upgrade.
async fn upgrades(edge: &TestEdge) -> bool {
    let answer = RawSocket::answer(edge, &Door::key("pk_live_demo")).await;
    answer.starts_with("HTTP/1.1 101")
}
