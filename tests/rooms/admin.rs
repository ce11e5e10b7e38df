//! The control plane of rooms: list, kick, end, push (spec §1.5, §3).

use serde_json::{Value, json};
use testkit::{App, EdgeConfig, TestEdge};

use crate::member::{OTHER, ROOM, door, enter_by, member, members, quiet, token};

#[tokio::test]
async fn a_kicked_account_is_closed_with_4403_in_that_room_alone() {
    let edge = TestEdge::demo().await;
    let [mut alice, mut bob] = members(&edge, ["alice", "bob"]).await;
    let mut bob_too = member(&edge, "bob").await;
    let (mut bob_there, _) = enter_by(&edge, door(OTHER, &token("bob"))).await;
    let kick = format!("/admin/rooms/{ROOM}/kick/bob");
    let kicked = edge.rest().post(&kick, &json!({})).await.ok();
    assert_eq!(
        kicked,
        json!({"room_id": ROOM, "closed": 2, "complete": true})
    );
    for session in [&mut bob, &mut bob_too] {
        assert_eq!(session.expect_close().await.code, 4403);
    }
    assert_eq!(alice.next_frame().await["data"]["type"], "user-left");
    alice.expect_quiet().await;
    bob_there.expect_quiet().await;
    let nobody = edge.rest().post(&kick, &json!({})).await.ok();
    assert_eq!(nobody["closed"], 0);
}

#[tokio::test]
async fn an_ended_room_says_so_and_closes_with_4404_and_its_list_is_empty() {
    let edge = TestEdge::demo().await;
    let row = json!({"role": 0}).to_string();
    let path = format!("/admin/rooms/{ROOM}");
    edge.rest()
        .call(
            reqwest::Method::PUT,
            &format!("{path}/members/carol"),
            Some(&row),
        )
        .await
        .ok();
    let [mut alice, mut bob] = members(&edge, ["alice", "bob"]).await;
    let (mut carol, _) = enter_by(&edge, door(ROOM, &token("carol").without("rooms"))).await;
    for listener in [&mut alice, &mut bob] {
        listener.expect_type("webrtc.signal").await;
    }
    let (mut elsewhere, _) = enter_by(&edge, door(OTHER, &token("alice"))).await;
    let ended = edge.rest().delete(&path).await.ok();
    assert_eq!(
        (&ended["closed"], &ended["complete"]),
        (&json!(3), &json!(true))
    );
    for session in [&mut alice, &mut bob, &mut carol] {
        let last = session.find_type("webrtc").await;
        assert_eq!(last["data"]["event"], "ended");
        assert!(last["data"]["message"].is_string());
        assert_eq!(session.find_close().await.code, 4404);
    }
    elsewhere.expect_quiet().await;
    let list = edge.rest().get(&format!("{path}/members")).await.ok();
    assert_eq!(list, json!({"room_id": ROOM, "members": []}));
}

#[tokio::test]
async fn a_push_reaches_every_session_of_the_account_in_any_room() {
    let edge = TestEdge::demo().await;
    let [mut alice, mut bob] = members(&edge, ["alice", "bob"]).await;
    let (mut alice_there, _) = enter_by(&edge, door(OTHER, &token("alice"))).await;
    let packet = json!({"type": "call.invited", "data": {"room_id": ROOM, "call_id": "c1"}});
    let pushed = edge
        .rest()
        .post("/admin/accounts/alice/push", &packet)
        .await
        .ok();
    assert_eq!(
        pushed,
        json!({"account_id": "alice", "delivered": 2, "complete": true})
    );
    for session in [&mut alice, &mut alice_there] {
        assert_eq!(session.next_frame().await, packet);
    }
    quiet(&mut bob, "bob", &mut alice).await;
    for body in ["[]", "{}", "{\"type\":1}", "not JSON"] {
        let refused = edge
            .rest()
            .post_text("/admin/accounts/alice/push", body)
            .await;
        assert_eq!(refused.status, 400, "{body}");
    }
}

