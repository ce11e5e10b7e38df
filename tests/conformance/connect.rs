//! The door that opens: paths, encodings, and what the welcome says.

use serde_json::{Value, json};
use testkit::{App, Client, Door, EdgeConfig, Key, TestEdge, Token, unix_now};

#[tokio::test]
async fn c01_v1_upgrades_and_any_other_path_does_not() {
    let edge = TestEdge::demo().await;
    let status = async |path: &str| {
        Client::response(&edge, Door::path(path))
            .await
            .status()
            .as_u16()
    };
    assert_eq!(status("/v1?key=pk_live_demo").await, 101);
    for path in [
        "/", "/v1/", "/V1", "/v2", "/v1/x", "//v1", "/v1%2F", "/api/v1", "/echo",
    ] {
        let url = format!("{path}?key=pk_live_demo");
        assert_eq!(status(&url).await, 404, "{url}");
    }
}

#[tokio::test]
async fn v1_without_an_upgrade_is_an_http_error() {
    let edge = TestEdge::demo().await;
    let answer = edge.anonymous().get("/v1?key=pk_live_demo").await;
    assert!((400..500).contains(&answer.status), "{answer:?}");
}

#[tokio::test]
async fn c02_percent_encoded_keys_and_tokens_are_decoded() {
    let odd = "pk_live_a/b+c&d=e%f";
    let config = EdgeConfig::new().app(App::demo().key(Key::publishable(odd)));
    let edge = config.start().await;
    Client::connect_key(&edge, odd).await;
    // Every character escaped is the same token still.
    let token = Token::peer("alice").sign();
    let escaped: String = token.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let alice = Client::connect(&edge, Door::path(&format!("/v1?token={escaped}"))).await;
    assert_eq!(alice.peer(), "alice");
}

#[tokio::test]
async fn c03_no_sub_protocol_is_selected() {
    let edge = TestEdge::demo().await;
    let response = Client::response(&edge, Door::key("pk_live_demo")).await;
    assert!(response.headers().get("sec-websocket-protocol").is_none());
}

#[tokio::test]
async fn a_deflate_offer_is_declined_or_left_unanswered_without_harm() {
    let edge = TestEdge::demo().await;
    let offer = "permessage-deflate; client_max_window_bits";
    let door = Door::key("pk_live_demo").header("sec-websocket-extensions", offer);
    let response = Client::response(&edge, door).await;
    assert_eq!(response.status(), 101);
    assert!(response.headers().get("sec-websocket-extensions").is_none());
}

#[tokio::test]
async fn c04_a_publishable_key_gets_a_uuid_and_a_present_null_expiry() {
    let edge = TestEdge::demo().await;
    let client = Client::connect_key(&edge, "pk_live_demo").await;
    let parts: Vec<usize> = client.peer().split('-').map(str::len).collect();
    assert_eq!(parts, [8, 4, 4, 4, 12], "{}", client.peer());
    assert!(
        client
            .peer()
            .chars()
            .all(|c| c == '-' || c.is_ascii_hexdigit())
    );
    assert_eq!(client.welcome().get("expiresAt"), Some(&Value::Null));
}

#[tokio::test]
async fn c05_each_connect_with_a_publishable_key_is_another_peer() {
    let edge = TestEdge::demo().await;
    let one = Client::connect_key(&edge, "pk_live_demo").await;
    let two = Client::connect_key(&edge, "pk_live_demo").await;
    assert_ne!(one.peer(), two.peer());
}

#[tokio::test]
async fn c06_a_token_gives_peer_id_and_expiry() {
    let edge = TestEdge::demo().await;
    let expiry = unix_now() + 1234;
    let token = Token::peer("alice").claim("exp", json!(expiry)).sign();
    let alice = Client::connect_token(&edge, &token).await;
    assert_eq!(alice.peer(), "alice");
    assert_eq!(alice.welcome()["expiresAt"], expiry);
}

