//! The control plane answers the same from every edge.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{App, ClusterConfig, EdgeConfig, Store, TestCluster, until};

use crate::{crowd::spread, over_every_store};

over_every_store! {
    a_publish_by_rest_reaches_and_counts_sessions_on_all_edges,
    a_kick_closes_the_sessions_of_a_peer_on_all_edges,
}

async fn a_publish_by_rest_reaches_and_counts_sessions_on_all_edges(store: Store) {
    let cluster = ClusterConfig::demo(3).over(store).start().await;
    let mut crowd = spread(&cluster, "member", 7).await;
    for member in &mut crowd {
        member.subscribe("room").await;
    }
    for edge in 0..3 {
        let answer = publish(&cluster, edge, edge).await;
        let expected = json!({"channel": "room", "delivered": 7, "complete": true});
        assert_eq!(answer, expected);
        for member in &mut crowd {
            let message = member.find_type("message").await;
            assert_eq!(
                (&message["from"], &message["data"]),
                (&json!("system"), &json!(edge))
            );
        }
    }
    for member in crowd {
        member.close().await;
    }
    until("nobody is left", async || {
        (publish(&cluster, 0, 9).await["delivered"] == 0).then_some(())
    })
    .await;
}

async fn a_kick_closes_the_sessions_of_a_peer_on_all_edges(store: Store) {
    let cluster = ClusterConfig::demo(3).over(store).start().await;
    let mut bob = cluster.peer(0, "bob").await;
    for from in 0..3 {
        let mut sessions = Vec::new();
        for edge in [0, 1, 2, 2] {
            sessions.push(cluster.peer(edge, "alice").await);
        }
        let kicked = cluster
            .edge(from)
            .rest()
            .delete("/v1/peers/alice")
            .await
            .ok();
        assert_eq!(
            kicked,
            json!({"peerId": "alice", "closed": 4, "complete": true})
        );
        for session in &mut sessions {
            assert_eq!(session.expect_close().await.code, 4020);
        }
        let again = cluster
            .edge(from)
            .rest()
            .delete("/v1/peers/alice")
            .await
            .ok();
        assert_eq!(again["closed"], 0);
    }
    bob.expect_quiet().await;
}

#[tokio::test]
async fn usage_is_the_same_on_every_edge() {
    let cluster = TestCluster::start(3).await;
    let mut crowd = spread(&cluster, "member", 5).await;
    for member in &mut crowd {
        member.publish("room", 1).await;
        member.direct("member-0", 1).await;
    }
    crowd.pop().unwrap().close().await;
    for edge in 0..3 {
        until("the usage is told", async || {
            let usage = cluster.edge(edge).rest().get("/v1/usage").await.ok();
            let seen = (
                &usage["concurrentNow"],
                &usage["peakConcurrent"],
                &usage["messagesUsed"],
            );
            (seen == (&json!(4), &json!(5), &json!(10))).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn an_answer_says_so_when_an_edge_did_not_report() {
    let cluster = TestCluster::start(2).await;
    let mut here = cluster.peer(0, "alice").await;
    let _there = cluster.peer(1, "alice").await;
    let mut listeners = spread(&cluster, "listener", 2).await;
    for listener in &mut listeners {
        listener.subscribe("room").await;
    }
    cluster.edge(1).freeze().await;
    let start = Instant::now();
    let answer = publish(&cluster, 0, 1).await;
    assert_eq!(
        answer,
        json!({"channel": "room", "delivered": 1, "complete": false})
    );
    let kicked = cluster.edge(0).rest().delete("/v1/peers/alice").await.ok();
    assert_eq!(
        kicked,
        json!({"peerId": "alice", "closed": 1, "complete": false})
    );
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(here.expect_close().await.code, 4020);
    cluster.edge(1).thaw().await;
}

#[tokio::test]
async fn a_suspended_app_and_a_removed_key_are_each_edges_own_business() {
    let cluster = TestCluster::start(2).await;
    let mut here = cluster.peer(0, "here").await;
    let mut there = cluster.peer(1, "there").await;
    here.direct("there", 1).await;
    there.expect_type("direct").await;
    // The file of one edge says so, the other has not been told yet: its clients stay.
    let suspended = EdgeConfig::new().app(App::demo().suspended());
    cluster.edge(0).write_config(&suspended);
    cluster.edge(0).reload().await;
    assert_eq!(here.expect_close().await.code, 4012);
    there.expect_quiet().await;
}

async fn publish(cluster: &TestCluster, edge: usize, data: impl Into<Value>) -> Value {
    let body = json!({"data": data.into()});
    let rest = cluster.edge(edge).rest();
    rest.post("/v1/channels/room/publish", &body).await.ok()
}
