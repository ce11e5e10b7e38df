//! Who is let in, and what everybody else is answered: statuses and bodies in their order (spec §1).

use serde_json::json;
use testkit::{App, EdgeConfig, Key, TestEdge, Token, percent_encoded};

use crate::member::{OTHER, ROOM, UPGRADE, before_mark, door, enter_by, http, path, quiet, token};
use crate::site::{Edges as _, Spread, here_and_across};

here_and_across!(the_same_room_of_two_apps_is_two_rooms);

const UNAUTHORIZED: (u16, &str) = (401, "Unauthorized");
const STRANGER: (u16, &str) = (403, "Forbidden: Not a member of this chat room");
const NO_WEBSOCKET: (u16, &str) = (400, "Bad Request: WebSocket connection expected");

/// Status and body of an upgrade with this token in the query, if there is one.
async fn upgrade(edge: &TestEdge, room: &str, token: Option<&str>) -> (u16, String) {
    asked(edge, room, token, &UPGRADE).await
}

async fn plain(edge: &TestEdge, room: &str, token: Option<&str>) -> (u16, String) {
    asked(edge, room, token, &[]).await
}

async fn asked(
    edge: &TestEdge,
    room: &str,
    token: Option<&str>,
    headers: &[(&str, &str)],
) -> (u16, String) {
    let query = token.map_or(String::new(), |token| {
        format!("?tk={}", percent_encoded(token))
    });
    let (status, head, body) =
        http(edge.listen(), &format!("{}{query}", path(room)), headers).await;
    if status != 101 {
        assert!(head.contains("content-type: text/plain"), "{head}");
        assert!(!head.contains("www-authenticate"), "{head}");
    }
    (status, body)
}

fn is(answer: &(u16, String), expected: (u16, &str)) {
    assert_eq!((answer.0, answer.1.as_str()), expected);
}

#[tokio::test]
async fn c01_c02_c15_without_a_token_everybody_is_unauthorized() {
    let edge = TestEdge::demo().await;
    is(&upgrade(&edge, ROOM, None).await, UNAUTHORIZED);
    is(&plain(&edge, ROOM, None).await, UNAUTHORIZED);
}

#[tokio::test]
async fn c03_a_token_that_does_not_hold_is_none() {
    let edge = EdgeConfig::demo().app(App::other()).start().await;
    let good = token("alice");
    for bad in [
        "rubbish".to_owned(),
        String::new(),
        good.unsigned(),
        good.clone().key("sk_id_demo", "another secret").sign(),
        good.clone().key("sk_id_nobody", "sk_secret_demo").sign(),
        good.clone().key("sk_id_other", "sk_secret_demo").sign(),
        good.clone().expires_in(-1).sign(),
        good.clone().expires_in(0).sign(),
        good.clone().without("sub").sign(),
        good.clone().without("exp").sign(),
        good.clone().claim("rooms", json!(["lobby"])).sign(),
        good.clone().header("alg", json!("none")).unsigned(),
        "pk_live_demo".to_owned(),
    ] {
        is(&upgrade(&edge, ROOM, Some(&bad)).await, UNAUTHORIZED);
        is(&plain(&edge, ROOM, Some(&bad)).await, UNAUTHORIZED);
    }
}

#[tokio::test]
async fn c04_c05_c07_a_stranger_learns_nothing_about_the_room() {
    let edge = TestEdge::demo().await;
    let elsewhere = token("eve").claim("rooms", json!([OTHER])).sign();
    let unsaid = token("eve").without("rooms").sign();
    let negative = token("eve").claim("rooms", json!({ROOM: -1})).sign();
    let nowhere = "00000000-0000-0000-0000-000000000000";
    for token in [&elsewhere, &unsaid, &negative] {
        for room in [ROOM, nowhere] {
            is(&upgrade(&edge, room, Some(token)).await, STRANGER);
            is(&plain(&edge, room, Some(token)).await, STRANGER);
        }
    }
}

#[tokio::test]
async fn c06_a_plain_request_of_a_member_is_no_websocket() {
    let edge = TestEdge::demo().await;
    is(
        &plain(&edge, ROOM, Some(&token("alice").sign())).await,
        NO_WEBSOCKET,
    );
    let mut wrong = UPGRADE;
    wrong[2].1 = "8";
    let (status, _) = asked(&edge, ROOM, Some(&token("alice").sign()), &wrong).await;
    assert_eq!(status, 426);
}

#[tokio::test]
async fn c08_what_is_no_guid_is_no_room_whoever_asks() {
    let edge = TestEdge::demo().await;
    let token = token("alice").claim("rooms", json!("*")).sign();
    for room in [
        "lobby",
        "1",
        &ROOM[..35],
        &ROOM.replace('-', ""),
        &format!("%7B{ROOM}%7D"),
        &format!("{ROOM}0"),
    ] {
        assert_eq!(upgrade(&edge, room, Some(&token)).await.0, 404, "{room}");
        assert_eq!(upgrade(&edge, room, None).await.0, 404, "{room}");
    }
}

