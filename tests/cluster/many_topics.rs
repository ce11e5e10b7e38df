//! An edge that listens to thousands of topics gets a new link.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use testkit::{Client, ClusterConfig, Store, TestCluster, until};

// Each topic is a subscription of its own there: one after the other they would take as many round trips.
#[tokio::test]
async fn over_redis_cluster_a_new_link_hears_every_topic_again() {
    let (mut cluster, mut alice, mut bob) = followed().await;
    cut(&mut cluster).await;
    let since = Instant::now();
    until("both edges have another link", async || {
        for edge in cluster.edges() {
            let scrape = edge.scrape().await;
            let rebuilds = "switchboard_link_rebuilds_total{reason=\"disconnected\"}";
            let is_new = scrape.value(rebuilds)? >= 1.0;
            (is_new && scrape.value("switchboard_link_up")? == 1.0).then_some(())?;
        }
        Some(())
    })
    .await;
    println!(
        "{CHANNELS} channels: a new link after {:.2?}",
        since.elapsed()
    );
    // Generous, since a machine may be busy.
    assert!(since.elapsed() < Duration::from_secs(10));
    let unheard = unheard(&mut alice, &mut bob, channels()).await;
    assert!(unheard.is_empty(), "not heard: {unheard:?}");
}

// Many subscriptions are under way then, to a node that has them no more; none may be taken for another.
#[tokio::test]
async fn over_redis_cluster_a_failover_meanwhile_leaves_no_topic_out() {
    let config = ClusterConfig::demo(2).edge(|edge| edge.limit("channels_per_session", 100_000));
    let mut cluster = config.over(Store::clustered().await).start().await;
    let mut alice = cluster.peer(0, "alice").await;
    let mut bob = cluster.peer(1, "bob").await;
    let failover = cluster.store_mut().redis_cluster().failover(3);
    let (mut unheard_of, ()) = tokio::join!(follow(&mut bob), failover);
    println!("{} channels joined, some in a failover", unheard_of.len());
    assert!(unheard_of.len() > CHANNELS / 2);
    until("every channel is heard", async || {
        unheard_of = unheard(&mut alice, &mut bob, std::mem::take(&mut unheard_of)).await;
        unheard_of.is_empty().then_some(())
    })
    .await;
}

/// Two edges over Redis Cluster, a client of the first one, and one of the second one who has joined all channels.
async fn followed() -> (TestCluster, Client, Client) {
    let config = ClusterConfig::demo(2).edge(|edge| edge.limit("channels_per_session", 100_000));
    let cluster = config.over(Store::clustered().await).start().await;
    let mut bob = cluster.peer(1, "bob").await;
    assert_eq!(follow(&mut bob).await.len(), CHANNELS);
    let alice = cluster.peer(0, "alice").await;
    (cluster, alice, bob)
}

/// Ends every edge's subscriptions.
async fn cut(cluster: &mut TestCluster) {
    let redis = cluster.store_mut().redis_cluster();
    for node in 0..3 {
        let kill = ["CLIENT", "KILL", "TYPE", "pubsub"];
        redis.node(node).command(&kill).await.accepted();
    }
}

/// Has one publish to these channels. Returns those of which the other did not hear.
async fn unheard(alice: &mut Client, bob: &mut Client, of: Vec<String>) -> Vec<String> {
    let mut unheard: BTreeSet<String> = of.iter().cloned().collect();
    let mut hear = |frames: Vec<Value>| {
        for frame in frames.iter().filter(|frame| frame["type"] == "message") {
            unheard.remove(frame["channel"].as_str().unwrap_or_default());
        }
        unheard.is_empty()
    };
    for some in of.chunks(TOGETHER) {
        let frames: Vec<Value> = some.iter().map(publish).collect();
        alice.send_all(&frames).await;
        for _ in some {
            // An ack, or an error while there is no link.
            assert_eq!(alice.next_frame().await["requestId"], "p");
        }
        hear(bob.fence().await);
    }
    // What was acknowledged may still be on its way, over three connections.
    let end = Instant::now() + LAST_ONES;
    while !hear(bob.fence().await) && Instant::now() < end {}
    unheard.into_iter().collect()
}

fn publish(channel: &String) -> Value {
    json!({"type": "publish", "channel": channel, "data": 1, "requestId": "p"})
}

/// Asks to join all of the channels. Returns those that were joined; there may be others while a link is made.
async fn follow(client: &mut Client) -> Vec<String> {
    let mut joined = Vec::new();
    for some in channels().chunks(TOGETHER) {
        let frames: Vec<Value> = some.iter().map(subscribe).collect();
        client.send_all(&frames).await;
        let mut answers = 0;
        while answers < some.len() {
            let frame = client.next_frame().await;
            // The request's id is the channel.
            match (frame["type"].as_str(), frame["requestId"].as_str()) {
                (Some("ack"), Some(channel)) => joined.push(channel.to_owned()),
                (Some("error"), Some(_)) => {}
                (Some("presence"), _) => continue,
                other => panic!("got {other:?}"),
            }
            answers += 1;
        }
    }
    joined
}

fn subscribe(channel: &String) -> Value {
    json!({"type": "subscribe", "channel": channel, "requestId": channel})
}

fn channels() -> Vec<String> {
    (0..CHANNELS)
        .map(|number| format!("channel-{number}"))
        .collect()
}

const CHANNELS: usize = 5_000;
const TOGETHER: usize = 250;
/// How long a message may be on its way.
const LAST_ONES: Duration = Duration::from_secs(2);
