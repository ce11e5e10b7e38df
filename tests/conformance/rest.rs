//! The control plane over HTTP.

use serde_json::{Value, json};
use testkit::{App, Client, Door, EdgeConfig, Key, TestEdge, Token, unix_now};

#[tokio::test]
async fn c85_a_missing_or_wrong_credential_gets_401() {
    let edge = TestEdge::demo().await;
    let wrong = [
        "Bearer sk_id_demo",
        "Bearer sk_id_demo:",
        "Bearer pk_live_demo",
        "Bearer pk_live_demo:",
        "Bearer pk_live_demo:sk_secret_demo",
        "Bearer sk_id_demo:sk_secret_wrong",
        "Bearer sk_id_demo:sk_secret_dem",
        "Bearer sk_id_nobody:sk_secret_demo",
        "Bearer sk_secret_demo",
        "Bearer ",
        "Basic sk_id_demo:sk_secret_demo",
        "sk_id_demo:sk_secret_demo",
    ];
    let mut texts = Vec::new();
    for rest in wrong
        .map(|value| edge.anonymous().authorization(value))
        .into_iter()
        .chain([edge.anonymous()])
    {
        let answers = [
            rest.get("/v1/usage").await,
            rest.get("/v1/channels/room/peers").await,
            rest.post("/v1/tokens", &json!({"peerId": "alice"})).await,
            rest.post("/v1/channels/room/publish", &json!({"data": 1}))
                .await,
            rest.delete("/v1/peers/alice").await,
        ];
        for answer in answers {
            assert_eq!(answer.refusal(), (401, "unauthorized"), "{rest:?}");
            texts.push(answer.text);
        }
    }
    texts.dedup();
    assert_eq!(texts.len(), 1, "all refusals look the same: {texts:?}");
}

#[tokio::test]
async fn c88_the_peer_list_names_everybody_with_metadata() {
    let edge = TestEdge::demo().await;
    let empty = edge.rest().get("/v1/channels/a%2Fb/peers").await.ok();
    assert_eq!(empty, json!({"channel": "a/b", "peers": []}));
    let token = Token::peer("alice")
        .claim("peerMetadata", json!({"name": "Al"}))
        .sign();
    let mut alice = Client::connect_token(&edge, &token).await;
    alice.subscribe("a/b").await;
    let mut bob = Client::connect_peer(&edge, "bob").await;
    bob.subscribe("a/b").await;
    // Everything between `/v1/channels/` and the last `/peers` is the name, encoded or not.
    for path in ["/v1/channels/a%2Fb/peers", "/v1/channels/a/b/peers"] {
        let mut listed = edge.rest().get(path).await.ok();
        assert_eq!(listed["channel"], "a/b");
        let peers = listed["peers"].as_array_mut().unwrap();
        peers.sort_by_key(|peer| peer["peerId"].to_string());
        assert_eq!(
            *peers,
            [
                json!({"peerId": "alice", "metadata": {"name": "Al"}}),
                json!({"peerId": "bob"})
            ]
        );
    }
}

