//! Members who are lost for a moment (spec §3): not missed within the grace, gone after it.

use std::time::{Duration, Instant};

use serde_json::json;
use testkit::{Client, ClusterConfig, EdgeConfig, TestEdge, until};

use crate::member::{ROOM, enter, listed, member, members, quiet};
use crate::site::{Edges as _, Spread, here_and_across};

here_and_across!(
    a_member_that_returns_within_the_grace_was_never_missed,
    a_member_that_stays_away_leaves_once_when_the_grace_is_over,
    whoever_says_goodbye_or_is_sent_away_leaves_at_once,
);

fn with_grace(grace: &str) -> impl FnOnce(EdgeConfig) -> EdgeConfig {
    move |config| {
        config
            .timing("presence_grace", grace)
            .timing("drain", "40s")
    }
}

/// Cuts the client's connection and waits until its edge has noticed.
async fn lose(client: Client, edge: &TestEdge) {
    client.cut();
    until("the edge has lost the session", async || {
        let lost =
            r#"switchboard_closes_total{code="1006",dialect="room",reason="connection_lost"}"#;
        let count = edge.scrape().await.value(lost);
        count.is_some_and(|count| count > 0.0).then_some(())
    })
    .await;
}

async fn a_member_that_returns_within_the_grace_was_never_missed(spread: Spread) {
    let site = spread.start(with_grace("30s")).await;
    let [mut alice, bob] = members(&site, ["alice", "bob"]).await;
    lose(bob, site.of(1)).await;
    // Whoever comes meanwhile still finds it.
    let (carol, connected) = enter(site.of(0), "carol").await;
    let mut present: Vec<_> = listed(&connected)
        .iter()
        .map(|entry| entry["account_id"].as_str().expect("a name"))
        .collect();
    present.sort_unstable();
    assert_eq!(present, ["alice", "bob"]);
    carol.close().await;
    for expected in ["user-joined", "user-left"] {
        let notice = alice.next_frame().await;
        assert_eq!(
            (&notice["data"]["type"], &notice["data"]["account_id"]),
            (&json!(expected), &json!("carol"))
        );
    }
    // It returns to another edge, if there is one.
    let (mut bob, connected) = enter(site.of(0), "bob").await;
    assert_eq!(listed(&connected).len(), 1);
    quiet(&mut alice, "alice", &mut bob).await;
    alice.send(&json!({"type": "offer", "to": "bob"})).await;
    assert_eq!(bob.next_frame().await["data"]["type"], "offer");
}

async fn a_member_that_stays_away_leaves_once_when_the_grace_is_over(spread: Spread) {
    let grace = Duration::from_secs(2);
    let site = spread.start(with_grace("2s")).await;
    let [mut alice, bob] = members(&site, ["alice", "bob"]).await;
    let start = Instant::now();
    lose(bob, site.of(1)).await;
    let left = alice.next_frame().await;
    assert_eq!(
        (&left["data"]["type"], &left["data"]["account_id"]),
        (&json!("user-left"), &json!("bob"))
    );
    assert!(start.elapsed() >= grace, "{:?}", start.elapsed());
    let mut bob = member(site.of(1), "bob").await;
    assert_eq!(alice.next_frame().await["data"]["type"], "user-joined");
    quiet(&mut alice, "alice", &mut bob).await;
}

/// The grace is longer than the suite waits for anything.
async fn whoever_says_goodbye_or_is_sent_away_leaves_at_once(spread: Spread) {
    let site = spread.start(with_grace("35s")).await;
    let [mut alice, bob, carol] = members(&site, ["alice", "bob", "carol"]).await;
    let start = Instant::now();
    bob.close().await;
    let left = alice.next_frame().await;
    assert_eq!(left["data"]["account_id"], "bob");
    let kick = format!("/admin/rooms/{ROOM}/kick/carol");
    site.of(0).rest().post(&kick, &json!({})).await.ok();
    let left = alice.next_frame().await;
    assert_eq!(left["data"]["account_id"], "carol");
    assert!(start.elapsed() < Duration::from_secs(30));
    drop(carol);
}

#[tokio::test]
async fn a_call_does_not_notice_that_an_edge_leaves() {
    let mut cluster = ClusterConfig::demo(2).edge(with_grace("5s")).start().await;
    let [mut alice, mut bob] = members(&cluster, ["alice", "bob"]).await;
    cluster.edge(1).terminate().await;
    assert_eq!(bob.find_close().await.code, 1001);
    let (mut bob, connected) = enter(cluster.edge(0), "bob").await;
    assert_eq!(connected["participants"][0]["account_id"], "alice");
    quiet(&mut alice, "alice", &mut bob).await;
    // Nor when it has gone.
    assert!(cluster.edge_mut(1).exited().await.success());
    quiet(&mut alice, "alice", &mut bob).await;
    alice.expect_quiet().await;
}
