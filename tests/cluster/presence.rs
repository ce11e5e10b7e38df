//! Who is in a channel, told the same on every edge.

use std::{collections::BTreeSet, time::Duration};

use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{Client, ClusterConfig, Store, TestCluster, Token, until};

use crate::{
    crowd::{listed, moves, names, peers, spread},
    over_every_store,
};

over_every_store! {
    the_snapshot_names_members_on_all_edges_and_deltas_cross,
    a_peer_on_two_edges_joins_once_and_leaves_with_its_last_session,
    everybody_who_joins_at_once_learns_of_everybody_once,
}

async fn the_snapshot_names_members_on_all_edges_and_deltas_cross(store: Store) {
    let cluster = ClusterConfig::demo(3).over(store).start().await;
    let mut members = Vec::new();
    for (edge, name) in ["alice", "bob", "carol"].into_iter().enumerate() {
        let token = Token::peer(name).claim("peerMetadata", json!({"name": name}));
        let mut member = Client::connect_token(cluster.edge(edge), &token.sign()).await;
        let snapshot = member.subscribe("room").await;
        assert_eq!(
            snapshot["joined"].as_array().map_or(0, Vec::len),
            edge,
            "{snapshot}"
        );
        for entry in snapshot["joined"].as_array().into_iter().flatten() {
            assert_eq!(entry["metadata"], json!({"name": entry["peerId"]}));
        }
        for earlier in &mut members {
            let earlier: &mut Client = earlier;
            let joined = json!([{"peerId": name, "metadata": {"name": name}}]);
            assert_eq!(earlier.expect_type("presence").await["joined"], joined);
        }
        members.push(member);
    }
    let carol = members.pop().expect("there are three");
    carol.close().await;
    for member in &mut members {
        let left = json!([{"peerId": "carol", "metadata": {"name": "carol"}}]);
        assert_eq!(member.expect_type("presence").await["left"], left);
    }
    let mut bob = members.pop().expect("there are three");
    bob.accepted(json!({"type": "unsubscribe", "channel": "room"}))
        .await;
    let mut alice = members.pop().expect("there are three");
    assert_eq!(peers(&alice.expect_type("presence").await["left"]), ["bob"]);
    alice.expect_quiet_by(&mut bob).await;
}

async fn a_peer_on_two_edges_joins_once_and_leaves_with_its_last_session(store: Store) {
    let cluster = ClusterConfig::demo(2).over(store).start().await;
    let mut alice = cluster.peer(0, "alice").await;
    alice.subscribe("room").await;
    let mut one = cluster.peer(0, "bob").await;
    let mut two = cluster.peer(1, "bob").await;
    one.subscribe("room").await;
    let snapshot = two.subscribe("room").await;
    assert_eq!(
        peers(&snapshot["joined"]),
        ["alice"],
        "one is not listed to oneself"
    );
    assert_eq!(
        peers(&alice.expect_type("presence").await["joined"]),
        ["bob"]
    );
    alice.expect_quiet_by(&mut two).await;
    one.close().await;
    alice.expect_quiet_by(&mut two).await;
    two.close().await;
    assert_eq!(peers(&alice.expect_type("presence").await["left"]), ["bob"]);
    alice.expect_quiet().await;
}

async fn everybody_who_joins_at_once_learns_of_everybody_once(store: Store) {
    let cluster = ClusterConfig::demo(3).over(store).start().await;
    let mut crowd = spread(&cluster, "member", 12).await;
    for round in 0..8 {
        let channel = format!("room-{round}");
        let frame = json!({"type": "subscribe", "channel": channel, "requestId": "s"});
        join_all(crowd.iter_mut().map(|member| member.send(&frame))).await;
        for (number, member) in crowd.iter_mut().enumerate() {
            let mut known = BTreeSet::new();
            member.find_type("ack").await;
            while known.len() < 11 {
                let frame = member.expect_type("presence").await;
                assert_eq!(
                    (&frame["channel"], &frame["left"]),
                    (&json!(channel), &json!([]))
                );
                for peer in peers(&frame["joined"]) {
                    assert!(known.insert(peer.clone()), "{peer} was announced twice");
                }
            }
            assert!(!known.contains(&format!("member-{number}")));
        }
    }
}

