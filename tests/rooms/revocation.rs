//! Tokens that are revoked before they end: their sessions close, and nobody comes in with one again.

use serde_json::{Value, json};
use testkit::{App, Client, ClusterConfig, EdgeConfig, Rest, TestEdge, Token, unix_now, until};

use crate::member::{OTHER, ROOM, UPGRADE, door, enter_by, http, member, path, quiet, token};
use crate::site::{Edges as _, Spread, here_and_across};

here_and_across!(
    a_revoked_account_goes_everywhere_and_returns_with_a_newer_token,
    a_device_or_a_single_token_is_revoked_by_itself,
    all_tokens_of_an_app_go_and_those_of_another_stay,
);

/// A token that says when it was made, as those of `POST /v1/tokens` do.
fn made(account: &str, seconds_ago: i64) -> Token {
    token(account).claim("iat", json!(unix_now() - seconds_ago))
}

async fn revoke(rest: &Rest, what: Value) -> Value {
    rest.post("/admin/revocations", &what).await.ok()
}

async fn status(edge: &TestEdge, token: &Token) -> (u16, String) {
    let path = format!("{}?tk={}", path(ROOM), token.sign());
    let (status, _, body) = http(edge.listen(), &path, &UPGRADE).await;
    (status, body)
}

async fn comes_in(edge: &TestEdge, token: &Token) -> Client {
    enter_by(edge, door(ROOM, token)).await.0
}

async fn a_revoked_account_goes_everywhere_and_returns_with_a_newer_token(spread: Spread) {
    let site = spread.demo().await;
    let old = made("alice", 10);
    let mut bob = member(site.of(1), "bob").await;
    let mut here = comes_in(site.of(0), &old).await;
    let mut there = comes_in(site.of(1), &old).await;
    let mut elsewhere = enter_by(site.of(1), door(OTHER, &old)).await.0;
    let revoked = revoke(&site.of(0).rest(), json!({"sub": "alice"})).await;
    assert_eq!(
        (&revoked["sub"], &revoked["all"]),
        (&json!("alice"), &json!(false))
    );
    for session in [&mut here, &mut there, &mut elsewhere] {
        assert_eq!(session.find_close().await.code, 4401);
    }
    for edge in [site.of(0), site.of(1)] {
        let refused = status(edge, &old).await;
        assert_eq!((refused.0, refused.1.as_str()), (401, "Unauthorized"));
        let undated = status(edge, &token("alice")).await;
        assert_eq!(undated.0, 401, "a token without a date is old");
    }
    let series = r#"switchboard_token_refusals_total{reason="revoked"}"#;
    let refusals = site.of(1).scrape().await.value(series);
    assert!(refusals.is_some_and(|count| count >= 2.0), "{refusals:?}");
    let mut alice = comes_in(site.of(1), &made("alice", -2)).await;
    for expected in ["user-joined", "user-left", "user-joined"] {
        assert_eq!(bob.next_frame().await["data"]["type"], expected);
    }
    quiet(&mut bob, "bob", &mut alice).await;
}

async fn a_device_or_a_single_token_is_revoked_by_itself(spread: Spread) {
    let site = spread.demo().await;
    let phone = made("alice", 10).claim("device_id", json!("phone"));
    let tablet = made("alice", 10).claim("device_id", json!("tablet"));
    let named = made("alice", 10).claim("jti", json!("one"));
    let other = made("alice", 10).claim("jti", json!("other"));
    let mut on_phone = comes_in(site.of(1), &phone).await;
    let mut on_tablet = comes_in(site.of(1), &tablet).await;
    let mut by_name = comes_in(site.of(1), &named).await;
    let mut by_other = comes_in(site.of(0), &other).await;
    let rest = site.of(0).rest();
    revoke(&rest, json!({"sub": "alice", "device": "phone"})).await;
    assert_eq!(on_phone.find_close().await.code, 4401);
    let named_one = revoke(&rest, json!({"jti": "one"})).await;
    assert_eq!(named_one["issued_before"], Value::Null);
    assert_eq!(by_name.find_close().await.code, 4401);
    for (token, expected) in [(&phone, 401), (&tablet, 101), (&named, 401), (&other, 101)] {
        assert_eq!(status(site.of(1), token).await.0, expected);
    }
    // The tablet's new session took over.
    assert_eq!(on_tablet.find_close().await.code, 4441);
    by_other.expect_quiet().await;
    let listed = site.of(1).rest().get("/admin/revocations").await.ok();
    let entries = listed["revocations"].as_array().map(Vec::len);
    assert_eq!(entries, Some(2));
}

