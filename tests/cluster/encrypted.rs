//! Redis under TLS: edges meet over it, and whoever does not trust it or is not let in says so.

use serde_json::json;
use testkit::{ClusterConfig, EdgeConfig, TestEdge, redis::EncryptedRedis, until};

#[tokio::test]
async fn edges_meet_over_tls_with_a_name_and_a_password() {
    let redis = EncryptedRedis::start().await;
    let authority = redis.authority().display().to_string();
    let cluster = ClusterConfig::demo(2)
        .at(redis.url(EncryptedRedis::PASSWORD))
        .edge(|edge| edge.section("redis", "ca_file", authority.as_str()))
        .start()
        .await;
    let (mut alice, mut bob) = (cluster.peer(0, "alice").await, cluster.peer(1, "bob").await);
    alice.direct("bob", 1).await;
    assert_eq!(bob.next_frame().await["data"], 1);
    bob.direct("alice", 2).await;
    assert_eq!(alice.next_frame().await["data"], 2);
}

#[tokio::test]
async fn a_wrong_password_or_authority_leaves_an_edge_unready() {
    let redis = EncryptedRedis::start().await;
    let authority = redis.authority().display().to_string();
    let refused = EdgeConfig::demo()
        .set("redis_url", redis.url("wrong"))
        .section("redis", "ca_file", authority);
    is_kept_out(refused, "WRONGPASS").await;
    let stranger = EdgeConfig::demo().set("redis_url", redis.url(EncryptedRedis::PASSWORD));
    is_kept_out(stranger, "UnknownIssuer").await;
}

/// The edge is not ready, and its log says why.
async fn is_kept_out(config: EdgeConfig, why: &str) {
    let edge = TestEdge::start(&config).await;
    until(why, async || edge.log().contains(why).then_some(())).await;
    let answer = edge.admin().get("/readyz").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.body["reasons"], json!(["redis_unreachable"]));
}
