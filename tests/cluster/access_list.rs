//! The access list that docs/RELIABILITY.md recommends: edges get along with it, and are refused nothing.

use serde_json::json;
use testkit::{ClusterConfig, Door, RawSocket, redis::RedisServer};

use crate::crowd::phone;

const PAGE: &str = include_str!("../../docs/RELIABILITY.md");

#[tokio::test]
async fn edges_need_nothing_that_the_access_list_does_not_grant() {
    let user = PAGE
        .lines()
        .find(|line| line.starts_with("user switchboard "))
        .expect("the page has the list");
    let redis = RedisServer::with(user).await;
    let url = redis
        .url()
        .replace("redis://", "redis://switchboard:PASSWORD@");
    let cluster = ClusterConfig::demo(2).at(url).start().await;
    let (mut alice, mut bob) = (cluster.peer(0, "alice").await, cluster.peer(1, "bob").await);
    for client in [&mut alice, &mut bob] {
        client.subscribe("room").await;
    }
    alice.direct("bob", 1).await;
    bob.find_type("direct").await;
    alice.publish("room", 2).await;
    bob.find_type("message").await;
    let door = Door::token(&phone("carol"));
    let mut older = RawSocket::welcomed(cluster.edge(0), &door).await;
    let _newer = RawSocket::welcomed(cluster.edge(1), &door).await;
    assert_eq!(older.closed().await.code, 4441);
    bob.request(json!({"type": "unsubscribe", "channel": "room"}))
        .await;
    alice.find_type("presence").await;
    let refused = redis.command(&["ACL", "LOG"]).await;
    assert!(refused.list().is_empty(), "{refused:?}");
}
