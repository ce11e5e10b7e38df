//! A changed file takes effect while the edge runs, and no socket falls but those whose key or app is gone.

use serde_json::json;
use testkit::{App, Client, Door, EdgeConfig, Key, RawSocket, TestEdge, Token, until};

#[tokio::test]
async fn a_new_key_works_after_a_reload_and_nobody_is_disturbed() {
    let edge = TestEdge::demo().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    alice.subscribe("room").await;
    assert_eq!(
        Client::refused(&edge, Door::key("pk_live_new")).await.code,
        4001
    );
    edge.write_config(&EdgeConfig::new().app(App::demo().key(Key::publishable("pk_live_new"))));
    edge.reload().await;
    admitted(&edge, "pk_live_new").await;
    alice.expect_quiet().await;
}

#[tokio::test]
async fn a_changed_file_is_noticed_without_a_signal() {
    let edge = TestEdge::demo().await;
    edge.write_config(&EdgeConfig::new().app(App::demo().key(Key::publishable("pk_live_new"))));
    admitted(&edge, "pk_live_new").await;
}

#[tokio::test]
async fn a_removed_key_closes_its_sessions_with_4001_and_no_others() {
    let edge = EdgeConfig::new()
        .app(App::demo().key(Key::publishable("pk_live_old")))
        .start()
        .await;
    let mut old = Client::connect_key(&edge, "pk_live_old").await;
    let mut stays = Client::connect_key(&edge, "pk_live_demo").await;
    edge.write_config(&EdgeConfig::demo());
    edge.reload().await;
    assert_eq!(old.expect_close().await.code, 4001);
    assert_eq!(
        Client::refused(&edge, Door::key("pk_live_old")).await.code,
        4001
    );
    stays.expect_quiet().await;
}

// A newcomer is judged at the door and may then wait for its device. What is revoked meanwhile must not come in by the
// judgement of before: sessions are looked through at the reload, and it is none yet.
#[tokio::test]
async fn a_newcomer_that_waits_for_its_device_is_turned_away_when_its_key_is_removed() {
    let key = Key::secret("sk_id_old", "sk_secret_old");
    let edge = EdgeConfig::new().app(App::demo().key(key)).start().await;
    let phone = Token::peer("alice")
        .key("sk_id_old", "sk_secret_old")
        .claim("device", json!("phone"))
        .sign();
    let mut holder = Client::connect_token(&edge, &phone).await;
    // Three takeovers within ten seconds are free, the fourth waits one second.
    for _ in 0..3 {
        let next = Client::connect_token(&edge, &phone).await;
        assert_eq!(holder.expect_close().await.code, 4441);
        holder = next;
    }
    let mut waiter = Client::open(&edge, Door::token(&phone)).await;
    edge.write_config(&EdgeConfig::demo());
    edge.reload().await;
    assert_eq!(
        holder.expect_close().await.code,
        4001,
        "the key was removed before the wait was over"
    );
    assert_eq!(waiter.expect_close().await.code, 4001);
}

// The same newcomer must not have ended anybody on its way out: the holder's key is as good as ever.
#[tokio::test]
async fn a_newcomer_whose_key_is_removed_while_it_waits_leaves_the_holder_alone() {
    let key = Key::secret("sk_id_old", "sk_secret_old");
    let edge = EdgeConfig::new().app(App::demo().key(key)).start().await;
    let phone = || Token::peer("alice").claim("device", json!("phone"));
    let mut holder = Client::connect_token(&edge, &phone().sign()).await;
    for _ in 0..3 {
        let next = Client::connect_token(&edge, &phone().sign()).await;
        assert_eq!(holder.expect_close().await.code, 4441);
        holder = next;
    }
    let old = phone().key("sk_id_old", "sk_secret_old").sign();
    let mut waiter = Client::open(&edge, Door::token(&old)).await;
    edge.write_config(&EdgeConfig::demo());
    edge.reload().await;
    assert_eq!(waiter.expect_close().await.code, 4001);
    holder.expect_quiet().await;
}

#[tokio::test]
async fn a_suspended_app_closes_its_sessions_with_4012_and_admits_no_more() {
    let edge = EdgeConfig::demo().app(App::other()).start().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    let mut neighbour = Client::connect_key(&edge, "pk_live_other").await;
    edge.write_config(
        &EdgeConfig::new()
            .app(App::demo().suspended())
            .app(App::other()),
    );
    edge.reload().await;
    assert_eq!(alice.expect_close().await.code, 4012);
    assert_eq!(
        Client::refused(&edge, Door::key("pk_live_demo")).await.code,
        4012
    );
    neighbour.expect_quiet().await;
}

#[tokio::test]
async fn narrowed_rights_bite_at_the_next_frame_and_the_socket_stays() {
    let edge = TestEdge::demo().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    let mut other = Client::connect_key(&edge, "pk_live_demo").await;
    alice.publish("room", 1).await;
    let narrow = Key::secret("sk_id_demo", "sk_secret_demo")
        .patterns(["app/*"])
        .actions(["publish"]);
    let app = App::new("demo")
        .key(Key::publishable("pk_live_demo"))
        .key(narrow);
    edge.write_config(&EdgeConfig::new().app(app));
    edge.reload().await;
    let error = until("the narrower patterns bite", async || {
        let reply = alice
            .request(json!({"type": "publish", "channel": "room", "data": 1}))
            .await;
        reply["code"].as_str().map(str::to_owned)
    })
    .await;
    assert_eq!(error, "channel_not_authorized");
    alice.publish("app/room", 1).await;
    let send = json!({"type": "send", "to": other.peer(), "data": 1});
    assert_eq!(alice.refusal(send).await, "action_not_permitted");
    other.publish("room", 1).await;
    other.expect_quiet().await;
}

#[tokio::test]
async fn a_wrong_file_changes_nothing() {
    let edge = TestEdge::demo().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    // One key id twice is refused.
    edge.write_config(&EdgeConfig::new().app(App::demo().key(Key::publishable("pk_live_demo"))));
    edge.reload().await;
    until("the edge complains", async || {
        edge.log().contains("ERROR").then_some(())
    })
    .await;
    alice.expect_quiet().await;
    Client::connect_key(&edge, "pk_live_demo").await;
    // The next good file is taken again.
    edge.write_config(&EdgeConfig::new().app(App::demo().key(Key::publishable("pk_live_new"))));
    edge.reload().await;
    admitted(&edge, "pk_live_new").await;
}

#[tokio::test]
async fn a_rotated_secret_refuses_tokens_of_the_old_one() {
    let edge = TestEdge::demo().await;
    let rotated = App::new("demo").key(Key::secret("sk_id_demo", "sk_secret_rotated"));
    edge.write_config(&EdgeConfig::new().app(rotated));
    edge.reload().await;
    let fresh = Token::peer("alice")
        .key("sk_id_demo", "sk_secret_rotated")
        .sign();
    until("the new secret works", async || {
        let mut socket = RawSocket::upgraded(&edge, &Door::token(&fresh)).await;
        matches!(socket.frame().await, Some((0x1, _))).then_some(())
    })
    .await;
    let stale = Door::token(&Token::peer("alice").sign());
    assert_eq!(Client::refused(&edge, stale).await.code, 4001);
}

/// Waits until the key is known.
async fn admitted(edge: &TestEdge, key: &str) {
    until("the new key is admitted", async || {
        let mut socket = RawSocket::upgraded(edge, &Door::key(key)).await;
        matches!(socket.frame().await, Some((0x1, _))).then_some(())
    })
    .await;
}
