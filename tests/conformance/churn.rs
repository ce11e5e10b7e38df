//! Many comings and goings at once: everybody's picture stays right, and nothing is left behind.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use testkit::{Client, EdgeConfig, TestEdge, until};

#[tokio::test]
async fn two_who_enter_at_once_learn_of_each_other_exactly_once() {
    let edge = TestEdge::demo().await;
    for round in 0..25 {
        let room = format!("room-{round}");
        let mut alice = Client::connect_peer(&edge, "alice").await;
        let mut bob = Client::connect_peer(&edge, "bob").await;
        let subscribe = json!({"type": "subscribe", "channel": room, "requestId": "s"});
        tokio::join!(alice.send(&subscribe), bob.send(&subscribe));
        for (client, other) in [(&mut alice, "bob"), (&mut bob, "alice")] {
            client.expect_type("ack").await;
            let mut frame = client.expect_type("presence").await;
            if frame["joined"] == json!([]) {
                frame = client.expect_type("presence").await;
            }
            assert_eq!(frame["joined"], json!([{"peerId": other}]), "round {round}");
        }
        alice.expect_quiet_by(&mut bob).await;
        bob.expect_quiet_by(&mut alice).await;
        tokio::join!(alice.close(), bob.close());
    }
}

#[tokio::test]
async fn joins_and_leaves_of_each_peer_alternate_for_every_observer() {
    let config = EdgeConfig::demo().limit("messages_per_second", 0);
    let edge = config.start().await;
    let mut observers = Vec::new();
    for peer in ["eve", "mallory"] {
        let mut observer = Client::connect_peer(&edge, peer).await;
        observer.subscribe("room").await;
        observers.push(observer);
    }
    observers[0].expect_type("presence").await;

    let names = ["a", "b", "c"];
    let mut movers = Vec::new();
    for name in names {
        // Two sockets of one peer overlap in every possible way.
        for _ in 0..2 {
            movers.push(Client::connect_peer(&edge, name).await);
        }
    }
    for round in 0..60_usize {
        for (number, mover) in movers.iter_mut().enumerate() {
            let kind = match (round * 7 + number * 3) % 5 {
                0 | 3 => "unsubscribe",
                _ => "subscribe",
            };
            mover.send(&json!({"type": kind, "channel": "room"})).await;
        }
    }
    for mover in &mut movers {
        mover
            .accepted(json!({"type": "unsubscribe", "channel": "room"}))
            .await;
    }
    for observer in &mut observers {
        let mut inside: BTreeMap<String, bool> = BTreeMap::new();
        for frame in observer.fence_by(&mut movers[0]).await {
            for (list, enters) in [("joined", true), ("left", false)] {
                for entry in frame[list].as_array().into_iter().flatten() {
                    let was = inside
                        .insert(entry["peerId"].to_string(), enters)
                        .unwrap_or(false);
                    assert_ne!(was, enters, "{} {list} twice in a row", entry["peerId"]);
                }
            }
        }
        assert_eq!(inside.len(), names.len(), "everybody was seen");
        assert!(
            inside.values().all(|is_inside| !is_inside),
            "everybody has left: {inside:?}"
        );
    }
}

#[tokio::test]
async fn when_everybody_is_gone_nothing_is_held_any_more() {
    let edge = TestEdge::demo().await;
    let mut clients = Vec::new();
    for number in 0..60 {
        let mut client = Client::connect_peer(&edge, &format!("peer-{}", number % 40)).await;
        client.subscribe(&format!("room-{}", number % 7)).await;
        client.subscribe(&format!("own-{number}")).await;
        clients.push(client);
    }
    let held = gauges(&edge).await;
    assert_eq!(held["switchboard_sessions"], 60.0);
    for (number, client) in clients.into_iter().enumerate() {
        match number % 3 {
            0 => client.close().await,
            1 => client.cut(),
            _ => drop(client),
        }
    }
    until("all gauges are back at zero", async || {
        let held = gauges(&edge).await;
        held.values().all(|value| *value == 0.0).then_some(())
    })
    .await;
    for room in 0..7 {
        let listed: Value = edge
            .rest()
            .get(&format!("/v1/channels/room-{room}/peers"))
            .await
            .ok();
        assert_eq!(listed["peers"], json!([]));
    }
    assert_eq!(edge.rest().get("/v1/usage").await.ok()["concurrentNow"], 0);
}

/// What the edge says it holds.
async fn gauges(edge: &TestEdge) -> BTreeMap<&'static str, f64> {
    let scrape = edge.scrape().await;
    [
        "switchboard_sessions",
        "switchboard_topics",
        "switchboard_presence_members",
    ]
    .into_iter()
    .map(|name| (name, scrape.value(name).unwrap_or(f64::NAN)))
    .collect()
}