#[tokio::test]
async fn c07_welcome_comes_first_and_once() {
    let edge = TestEdge::demo().await;
    let mut client = Client::open(&edge, Door::key("pk_live_demo")).await;
    assert_eq!(client.next_frame().await["type"], "welcome");
    client.expect_quiet().await;
}

#[tokio::test]
async fn c08_server_time_is_in_seconds_and_the_message_size_is_at_least_64_kib() {
    let edge = TestEdge::demo().await;
    let client = Client::connect_key(&edge, "pk_live_demo").await;
    let time = client.welcome()["serverTime"].as_i64().unwrap();
    assert!((time - unix_now()).abs() <= 5, "{time} is not now");
    assert!(client.welcome()["maxMessageSize"].as_u64().unwrap() >= 65536);
}

#[tokio::test]
async fn c09_metadata_is_echoed_as_it_stands_in_the_claim_or_is_absent() {
    let edge = TestEdge::demo().await;
    let metadata = json!({"room": "x", "n": [1, null, {"deep": true}], "ü": "ß"});
    let token = Token::peer("alice")
        .claim("metadata", metadata.clone())
        .sign();
    let alice = Client::connect_token(&edge, &token).await;
    assert_eq!(alice.welcome()["metadata"], metadata);
    let bob = Client::connect_peer(&edge, "bob").await;
    assert_eq!(bob.welcome().get("metadata"), None);
}

#[tokio::test]
async fn when_both_are_given_the_token_counts() {
    let edge = TestEdge::demo().await;
    let token = Token::peer("alice").sign();
    let both = Client::connect(
        &edge,
        Door::path(&format!("/v1?key=pk_live_nobody&token={token}")),
    )
    .await;
    assert_eq!(both.peer(), "alice");
    let bad = Client::refused(&edge, Door::path("/v1?key=pk_live_demo&token=x")).await;
    assert_eq!(bad.code, 4001);
}

#[tokio::test]
async fn c23_turn_servers_are_injected_unless_the_token_brings_its_own() {
    let keys = App::demo().key(Key::publishable("pk_live_bare").set("inject_turn", false));
    let config = EdgeConfig::new()
        .app(keys)
        .section(
            "turn",
            "urls",
            vec!["stun:t.example:3478", "turn:t.example:3478?transport=udp"],
        )
        .section("turn", "secrets", vec!["turn-secret"])
        .section("turn", "ttl_seconds", 600);
    let edge = config.start().await;

    let client = Client::connect_key(&edge, "pk_live_demo").await;
    let servers = client.welcome()["metadata"]["iceServers"]
        .as_array()
        .unwrap();
    let turn = servers
        .iter()
        .find(|server| server["urls"].to_string().contains("turn:"))
        .unwrap();
    let user = turn["username"].as_str().unwrap();
    let expiry: i64 = user.split(':').next().unwrap().parse().unwrap();
    assert!((expiry - unix_now() - 600).abs() <= 5, "{user}");
    assert!(!turn["credential"].as_str().unwrap().is_empty());
    let stun = servers
        .iter()
        .find(|server| server["urls"].to_string().contains("stun:"))
        .unwrap();
    assert_eq!(
        stun.get("credential"),
        None,
        "a STUN server needs no credential"
    );

    let token = Token::peer("alice")
        .claim("metadata", json!({"room": 1}))
        .sign();
    let alice = Client::connect_token(&edge, &token).await;
    assert_eq!(
        alice.welcome()["metadata"]["room"],
        1,
        "other members stay as they are"
    );
    assert!(alice.welcome()["metadata"]["iceServers"].is_array());

    for own in [json!([]), json!([{"urls": "stun:mine.example"}])] {
        let token = Token::peer("bob")
            .claim("metadata", json!({"iceServers": own}))
            .sign();
        let bob = Client::connect_token(&edge, &token).await;
        assert_eq!(bob.welcome()["metadata"]["iceServers"], own);
    }

    let bare = Client::connect_key(&edge, "pk_live_bare").await;
    assert_eq!(bare.welcome().get("metadata"), None);
}
