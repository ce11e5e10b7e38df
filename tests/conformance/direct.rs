//! Directs: one peer to another, without a channel between them.

use serde_json::{Value, json};
use testkit::{App, Client, EdgeConfig, TestEdge, Token};

#[tokio::test]
async fn c48_a_direct_carries_from_data_and_metadata_when_there_is_any() {
    let edge = TestEdge::demo().await;
    let mut bob = Client::connect_peer(&edge, "bob").await;
    let token = Token::peer("alice")
        .claim("peerMetadata", json!({"name": "Al"}))
        .sign();
    let mut alice = Client::connect_token(&edge, &token).await;
    alice.direct("bob", 1).await;
    let expected =
        json!({"type": "direct", "from": "alice", "data": 1, "fromMetadata": {"name": "Al"}});
    assert_eq!(bob.next_frame().await, expected);
    let mut carol = Client::connect_peer(&edge, "carol").await;
    carol.direct("bob", Value::Null).await;
    assert_eq!(
        bob.next_frame().await,
        json!({"type": "direct", "from": "carol", "data": null})
    );
}

#[tokio::test]
async fn c49_token_and_key_clients_reach_each_other() {
    let edge = TestEdge::demo().await;
    let mut key = Client::connect_key(&edge, "pk_live_demo").await;
    let mut token = Client::connect_peer(&edge, "alice").await;
    token.direct(key.peer(), "to the key").await;
    assert_eq!(key.expect_type("direct").await["from"], "alice");
    key.direct("alice", "to the token").await;
    assert_eq!(token.expect_type("direct").await["from"], key.peer());
}

#[tokio::test]
async fn c50_no_common_channel_is_needed_and_no_claim_narrows_it() {
    let edge = TestEdge::demo().await;
    let token = Token::peer("alice")
        .claim("channels", json!(["only/this"]))
        .sign();
    let mut alice = Client::connect_token(&edge, &token).await;
    let mut bob = Client::connect_peer(&edge, "bob").await;
    alice.direct("bob", 1).await;
    assert_eq!(bob.expect_type("direct").await["data"], 1);
}

#[tokio::test]
async fn c52_an_offline_target_is_peer_not_found_and_the_connection_stays() {
    let edge = TestEdge::demo().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    let send = json!({"type": "send", "to": "bob", "data": 1});
    assert_eq!(alice.refusal(send.clone()).await, "peer_not_found");
    let bob = Client::connect_peer(&edge, "bob").await;
    alice.accepted(send.clone()).await;
    bob.close().await;
    assert_eq!(alice.refusal(send).await, "peer_not_found");
    alice.expect_quiet().await;
}

#[tokio::test]
async fn c53_directs_of_one_sender_keep_their_order() {
    let edge = TestEdge::demo().await;
    let mut bob = Client::connect_peer(&edge, "bob").await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    let burst: Vec<Value> = (0..80)
        .map(|number| json!({"type": "send", "to": "bob", "data": number}))
        .collect();
    alice.send_all(&burst).await;
    for number in 0..80 {
        assert_eq!(bob.expect_type("direct").await["data"], number);
    }
}

#[tokio::test]
async fn c54_every_socket_of_the_target_gets_it() {
    let edge = TestEdge::demo().await;
    let mut sockets = Vec::new();
    for _ in 0..4 {
        sockets.push(Client::connect_peer(&edge, "bob").await);
    }
    let mut alice = Client::connect_peer(&edge, "alice").await;
    alice.direct("bob", 1).await;
    for socket in &mut sockets {
        assert_eq!(socket.next_frame().await["data"], 1);
        socket.expect_quiet().await;
    }
}

