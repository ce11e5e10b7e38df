//! More at once than a link is built for. Scorecard row 8b.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{Client, ClusterConfig, Store, TestCluster, redis::RedisServer, until};

use crate::crowd::data_of;

// The edge stands still while another one publishes; when it goes on, everything is there at once. Redis would cut off a
// subscriber this far behind, which is another test.
#[tokio::test]
async fn a_burst_of_fifty_thousand_messages_is_delivered_or_counted_and_the_link_goes_on() {
    let redis = RedisServer::with("client-output-buffer-limit pubsub 0 0 0\n").await;
    let mut scene = Burst::over(redis).await;
    // One count may stand for several messages that travelled together.
    assert!(
        scene.missing == 0 || scene.counted > 0.0,
        "{} missing, none counted",
        scene.missing
    );
    still_hears(&scene.cluster, &mut scene.bob, &mut scene.publishers[1]).await;
}

// Redis drops a subscriber that is too far behind: the link comes back, and what was lost meanwhile is not silent.
#[tokio::test]
async fn a_subscriber_that_redis_cuts_off_for_being_slow_comes_back() {
    let redis = RedisServer::with("client-output-buffer-limit pubsub 1mb 1mb 1\n").await;
    let config = ClusterConfig::demo(2).over(Store::Standalone(redis));
    let cluster = config
        .edge(|edge| edge.timing("edge_ttl", "20s"))
        .start()
        .await;
    let mut bob = cluster.peer(1, "bob").await;
    bob.subscribe("room").await;
    let mut alice = cluster.peer(0, "alice").await;
    cluster.edge(1).freeze().await;
    let payload = "x".repeat(60_000);
    for _ in 0..200 {
        alice.publish("room", payload.clone()).await;
    }
    cluster.edge(1).thaw().await;
    cluster.ready(1).await;
    still_hears(&cluster, &mut bob, &mut alice).await;
    let links = cluster.edge(1).scrape().await;
    println!(
        "{}",
        links
            .text()
            .lines()
            .filter(|line| line.contains("redis"))
            .collect::<Vec<_>>()
            .join("\n")
    );
}

/// What a subscriber on edge b heard of a burst that came while its edge stood still.
struct Burst {
    cluster: TestCluster,
    bob: Client,
    publishers: Vec<Client>,
    missing: u64,
    counted: f64,
}

impl Burst {
    async fn over(redis: RedisServer) -> Self {
        let config = ClusterConfig::demo(2).over(Store::Standalone(redis));
        let config = config.edge(|edge| {
            edge.timing("edge_ttl", "20s")
                .limit("mailbox_bytes", 64 << 20)
        });
        let cluster = config.start().await;
        let mut bob = cluster.peer(1, "bob").await;
        bob.subscribe("room").await;
        let mut publishers = Vec::new();
        for number in 0..PUBLISHERS {
            publishers.push(cluster.peer(0, &format!("publisher-{number}")).await);
        }
        cluster.edge(1).freeze().await;
        let start = Instant::now();
        let publish = publishers
            .iter_mut()
            .map(|publisher| publish(publisher, BURST / PUBLISHERS));
        futures_util::future::join_all(publish).await;
        println!("{BURST} published in {:.1?}", start.elapsed());
        cluster.edge(1).thaw().await;
        let missing = missing(&mut bob, &mut publishers[0]).await;
        let counted = cluster.counted_losses().await;
        println!("{missing} missing, {counted} counted");
        Self {
            cluster,
            bob,
            publishers,
            missing,
            counted,
        }
    }
}

/// How much of the burst did not arrive; what did, arrived once and in order.
async fn missing(bob: &mut Client, publisher: &mut Client) -> u64 {
    let mut next = [0; PUBLISHERS];
    let mut heard = 0;
    // A link that is just being rebuilt may miss the mark, so it is said until it is heard.
    loop {
        publisher.publish("room", json!({"end": true})).await;
        let until_mark = async {
            loop {
                let message = bob.find_type("message").await;
                if message["data"]["end"] == true {
                    return;
                }
                let from = message["from"].as_str().unwrap_or_default();
                let number = from.trim_start_matches("publisher-").parse::<usize>();
                let seen = &mut next[number.expect("publishers are numbered")];
                let number = message["data"].as_u64().expect("messages are numbered");
                assert!(number >= *seen, "{from}: {number} again or late");
                *seen = number + 1;
                heard += 1;
            }
        };
        if tokio::time::timeout(Duration::from_secs(3), until_mark)
            .await
            .is_ok()
        {
            return BURST as u64 - heard;
        }
    }
}

async fn publish(publisher: &mut Client, count: usize) {
    let mut sent = 0;
    while sent < count {
        let batch = 500.min(count - sent);
        let frames: Vec<Value> = (sent..sent + batch)
            .map(|number| json!({"type": "publish", "channel": "room", "data": number, "requestId": "p"}))
            .collect();
        publisher.send_all(&frames).await;
        for _ in 0..batch {
            let reply = publisher.next_frame().await;
            assert_eq!(reply["type"], "ack", "{reply}");
        }
        sent += batch;
    }
}

/// The link is not deaf: what is said now arrives, as often as it is said.
async fn still_hears(cluster: &TestCluster, bob: &mut Client, alice: &mut Client) {
    until("the link is rebuilt", async || {
        let reply = alice
            .request(json!({"type": "send", "to": "bob", "data": "there?"}))
            .await;
        (reply["type"] == "ack").then_some(())
    })
    .await;
    bob.find_type("direct").await;
    for number in 0..20 {
        alice.publish("room", json!({"after": number})).await;
    }
    let seen = data_of(&bob.fence_by(alice).await, "message");
    let after: Vec<&Value> = seen
        .iter()
        .filter(|data| data["after"].is_number())
        .collect();
    assert_eq!(after.len(), 20, "{after:?}");
    cluster.ready(1).await;
}

const BURST: usize = 50_000;
const PUBLISHERS: usize = 4;
