//! The relay against a real Redis, which answers what it is asked.

use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::*;
use crate::{
    redis::{Connection, RedisServer},
    until,
};

const SEED: u64 = 7;

#[tokio::test]
async fn bytes_pass_both_ways_late_when_it_is_slow_and_in_order() {
    let (_redis, proxy) = relayed().await;
    let mut connection = Connection::open(proxy.address()).await.unwrap();
    proxy.slow(Duration::from_millis(30), Duration::from_millis(30));
    let start = Instant::now();
    for number in 0..5 {
        let echoed = connection.command(&["ECHO", &number.to_string()]).await;
        assert_eq!(echoed.unwrap().text(), number.to_string());
    }
    assert!(
        start.elapsed() >= Duration::from_millis(300),
        "{:?}",
        start.elapsed()
    );
    proxy.resume();
    let big = "x".repeat(3_000_000);
    assert_eq!(
        connection.command(&["ECHO", &big]).await.unwrap().text(),
        big
    );
}

#[tokio::test]
async fn a_frozen_relay_keeps_everything_for_later() {
    let (_redis, proxy) = relayed().await;
    let mut connection = Connection::open(proxy.address()).await.unwrap();
    assert_eq!(connection.command(&["PING"]).await.unwrap().text(), "PONG");
    proxy.freeze();
    let mut late = Connection::open(proxy.address()).await.unwrap();
    for connection in [&mut connection, &mut late] {
        connection.send(&["PING"]).await.unwrap();
        let early = timeout(Duration::from_millis(100), connection.reply()).await;
        assert!(early.is_err(), "{early:?}");
    }
    proxy.resume();
    for connection in [&mut connection, &mut late] {
        assert_eq!(connection.reply().await.unwrap().text(), "PONG");
    }
}

#[tokio::test]
async fn a_deaf_subscriber_stays_deaf_while_others_and_later_ones_hear() {
    let (redis, proxy) = relayed().await;
    let mut other = Connection::open(proxy.address()).await.unwrap();
    let mut deaf = Connection::open(proxy.address()).await.unwrap();
    deaf.command(&["SUBSCRIBE", "topic"]).await.unwrap();
    other.command(&["PING"]).await.unwrap();
    proxy.deafen(Which::Subscribers, Way::ToCaller);
    let mut later = Connection::open(proxy.address()).await.unwrap();
    later.command(&["SUBSCRIBE", "topic"]).await.unwrap();
    assert_eq!(
        other
            .command(&["PUBLISH", "topic", "x"])
            .await
            .unwrap()
            .text(),
        "2"
    );
    assert_eq!(later.reply().await.unwrap().list()[2].text(), "x");
    let heard = timeout(Duration::from_millis(100), deaf.reply()).await;
    assert!(heard.is_err(), "{heard:?}");
    assert_eq!(
        redis.command(&["PUBSUB", "NUMSUB", "topic"]).await.list()[1].text(),
        "2"
    );
}

#[tokio::test]
async fn a_reset_is_felt_at_both_ends_and_the_next_connection_works() {
    let (redis, proxy) = relayed().await;
    let mut connection = Connection::open(proxy.address()).await.unwrap();
    connection.command(&["SUBSCRIBE", "topic"]).await.unwrap();
    proxy.reset(Which::All);
    assert!(connection.reply().await.is_err());
    until("the server has lost its subscriber", async || {
        let count = redis.command(&["PUBLISH", "topic", "x"]).await;
        (count.text() == "0").then_some(())
    })
    .await;
    let mut next = Connection::open(proxy.address()).await.unwrap();
    assert_eq!(next.command(&["PING"]).await.unwrap().text(), "PONG");
}

#[tokio::test]
async fn a_reply_can_be_cut_in_the_middle() {
    let (redis, proxy) = relayed().await;
    let mut connection = Connection::open(proxy.address()).await.unwrap();
    connection.command(&["PING"]).await.unwrap();
    proxy.reset_mid_reply(Which::All);
    assert!(connection.command(&["INCR", "number"]).await.is_err());
    assert_eq!(
        redis.command(&["GET", "number"]).await.text(),
        "1",
        "it was done all the same"
    );
}

#[tokio::test]
async fn a_half_open_connection_looks_open_to_the_caller_alone() {
    let (redis, proxy) = relayed().await;
    let mut connection = Connection::open(proxy.address()).await.unwrap();
    connection.command(&["SUBSCRIBE", "topic"]).await.unwrap();
    proxy.half_open(Which::All);
    until("the server has lost its subscriber", async || {
        let count = redis.command(&["PUBLISH", "topic", "x"]).await;
        (count.text() == "0").then_some(())
    })
    .await;
    let heard = timeout(Duration::from_millis(100), connection.reply()).await;
    assert!(heard.is_err(), "the caller was told: {heard:?}");
    assert_eq!(proxy.connections(), 1);
}

#[tokio::test]
async fn a_refusing_relay_resets_newcomers_until_it_resumes() {
    let (_redis, proxy) = relayed().await;
    proxy.refuse();
    let refused = async {
        let mut connection = Connection::open(proxy.address()).await?;
        connection.command(&["PING"]).await
    };
    assert!(refused.await.is_err());
    proxy.resume();
    let mut next = Connection::open(proxy.address()).await.unwrap();
    assert_eq!(next.command(&["PING"]).await.unwrap().text(), "PONG");
}

async fn relayed() -> (RedisServer, FaultProxy) {
    let redis = RedisServer::start().await;
    let proxy = FaultProxy::start(redis.address(), SEED);
    (redis, proxy)
}
