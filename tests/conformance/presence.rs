//! Who is there: snapshots, deltas, and how they end.

use serde_json::{Value, json};
use testkit::{App, Client, EdgeConfig, Key, TestEdge, Token};

#[tokio::test]
async fn c24_the_first_subscriber_gets_an_empty_snapshot() {
    let edge = TestEdge::demo().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    let snapshot = alice.subscribe("room").await;
    assert_eq!(
        snapshot,
        json!({"type": "presence", "channel": "room", "joined": [], "left": []})
    );
}

#[tokio::test]
async fn c25_the_ack_precedes_the_snapshot() {
    let edge = TestEdge::demo().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    alice
        .send(&json!({"type": "subscribe", "channel": "room", "requestId": "s"}))
        .await;
    assert_eq!(
        alice.next_frame().await,
        json!({"type": "ack", "requestId": "s"})
    );
    alice.expect_type("presence").await;
}

#[tokio::test]
async fn c26_the_snapshot_lists_all_others_with_metadata_and_not_oneself() {
    let edge = TestEdge::demo().await;
    let token = |peer: &str| {
        Token::peer(peer)
            .claim("peerMetadata", json!({"name": peer}))
            .sign()
    };
    let mut members = Vec::new();
    for peer in ["alice", "bob", "carol"] {
        let mut member = Client::connect_token(&edge, &token(peer)).await;
        member.subscribe("room").await;
        members.push(member);
    }
    let mut dave = Client::connect_token(&edge, &token("dave")).await;
    let snapshot = dave.subscribe("room").await;
    assert_eq!(peers(&snapshot["joined"]), ["alice", "bob", "carol"]);
    assert_eq!(snapshot["left"], json!([]));
    for entry in snapshot["joined"].as_array().unwrap() {
        assert_eq!(entry["metadata"], json!({"name": entry["peerId"]}));
    }
}

#[tokio::test]
async fn c27_an_entry_without_the_claim_has_no_metadata_member() {
    let edge = TestEdge::demo().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    alice.subscribe("room").await;
    let mut bob = Client::connect_peer(&edge, "bob").await;
    assert_eq!(
        bob.subscribe("room").await["joined"],
        json!([{"peerId": "alice"}])
    );
    assert_eq!(
        alice.expect_type("presence").await["joined"],
        json!([{"peerId": "bob"}])
    );
}

#[tokio::test]
async fn c28_the_others_get_one_join_delta() {
    let edge = TestEdge::demo().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    alice.subscribe("room").await;
    let token = Token::peer("bob")
        .claim("peerMetadata", json!({"name": "Bo"}))
        .sign();
    let mut bob = Client::connect_token(&edge, &token).await;
    bob.subscribe("room").await;
    let joined = json!([{"peerId": "bob", "metadata": {"name": "Bo"}}]);
    let delta = json!({"type": "presence", "channel": "room", "joined": joined, "left": []});
    assert_eq!(alice.fence_by(&mut bob).await, [delta]);
}

#[tokio::test]
async fn c29_unsubscribe_gives_a_leave_delta() {
    let edge = TestEdge::demo().await;
    let (mut alice, mut bob) = two_members(&edge).await;
    bob.accepted(json!({"type": "unsubscribe", "channel": "room"}))
        .await;
    let delta =
        json!({"type": "presence", "channel": "room", "joined": [], "left": [{"peerId": "bob"}]});
    assert_eq!(alice.fence_by(&mut bob).await, [delta]);
}

#[tokio::test]
async fn c30_a_close_gives_a_leave_delta() {
    let edge = TestEdge::demo().await;
    let (mut alice, bob) = two_members(&edge).await;
    bob.close().await;
    assert_eq!(peers(&alice.expect_type("presence").await["left"]), ["bob"]);
    alice.expect_quiet().await;
}

#[tokio::test]
async fn c31_a_tcp_cut_gives_a_leave_delta() {
    let edge = TestEdge::demo().await;
    let (mut alice, bob) = two_members(&edge).await;
    bob.cut();
    assert_eq!(peers(&alice.expect_type("presence").await["left"]), ["bob"]);
    alice.expect_quiet().await;
}

#[tokio::test]
async fn a_leave_entry_carries_the_metadata_of_the_peer_that_left() {
    let edge = TestEdge::demo().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    alice.subscribe("room").await;
    let token = Token::peer("bob")
        .claim("peerMetadata", json!({"name": "Bo"}))
        .sign();
    let mut bob = Client::connect_token(&edge, &token).await;
    bob.subscribe("room").await;
    alice.expect_type("presence").await;
    bob.cut();
    let left = json!([{"peerId": "bob", "metadata": {"name": "Bo"}}]);
    assert_eq!(alice.expect_type("presence").await["left"], left);
}

#[tokio::test]
async fn c32_a_repeated_subscribe_gives_a_new_snapshot_and_no_second_delta() {
    let edge = TestEdge::demo().await;
    let (mut alice, mut bob) = two_members(&edge).await;
    for _ in 0..3 {
        assert_eq!(peers(&bob.subscribe("room").await["joined"]), ["alice"]);
    }
    alice.expect_quiet_by(&mut bob).await;
}