// Client libraries begin to listen for presence only after the ack: a snapshot on its heels is lost on them.
#[tokio::test]
async fn a_snapshot_keeps_its_distance_from_the_ack_on_every_edge() {
    let cluster = TestCluster::start(2).await;
    let mut resident = cluster.peer(0, "resident").await;
    resident.subscribe("room").await;
    for edge in 0..2 {
        let mut distances = Vec::new();
        for round in 0..11 {
            let mut newcomer = cluster
                .peer(edge, &format!("newcomer-{round}-{edge}"))
                .await;
            newcomer
                .send(&json!({"type": "subscribe", "channel": "room", "requestId": "s"}))
                .await;
            let (acked, ack) = newcomer.timed_frame().await;
            assert_eq!(ack["type"], "ack", "{ack}");
            let (told, snapshot) = newcomer.timed_frame().await;
            assert_eq!(peers(&snapshot["joined"]), ["resident"], "{snapshot}");
            distances.push(told - acked);
            newcomer.close().await;
            until("it has left", async || {
                (listed(&cluster, 0, "room").await? == ["resident"]).then_some(())
            })
            .await;
        }
        // Ten milliseconds at the edge, and less where this process read the ack late: not most of the time.
        distances.sort_unstable();
        assert!(
            distances[5] > Duration::from_millis(6),
            "edge {edge}: {distances:?}"
        );
    }
}

#[tokio::test]
async fn rest_lists_the_same_members_on_every_edge() {
    let cluster = TestCluster::start(3).await;
    let mut crowd = spread(&cluster, "member", 30).await;
    join_all(crowd.iter_mut().map(|member| member.subscribe("room"))).await;
    for edge in 0..3 {
        assert_eq!(
            listed(&cluster, edge, "room").await,
            Some(names("member", 30))
        );
    }
}

// Joins and leaves at random; afterwards every observer has been told each of them in turn, and knows the truth.
#[tokio::test]
async fn joins_and_leaves_alternate_for_every_observer_and_end_with_the_truth() {
    let cluster = TestCluster::start(3).await;
    let mut observers = spread(&cluster, "observer", 3).await;
    for observer in &mut observers {
        observer.subscribe("room").await;
    }
    let mut crowd = spread(&cluster, "member", 12).await;
    for round in 0..10 {
        let changes = crowd.iter_mut().enumerate().map(async |(number, member)| {
            if (number * 7 + round * 5) % 3 == 0 {
                member
                    .accepted(json!({"type": "unsubscribe", "channel": "room"}))
                    .await;
            } else {
                member
                    .accepted(json!({"type": "subscribe", "channel": "room"}))
                    .await;
            }
        });
        join_all(changes).await;
    }
    // Its own join is the last delta of all, so whoever has heard it has heard everything.
    let mut last = cluster.peer(0, "last").await;
    last.subscribe("room").await;
    let mut truth = listed(&cluster, 1, "room").await.unwrap();
    truth.retain(|peer| peer.starts_with("member"));
    for observer in &mut observers {
        let mut frames: Vec<Value> = Vec::new();
        while !frames
            .iter()
            .any(|frame| peers(&frame["joined"]) == ["last"])
        {
            frames.push(observer.next_frame().await);
        }
        let mut inside = Vec::new();
        for (peer, signs) in moves(&frames) {
            assert!(
                !signs.contains("++") && !signs.contains("--"),
                "{peer}: {signs}"
            );
            if signs.ends_with('+') && peer.starts_with("member") {
                inside.push(peer);
            }
        }
        assert_eq!(inside, truth);
    }
}

#[tokio::test]
async fn a_hundred_subscribes_at_once_are_all_answered_with_their_snapshots() {
    let cluster = TestCluster::start(2).await;
    let mut alice = cluster.peer(0, "alice").await;
    let mut bob = cluster.peer(1, "bob").await;
    let frames: Vec<Value> = (0..100)
        .map(|number| json!({"type": "subscribe", "channel": format!("room-{number}"), "requestId": "s"}))
        .collect();
    alice.send_all(&frames).await;
    for _ in 0..100 {
        alice.find_type("presence").await;
    }
    bob.send_all(&frames).await;
    for _ in 0..100 {
        assert_eq!(peers(&bob.find_type("presence").await["joined"]), ["alice"]);
    }
}

#[tokio::test]
async fn above_the_naming_bound_a_channel_stops_naming_its_members_on_every_edge() {
    let config = ClusterConfig::demo(2);
    let cluster = config
        .edge(|edge| edge.limit("presence_named_members", 10))
        .start()
        .await;
    let mut crowd = spread(&cluster, "member", 14).await;
    for member in &mut crowd {
        member.subscribe("room").await;
    }
    for edge in 0..2 {
        let mut late = cluster.peer(edge, &format!("late-{edge}")).await;
        assert_eq!(late.subscribe("room").await["joined"], json!([]));
        testkit::until("REST gives the whole list", async || {
            (listed(&cluster, edge, "room").await?.len() == 15).then_some(())
        })
        .await;
        late.close().await;
    }
}
