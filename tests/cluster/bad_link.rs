//! The network between one edge and Redis misbehaves. Scorecard rows 7 and 8.

use std::time::{Duration, Instant};

use testkit::{
    ClusterConfig, Exchange, Guard, TestCluster,
    proxy::{FaultProxy, Way, Which},
    until,
};

use crate::crowd::moves;

// Row 7. A reset is nothing that a client may notice: what was under way is done again, once.
#[tokio::test]
async fn resets_at_any_moment_are_no_clients_business() {
    let cluster = relayed().await;
    let mut exchange = directs(&cluster).await;
    let chaos = async {
        for round in 0..6 {
            // Not a wait for something: the fault has to fall into the middle of traffic.
            tokio::time::sleep(Duration::from_millis(500)).await;
            let proxy = cluster.proxy(round % 2);
            match round {
                0 | 1 => proxy.reset(Which::Others),
                2 | 3 => proxy.reset(Which::Subscribers),
                _ => proxy.reset_mid_reply(Which::All),
            }
        }
        tokio::time::sleep(Duration::from_millis(1500)).await;
    };
    let ledger = exchange.run(chaos).await;
    println!("{ledger}");
    // A message that Redis has handed to a connection which is then cut is gone with it: pub/sub has no memory. Nothing else
    // may be lost, and nothing may be turned around or doubled.
    ledger.assert_sound();
    assert!(ledger.lost().len() <= ledger.asked().len() / 50, "{ledger}");
    assert_eq!(
        ledger.answers().keys().collect::<Vec<_>>(),
        [&"ack"],
        "{ledger}"
    );
}

// The same when nobody answers at the other end: the errors that the test above does not see are there to be seen.
#[tokio::test]
async fn without_a_far_end_the_clients_do_notice() {
    let cluster = relayed().await;
    let mut exchange = directs(&cluster).await;
    let chaos = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        cluster.proxy(0).refuse();
        tokio::time::sleep(Duration::from_millis(3000)).await;
        cluster.proxy(0).resume();
        cluster.ready(0).await;
    };
    let ledger = exchange.run(chaos).await;
    println!("{ledger}");
    assert!(ledger.answers().contains_key("backend_error"), "{ledger}");
}

// Row 7: Redis closes idle clients, or an operator kills them.
#[tokio::test]
async fn connections_that_redis_closes_are_no_clients_business() {
    let mut cluster = TestCluster::start(2).await;
    let alice = cluster.peer(0, "alice").await;
    let bob = cluster.peer(1, "bob").await;
    let mut exchange = Exchange::of_directs(alice, bob, PACE);
    let chaos = async {
        for kind in ["normal", "pubsub", "normal", "pubsub"] {
            tokio::time::sleep(Duration::from_millis(600)).await;
            let server = cluster.store_mut().server();
            server
                .command(&["CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes"])
                .await;
        }
        tokio::time::sleep(Duration::from_millis(1500)).await;
    };
    let ledger = exchange.run(chaos).await;
    println!("{ledger}");
    ledger.assert_whole();
    assert_eq!(
        ledger.answers().keys().collect::<Vec<_>>(),
        [&"ack"],
        "{ledger}"
    );
}

// Row 8. The link answers and is deaf: no message arrives, nothing fails.
#[tokio::test]
async fn a_deaf_subscriber_is_found_by_the_probe_and_rebuilt() {
    is_deaf_and_rebuilt(FaultProxy::lose_messages).await;
}

// The same when nothing arrives at all, which the first answer that does not come tells.
#[tokio::test]
async fn a_deaf_subscriber_that_hears_no_answers_either_is_rebuilt() {
    is_deaf_and_rebuilt(|proxy| proxy.deafen(Which::Subscribers, Way::ToCaller)).await;
}

async fn is_deaf_and_rebuilt(deafen: impl FnOnce(&FaultProxy)) {
    let cluster = relayed().await;
    let mut alice = cluster.peer(0, "alice").await;
    let mut bob = cluster.peer(1, "bob").await;
    bob.subscribe("room").await;
    bob.fence_by(&mut alice).await;
    deafen(cluster.proxy(1));
    let heals = hears_again(&mut alice, &mut bob);
    let deaf = tokio::time::timeout(Duration::from_secs(10), heals).await;
    let deaf = deaf.expect("the link is rebuilt");
    println!("deaf for {deaf:?}");
    // Three seconds, and what a busy machine adds to them.
    assert!(deaf < Duration::from_secs(4), "{deaf:?}");
    cluster.ready(1).await;
    assert_eq!(
        moves(&bob.fence_by(&mut alice).await).len(),
        0,
        "nobody came or went"
    );
}

