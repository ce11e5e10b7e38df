//! What all this asks of Redis, counted by Redis itself. `tests/chaos` has the same for forty times as many sessions at rest.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{
    Client, ClusterConfig, Store, TestCluster,
    redis::{CommandStats, Connection},
};

use crate::crowd::{phone, spread};

#[tokio::test]
async fn a_hundred_thousand_publishes_cost_a_publish_each_at_most_and_next_to_nothing_else() {
    let cluster = unhurried().await;
    let (publishes, others) = cost_of_publishes(&cluster, 100_000, 0).await;
    assert!((1..=101_000).contains(&publishes), "{publishes} publishes");
    assert!(others <= 1_000, "{others} other commands");
}

// The same count when there is something else to be counted.
#[tokio::test]
async fn without_members_that_stay_publishes_cost_more_than_that() {
    let cluster = unhurried().await;
    let (_, others) = cost_of_publishes(&cluster, 10_000, 3).await;
    assert!(others > 100, "{others} other commands");
}

#[tokio::test]
async fn a_join_on_an_edge_already_in_the_topic_costs_one_script_of_a_fixed_size() {
    let mut cluster = unhurried().await;
    let small = cost_of_joins(&mut cluster, "small", 5).await;
    let large = cost_of_joins(&mut cluster, "large", 300).await;
    println!("scripts and bytes of 20 joins: {small:?} among 5, {large:?} among 300");
    for (scripts, _) in [small, large] {
        assert!(
            (20..=24).contains(&scripts),
            "{scripts} scripts for 20 joins"
        );
    }
    // Bytes that Redis sent per join: reply and deltas. 300 members with their names would be 6,000 and more.
    assert!(
        large.1 < small.1 + 20 * 200,
        "{} and {} bytes",
        small.1,
        large.1
    );
}

#[tokio::test]
async fn commands_at_rest_grow_with_edges_and_not_with_sessions() {
    let cluster = unhurried().await;
    let idle = at_rest(&cluster).await;
    let mut crowd = spread(&cluster, "member", 400).await;
    for (number, member) in crowd.iter_mut().enumerate() {
        member.subscribe(&format!("room-{}", number % 100)).await;
    }
    let mut devices = Vec::new();
    for number in 0..100 {
        let token = phone(&format!("phone-{number}"));
        devices.push(Client::connect_token(cluster.edge(number % 2), &token).await);
    }
    let busy = at_rest(&cluster).await;
    println!("in {REST:?}: {idle:?} without sessions, {busy:?} with 500");
    let (idle, busy) = (idle.total(|_| true), busy.total(|_| true));
    // Leases are audited in batches; nothing else may depend on who is connected.
    assert!(
        busy <= idle + idle / 4 + 20,
        "{idle} commands without sessions, {busy} with 500"
    );
}

#[tokio::test]
async fn redis_cluster_is_published_to_by_shard() {
    let cluster = ClusterConfig::demo(2)
        .over(Store::clustered().await)
        .start()
        .await;
    let mut alice = cluster.peer(0, "alice").await;
    let mut bob = cluster.peer(1, "bob").await;
    bob.subscribe("room").await;
    let before = cluster.store().command_stats().await;
    for number in 0..50 {
        alice.publish("room", number).await;
        alice.direct("bob", number).await;
    }
    for _ in 0..50 {
        bob.find_type("message").await;
        bob.find_type("direct").await;
    }
    let between = cluster.store().command_stats().await.since(&before);
    assert!(between.calls("spublish") > 0, "{between:?}");
    assert_eq!(
        between.calls("publish"),
        0,
        "a plain publish counts only a node's own: {between:?}"
    );
    assert_eq!(between.calls("psubscribe"), 0, "{between:?}");
}

/// Two edges with the timings that operators get: the shorter ones of the other tests would be what is counted.
async fn unhurried() -> TestCluster {
    let config = ClusterConfig::demo(2);
    let config = config.edge(|edge| edge.timing("edge_ttl", "8s").timing("lease_audit", "15s"));
    config.start().await
}

/// How many PUBLISH and SPUBLISH, and how many other commands, so many messages to one channel cost that a client on the other
/// edge hears, when between every 500 of them a member comes and goes so many times.
async fn cost_of_publishes(cluster: &TestCluster, messages: usize, moves: usize) -> (u64, u64) {
    let mut bob = cluster.peer(1, "bob").await;
    bob.subscribe("room").await;
    let mut alice = cluster.peer(0, "alice").await;
    let mut carol = cluster.peer(0, "carol").await;
    let frames: Vec<Value> = (0..500)
        .map(|number| json!({"type": "publish", "channel": "room", "data": number, "requestId": "p"}))
        .collect();
    let publishing = async || {
        for _ in 0..messages / frames.len() {
            alice.send_all(&frames).await;
            for _ in &frames {
                assert_eq!(alice.find_type("ack").await["requestId"], "p");
            }
            for number in 0..frames.len() {
                assert_eq!(bob.find_type("message").await["data"], number);
            }
            for _ in 0..moves {
                for kind in ["subscribe", "unsubscribe"] {
                    let frame = json!({"type": kind, "channel": "room"});
                    carol.accepted(frame).await;
                }
            }
        }
    };
    let between = cluster.store().counted(publishing).await;
    println!("{messages} messages: {between:?}");
    let publishes = ["publish", "spublish"];
    let is_publish = |command: &str| publishes.contains(&command);
    (
        between.total(is_publish),
        between.total(|command| !is_publish(command)),
    )
}

/// Scripts and sent bytes of 20 joins on edge a, in a channel that already has `members` on both edges.
async fn cost_of_joins(cluster: &mut TestCluster, channel: &str, members: usize) -> (u64, u64) {
    let mut crowd = spread(cluster, channel, members).await;
    for member in &mut crowd {
        member.subscribe(channel).await;
    }
    let mut newcomers = Vec::new();
    for number in 0..20 {
        newcomers.push(
            cluster
                .peer(0, &format!("newcomer-{channel}-{number}"))
                .await,
        );
    }
    let before = sent_bytes(cluster).await;
    let joining = async || {
        for newcomer in &mut newcomers {
            newcomer
                .accepted(json!({"type": "subscribe", "channel": channel}))
                .await;
        }
    };
    let stats = cluster.store().counted(joining).await;
    let bytes = sent_bytes(cluster).await - before;
    for client in newcomers.into_iter().chain(crowd) {
        client.close().await;
    }
    // A script that every heartbeat calls would be counted too; what is left is told.
    (
        stats.calls("evalsha") + stats.calls("eval") + stats.calls("fcall"),
        bytes,
    )
}

async fn at_rest(cluster: &TestCluster) -> CommandStats {
    // What the arrivals started is over after a while; only then rest is measured.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let resting = async || tokio::time::sleep(REST).await;
    cluster.store().counted(resting).await
}

async fn sent_bytes(cluster: &mut TestCluster) -> u64 {
    let address = cluster.store_mut().server().address();
    let connection = Connection::open(address).await;
    let mut connection = connection.expect("Redis is up");
    let info = connection.command(&["INFO", "stats"]).await;
    let info = info.expect("Redis answers").text();
    let line = info
        .lines()
        .find_map(|line| line.strip_prefix("total_net_output_bytes:"));
    let count = line.and_then(|count| count.trim().parse().ok());
    count.expect("Redis counts the bytes it sends")
}

const REST: Duration = Duration::from_secs(6);
