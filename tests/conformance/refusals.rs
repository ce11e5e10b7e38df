//! Connects that are refused: upgraded first and closed before any welcome, since a browser sees nothing else.

use serde_json::{Value, json};
use testkit::{App, Client, Door, EdgeConfig, Key, TestEdge, Token};

#[tokio::test]
async fn c10_an_unknown_key_is_upgraded_and_closed_with_4001() {
    let edge = TestEdge::demo().await;
    assert_eq!(
        Client::refused(&edge, Door::key("pk_live_nobody"))
            .await
            .code,
        4001
    );
}

#[tokio::test]
async fn c11_a_bad_signature_closes_with_4001() {
    let edge = TestEdge::demo().await;
    let token = Token::peer("alice")
        .key("sk_id_demo", "sk_secret_guess")
        .sign();
    assert_eq!(Client::refused(&edge, Door::token(&token)).await.code, 4001);
}

#[tokio::test]
async fn c12_an_unknown_kid_closes_with_4001() {
    let edge = TestEdge::demo().await;
    let token = Token::peer("alice")
        .key("sk_id_nobody", "sk_secret_demo")
        .sign();
    assert_eq!(Client::refused(&edge, Door::token(&token)).await.code, 4001);
}

#[tokio::test]
async fn c13_garbage_instead_of_a_token_closes_with_4001() {
    let edge = TestEdge::demo().await;
    for garbage in ["x", "a.b", "a.b.c", "....", "e30.e30.", " ", "%00", "ä.ö.ü"] {
        assert_eq!(
            Client::refused(&edge, Door::token(garbage)).await.code,
            4001,
            "{garbage:?}"
        );
    }
}

#[tokio::test]
async fn c14_alg_none_closes_with_4001() {
    let edge = TestEdge::demo().await;
    for alg in ["none", "None", "NONE", "nOnE"] {
        let token = Token::peer("alice").header("alg", json!(alg));
        assert_eq!(
            Client::refused(&edge, Door::token(&token.unsigned()))
                .await
                .code,
            4001
        );
        assert_eq!(
            Client::refused(&edge, Door::token(&token.sign()))
                .await
                .code,
            4001
        );
    }
}

#[tokio::test]
async fn c15_an_expired_token_closes_with_4002() {
    let edge = TestEdge::demo().await;
    for seconds_ago in [1, 30, 100_000] {
        let token = Token::peer("alice").expires_in(-seconds_ago).sign();
        assert_eq!(
            Client::refused(&edge, Door::token(&token)).await.code,
            4002,
            "{seconds_ago}"
        );
    }
}

#[tokio::test]
async fn an_expired_token_with_a_bad_signature_closes_with_4001() {
    let edge = TestEdge::demo().await;
    let token = Token::peer("alice")
        .expires_in(-30)
        .key("sk_id_demo", "wrong")
        .sign();
    assert_eq!(Client::refused(&edge, Door::token(&token)).await.code, 4001);
}

#[tokio::test]
async fn c16_no_credential_closes_with_4001() {
    let edge = TestEdge::demo().await;
    for path in ["/v1", "/v1?", "/v1?key=", "/v1?token=", "/v1?other=1"] {
        assert_eq!(
            Client::refused(&edge, Door::path(path)).await.code,
            4001,
            "{path}"
        );
    }
}

#[tokio::test]
async fn c17_peer_metadata_over_4_kb_closes_with_4001() {
    let edge = TestEdge::demo().await;
    let token = |bytes| {
        Token::peer("alice")
            .claim("peerMetadata", object_of(bytes))
            .sign()
    };
    Client::connect_token(&edge, &token(4096)).await;
    assert_eq!(
        Client::refused(&edge, Door::token(&token(4097))).await.code,
        4001
    );
}

#[tokio::test]
async fn c18_metadata_over_8_kb_closes_with_4001() {
    let edge = TestEdge::demo().await;
    let token = |bytes| {
        Token::peer("alice")
            .claim("metadata", object_of(bytes))
            .sign()
    };
    Client::connect_token(&edge, &token(8192)).await;
    assert_eq!(
        Client::refused(&edge, Door::token(&token(8193))).await.code,
        4001
    );
}

