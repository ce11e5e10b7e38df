//! Apps beside each other: plans, slots, and suspension.

use serde_json::json;
use testkit::{App, Client, Door, EdgeConfig, Key, RawFrame, RawSocket, TestEdge, Token, until};

#[tokio::test]
async fn a_suspended_app_is_upgraded_and_closed_with_4012() {
    let edge = EdgeConfig::new()
        .app(App::demo().suspended())
        .app(App::other())
        .start()
        .await;
    assert_eq!(
        Client::refused(&edge, Door::key("pk_live_demo")).await.code,
        4012
    );
    let token = Token::peer("alice").sign();
    assert_eq!(Client::refused(&edge, Door::token(&token)).await.code, 4012);
    Client::connect_key(&edge, "pk_live_other").await;
}

#[tokio::test]
async fn a_bad_credential_of_a_suspended_app_is_just_a_bad_credential() {
    let edge = EdgeConfig::new().app(App::demo().suspended()).start().await;
    let token = Token::peer("alice")
        .key("sk_id_demo", "sk_secret_guess")
        .sign();
    assert_eq!(Client::refused(&edge, Door::token(&token)).await.code, 4001);
}

#[tokio::test]
async fn a_closed_session_gives_its_slot_back() {
    let edge = EdgeConfig::new()
        .app(App::demo().plan("max_sessions", 1))
        .start()
        .await;
    Client::connect_key(&edge, "pk_live_demo")
        .await
        .close()
        .await;
    let session = slot(&edge).await;
    drop(session);
    // A hard cut gives it back as well, and so does a session that the edge ends itself.
    slot(&edge).await.reset();
    let mut last = slot(&edge).await;
    last.send(&RawFrame::text("{}").unmasked()).await;
    assert_eq!(last.closed().await.code, 1002);
    slot(&edge).await;
}

#[tokio::test]
async fn refused_newcomers_take_no_slot() {
    let edge = EdgeConfig::new()
        .app(App::demo().plan("max_sessions", 1))
        .start()
        .await;
    for _ in 0..5 {
        assert_eq!(
            Client::refused(&edge, Door::key("pk_live_nobody"))
                .await
                .code,
            4001
        );
    }
    let holder = Client::connect_key(&edge, "pk_live_demo").await;
    for _ in 0..5 {
        assert_eq!(
            Client::refused(&edge, Door::key("pk_live_demo")).await.code,
            4010
        );
    }
    holder.close().await;
    slot(&edge).await;
}

#[tokio::test]
async fn with_overage_nobody_is_refused() {
    let app = App::demo().plan("max_sessions", 1).plan("overage", true);
    let edge = EdgeConfig::new().app(app).start().await;
    let mut sessions = Vec::new();
    for _ in 0..3 {
        sessions.push(Client::connect_key(&edge, "pk_live_demo").await);
    }
    let usage = edge.rest().get("/v1/usage").await.ok();
    let told = (&usage["concurrentNow"], &usage["plan"]["overagesEnabled"]);
    assert_eq!(told, (&json!(3), &json!(true)));
}

#[tokio::test]
async fn one_apps_plan_is_not_anothers() {
    let apps = EdgeConfig::new()
        .app(App::demo().plan("max_sessions", 1).plan("max_messages", 1))
        .app(App::other());
    let edge = apps.start().await;
    let mut here = Client::connect_key(&edge, "pk_live_demo").await;
    here.publish("room", 1).await;
    let frame = json!({"type": "publish", "channel": "room", "data": 1});
    assert_eq!(here.refusal(frame.clone()).await, "over_message_quota");
    let mut there = Client::connect_key(&edge, "pk_live_other").await;
    let _second = Client::connect_key(&edge, "pk_live_other").await;
    there.accepted(frame).await;
}

#[tokio::test]
async fn no_claim_moves_a_token_into_another_app() {
    let edge = EdgeConfig::demo().app(App::other()).start().await;
    let token = Token::peer("alice")
        .claim("app", json!("other"))
        .claim("iss", json!("other"));
    let mut alice = Client::connect_token(&edge, &token.sign()).await;
    let mut there = Client::connect_key(&edge, "pk_live_other").await;
    let send = json!({"type": "send", "to": there.peer(), "data": 1});
    assert_eq!(alice.refusal(send).await, "peer_not_found");
    there.expect_quiet().await;
}

#[tokio::test]
async fn keys_of_one_app_share_its_channels_and_peers() {
    let app = App::demo().key(Key::secret("sk_id_second", "sk_secret_second"));
    let edge = EdgeConfig::new().app(app).start().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    alice.subscribe("room").await;
    let token = Token::peer("bob")
        .key("sk_id_second", "sk_secret_second")
        .sign();
    let mut bob = Client::connect_token(&edge, &token).await;
    assert_eq!(
        bob.subscribe("room").await["joined"],
        json!([{"peerId": "alice"}])
    );
}

/// Waits until the only slot of the plan is free, and takes it.
async fn slot(edge: &TestEdge) -> RawSocket {
    until("the slot is free", async || {
        let mut socket = RawSocket::upgraded(edge, &Door::key("pk_live_demo")).await;
        matches!(socket.frame().await, Some((0x1, _))).then_some(socket)
    })
    .await
}