#[tokio::test]
async fn c33_two_sockets_of_one_peer_join_once_and_leave_with_the_last() {
    let edge = TestEdge::demo().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    alice.subscribe("room").await;
    let mut one = Client::connect_peer(&edge, "bob").await;
    let mut two = Client::connect_peer(&edge, "bob").await;
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

#[tokio::test]
async fn c34_no_delta_of_a_channel_precedes_its_snapshot() {
    let edge = TestEdge::demo().await;
    let mut crowd = Vec::new();
    for number in 0..8 {
        crowd.push(Client::connect_peer(&edge, &format!("crowd-{number}")).await);
    }
    let mut alice = Client::connect_peer(&edge, "alice").await;
    for round in 0..20 {
        // Everybody enters at once, so that deltas race alice's snapshot.
        let channel = format!("room-{round}");
        let subscribe = json!({"type": "subscribe", "channel": channel, "requestId": "s"});
        for member in &mut crowd[..4] {
            member.send(&subscribe).await;
        }
        alice.send(&subscribe).await;
        for member in &mut crowd[4..] {
            member.send(&subscribe).await;
        }
        let seen = roster_after_race(&mut alice, &channel, crowd.len()).await;
        let expected: Vec<String> = (0..8).map(|number| format!("crowd-{number}")).collect();
        assert_eq!(seen, expected, "round {round}");
    }
}

#[tokio::test]
async fn c38_a_connection_without_presence_gets_no_presence_frames_and_is_still_listed() {
    let edge = TestEdge::demo().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    alice.subscribe("room").await;
    let permissions = json!(["subscribe", "publish", "send"]);
    let token = Token::peer("blind")
        .claim("permissions", permissions)
        .sign();
    let mut blind = Client::connect_token(&edge, &token).await;
    blind
        .accepted(json!({"type": "subscribe", "channel": "room"}))
        .await;
    assert_eq!(
        peers(&alice.expect_type("presence").await["joined"]),
        ["blind"]
    );
    let mut carol = Client::connect_peer(&edge, "carol").await;
    assert_eq!(
        peers(&carol.subscribe("room").await["joined"]),
        ["alice", "blind"]
    );
    carol.publish("room", "hello").await;
    blind.expect_type("message").await;
    blind.expect_quiet_by(&mut carol).await;
}

#[tokio::test]
async fn a_key_without_presence_gets_no_presence_frames() {
    let app = App::demo().key(Key::publishable("pk_live_blind").actions(["subscribe", "send"]));
    let edge = EdgeConfig::new().app(app).start().await;
    let mut blind = Client::connect_key(&edge, "pk_live_blind").await;
    blind
        .accepted(json!({"type": "subscribe", "channel": "room"}))
        .await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    alice.subscribe("room").await;
    blind.expect_quiet_by(&mut alice).await;
}

#[tokio::test]
async fn presence_of_one_channel_is_not_heard_in_another() {
    let edge = TestEdge::demo().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    alice.subscribe("room").await;
    let mut bob = Client::connect_peer(&edge, "bob").await;
    assert_eq!(bob.subscribe("Room").await["joined"], json!([]));
    alice.expect_quiet_by(&mut bob).await;
}

#[tokio::test]
async fn above_the_naming_bound_a_channel_stops_naming_its_members() {
    let edge = EdgeConfig::demo()
        .limit("presence_named_members", 10)
        .start()
        .await;
    let mut members = Vec::new();
    for number in 0..12 {
        let mut member = Client::connect_peer(&edge, &format!("m{number}")).await;
        member.subscribe("room").await;
        members.push(member);
    }
    let mut late = Client::connect_peer(&edge, "late").await;
    assert_eq!(late.subscribe("room").await["joined"], json!([]));
    let listed = edge.rest().get("/v1/channels/room/peers").await.ok();
    assert_eq!(
        listed["peers"].as_array().unwrap().len(),
        13,
        "REST still gives the whole list"
    );
}

/// Alice and Bob in `room`, with nothing left to read.
async fn two_members(edge: &TestEdge) -> (Client, Client) {
    let mut alice = Client::connect_peer(edge, "alice").await;
    alice.subscribe("room").await;
    let mut bob = Client::connect_peer(edge, "bob").await;
    bob.subscribe("room").await;
    assert_eq!(
        peers(&alice.expect_type("presence").await["joined"]),
        ["bob"]
    );
    (alice, bob)
}

/// Reads presence of one channel until `count` others are known. The first frame counts as the roster, and what it
/// named must not be announced again.
async fn roster_after_race(client: &mut Client, channel: &str, count: usize) -> Vec<String> {
    client.find_type("ack").await;
    let mut roster: Vec<String> = Vec::new();
    while roster.len() < count {
        let frame = client.expect_type("presence").await;
        assert_eq!(frame["channel"], channel);
        assert_eq!(frame["left"], json!([]));
        for peer in peers(&frame["joined"]) {
            assert!(!roster.contains(&peer), "{peer} was announced twice");
            roster.push(peer);
        }
    }
    roster.sort();
    roster
}

/// The peer ids of a list of entries, sorted.
fn peers(entries: &Value) -> Vec<String> {
    let entries = entries.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut peers: Vec<String> = entries
        .iter()
        .filter_map(|entry| entry["peerId"].as_str().map(str::to_owned))
        .collect();
    peers.sort();
    peers
}