#[tokio::test]
async fn c09_c10_the_first_place_with_a_token_decides() {
    let edge = EdgeConfig::new()
        .app(trusting("https://app.example"))
        .start()
        .await;
    let good = token("alice").sign();
    let query = |token: &str| format!("{}?tk={}", path(ROOM), percent_encoded(token));
    let bearer = |token: &str| format!("Bearer {token}");
    let cookie = |token: &str| format!("theme=dark; AuthToken={token}; lang=de");
    let status = async |path: &str, authorization: Option<String>, cookie: Option<String>| {
        let mut headers = UPGRADE.to_vec();
        let authorization = authorization
            .as_deref()
            .map(|value| ("Authorization", value));
        let cookie = cookie.as_deref().map(|value| ("Cookie", value));
        headers.extend(authorization.into_iter().chain(cookie));
        http(edge.listen(), path, &headers).await.0
    };
    let room = path(ROOM);
    assert_eq!(status(&query(&good), None, None).await, 101);
    assert_eq!(status(&room, Some(bearer(&good)), None).await, 101);
    assert_eq!(
        status(&room, Some(format!("AtField {good}")), None).await,
        101
    );
    assert_eq!(status(&room, None, Some(cookie(&good))).await, 101);
    assert_eq!(
        status(&query("bad"), Some(bearer(&good)), Some(cookie(&good))).await,
        401
    );
    assert_eq!(
        status(&room, Some(bearer("bad")), Some(cookie(&good))).await,
        401
    );
    assert_eq!(
        status(&query(&good), Some(bearer("bad")), Some(cookie("bad"))).await,
        101
    );
    assert_eq!(
        status(&room, Some(bearer(&good)), Some(cookie("bad"))).await,
        101
    );
}

#[tokio::test]
async fn c11_all_paths_lead_to_the_same_room_in_any_case_of_its_id() {
    let edge = TestEdge::demo().await;
    let token = percent_encoded(&token("alice").sign());
    for prefix in [
        "/api",
        "/sphere",
        "/compat/guide/api",
        "/compat/guide/sphere",
    ] {
        for room in [ROOM.to_owned(), ROOM.to_uppercase()] {
            let door = testkit::Door::path(&format!("{prefix}/chat/realtime/{room}?tk={token}"));
            let (_client, connected) = enter_by(&edge, door).await;
            assert_eq!(connected["room_id"], ROOM);
        }
        assert_eq!(
            http(
                edge.listen(),
                &format!("{prefix}/chat/realtime/{ROOM}"),
                &UPGRADE
            )
            .await
            .0,
            401
        );
    }
}

#[tokio::test]
async fn c12_invited_left_and_demoted_accounts_stay_outside() {
    let edge = TestEdge::demo().await;
    let token = token("alice").without("rooms").sign();
    let members = format!("/admin/rooms/{ROOM}/members/alice");
    for (row, expected) in [
        (json!({"role": 0, "joined_at": null}), 403),
        (
            json!({"role": 0, "joined_at": "2026-01-01T00:00:00Z", "left_at": "2026-02-01T00:00:00Z"}),
            403,
        ),
        (json!({"role": -1}), 403),
        (json!({"role": 0, "joined_at": "2026-01-01T00:00:00Z"}), 101),
        (json!({}), 101),
    ] {
        let put = edge
            .rest()
            .call(reqwest::Method::PUT, &members, Some(&row.to_string()))
            .await;
        assert_eq!(put.status, 200, "{}", put.text);
        assert_eq!(
            upgrade(&edge, ROOM, Some(&token)).await.0,
            expected,
            "{row}"
        );
    }
}

#[tokio::test]
async fn c13_a_page_that_is_not_trusted_cannot_borrow_a_cookie() {
    let edge = EdgeConfig::new()
        .app(trusting("https://app.example"))
        .start()
        .await;
    let good = token("alice").sign();
    let cookie = format!("AuthToken={good}");
    let status = async |path: &str, more: &[(&str, &str)]| {
        http(edge.listen(), path, &[&UPGRADE[..], more].concat()).await
    };
    let room = path(ROOM);
    for origin in [
        "https://evil.example",
        "https://app.example.evil.net",
        "http://app.example",
        "null",
        "",
    ] {
        let (refused, _, body) = status(&room, &[("Cookie", &cookie), ("Origin", origin)]).await;
        assert_eq!(
            (refused, body.as_str()),
            (403, "Forbidden: Origin not allowed"),
            "{origin}"
        );
        let bearer = format!("Bearer {good}");
        let header = status(&room, &[("Authorization", &bearer), ("Origin", origin)]).await;
        assert_eq!(header.0, 101, "{origin}");
        let query = format!("{room}?tk={good}");
        assert_eq!(
            status(&query, &[("Origin", origin)]).await.0,
            101,
            "{origin}"
        );
    }
    assert_eq!(status(&room, &[("Cookie", &cookie)]).await.0, 101);
    let trusted = status(
        &room,
        &[("Cookie", &cookie), ("Origin", "https://app.example")],
    )
    .await;
    assert_eq!(trusted.0, 101);
}

