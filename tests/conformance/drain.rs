//! An edge that leaves: it says so, spreads the return of its clients, and is gone in time.

use std::time::{Duration, Instant};

use serde_json::json;
use testkit::{Client, Door, EdgeConfig, RawSocket, Token, until};

#[tokio::test]
async fn c82_an_edge_that_leaves_says_going_away_and_then_1001() {
    let mut edge = EdgeConfig::demo().timing("drain", "5s").start().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    edge.terminate().await;
    let notice = alice.expect_type("going_away").await;
    assert!(notice["retryAfterMs"].as_u64().unwrap() > 0, "{notice}");
    assert_eq!(notice.as_object().unwrap().len(), 2);
    assert_eq!(alice.expect_close().await.code, 1001);
    assert!(edge.exited().await.success());
}

#[tokio::test]
async fn the_clients_of_a_leaving_edge_are_told_to_come_back_at_different_times() {
    let mut edge = EdgeConfig::demo().timing("drain", "5s").start().await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(Client::connect_key(&edge, "pk_live_demo").await);
    }
    edge.terminate().await;
    let mut times = Vec::new();
    for client in &mut clients {
        times.push(
            client.expect_type("going_away").await["retryAfterMs"]
                .as_u64()
                .unwrap(),
        );
    }
    for client in &mut clients {
        assert_eq!(client.expect_close().await.code, 1001);
    }
    times.sort_unstable();
    times.dedup();
    assert!(times.len() > 5, "not spread: {times:?}");
    assert!(
        times.iter().all(|time| *time <= 300_000),
        "beyond what the clients accept: {times:?}"
    );
    assert!(edge.exited().await.success());
}

#[tokio::test]
async fn a_leaving_edge_is_unready_admits_nobody_and_exits_in_time_though_a_client_never_reads() {
    let config = EdgeConfig::demo()
        .timing("drain", "2s")
        .limit("messages_per_second", 0)
        .limit("mailbox_bytes", 64 << 20);
    let mut edge = config.start().await;
    let door = Door::token(&Token::peer("deaf").sign());
    let mut deaf = RawSocket::welcomed(&edge, &door).await;
    // Fill the pipe to the deaf client beyond what kernels buffer: neither notice nor close can be written.
    let mut loud = Client::connect_peer(&edge, "loud").await;
    let payload = "x".repeat(60_000);
    for _ in 0..250 {
        loud.request(json!({"type": "send", "to": "deaf", "data": payload}))
            .await;
    }
    let start = Instant::now();
    edge.terminate().await;
    let status = until("unready", async || {
        let answer = edge.admin().get("/readyz").await;
        (answer.status != 200).then_some(answer)
    })
    .await;
    assert_eq!(status.status, 503);
    assert!(
        status.text.contains("drain"),
        "the reason is named: {}",
        status.text
    );
    let answer = RawSocket::answer(&edge, &Door::key("pk_live_demo")).await;
    assert!(!answer.contains("101"), "somebody was admitted: {answer}");
    assert!(edge.exited().await.success());
    assert!(
        start.elapsed() < Duration::from_millis(3_500),
        "{:?}",
        start.elapsed()
    );
    deaf.hung_up().await;
}

// A load balancer goes on sending newcomers until it has noticed. A closed port looks like a crash to them; an answer
// makes them, or the balancer, try the next edge at once.
#[tokio::test]
async fn a_leaving_edge_answers_newcomers_and_callers_while_somebody_lingers() {
    let mut edge = EdgeConfig::demo().timing("drain", "20s").start().await;
    // It never answers its close frame, so the edge waits for it, two seconds at least.
    let mut lingering = RawSocket::welcomed(&edge, &Door::key("pk_live_demo")).await;
    edge.terminate().await;
    let unready = until("unready", async || {
        let answer = edge.admin().get("/readyz").await;
        (answer.status == 503).then_some(answer)
    })
    .await;
    assert!(unready.text.contains("draining"), "{}", unready.text);
    for door in [
        Door::key("pk_live_demo"),
        Door::token(&Token::peer("alice").sign()),
        Door::key("pk_live_unknown"),
    ] {
        let answer = RawSocket::answer(&edge, &door).await;
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer:?}");
    }
    let published = edge
        .rest()
        .post("/v1/channels/room/publish", &json!({"data": 1}))
        .await;
    assert!([200, 503].contains(&published.status), "{published:?}");
    assert_eq!(lingering.closed().await.code, 1001);
    drop(lingering);
    assert!(edge.exited().await.success());
}
