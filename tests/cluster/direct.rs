//! Directs across edges, and what their answers promise.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{Client, ClusterConfig, Store, TestCluster, until};

use crate::{
    crowd::{data_of, peers},
    over_every_store,
};

over_every_store! {
    an_acked_direct_reaches_every_session_of_the_peer_on_every_edge_once,
    a_peer_that_is_nowhere_is_not_found,
    directs_in_flight_keep_their_order_and_their_answers,
    a_newcomers_direct_never_overtakes_its_join,
    an_answer_to_a_join_never_overtakes_the_snapshot,
}

async fn an_acked_direct_reaches_every_session_of_the_peer_on_every_edge_once(store: Store) {
    let cluster = ClusterConfig::demo(3).over(store).start().await;
    let mut alice = cluster.peer(0, "alice").await;
    let mut sessions = Vec::new();
    for edge in [0, 1, 1, 2] {
        sessions.push(cluster.peer(edge, "bob").await);
    }
    for number in 0..20 {
        alice.direct("bob", number).await;
    }
    for session in &mut sessions {
        for number in 0..20 {
            let expected = json!({"type": "direct", "from": "alice", "data": number});
            assert_eq!(session.next_frame().await, expected);
        }
    }
    // Every session hears it, so nothing may come before it.
    alice.direct("bob", "end").await;
    for session in &mut sessions {
        assert_eq!(session.next_frame().await["data"], "end");
    }
}

async fn a_peer_that_is_nowhere_is_not_found(store: Store) {
    let cluster = ClusterConfig::demo(2).over(store).start().await;
    let mut alice = cluster.peer(0, "alice").await;
    let send = json!({"type": "send", "to": "bob", "data": 1});
    assert_eq!(alice.refusal(send.clone()).await, "peer_not_found");
    for edge in [1, 0, 1] {
        let bob = cluster.peer(edge, "bob").await;
        alice.accepted(send.clone()).await;
        bob.close().await;
        let gone = Instant::now();
        // The other edge tells Redis while it answers the close.
        until("the peer is gone", async || {
            let reply = alice.request(send.clone()).await;
            (reply["code"] == "peer_not_found").then_some(())
        })
        .await;
        assert!(
            gone.elapsed() < Duration::from_secs(1),
            "{:?}",
            gone.elapsed()
        );
    }
    alice.expect_quiet().await;
}

async fn directs_in_flight_keep_their_order_and_their_answers(store: Store) {
    let cluster = ClusterConfig::demo(2).over(store).start().await;
    let mut alice = cluster.peer(0, "alice").await;
    let mut bob = cluster.peer(1, "bob").await;
    let burst: Vec<Value> = (0..300)
        .map(|number| {
            let to = if number % 3 == 2 { "nobody" } else { "bob" };
            json!({"type": "send", "to": to, "data": number, "requestId": number.to_string()})
        })
        .collect();
    alice.send_all(&burst).await;
    for number in (0..300).filter(|number| number % 3 != 2) {
        assert_eq!(bob.expect_type("direct").await["data"], number);
    }
    let mut answered = vec![0; 300];
    for _ in 0..300 {
        let reply = alice.next_frame().await;
        let id = reply["requestId"].as_str().unwrap_or_default();
        let number: usize = id.parse().expect("requests are numbered");
        answered[number] += 1;
        let expected = if number % 3 == 2 { "error" } else { "ack" };
        assert_eq!(reply["type"], expected, "{reply}");
    }
    assert!(answered.iter().all(|count| *count == 1), "{answered:?}");
    alice.expect_quiet().await;
    bob.expect_quiet_by(&mut alice).await;
}

async fn a_newcomers_direct_never_overtakes_its_join(store: Store) {
    let cluster = ClusterConfig::demo(2).over(store).start().await;
    let mut alice = cluster.peer(0, "alice").await;
    alice.subscribe("room").await;
    for round in 0..20 {
        let name = format!("bob-{round}");
        let mut bob = cluster.peer(1, &name).await;
        // The direct leaves as soon as the join is acknowledged, as a caller's offer does.
        bob.accepted(json!({"type": "subscribe", "channel": "room"}))
            .await;
        bob.direct("alice", round).await;
        let joined = alice.next_frame().await;
        assert_eq!(peers(&joined["joined"]), [name.as_str()], "{joined}");
        assert_eq!(alice.expect_type("direct").await["from"], name);
        bob.close().await;
        assert_eq!(peers(&alice.next_frame().await["left"]), [name]);
    }
}

async fn an_answer_to_a_join_never_overtakes_the_snapshot(store: Store) {
    let cluster = ClusterConfig::demo(2).over(store).start().await;
    let mut alice = cluster.peer(0, "alice").await;
    alice.subscribe("room").await;
    for round in 0..20 {
        let name = format!("bob-{round}");
        let mut bob = cluster.peer(1, &name).await;
        let subscribe = json!({"type": "subscribe", "channel": "room", "requestId": "s"});
        bob.send(&subscribe).await;
        assert_eq!(
            peers(&alice.expect_type("presence").await["joined"]),
            [name.as_str()]
        );
        alice.direct(&name, "offer").await;
        bob.expect_type("ack").await;
        assert_eq!(
            peers(&bob.expect_type("presence").await["joined"]),
            ["alice"]
        );
        bob.expect_type("direct").await;
        bob.close().await;
        alice.expect_type("presence").await;
    }
}

// A session can be reached from every edge as soon as its own client knows that it is admitted.
#[tokio::test]
async fn a_welcomed_peer_can_be_reached_at_once_from_every_edge() {
    let cluster = TestCluster::start(3).await;
    let mut senders = Vec::new();
    for edge in 0..3 {
        senders.push(cluster.peer(edge, &format!("sender-{edge}")).await);
    }
    for round in 0..30 {
        let name = format!("bob-{round}");
        let mut bob = cluster.peer(round % 3, &name).await;
        let sender = &mut senders[(round + 1) % 3];
        sender.direct(&name, round).await;
        assert_eq!(bob.next_frame().await["data"], round);
    }
}

#[tokio::test]
async fn no_direct_reaches_a_session_before_its_welcome() {
    let cluster = TestCluster::start(2).await;
    let mut alice = cluster.peer(0, "alice").await;
    let mut first = cluster.peer(0, "bob").await;
    let burst: Vec<Value> = (0..20)
        .map(|number| json!({"type": "send", "to": "bob", "data": number}))
        .collect();
    let stream = async {
        loop {
            alice.send_all(&burst).await;
            for _ in &burst {
                first.find_type("direct").await;
            }
        }
    };
    let newcomers = async {
        for _ in 0..60 {
            // Fails unless the first frame is the welcome.
            let mut bob = cluster.peer(1, "bob").await;
            let early = bob.find_type("direct").await;
            assert_eq!(data_of(&[early], "direct").len(), 1);
            bob.cut();
        }
    };
    tokio::select! {
        () = stream => {}
        () = newcomers => {}
    }
}

#[tokio::test]
async fn a_session_that_was_cut_is_forgotten_everywhere() {
    let cluster = TestCluster::start(2).await;
    let mut alice = cluster.peer(0, "alice").await;
    let send = json!({"type": "send", "to": "bob", "data": 1});
    for _ in 0..10 {
        let bob: Client = cluster.peer(1, "bob").await;
        alice.accepted(send.clone()).await;
        bob.cut();
        testkit::until("the peer is gone", async || {
            let reply = alice.request(send.clone()).await;
            (reply["code"] == "peer_not_found").then_some(())
        })
        .await;
    }
}