#[tokio::test]
async fn a_list_of_members_is_kept_and_told() {
    let edge = TestEdge::demo().await;
    let path = format!("/admin/rooms/{}/members", ROOM.to_uppercase());
    let put = async |account: &str, row: Value| {
        edge.rest()
            .call(
                reqwest::Method::PUT,
                &format!("{path}/{account}"),
                Some(&row.to_string()),
            )
            .await
    };
    put(
        "bob",
        json!({"role": 50, "name": "b", "nick": "B", "profile": { "a": 1 }}),
    )
    .await
    .ok();
    put("a%2Fb", json!({"role": 0, "joined_at": null}))
        .await
        .ok();
    put("6F9619FF-8B86-D011-B42D-00C04FC964FF", json!({}))
        .await
        .ok();
    let list = edge.rest().get(&path).await.ok();
    let rows: Vec<_> = list["members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (
                row["account_id"].as_str().unwrap(),
                row["role"].as_i64().unwrap(),
                row["standing"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            ("6f9619ff-8b86-d011-b42d-00c04fc964ff", 0, "active"),
            ("a/b", 0, "invited"),
            ("bob", 50, "active"),
        ]
    );
    assert_eq!(list["members"][2]["profile"], json!({"a": 1}));
    for (account, row) in [
        ("bob", json!({"role": "owner"})),
        ("bob", json!([])),
        ("bob", json!({"profile": []})),
        ("bob", json!({"name": ""})),
        ("%C3%A9", json!({})),
        ("bob", json!({"profile": {"x": "y".repeat(5_000)}})),
    ] {
        assert_eq!(
            put(account, row.clone()).await.refusal(),
            (400, "invalid_request"),
            "{account} {row}"
        );
    }
    let huge = format!("{{\"x\":\"{}\"}}", "y".repeat(40_000));
    let refused = edge
        .rest()
        .call(reqwest::Method::PUT, &format!("{path}/bob"), Some(&huge))
        .await;
    assert_eq!(refused.status, 413);
    assert_eq!(edge.rest().delete(&format!("{path}/bob")).await.status, 204);
    assert_eq!(edge.rest().delete(&format!("{path}/bob")).await.status, 204);
}

#[tokio::test]
async fn every_call_needs_a_secret_key_and_reaches_its_app_alone() {
    let edge = EdgeConfig::demo().app(App::other()).start().await;
    let mut alice = member(&edge, "alice").await;
    let calls = [
        ("GET", format!("/admin/rooms/{ROOM}/members")),
        ("PUT", format!("/admin/rooms/{ROOM}/members/alice")),
        ("DELETE", format!("/admin/rooms/{ROOM}/members/alice")),
        ("GET", format!("/admin/rooms/{ROOM}/participants")),
        ("POST", format!("/admin/rooms/{ROOM}/kick/alice")),
        ("POST", format!("/admin/rooms/{ROOM}/refresh")),
        ("DELETE", format!("/admin/rooms/{ROOM}")),
        ("POST", "/admin/accounts/alice/push".to_owned()),
    ];
    let body = Some(r#"{"type":"x"}"#);
    let stranger = edge.anonymous().bearer("sk_id_other:sk_secret_other");
    for (method, path) in &calls {
        for caller in [
            edge.anonymous(),
            edge.anonymous().bearer("sk_id_demo:wrong"),
            edge.anonymous().bearer("pk_live_demo:"),
        ] {
            let refused = caller.call(method.parse().unwrap(), path, body).await;
            assert_eq!(refused.refusal(), (401, "unauthorized"), "{method} {path}");
        }
        let elsewhere = stranger.call(method.parse().unwrap(), path, body).await;
        assert!(
            [200, 204].contains(&elsewhere.status),
            "{method} {path}: {}",
            elsewhere.text
        );
        assert!(!elsewhere.text.contains("ALICE"), "{}", elsewhere.text);
        let bad = path.replace(ROOM, "lobby");
        if bad != *path {
            let refused = edge.rest().call(method.parse().unwrap(), &bad, body).await;
            assert_eq!(
                refused.refusal(),
                (400, "invalid_request"),
                "{method} {bad}"
            );
        }
    }
    alice.expect_quiet().await;
}
