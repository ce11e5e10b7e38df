//! Nothing that a client keeps secret reaches the log, however much is logged.

use serde_json::json;
use testkit::{Client, Door, EdgeConfig, RawSocket, Token};

#[tokio::test]
async fn no_token_secret_or_payload_appears_in_the_log_at_any_level() {
    let config = EdgeConfig::demo()
        .section("turn", "urls", vec!["turn:t.example:3478"])
        .section("turn", "secrets", vec!["hush-turn"])
        .environment("SWITCHBOARD_LOG", "trace");
    let mut edge = config.start().await;

    let token = Token::peer("alice")
        .claim("metadata", json!({"m": "hush-metadata"}))
        .sign();
    let mut alice = Client::connect_token(&edge, &token).await;
    let credential = alice.welcome()["metadata"]["iceServers"][0]["credential"].clone();
    let mut bob = Client::connect_peer(&edge, "bob").await;
    bob.subscribe("room").await;
    alice.publish("room", "hush-payload").await;
    alice.direct("bob", json!({"sdp": "hush-payload"})).await;
    alice
        .refusal(json!({"type": "publish", "channel": "_system/x", "data": "hush-payload"}))
        .await;
    alice.send_text("hush-payload is no JSON").await;
    alice
        .send_text(r#"{"type":"nonsense","data":"hush-payload"}"#)
        .await;
    alice.fence().await;

    let stale = Token::peer("alice")
        .expires_in(-5)
        .claim("x", json!("stale"))
        .sign();
    let forged = Token::peer("alice").key("sk_id_demo", "hush-forged").sign();
    for bad in [&stale, &forged] {
        Client::refused(&edge, Door::token(bad)).await;
    }
    Client::refused(&edge, Door::key("hush-wrong-key")).await;
    RawSocket::upgraded(&edge, &Door::token("hush-garbage"))
        .await
        .closed()
        .await;
    let minted = edge
        .rest()
        .post("/v1/tokens", &json!({"peerId": "carol"}))
        .await
        .ok();
    edge.rest()
        .post(
            "/v1/channels/room/publish",
            &json!({"data": "hush-payload"}),
        )
        .await
        .ok();
    edge.anonymous()
        .bearer("sk_id_demo:hush-bearer")
        .get("/v1/usage")
        .await;
    edge.rest().post_text("/v1/tokens", "hush-payload").await;
    assert!(edge.stop().await.success());

    let log = edge.log();
    assert!(
        log.contains("TRACE") || log.contains("DEBUG"),
        "the log is detailed enough to prove something"
    );
    let signature = |token: &str| token.rsplit('.').next().unwrap_or_default().to_owned();
    let mut secrets = vec!["hush-".to_owned(), "sk_secret_demo".to_owned()];
    secrets.extend(credential.as_str().map(str::to_owned));
    secrets.extend([&token, &stale, &forged, minted["token"].as_str().unwrap()].map(signature));
    for secret in secrets {
        let found = log.lines().find(|line| line.contains(&secret));
        assert_eq!(found, None, "{secret} was logged");
    }
}
