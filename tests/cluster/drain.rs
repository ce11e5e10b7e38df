//! Edges that leave in good order.

use std::time::{Duration, Instant};

use serde_json::json;
use testkit::{Client, ClusterConfig, Door, RawSocket, TestCluster, Token, until};

use crate::crowd::{listed, moves, names, phone, spread};

#[tokio::test]
async fn a_leaving_edge_gives_its_leases_back_before_its_clients_return_elsewhere() {
    let mut cluster = TestCluster::start(2).await;
    let mut clients = Vec::new();
    for number in 0..20 {
        let token = phone(&format!("phone-{number}"));
        clients.push((Client::connect_token(cluster.edge(0), &token).await, token));
    }
    cluster.edge(0).terminate().await;
    for (client, token) in &mut clients {
        client.find_type("going_away").await;
        assert_eq!(client.find_close().await.code, 1001);
        // Told to leave: whoever obeys at once takes over from nobody.
        *client = Client::connect_token(cluster.edge(1), token).await;
    }
    assert!(cluster.edge_mut(0).exited().await.success());
    assert_eq!(cluster.metric("switchboard_takeovers_total").await, 0.0);
    for (client, _) in &mut clients {
        client.expect_quiet().await;
    }
}

#[tokio::test]
async fn each_client_moves_once_per_edge_replaced_and_others_see_it_leave_and_return() {
    let mut cluster = TestCluster::start(3).await;
    let mut observer = cluster.peer(2, "observer").await;
    observer.subscribe("room").await;
    let mut crowd = Vec::new();
    for number in 0..20 {
        let mut client = cluster.peer(number % 2, &format!("member-{number}")).await;
        client.subscribe("room").await;
        crowd.push((number % 2, client));
    }
    let mut moved = 0;
    for leaving in [0, 1] {
        cluster.edge(leaving).terminate().await;
        for (edge, client) in crowd.iter_mut().filter(|(edge, _)| *edge == leaving) {
            assert_eq!(client.find_close().await.code, 1001);
            moved += 1;
            *edge = 2;
            let name = client.peer().to_owned();
            *client = cluster.peer(2, &name).await;
            client.subscribe("room").await;
        }
        assert!(cluster.edge_mut(leaving).exited().await.success());
        cluster.restart(leaving).await;
    }
    assert_eq!(moved, 20, "each once, and nobody for another's edge");
    let mut last = cluster.peer(0, "last").await;
    let frames = observer.fence_by(&mut last).await;
    for (peer, signs) in moves(&frames) {
        assert!(["+", "+-+"].contains(&signs.as_str()), "{peer}: {signs}");
    }
    let mut expected = names("member", 20);
    expected.push("observer".to_owned());
    expected.sort();
    for edge in 0..3 {
        assert_eq!(listed(&cluster, edge, "room").await.unwrap(), expected);
    }
}

// Scorecard row 12.
#[tokio::test]
async fn an_edge_leaves_in_time_though_a_client_never_reads() {
    let took = leaves_a_deaf_client_after("2s").await;
    assert!(took < GRACE, "{took:?}");
}

// An edge that stands still cannot obey: the test above would notice.
#[tokio::test]
async fn without_anybody_to_obey_an_edge_does_not_leave() {
    let mut cluster = TestCluster::start(2).await;
    cluster.edge(0).freeze().await;
    cluster.edge(0).terminate().await;
    let left = tokio::time::timeout(GRACE, cluster.edge_mut(0).exited()).await;
    assert!(left.is_err(), "it left: {left:?}");
    cluster.edge(0).thaw().await;
    assert!(cluster.edge_mut(0).exited().await.success());
}

async fn leaves_a_deaf_client_after(drain: &str) -> Duration {
    let config = ClusterConfig::demo(2);
    let config = config.edge(|edge| edge.timing("drain", drain).limit("mailbox_bytes", 64 << 20));
    let mut cluster = config.start().await;
    let door = Door::token(&Token::peer("deaf").sign());
    let mut deaf = RawSocket::welcomed(cluster.edge(0), &door).await;
    // Fill the pipe to the deaf client beyond what kernels buffer: neither notice nor close can be written.
    let mut loud = cluster.peer(1, "loud").await;
    let payload = "x".repeat(60_000);
    for _ in 0..250 {
        loud.direct("deaf", payload.clone()).await;
    }
    let start = Instant::now();
    cluster.edge(0).terminate().await;
    cluster.unready(0, "draining").await;
    assert!(cluster.edge_mut(0).exited().await.success());
    let took = start.elapsed();
    println!("gone after {took:.1?} of a drain of {drain}");
    deaf.hung_up().await;
    let send = json!({"type": "send", "to": "deaf", "data": 1});
    assert_eq!(loud.refusal(send).await, "peer_not_found");
    took
}

#[tokio::test]
async fn a_leaving_edge_takes_its_members_and_places_along() {
    let mut cluster = TestCluster::start(2).await;
    let mut observer = cluster.peer(1, "observer").await;
    observer.subscribe("room").await;
    let mut crowd = Vec::new();
    for number in 0..10 {
        let mut member = cluster.peer(0, &format!("member-{number}")).await;
        member.subscribe("room").await;
        crowd.push(member);
    }
    observer.fence_by(&mut crowd[0]).await;
    assert!(cluster.edge_mut(0).stop().await.success());
    let gone = Instant::now();
    let mut frames = Vec::new();
    while moves(&frames).len() < 10 {
        frames.push(observer.expect_type("presence").await);
    }
    assert!(
        moves(&frames).values().all(|signs| signs == "-"),
        "{frames:?}"
    );
    assert!(
        gone.elapsed() < Duration::from_millis(1000),
        "not by a sweep: {:?}",
        gone.elapsed()
    );
    until("its places are free", async || {
        let usage = cluster.edge(1).rest().get("/v1/usage").await.ok();
        (usage["concurrentNow"] == 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_edge_leaves_in_time_though_redis_is_gone() {
    let mut cluster = TestCluster::start(2).await;
    let mut crowd = spread(&cluster, "member", 6).await;
    for member in &mut crowd {
        member.subscribe("room").await;
    }
    cluster.store_mut().server().kill().await;
    let start = Instant::now();
    assert!(cluster.edge_mut(0).stop().await.success());
    assert!(
        start.elapsed() < Duration::from_millis(6500),
        "{:?}",
        start.elapsed()
    );
}

/// What the platform allows an edge whose drain is two seconds.
const GRACE: Duration = Duration::from_millis(3500);
