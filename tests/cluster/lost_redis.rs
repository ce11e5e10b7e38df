//! Redis is gone for a while, or stands still: sockets stay, nothing is promised, and it is said.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{Client, Door, TestCluster, Token, until};

use crate::crowd::{data_of, listed, moves, phone, spread};

#[tokio::test]
async fn while_redis_is_down_everything_is_answered_backend_error_and_it_recovers_by_itself() {
    let mut cluster = TestCluster::start(2).await;
    let mut alice = cluster.peer(0, "alice").await;
    let mut bob = cluster.peer(1, "bob").await;
    let mut neighbour = cluster.peer(0, "neighbour").await;
    for client in [&mut alice, &mut bob, &mut neighbour] {
        client.subscribe("room").await;
    }
    alice.fence_by(&mut neighbour).await;
    bob.fence_by(&mut alice).await;
    neighbour.fence_by(&mut alice).await;
    cluster.store_mut().server().kill().await;
    let down = Instant::now();
    for frame in requests() {
        let start = Instant::now();
        assert_eq!(
            alice.refusal(frame.clone()).await,
            "backend_error",
            "{frame}"
        );
        assert!(
            start.elapsed() < Duration::from_secs(4),
            "{frame}: {:?}",
            start.elapsed()
        );
    }
    for edge in 0..2 {
        cluster.unready(edge, "redis_unreachable").await;
    }
    assert!(
        down.elapsed() < Duration::from_secs(12),
        "{:?}",
        down.elapsed()
    );
    // What was refused reached nobody, the neighbour on the same edge included.
    let seen = neighbour.fence().await;
    assert_eq!(
        data_of(&seen, "message").len() + data_of(&seen, "direct").len(),
        0,
        "{seen:?}"
    );

    cluster.store_mut().server().revive().await;
    let up = Instant::now();
    for edge in 0..2 {
        cluster.ready(edge).await;
    }
    until("directs cross again", async || {
        let reply = alice
            .request(json!({"type": "send", "to": "bob", "data": "again"}))
            .await;
        (reply["type"] == "ack").then_some(())
    })
    .await;
    assert!(up.elapsed() < Duration::from_secs(5), "{:?}", up.elapsed());
    assert_eq!(bob.find_type("direct").await["data"], "again");
    alice.publish("room", "again").await;
    assert_eq!(bob.find_type("message").await["data"], "again");
    assert_eq!(moves(&bob.fence().await).len(), 0, "nobody came or went");
}

#[tokio::test]
async fn nobody_new_is_admitted_without_redis_and_nobody_is_closed() {
    let mut cluster = TestCluster::start(2).await;
    let mut crowd = spread(&cluster, "member", 6).await;
    cluster.store_mut().server().kill().await;
    cluster.unready(0, "redis_unreachable").await;
    for door in [
        Door::key("pk_live_demo"),
        Door::token(&Token::peer("alice").sign()),
        Door::token(&phone("alice")),
    ] {
        assert_eq!(Client::refused(cluster.edge(0), door).await.code, 1013);
    }
    for member in &mut crowd {
        member.expect_quiet().await;
    }
    cluster.store_mut().server().revive().await;
    cluster.ready(0).await;
    until("newcomers are admitted", async || {
        let mut client = Client::open(cluster.edge(0), Door::token(&phone("alice"))).await;
        client.next_frame_or_close().await.ok()
    })
    .await;
    for member in &mut crowd {
        member.expect_quiet().await;
    }
}

// A frozen server keeps its sockets open and answers nothing: only asking it shows that.
#[tokio::test]
async fn a_frozen_redis_is_noticed_answered_for_and_left_without_a_leave() {
    let mut cluster = TestCluster::start(2).await;
    let mut members = spread(&cluster, "member", 10).await;
    for member in &mut members {
        member.subscribe("room").await;
    }
    let (mut alice, mut observer) = (
        cluster.peer(0, "alice").await,
        cluster.peer(1, "observer").await,
    );
    observer.subscribe("room").await;
    observer.fence_by(&mut alice).await;
    cluster.store_mut().server().freeze().await;
    let frozen = Instant::now();
    let send = json!({"type": "send", "to": "observer", "data": 1});
    assert_eq!(alice.refusal(send.clone()).await, "backend_error");
    until("somebody notices", async || {
        let answer = cluster.edge(0).admin().get("/readyz").await;
        (answer.status == 503).then_some(())
    })
    .await;
    assert!(
        frozen.elapsed() < Duration::from_secs(6),
        "{:?}",
        frozen.elapsed()
    );
    // Longer than the life of a heartbeat, so that every edge looks dead when it goes on.
    let rest = Duration::from_secs(4).saturating_sub(frozen.elapsed());
    let wait = tokio::time::sleep(rest);
    let pinging = async {
        loop {
            alice.fence().await;
        }
    };
    tokio::select! {
        () = wait => {}
        () = pinging => {}
    }
    cluster.store_mut().server().thaw();
    for edge in 0..2 {
        cluster.ready(edge).await;
    }
    until("directs cross again", async || {
        let reply = alice.request(send.clone()).await;
        (reply["type"] == "ack").then_some(())
    })
    .await;
    until("the roster is whole", async || {
        (listed(&cluster, 0, "room").await?.len() == 11).then_some(())
    })
    .await;
    let mut frames: Vec<Value> = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(4);
    while Instant::now() < deadline {
        frames.extend(observer.fence_by(&mut alice).await);
    }
    assert_eq!(moves(&frames).len(), 0, "{frames:?}");
}

/// One of each kind that needs the cluster.
fn requests() -> [Value; 3] {
    [
        json!({"type": "send", "to": "bob", "data": "lost"}),
        json!({"type": "publish", "channel": "room", "data": "lost"}),
        json!({"type": "subscribe", "channel": "another"}),
    ]
}