#[tokio::test]
async fn c55_other_apps_are_never_reached() {
    let edge = EdgeConfig::demo().app(App::other()).start().await;
    let mut here = Client::connect_peer(&edge, "alice").await;
    let there = Token::peer("bob")
        .key("sk_id_other", "sk_secret_other")
        .sign();
    let mut there = Client::connect_token(&edge, &there).await;
    let send = json!({"type": "send", "to": "bob", "data": 1});
    assert_eq!(here.refusal(send).await, "peer_not_found");

    // The same channel name and the same peer id are two things in two apps.
    here.subscribe("room").await;
    assert_eq!(there.subscribe("room").await["joined"], json!([]));
    here.publish("room", 1).await;
    let twin = Token::peer("alice")
        .key("sk_id_other", "sk_secret_other")
        .sign();
    let mut twin = Client::connect_token(&edge, &twin).await;
    twin.direct("bob", "from the twin").await;
    assert_eq!(there.next_frame().await["data"], "from the twin");
    here.expect_quiet().await;
}

#[tokio::test]
async fn a_peer_may_send_to_itself() {
    let edge = TestEdge::demo().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    alice.direct("alice", "note").await;
    assert_eq!(alice.expect_type("direct").await["from"], "alice");
}

#[tokio::test]
async fn c56_a_newcomers_direct_never_overtakes_its_join_delta() {
    let edge = TestEdge::demo().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    alice.subscribe("room").await;
    for round in 0..30 {
        let name = format!("bob-{round}");
        let mut bob = Client::connect_peer(&edge, &name).await;
        let burst = [
            json!({"type": "subscribe", "channel": "room", "requestId": "s"}),
            json!({"type": "send", "to": "alice", "data": round}),
        ];
        bob.send_all(&burst).await;
        let joined = alice.next_frame().await;
        assert_eq!(joined["joined"], json!([{"peerId": name}]), "{joined}");
        let direct = alice.next_frame().await;
        assert_eq!(
            (&direct["type"], &direct["from"]),
            (&json!("direct"), &json!(name))
        );
        bob.close().await;
        assert_eq!(alice.next_frame().await["left"], json!([{"peerId": name}]));
    }
}

#[tokio::test]
async fn the_snapshot_reaches_a_newcomer_before_any_direct_of_a_member() {
    let edge = TestEdge::demo().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    alice.subscribe("room").await;
    for round in 0..20 {
        let name = format!("bob-{round}");
        let mut bob = Client::connect_peer(&edge, &name).await;
        bob.send(&json!({"type": "subscribe", "channel": "room", "requestId": "s"}))
            .await;
        // The member answers the delta at once, as a caller that offers a connection does.
        assert_eq!(
            alice.expect_type("presence").await["joined"],
            json!([{"peerId": name}])
        );
        alice
            .send(&json!({"type": "send", "to": name, "data": "offer"}))
            .await;
        bob.expect_type("ack").await;
        assert_eq!(
            bob.expect_type("presence").await["joined"],
            json!([{"peerId": "alice"}])
        );
        bob.expect_type("direct").await;
        bob.close().await;
        alice.expect_type("presence").await;
    }
}

// A session becomes reachable before its welcome is written, or directs would be lost in between. Whatever arrives in
// that moment has to wait: a client library takes any other first frame for a broken server.
#[tokio::test]
async fn no_direct_reaches_a_session_before_its_welcome() {
    let config = EdgeConfig::demo().limit("messages_per_second", 0);
    let edge = config.start().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    let mut first = Client::connect_peer(&edge, "bob").await;
    let burst: Vec<_> = (0..20)
        .map(|number| json!({"type": "send", "to": "bob", "data": number}))
        .collect();
    let stream = async {
        loop {
            alice.send_all(&burst).await;
            for _ in &burst {
                first.expect_type("direct").await;
            }
        }
    };
    let newcomers = async {
        for _ in 0..150 {
            // Fails unless the first frame is the welcome.
            let mut bob = Client::connect_peer(&edge, "bob").await;
            bob.expect_type("direct").await;
            bob.cut();
        }
    };
    tokio::select! {
        () = stream => {}
        () = newcomers => {}
    }
}
