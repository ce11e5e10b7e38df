//! Tokens that are revoked before they end, in the realtime dialect.

use serde_json::json;
use testkit::{Client, Door, TestEdge, Token, unix_now};

#[tokio::test]
async fn a_revoked_peer_is_closed_and_refused_with_4001_and_others_stay() {
    let edge = TestEdge::demo().await;
    let dated = |peer: &str| Token::peer(peer).claim("iat", json!(unix_now() - 10));
    let mut alice = Client::connect_token(&edge, &dated("alice").sign()).await;
    let mut bob = Client::connect_token(&edge, &dated("bob").sign()).await;
    let mut by_key = Client::connect_key(&edge, "pk_live_demo").await;
    let revoke = async |what| edge.rest().post("/admin/revocations", &what).await.ok();
    revoke(json!({"sub": "alice"})).await;
    assert_eq!(alice.find_close().await.code, 4001);
    let again = Door::token(&dated("alice").sign());
    assert_eq!(Client::refused(&edge, again).await.code, 4001);
    let fresh = Token::peer("alice").claim("iat", json!(unix_now() + 2));
    let mut alice = Client::connect_token(&edge, &fresh.sign()).await;
    bob.direct("alice", 1).await;
    assert_eq!(alice.expect_type("direct").await["data"], 1);
    revoke(json!({"all": true})).await;
    assert_eq!(bob.find_close().await.code, 4001);
    // A publishable key has no token that could be revoked.
    by_key.expect_quiet().await;
}

#[tokio::test]
async fn what_the_edge_mints_says_when_it_was_made() {
    let edge = TestEdge::demo().await;
    let revoked = json!({"sub": "alice", "issued_before": unix_now() - 60});
    edge.rest().post("/admin/revocations", &revoked).await.ok();
    let asked = json!({"peerId": "alice"});
    let minted = edge.rest().post("/v1/tokens", &asked).await.ok();
    Client::connect_token(&edge, minted["token"].as_str().unwrap()).await;
}
