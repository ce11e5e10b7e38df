//! A database of Redis other than the first: everything that edges write is there, whichever connection writes it.

use testkit::{ClusterConfig, redis::RedisServer};

#[tokio::test]
async fn everything_is_written_in_the_database_that_the_url_names() {
    let redis = RedisServer::start().await;
    let config = ClusterConfig::demo(2).at(format!("{}/3", redis.url()));
    let cluster = config.start().await;
    let (mut alice, mut bob) = (cluster.peer(0, "alice").await, cluster.peer(1, "bob").await);
    for client in [&mut alice, &mut bob] {
        client.subscribe("room").await;
    }
    alice.direct("bob", 1).await;
    bob.find_type("direct").await;
    let keyspace = redis.command(&["INFO", "keyspace"]).await;
    let keyspace = keyspace.text();
    assert!(
        keyspace.contains("db3:") && !keyspace.contains("db0:"),
        "{keyspace}"
    );
}
