//! Row 9: an edge with a thousand members is killed. Timings are the ones that operators get by default.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use serde_json::json;
use testkit::{ClusterConfig, Guard, Recorder, until};

use crate::row::Trial;

pub(crate) async fn killed(trial: &mut Trial) {
    let config = ClusterConfig::demo(3).edge(|edge| {
        edge.timing("edge_ttl", "8s")
            .limit("presence_named_members", 5000)
    });
    let mut cluster = trial.guarded(config, &[Guard::EdgeTtl]).start().await;
    let mut observers = Vec::new();
    for edge in 0..2 {
        let mut observer = cluster.peer(edge, &format!("observer-{edge}")).await;
        observer.subscribe("room").await;
        observers.push(Recorder::of(observer));
    }
    let mut members = Vec::new();
    for batch in 0..MEMBERS / 50 {
        let arrivals = (0..50).map(async |number| {
            let mut member = cluster
                .peer(2, &format!("member-{}", batch * 50 + number))
                .await;
            member
                .accepted(json!({"type": "subscribe", "channel": "room"}))
                .await;
            Recorder::of(member)
        });
        members.extend(join_all(arrivals).await);
    }
    for observer in &observers {
        until("every join is told", async || {
            (counts(observer, "joined").len() >= MEMBERS).then_some(())
        })
        .await;
    }
    cluster.edge_mut(2).kill().await;
    let killed = Instant::now();
    for observer in &observers {
        until("every leave is told", async || {
            (counts(observer, "left").len() == MEMBERS).then_some(())
        })
        .await;
    }
    let told = killed.elapsed();
    trial.note(&format!("{MEMBERS} leaves told after {told:.1?}"));
    assert!(told <= Duration::from_secs(10), "told only after {told:?}");
    // Ghosts and second leaves would come now.
    tokio::time::sleep(Duration::from_secs(20).saturating_sub(killed.elapsed())).await;
    for observer in &observers {
        let left = counts(observer, "left");
        assert!(
            left.values().all(|times| *times == 1),
            "a leave was told twice"
        );
        assert_eq!(left.len(), MEMBERS);
    }
    for edge in 0..2 {
        let listed = cluster
            .edge(edge)
            .rest()
            .get("/v1/channels/room/peers")
            .await
            .ok();
        let peers = listed["peers"].as_array().map_or(0, Vec::len);
        assert_eq!(peers, 2, "ghosts in the list of edge {edge}");
    }
    let usage = cluster.edge(0).rest().get("/v1/usage").await.ok();
    assert_eq!(usage["concurrentNow"], 2, "places of the dead edge");
    trial.note("one leave each for both observers, no ghost and no place left after 20 s");
}

/// How often each peer was named in this list.
fn counts(observer: &Recorder, list: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for heard in observer.heard() {
        let entries = heard.frame[list].as_array().cloned().unwrap_or_default();
        for peer in entries.iter().filter_map(|entry| entry["peerId"].as_str()) {
            *counts.entry(peer.to_owned()).or_default() += 1;
        }
    }
    counts
}

const MEMBERS: usize = 1000;