// The same without the probe: it has to stay deaf, or the test above proves nothing.
#[tokio::test]
async fn without_the_probe_a_deaf_subscriber_stays_deaf() {
    let config = ClusterConfig::demo(2)
        .through_relays(SEED)
        .without(Guard::Probe);
    let cluster = config.start().await;
    let mut alice = cluster.peer(0, "alice").await;
    let mut bob = cluster.peer(1, "bob").await;
    bob.subscribe("room").await;
    bob.fence_by(&mut alice).await;
    cluster.proxy(1).lose_messages();
    let heals = hears_again(&mut alice, &mut bob);
    let healed = tokio::time::timeout(Duration::from_secs(6), heals).await;
    assert!(healed.is_err(), "healed in {healed:?} without a guard");
}

#[tokio::test]
async fn a_half_open_link_is_found_and_rebuilt() {
    let cluster = relayed().await;
    let mut exchange = directs(&cluster).await;
    let mut broken = Instant::now();
    let chaos = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        broken = Instant::now();
        cluster.proxy(1).half_open(Which::All);
        tokio::time::sleep(Duration::from_millis(6000)).await;
    };
    let ledger = exchange.run(chaos).await;
    println!("{ledger}, silent for {:?}", ledger.silence_after(broken));
    // The sender's edge cannot see that the other one has gone deaf; it sees that nobody holds the peer.
    ledger.assert_sound();
    assert!(
        ledger.silence_after(broken) < Duration::from_secs(4),
        "{ledger}"
    );
    let last = ledger.asked().last().and_then(|asked| asked.answer.clone());
    assert_eq!(
        last.map(|(_, code)| code),
        Some(None),
        "it ends well: {ledger}"
    );
}

#[tokio::test]
async fn a_link_that_stands_still_makes_the_edge_unready_and_errors_honest_until_it_flows() {
    let cluster = relayed().await;
    let mut exchange = directs(&cluster).await;
    let chaos = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        cluster.proxy(0).freeze();
        until("the edge is not ready", async || {
            let answer = cluster.edge(0).admin().get("/readyz").await;
            (answer.status == 503).then_some(())
        })
        .await;
        cluster.proxy(0).resume();
        cluster.ready(0).await;
        tokio::time::sleep(Duration::from_millis(1500)).await;
    };
    let ledger = exchange.run(chaos).await;
    println!("{ledger}");
    ledger.assert_whole();
    for code in ledger.answers().keys() {
        assert!(["ack", "backend_error"].contains(code), "{ledger}");
    }
    assert!(ledger.slowest_answer() < Duration::from_secs(5), "{ledger}");
}

#[tokio::test]
async fn a_slow_link_delays_and_neither_loses_nor_reorders() {
    let cluster = relayed().await;
    for edge in 0..2 {
        cluster
            .proxy(edge)
            .slow(Duration::from_millis(20), Duration::from_millis(30));
    }
    let mut exchange = directs(&cluster).await;
    let ledger = exchange
        .run(tokio::time::sleep(Duration::from_secs(3)))
        .await;
    println!("{ledger}");
    ledger.assert_whole();
    assert_eq!(
        ledger.answers().keys().collect::<Vec<_>>(),
        [&"ack"],
        "{ledger}"
    );
    for edge in 0..2 {
        cluster.ready(edge).await;
    }
}

/// Tells how long bob hears nothing of what alice says.
async fn hears_again(alice: &mut testkit::Client, bob: &mut testkit::Client) -> Duration {
    let deaf = Instant::now();
    let speaking = async {
        loop {
            let frame = serde_json::json!({"type": "publish", "channel": "room", "data": 1});
            alice.request(frame).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        _ = bob.find_type("message") => {}
        () = speaking => {}
    }
    deaf.elapsed()
}

async fn relayed() -> TestCluster {
    println!("seed {SEED}");
    ClusterConfig::demo(2).through_relays(SEED).start().await
}

async fn directs(cluster: &TestCluster) -> Exchange {
    let alice = cluster.peer(0, "alice").await;
    let bob = cluster.peer(1, "bob").await;
    Exchange::of_directs(alice, bob, PACE)
}

const SEED: u64 = 20_240_607;
const PACE: Duration = Duration::from_millis(5);
