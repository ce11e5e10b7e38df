//! More at once than a link is built for. Scorecard row 8b.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{
    Client, ClusterConfig, Store, TestCluster,
    redis::{Connection, RedisServer},
    until,
};

use crate::crowd::data_of;

// What the edge wrote once is written again 50,000 times, past every edge, as fast as Redis takes it. Copies are dropped
// as duplicates and counted, so each has to be found there, or in what was counted as lost.
#[tokio::test]
async fn a_burst_of_fifty_thousand_on_one_subscriber_is_counted_to_the_last_and_the_link_goes_on() {
    let mut scene = Scene::with("client-output-buffer-limit pubsub 0 0 0\n").await;
    let before = scene.accounted().await;
    scene.flood().await;
    until("everything is accounted for", async || {
        (scene.accounted().await - before >= BURST as f64).then_some(())
    })
    .await;
    println!("{BURST} accounted for: {}", scene.accounts().await);
    scene.still_hears().await;
}

// The same with a Redis that gives up on whoever is behind: then copies are missing in the account.
#[tokio::test]
async fn without_room_in_redis_a_burst_is_not_accounted_for() {
    let mut scene = Scene::with("client-output-buffer-limit pubsub 64kb 64kb 1\n").await;
    let before = scene.accounted().await;
    scene.cluster.edge(1).freeze().await;
    scene.flood().await;
    scene.cluster.edge(1).thaw().await;
    scene.still_hears().await;
    let accounted = scene.accounted().await - before;
    assert!(accounted < BURST as f64, "{accounted} of {BURST}");
}

// Redis drops a subscriber that is too far behind: the link comes back by itself.
#[tokio::test]
async fn a_subscriber_that_redis_cuts_off_for_being_slow_comes_back() {
    let mut scene = Scene::with("client-output-buffer-limit pubsub 1mb 1mb 1\n").await;
    scene.cluster.edge(1).freeze().await;
    let payload = "x".repeat(60_000);
    for _ in 0..200 {
        scene.alice.publish("room", payload.clone()).await;
    }
    scene.cluster.edge(1).thaw().await;
    scene.still_hears().await;
    println!("{}", scene.accounts().await);
}

/// Alice on edge a and Bob on edge b, subscribed to `room`.
struct Scene {
    cluster: TestCluster,
    alice: Client,
    bob: Client,
}

impl Scene {
    async fn with(settings: &str) -> Self {
        let redis = RedisServer::with(settings).await;
        let config = ClusterConfig::demo(2).over(Store::Standalone(redis));
        let cluster = config.start().await;
        let alice = cluster.peer(0, "alice").await;
        let mut bob = cluster.peer(1, "bob").await;
        bob.subscribe("room").await;
        Self {
            cluster,
            alice,
            bob,
        }
    }

    /// Records one message on its way and repeats it.
    async fn flood(&mut self) {
        let Store::Standalone(redis) = self.cluster.store() else {
            unreachable!("made so above")
        };
        let topics = redis.command(&["PUBSUB", "CHANNELS"]).await;
        let topics = topics.list().iter().map(|topic| topic.bytes().to_vec());
        let mut words = vec![b"SUBSCRIBE".to_vec()];
        words.extend(topics);
        let mut ear = redis.connect().await.expect("Redis is up");
        ear.send(&words).await.expect("Redis takes commands");
        for _ in 1..words.len() {
            ear.reply().await.expect("every subscription is confirmed");
        }
        self.alice.publish("room", "needle").await;
        let (topic, parcel) = needle(&mut ear).await;
        drop(ear);
        let mut mouth = redis.connect().await.expect("Redis is up");
        let start = Instant::now();
        let publish = [b"PUBLISH".to_vec(), topic, parcel];
        mouth
            .repeat(&publish, BURST)
            .await
            .expect("Redis takes them all");
        println!("{BURST} in {:.1?}", start.elapsed());
    }

    /// Copies that edge b has seen and dropped, or knows to have lost.
    async fn accounted(&self) -> f64 {
        let scrape = self.cluster.edge(1).scrape().await;
        let values = ACCOUNTS.iter().filter_map(|series| scrape.value(series));
        values.sum()
    }

    async fn accounts(&self) -> String {
        let scrape = self.cluster.edge(1).scrape().await;
        let lines = ACCOUNTS
            .iter()
            .map(|series| format!("{series} {}", scrape.value(series).unwrap_or_default()));
        lines.collect::<Vec<_>>().join(", ")
    }

    /// The link is not deaf: what is said now arrives, as often as it is said.
    async fn still_hears(&mut self) {
        until("the link is rebuilt", async || {
            let frame = json!({"type": "send", "to": "bob", "data": "there?"});
            (self.alice.request(frame).await["type"] == "ack").then_some(())
        })
        .await;
        self.bob.find_type("direct").await;
        // A link that was just given up may come only now; what is said after it has to arrive.
        self.cluster.ready(1).await;
        for number in 0..20 {
            self.alice.publish("room", json!({"after": number})).await;
        }
        let seen = data_of(&self.bob.fence_by(&mut self.alice).await, "message");
        let after: Vec<&Value> = seen
            .iter()
            .filter(|data| data["after"].is_number())
            .collect();
        assert_eq!(after.len(), 20, "{after:?}");
    }
}

/// The topic and the bytes of the message that carries the needle.
async fn needle(ear: &mut Connection) -> (Vec<u8>, Vec<u8>) {
    let found = async {
        loop {
            let message = ear.reply().await.expect("the subscription lives");
            if let [_, topic, parcel] = message.list()
                && parcel.bytes().windows(6).any(|part| part == b"needle")
            {
                return (topic.bytes().to_vec(), parcel.bytes().to_vec());
            }
        }
    };
    let found = tokio::time::timeout(Duration::from_secs(10), found).await;
    found.expect("the message passes Redis")
}

/// Where a copy may be counted: as a duplicate, or as lost on the link or before a lane.
const ACCOUNTS: [&str; 3] = [
    "switchboard_link_duplicates_total",
    "switchboard_link_lag_total",
    "switchboard_inbox_lag_total",
];
const BURST: usize = 50_000;