async fn all_tokens_of_an_app_go_and_those_of_another_stay(spread: Spread) {
    let site = spread.start(|config| config.app(App::other())).await;
    let mut alice = comes_in(site.of(1), &made("alice", 10)).await;
    let of_other = made("alice", 10).key("sk_id_other", "sk_secret_other");
    let mut stranger = comes_in(site.of(1), &of_other).await;
    let an_hour_ago = json!({"all": true, "issued_before": unix_now() - 3_600});
    let rest = site.of(0).rest();
    revoke(&rest, an_hour_ago.clone()).await;
    assert_eq!(status(site.of(0), &made("bob", 4_000)).await.0, 401);
    alice.expect_quiet().await;
    let revoked = revoke(&rest, json!({"all": true})).await;
    assert_eq!(alice.find_close().await.code, 4401);
    assert_eq!(status(site.of(1), &of_other).await.0, 101);
    stranger.expect_quiet().await;
    // An older date does not bring back what a newer one took.
    let again = revoke(&rest, an_hour_ago).await;
    assert_eq!(again["issued_before"], revoked["issued_before"]);
    assert_eq!(status(site.of(1), &made("bob", 10)).await.0, 401);
}

#[tokio::test]
async fn an_edge_that_starts_later_knows_what_was_revoked() {
    let mut cluster = ClusterConfig::demo(2).start().await;
    cluster.edge_mut(1).kill().await;
    let rest = cluster.edge(0).rest();
    revoke(&rest, json!({"sub": "alice"})).await;
    cluster.restart(1).await;
    assert_eq!(status(cluster.edge(1), &made("alice", 10)).await.0, 401);
    assert_eq!(status(cluster.edge(1), &made("bob", 10)).await.0, 101);
}

#[tokio::test]
async fn what_was_revoked_outlives_the_data_of_redis() {
    let mut cluster = ClusterConfig::demo(2).start().await;
    let old = made("alice", 10);
    revoke(&cluster.edge(0).rest(), json!({"sub": "alice"})).await;
    assert_eq!(status(cluster.edge(1), &old).await.0, 401);
    cluster.store_mut().server().restart_empty().await;
    until("the list is back", async || {
        let rest = cluster.edge(0).rest();
        let listed = rest.get("/admin/revocations").await;
        let entries = listed.body["revocations"].as_array().map(Vec::len);
        (entries == Some(1)).then_some(())
    })
    .await;
    cluster.edge_mut(0).kill().await;
    cluster.restart(0).await;
    for edge in cluster.edges() {
        assert_eq!(status(edge, &old).await.0, 401);
    }
}

#[tokio::test]
async fn a_revocation_that_says_too_little_or_too_much_is_refused() {
    let edge = EdgeConfig::demo().start().await;
    for body in [
        "{}",
        r#"{"sub":"alice","all":true}"#,
        r#"{"subject":"alice","all":true}"#,
        r#"{"sub":""}"#,
        r#"{"jti":""}"#,
        r#"{"sub":"alice","issued_before":99999999999}"#,
        r#"{"sub":"alice","lasts_seconds":0}"#,
        "[]",
    ] {
        let refused = edge.rest().post_text("/admin/revocations", body).await;
        assert_eq!(refused.refusal(), (400, "invalid_request"), "{body}");
    }
    for rest in [edge.anonymous(), edge.anonymous().bearer("pk_live_demo:")] {
        let refused = rest.post("/admin/revocations", &json!({"all": true})).await;
        assert_eq!(refused.refusal(), (401, "unauthorized"));
        let refused = rest.get("/admin/revocations").await;
        assert_eq!(refused.refusal(), (401, "unauthorized"));
    }
}