#[tokio::test]
async fn c19_a_sub_that_is_no_peer_id_closes_with_4001() {
    let edge = TestEdge::demo().await;
    let longest = "a".repeat(128);
    assert_eq!(Client::connect_peer(&edge, &longest).await.peer(), longest);
    for sub in ["", "é", "a\nb", "a\u{7f}", &"a".repeat(129)] {
        let token = Token::peer(sub).sign();
        assert_eq!(
            Client::refused(&edge, Door::token(&token)).await.code,
            4001,
            "{sub:?}"
        );
    }
}

#[tokio::test]
async fn c20_channels_outside_the_key_close_with_4003() {
    let app = App::new("demo").key(Key::secret("sk_id_demo", "sk_secret_demo").patterns(["a/*"]));
    let edge = EdgeConfig::new().app(app).start().await;
    let token = |channels: Value| Token::peer("alice").claim("channels", channels).sign();
    for inside in [
        json!(["a/x"]),
        json!(["a/*"]),
        json!(["a/x*", "a/"]),
        json!([]),
    ] {
        Client::connect_token(&edge, &token(inside)).await;
    }
    // `a/**` is a string that the pattern `a/*` matches, and yet it means more than `a/*` does.
    for outside in [
        json!(["b"]),
        json!(["a/x", "b"]),
        json!(["a/**"]),
        json!(["**"]),
        json!(["a/x/y"]),
    ] {
        let closed = Client::refused(&edge, Door::token(&token(outside.clone()))).await;
        assert_eq!(closed.code, 4003, "{outside}");
    }
}

#[tokio::test]
async fn c21_one_connection_over_the_plan_closes_with_4010_before_any_welcome() {
    let edge = EdgeConfig::new()
        .app(App::demo().plan("max_sessions", 2))
        .start()
        .await;
    let mut first = Client::connect_key(&edge, "pk_live_demo").await;
    let mut second = Client::connect_peer(&edge, "alice").await;
    assert_eq!(
        Client::refused(&edge, Door::key("pk_live_demo")).await.code,
        4010
    );
    first.expect_quiet().await;
    second.expect_quiet().await;
}

#[tokio::test]
async fn c22_the_61st_attempt_within_a_minute_from_one_address_gets_429() {
    let edge = EdgeConfig::demo()
        .limit("connects_per_minute", 60)
        .start()
        .await;
    let status = async || {
        Client::response(&edge, Door::key("pk_live_demo"))
            .await
            .status()
            .as_u16()
    };
    for attempt in 1..=60 {
        assert_eq!(status().await, 101, "attempt {attempt}");
    }
    assert_eq!(status().await, 429);
}

#[tokio::test]
async fn an_origin_that_the_key_does_not_list_closes_with_4001() {
    let key = Key::publishable("pk_live_web").set("allowed_origins", vec!["https://app.example"]);
    let edge = EdgeConfig::new().app(App::demo().key(key)).start().await;
    let door = |origin: &str| Door::key("pk_live_web").header("origin", origin);
    Client::connect(&edge, door("https://app.example")).await;
    Client::connect(&edge, door("https://app.example:443")).await;
    Client::connect_key(&edge, "pk_live_web").await;
    for foreign in [
        "https://evil.example",
        "http://app.example",
        "https://app.example:8443",
        "https://app.example.evil.example",
        "https://evilapp.example",
        "https://evil.example/https://app.example",
        "null",
    ] {
        let closed = Client::refused(&edge, door(foreign)).await;
        assert_eq!(
            (closed.code, closed.reason.as_str()),
            (4001, "origin not allowed"),
            "{foreign}"
        );
    }
}

/// A JSON object of exactly this many bytes when written compactly.
fn object_of(bytes: usize) -> Value {
    let frame = json!({"x": ""}).to_string().len();
    json!({"x": "y".repeat(bytes - frame)})
}
