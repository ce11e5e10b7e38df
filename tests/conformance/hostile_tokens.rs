//! Tokens that somebody made to get in.

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use testkit::{App, Client, Door, EdgeConfig, TestEdge, Token, unix_now};

#[tokio::test]
async fn another_algorithm_than_the_keys_closes_with_4001() {
    let edge = TestEdge::demo().await;
    for alg in [
        "RS256", "ES256", "EdDSA", "PS256", "HS384", "HS512", "hs256", "", "HS256 ",
    ] {
        let token = Token::peer("alice").header("alg", json!(alg)).sign();
        assert_eq!(refused(&edge, &token).await, 4001, "{alg}");
    }
    for algorithm in [Algorithm::HS384, Algorithm::HS512] {
        let token = Token::peer("alice").header("alg", json!(format!("{algorithm:?}")));
        assert_eq!(
            refused(&edge, &token.sign_with(algorithm)).await,
            4001,
            "{algorithm:?}"
        );
    }
    let without = Token::peer("alice").without_header("alg").sign();
    assert_eq!(refused(&edge, &without).await, 4001);
}

#[tokio::test]
async fn a_kid_that_names_no_secret_key_closes_with_4001() {
    let edge = TestEdge::demo().await;
    let none = Token::peer("alice").without_header("kid").sign();
    assert_eq!(refused(&edge, &none).await, 4001);
    let long = "k".repeat(10_000);
    let odd = [
        json!("pk_live_demo"),
        json!(""),
        json!("SK_ID_DEMO"),
        json!("../sk_id_demo"),
        json!(1),
        json!(null),
        json!(long),
    ];
    for kid in odd {
        let token = Token::peer("alice").header("kid", kid.clone()).sign();
        assert_eq!(refused(&edge, &token).await, 4001, "{kid}");
    }
    // A publishable key has no secret; an empty one must not count as such.
    let empty = Token::peer("alice").key("pk_live_demo", "").sign();
    assert_eq!(refused(&edge, &empty).await, 4001);
}

#[tokio::test]
async fn a_secret_opens_only_its_own_apps_key() {
    let edge = EdgeConfig::demo().app(App::other()).start().await;
    let crossed = Token::peer("alice")
        .key("sk_id_other", "sk_secret_demo")
        .sign();
    assert_eq!(refused(&edge, &crossed).await, 4001);
    let crossed = Token::peer("alice")
        .key("sk_id_demo", "sk_secret_other")
        .sign();
    assert_eq!(refused(&edge, &crossed).await, 4001);
}

#[tokio::test]
async fn keys_that_a_header_brings_along_are_ignored() {
    let edge = TestEdge::demo().await;
    let embedded = Token::peer("alice")
        .key("sk_id_demo", "mine")
        .header("jwk", json!({"kty": "oct", "k": "bWluZQ"}))
        .header("jku", json!("http://127.0.0.1:1/jwks.json"))
        .header("x5u", json!("http://127.0.0.1:1/cert.pem"))
        .sign();
    assert_eq!(refused(&edge, &embedded).await, 4001);
}

#[tokio::test]
async fn claims_of_the_wrong_kind_or_size_close_with_4001() {
    let edge = TestEdge::demo().await;
    let many: Vec<String> = (0..101).map(|number| format!("c{number}")).collect();
    let wrong: [(&str, Value); 21] = [
        ("exp", json!("tomorrow")),
        ("exp", json!(null)),
        ("exp", json!(-1)),
        ("exp", json!(1.5)),
        ("sub", json!(1)),
        ("sub", json!(null)),
        ("sub", json!(["alice"])),
        ("channels", json!("room")),
        ("channels", json!(many)),
        ("channels", json!([1])),
        ("channels", json!({"a": 1})),
        ("permissions", json!("publish")),
        ("permissions", json!(["fly"])),
        ("permissions", json!(vec!["publish"; 17])),
        ("metadata", json!([])),
        ("metadata", json!("text")),
        ("peerMetadata", json!([])),
        ("peerMetadata", json!(1)),
        ("device", json!("")),
        ("device", json!(1)),
        ("device", json!("d".repeat(129))),
    ];
    for (name, value) in wrong {
        let token = Token::peer("alice").claim(name, value.clone()).sign();
        assert_eq!(refused(&edge, &token).await, 4001, "{name}: {value}");
    }
    for name in ["exp", "sub"] {
        assert_eq!(
            refused(&edge, &Token::peer("alice").without(name).sign()).await,
            4001,
            "no {name}"
        );
    }
}

#[tokio::test]
async fn claims_that_mean_nothing_here_are_ignored() {
    let edge = TestEdge::demo().await;
    let token = Token::peer("alice")
        .claim("iss", json!("anybody"))
        .claim("aud", json!("anything"))
        .claim("iat", json!(unix_now()))
        .claim("custom", json!([1, 2]));
    assert_eq!(
        Client::connect_token(&edge, &token.sign()).await.peer(),
        "alice"
    );
}

#[tokio::test]
async fn a_signature_is_not_taken_in_another_spelling() {
    let edge = TestEdge::demo().await;
    let good = Token::peer("alice").sign();
    Client::connect_token(&edge, &good).await;
    let (message, signature) = good.rsplit_once('.').unwrap();
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    let forged = [
        format!("{message}."),
        message.to_owned(),
        format!("{message}.{signature}="),
        format!("{message}.{signature}.{signature}"),
        format!("{message}.{flipped}{}", &signature[1..]),
        format!(" {good}"),
        format!("{good}\n"),
        good.replacen('.', "..", 1),
    ];
    for token in &forged {
        assert_eq!(refused(&edge, token).await, 4001, "{token}");
    }
}

#[tokio::test]
async fn neither_a_token_nor_a_secret_key_works_in_the_key_parameter() {
    let edge = TestEdge::demo().await;
    let token = Token::peer("alice").sign();
    for key in [
        token.as_str(),
        "sk_id_demo",
        "sk_secret_demo",
        "sk_id_demo:sk_secret_demo",
        "PK_LIVE_DEMO",
        "pk_live_demo ",
    ] {
        assert_eq!(
            Client::refused(&edge, Door::key(key)).await.code,
            4001,
            "{key}"
        );
    }
    assert_eq!(
        Client::refused(&edge, Door::token("pk_live_demo"))
            .await
            .code,
        4001
    );
}

#[tokio::test]
async fn deeply_nested_claims_are_refused_and_harm_nobody() {
    let edge = TestEdge::demo().await;
    let mut other = Client::connect_peer(&edge, "other").await;
    let mut deep = json!({});
    for _ in 0..100 {
        deep = json!({"a": deep});
    }
    for name in ["metadata", "peerMetadata"] {
        let token = Token::peer("alice").claim(name, deep.clone()).sign();
        assert_eq!(refused(&edge, &token).await, 4001, "{name}");
    }
    other.expect_quiet().await;
}

/// The code that ends a connect with this token.
async fn refused(edge: &TestEdge, token: &str) -> u16 {
    Client::refused(edge, Door::token(token)).await.code
}