#[tokio::test]
async fn a_cookie_of_a_key_that_trusts_no_page_is_of_use_to_no_page() {
    let edge = TestEdge::demo().await;
    let cookie = format!("AuthToken={}", token("alice").sign());
    let headers = [
        &UPGRADE[..],
        &[("Cookie", &*cookie), ("Origin", "https://app.example")],
    ]
    .concat();
    assert_eq!(http(edge.listen(), &path(ROOM), &headers).await.0, 403);
}

#[tokio::test]
async fn too_many_connects_of_an_address_are_429_before_anything_else_is_asked() {
    let edge = EdgeConfig::demo()
        .limit("connects_per_minute", 3)
        .start()
        .await;
    for _ in 0..3 {
        is(&upgrade(&edge, ROOM, None).await, UNAUTHORIZED);
    }
    let (status, head, body) = http(edge.listen(), &path(ROOM), &UPGRADE).await;
    assert_eq!((status, body.as_str()), (429, "Too Many Requests"));
    assert!(head.contains("retry-after: "), "{head}");
}

#[tokio::test]
async fn a_full_app_answers_429_and_a_suspended_one_403() {
    let app = App::demo().plan("max_sessions", 1);
    let edge = EdgeConfig::new().app(app).start().await;
    let (_inside, _) = enter_by(&edge, door(ROOM, &token("alice"))).await;
    let path = format!("{}?tk={}", path(ROOM), token("bob").sign());
    let (status, head, body) = http(edge.listen(), &path, &UPGRADE).await;
    assert_eq!(
        (status, body.as_str()),
        (429, "Too Many Requests: No session left")
    );
    assert!(head.contains("retry-after: 30"), "{head}");

    let edge = EdgeConfig::new().app(App::demo().suspended()).start().await;
    let (status, _, body) = http(edge.listen(), &path, &UPGRADE).await;
    assert_eq!((status, body.as_str()), (403, "Forbidden: App suspended"));
}

async fn the_same_room_of_two_apps_is_two_rooms(spread: Spread) {
    let site = spread.start(|config| config.app(App::other())).await;
    let there = |account: &str| token(account).key("sk_id_other", "sk_secret_other");
    let (mut alice, _) = enter_by(site.of(0), door(ROOM, &token("alice"))).await;
    let (mut alice_there, connected) = enter_by(site.of(1), door(ROOM, &there("alice"))).await;
    assert_eq!(connected["participants"], json!([]));
    let (mut bob, _) = enter_by(site.of(1), door(ROOM, &token("bob"))).await;
    let (mut bob_there, _) = enter_by(site.of(0), door(ROOM, &there("bob"))).await;
    for (speaker, listener) in [(&mut alice, &mut bob), (&mut alice_there, &mut bob_there)] {
        speaker.expect_type("webrtc.signal").await;
        speaker.send(&json!({"type": "offer", "offer": 1})).await;
        speaker
            .send(&json!({"type": "offer", "offer": 2, "to": "bob"}))
            .await;
        // Two packets of its own room, and none of the other.
        assert_eq!(before_mark(listener, "bob", speaker).await.len(), 2);
        quiet(speaker, "alice", listener).await;
    }
    let push = json!({"type": "call.invited"});
    let rest = site.of(0).rest();
    let pushed = rest.post("/admin/accounts/bob/push", &push).await.ok();
    assert_eq!(pushed["delivered"], 1);
    bob.expect_type("call.invited").await;
    bob_there.expect_quiet().await;
}

/// The demo app with a key that trusts one page.
fn trusting(origin: &str) -> App {
    let key = Key::secret("sk_id_demo", "sk_secret_demo");
    let origins = vec![toml::Value::from(origin)];
    App::new("demo").key(key.set("allowed_origins", origins))
}

#[tokio::test]
async fn a_realtime_session_and_a_room_session_of_one_account_do_not_meet() {
    let edge = TestEdge::demo().await;
    let mut peer = testkit::Client::connect_token(&edge, &Token::peer("alice").sign()).await;
    let (mut member, _) = enter_by(&edge, door(ROOM, &token("alice"))).await;
    let mut bob = testkit::Client::connect_peer(&edge, "bob").await;
    bob.direct("alice", "hello").await;
    assert_eq!(peer.expect_type("direct").await["data"], "hello");
    member.expect_quiet().await;
    let push = json!({"type": "call.invited"});
    let pushed = edge
        .rest()
        .post("/admin/accounts/alice/push", &push)
        .await
        .ok();
    assert_eq!(pushed["delivered"], 1);
    member.expect_type("call.invited").await;
    peer.expect_quiet().await;
}
