//! What a key and a token allow.

use serde_json::{Value, json};
use testkit::{App, Client, EdgeConfig, Key, TestEdge, Token};

#[tokio::test]
async fn c57_subscribe_and_publish_outside_the_scope_are_refused_and_the_connection_stays() {
    let app = App::new("demo")
        .key(Key::publishable("pk_live_demo").patterns(["app/*"]))
        .key(Key::secret("sk_id_demo", "sk_secret_demo").patterns(["app/*", "shared"]));
    let edge = EdgeConfig::new().app(app).start().await;
    let narrow = Token::peer("alice")
        .claim("channels", json!(["app/one"]))
        .sign();
    for mut client in [
        Client::connect_key(&edge, "pk_live_demo").await,
        Client::connect_token(&edge, &narrow).await,
    ] {
        for kind in ["subscribe", "publish"] {
            assert_eq!(
                client.refusal(on(kind, "shared")).await,
                "channel_not_authorized"
            );
            client.accepted(on(kind, "app/one")).await;
        }
    }
    // Inside the key's patterns, and yet outside the token's own list.
    let mut alice = Client::connect_token(&edge, &narrow).await;
    assert_eq!(
        alice.refusal(on("publish", "app/two")).await,
        "channel_not_authorized"
    );
}

#[tokio::test]
async fn c58_reserved_prefixes_are_refused_in_any_case() {
    let edge = TestEdge::demo().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    for channel in [
        "_metered/x",
        "_METERED/x",
        "_internal/",
        "_Internal/a/b",
        "_system/x",
        "_SyStEm/",
    ] {
        for kind in ["subscribe", "publish"] {
            assert_eq!(
                alice.refusal(on(kind, channel)).await,
                "channel_reserved",
                "{kind} {channel}"
            );
        }
    }
    for channel in ["_metered", "_other/x", "x/_metered/y", "metered/"] {
        alice.accepted(on("publish", channel)).await;
    }
}

#[tokio::test]
async fn c59_one_star_stops_at_a_slash() {
    let granted = granted_by(
        &["app/*", "room-*"],
        &[
            "app/room-1",
            "app/",
            "app/a/b",
            "app",
            "room-42",
            "room-",
            "room-1/2",
        ],
    )
    .await;
    assert_eq!(granted, ["app/room-1", "app/", "room-42", "room-"]);
}

#[tokio::test]
async fn c60_two_stars_do_not_stop_at_a_slash() {
    let granted = granted_by(
        &["app/**"],
        &["app/room-1", "app/a/b", "app/", "app", "App/x", "xapp/y"],
    )
    .await;
    assert_eq!(granted, ["app/room-1", "app/a/b", "app/"]);
}

#[tokio::test]
async fn c61_an_escaped_star_is_a_star() {
    let granted = granted_by(
        &[r"lit\*eral", r"back\\slash"],
        &["lit*eral", "litXeral", r"lit\*eral", r"back\slash"],
    )
    .await;
    assert_eq!(granted, ["lit*eral", r"back\slash"]);
}

#[tokio::test]
async fn c62_a_missing_action_is_refused() {
    let all = ["publish", "subscribe", "send"];
    let frames = |kind: &str| match kind {
        "send" => json!({"type": "send", "to": "bob", "data": 1}),
        other => on(other, "room"),
    };
    let edge = TestEdge::demo().await;
    for missing in all {
        let rest: Vec<&str> = all
            .into_iter()
            .filter(|action| *action != missing)
            .collect();
        let token = Token::peer("bob").claim("permissions", json!(rest)).sign();
        let mut bob = Client::connect_token(&edge, &token).await;
        assert_eq!(
            bob.refusal(frames(missing)).await,
            "action_not_permitted",
            "{missing}"
        );
        for allowed in rest {
            bob.accepted(frames(allowed)).await;
        }
    }
    let app =
        App::new("demo").key(Key::publishable("pk_live_mute").actions(["subscribe", "presence"]));
    let edge = EdgeConfig::new().app(app).start().await;
    let mut mute = Client::connect_key(&edge, "pk_live_mute").await;
    for kind in ["publish", "send"] {
        assert_eq!(mute.refusal(frames(kind)).await, "action_not_permitted");
    }
}

#[tokio::test]
async fn a_token_cannot_list_an_action_that_its_key_lacks_into_being() {
    let key = Key::secret("sk_id_demo", "sk_secret_demo").actions(["subscribe"]);
    let edge = EdgeConfig::new()
        .app(App::new("demo").key(key))
        .start()
        .await;
    let token = Token::peer("alice")
        .claim("permissions", json!(["publish", "subscribe"]))
        .sign();
    let mut alice = Client::connect_token(&edge, &token).await;
    assert_eq!(
        alice.refusal(on("publish", "room")).await,
        "action_not_permitted"
    );
}

#[tokio::test]
async fn the_action_is_judged_before_the_channel_and_the_channel_before_the_data() {
    let edge = TestEdge::demo().await;
    let token = Token::peer("alice")
        .claim("permissions", json!(["subscribe"]))
        .sign();
    let mut mute = Client::connect_token(&edge, &token).await;
    let no_data = json!({"type": "publish", "channel": "_system/x"});
    assert_eq!(mute.refusal(no_data.clone()).await, "action_not_permitted");
    let mut bob = Client::connect_peer(&edge, "bob").await;
    assert_eq!(bob.refusal(no_data).await, "channel_reserved");
    assert_eq!(
        bob.refusal(json!({"type": "publish", "channel": "a"}))
            .await,
        "missing_data"
    );
    assert_eq!(
        bob.refusal(json!({"type": "send", "to": "nobody"})).await,
        "missing_data"
    );
}

/// Which of `channels` a key with these patterns may publish to; a token's own list is tried with the same result.
async fn granted_by(patterns: &[&str], channels: &[&str]) -> Vec<String> {
    let edge = TestEdge::demo().await;
    let token = Token::peer("alice")
        .claim("channels", json!(patterns))
        .sign();
    let mut client = Client::connect_token(&edge, &token).await;
    let mut granted = Vec::new();
    for channel in channels {
        let reply = client.request(on("publish", channel)).await;
        match reply["type"].as_str() {
            Some("ack") => granted.push((*channel).to_owned()),
            _ => assert_eq!(reply["code"], "channel_not_authorized", "{channel}"),
        }
    }
    granted
}

/// A frame of this type about a channel, complete for every type.
fn on(kind: &str, channel: &str) -> Value {
    json!({"type": kind, "channel": channel, "data": 1})
}