#[tokio::test]
async fn channel_names_in_paths_are_decoded_once() {
    let edge = TestEdge::demo().await;
    let channel = async |path: &str| edge.rest().get(path).await.ok()["channel"].clone();
    assert_eq!(channel("/v1/channels/a%252Fb/peers").await, "a%2Fb");
    assert_eq!(channel("/v1/channels/x%2Fpeers/peers").await, "x/peers");
    assert_eq!(channel("/v1/channels/a+b/peers").await, "a+b");
    assert_eq!(channel("/v1/channels/%C3%A9/peers").await, "é");
    for bad in ["%00", "%FF", "%C2%80", "_system%2Fx", &"x".repeat(257)] {
        let answer = edge.rest().get(&format!("/v1/channels/{bad}/peers")).await;
        assert_eq!(answer.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn c89_a_publish_from_rest_reaches_subscribers_with_from_and_metadata() {
    let edge = TestEdge::demo().await;
    let mut bob = Client::connect_peer(&edge, "bob").await;
    bob.accepted(json!({"type": "subscribe", "channel": "a/b", "includeSenderMetadata": true}))
        .await;
    bob.expect_type("presence").await;
    let publish = async |body: Value| edge.rest().post("/v1/channels/a%2Fb/publish", &body).await;

    let answer = publish(json!({"data": {"n": 1}})).await.ok();
    assert_eq!(
        (&answer["channel"], &answer["delivered"]),
        (&json!("a/b"), &json!(1))
    );
    let message = json!({"type": "message", "channel": "a/b", "from": "system", "data": {"n": 1}});
    assert_eq!(bob.next_frame().await, message);

    let body = json!({"data": null, "from": "robot", "peerMetadata": {"name": "R2"}});
    assert_eq!(publish(body).await.status, 200);
    let message = bob.next_frame().await;
    assert_eq!(
        (&message["from"], message.get("data")),
        (&json!("robot"), Some(&Value::Null))
    );
    assert_eq!(message["fromMetadata"], json!({"name": "R2"}));

    for bad in [
        json!({}),
        json!({"data": 1, "from": ""}),
        json!({"data": 1, "from": "é"}),
        json!({"data": 1, "peerMetadata": 1}),
    ] {
        assert_eq!(
            publish(bad.clone()).await.refusal(),
            (400, "invalid_request"),
            "{bad}"
        );
    }
    let reserved = edge
        .rest()
        .post("/v1/channels/_system%2Fx/publish", &json!({"data": 1}))
        .await;
    assert_eq!(reserved.refusal(), (400, "channel_reserved"));
    let nobody = edge
        .rest()
        .post("/v1/channels/nobody/publish", &json!({"data": 1}))
        .await
        .ok();
    assert_eq!(nobody["delivered"], 0);
    bob.expect_quiet().await;
}

#[tokio::test]
async fn c90_a_kick_closes_every_socket_of_the_peer_with_4020() {
    let edge = EdgeConfig::demo().app(App::other()).start().await;
    let mut sockets = Vec::new();
    for _ in 0..2 {
        sockets.push(Client::connect_peer(&edge, "alice").await);
    }
    let mut bob = Client::connect_peer(&edge, "bob").await;
    let twin = Token::peer("alice")
        .key("sk_id_other", "sk_secret_other")
        .sign();
    let mut twin = Client::connect_token(&edge, &twin).await;
    let kicked = edge.rest().delete("/v1/peers/alice").await.ok();
    assert_eq!(
        (&kicked["peerId"], &kicked["closed"]),
        (&json!("alice"), &json!(2))
    );
    for socket in &mut sockets {
        assert_eq!(socket.expect_close().await.code, 4020);
    }
    assert_eq!(
        edge.rest().delete("/v1/peers/alice").await.ok()["closed"],
        0
    );
    assert_eq!(
        edge.rest().delete("/v1/peers/%C3%A9").await.refusal(),
        (400, "invalid_request")
    );
    bob.expect_quiet().await;
    twin.expect_quiet().await;
    // A kick is no ban.
    Client::connect_peer(&edge, "alice").await;
}

#[tokio::test]
async fn c90_a_kicked_peer_leaves_its_channels() {
    let edge = TestEdge::demo().await;
    let mut bob = Client::connect_peer(&edge, "bob").await;
    bob.subscribe("room").await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    alice.subscribe("room").await;
    bob.expect_type("presence").await;
    edge.rest().delete("/v1/peers/alice").await.ok();
    assert_eq!(
        bob.expect_type("presence").await["left"],
        json!([{"peerId": "alice"}])
    );
}

#[tokio::test]
async fn c91_usage_has_all_fields() {
    let app = App::demo()
        .plan("max_sessions", 10)
        .plan("max_messages", 1000)
        .plan("name", "small");
    let edge = EdgeConfig::new().app(app).start().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    let bob = Client::connect_peer(&edge, "bob").await;
    alice.publish("room", 1).await;
    alice.direct("bob", 1).await;
    bob.close().await;
    let usage = edge.rest().get("/v1/usage").await.ok();
    assert_eq!(usage["appId"], "demo");
    assert_eq!(usage["concurrentNow"], 1, "{usage}");
    assert_eq!(usage["peakConcurrent"], 2, "{usage}");
    assert_eq!(usage["messagesUsed"], 2, "{usage}");
    assert_eq!(usage["overageMessages"], 0);
    assert_eq!(usage["overageConnections"], 0);
    let plan = json!({"name": "small", "maxConcurrentConnections": 10, "maxMessagesPerPeriod": 1000,
        "overagesAllowed": false, "overagesEnabled": false});
    assert_eq!(usage["plan"], plan);
    let (start, end) = (
        usage["periodStartUnix"].as_i64().unwrap(),
        usage["periodEndUnix"].as_i64().unwrap(),
    );
    assert!(start <= unix_now() && unix_now() < end, "{usage}");
    assert!(
        (28..=31).contains(&((end - start) / 86_400)),
        "the period is a month: {usage}"
    );
}

#[tokio::test]
async fn c92_a_body_over_32_kb_gets_413() {
    let edge = TestEdge::demo().await;
    let body = |bytes: usize| json!({"data": "x".repeat(bytes)});
    for path in ["/v1/channels/room/publish", "/v1/tokens"] {
        let answer = edge.rest().post(path, &body(33_000)).await;
        assert_eq!(answer.refusal(), (413, "invalid_request"), "{path}");
    }
    assert_eq!(
        edge.rest()
            .post("/v1/channels/room/publish", &body(32_000))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn c93_an_unknown_path_gets_404() {
    let edge = TestEdge::demo().await;
    for path in [
        "/v1/nothing",
        "/v1/tokens/x",
        "/v1/channels/room",
        "/v1/peers/a/b",
        "/metrics",
        "/livez",
        "/x",
    ] {
        let answer = edge.rest().get(path).await;
        assert_eq!(answer.refusal(), (404, "not_found"), "{path}");
    }
}

#[tokio::test]
async fn a_known_path_with_another_method_is_refused() {
    let edge = TestEdge::demo().await;
    for answer in [
        edge.rest().get("/v1/tokens").await,
        edge.rest().delete("/v1/usage").await,
    ] {
        assert!([404, 405].contains(&answer.status), "{answer:?}");
        assert!(answer.body["error"].is_string(), "{answer:?}");
    }
}

#[tokio::test]
async fn c94_what_lies_outside_the_key_gets_403() {
    let app = App::new("demo")
        .key(Key::secret("sk_id_demo", "sk_secret_demo").patterns(["app/*"]))
        .key(Key::secret("sk_id_mute", "sk_secret_mute").actions(["subscribe"]));
    let edge = EdgeConfig::new().app(app).start().await;
    let outside = (403, "channel_not_authorized");
    assert_eq!(
        edge.rest().get("/v1/channels/room/peers").await.refusal(),
        outside
    );
    assert_eq!(
        edge.rest()
            .post("/v1/channels/room/publish", &json!({"data": 1}))
            .await
            .refusal(),
        outside
    );
    for channels in [json!(["room"]), json!(["app/**"]), json!(["app/x", "**"])] {
        let body = json!({"peerId": "a", "channels": channels});
        assert_eq!(
            edge.rest().post("/v1/tokens", &body).await.refusal(),
            outside,
            "{body}"
        );
    }
    let mute = edge.anonymous().bearer("sk_id_mute:sk_secret_mute");
    let lacking = (403, "action_not_permitted");
    assert_eq!(mute.get("/v1/channels/room/peers").await.refusal(), lacking);
    assert_eq!(
        mute.post("/v1/channels/room/publish", &json!({"data": 1}))
            .await
            .refusal(),
        lacking
    );
    let body = json!({"peerId": "a", "permissions": ["publish"]});
    assert_eq!(mute.post("/v1/tokens", &body).await.refusal(), lacking);
    // Any secret key of the app may kick.
    assert_eq!(mute.delete("/v1/peers/nobody").await.status, 200);
}

#[tokio::test]
async fn a_socket_door_needs_no_bearer_and_a_bearer_opens_no_socket() {
    let edge = TestEdge::demo().await;
    let door = Door::path("/v1").header("authorization", "Bearer sk_id_demo:sk_secret_demo");
    assert_eq!(Client::refused(&edge, door).await.code, 4001);
}
