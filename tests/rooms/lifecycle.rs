//! Who comes and who goes, how sessions end, and one session per device (spec §2.7, §3).

use serde_json::{Value, json};
use testkit::{Client, EdgeConfig, TestEdge, Token, percent_encoded, until};

use crate::member::{
    OTHER, ROOM, UPGRADE, before_mark, door, enter, enter_by, http, member, members, path, quiet,
    token,
};
use crate::site::{Edges as _, Spread, here_and_across};

here_and_across!(
    c51_c52_only_the_first_session_of_an_account_is_announced,
    c53_c54_c55_c56_an_account_leaves_once_with_its_last_session_and_may_return,
    c62_a_device_that_changes_hands_too_often_is_429,
);

async fn c51_c52_only_the_first_session_of_an_account_is_announced(spread: Spread) {
    let site = spread.demo().await;
    let mut alice = member(site.of(0), "alice").await;
    let mut bob = member(site.of(1), "bob").await;
    let notice = alice.next_frame().await;
    assert_eq!(notice["type"], "webrtc.signal");
    let data = &notice["data"];
    assert_eq!(
        (&data["type"], &data["data"], &data["account_id"]),
        (&json!("user-joined"), &json!({}), &json!("bob"))
    );
    bob.expect_quiet().await;
    let mut bob_too = member(site.of(0), "bob").await;
    quiet(&mut alice, "alice", &mut bob).await;
    alice.send(&json!({"type": "hello"})).await;
    for session in [&mut bob, &mut bob_too] {
        assert_eq!(session.next_frame().await["data"]["type"], "hello");
    }
}

async fn c53_c54_c55_c56_an_account_leaves_once_with_its_last_session_and_may_return(
    spread: Spread,
) {
    let site = spread.demo().await;
    let mut alice = member(site.of(0), "alice").await;
    for end in [End::Close, End::Cut] {
        let one = member(site.of(1), "bob").await;
        let mut two = member(site.of(0), "bob").await;
        assert_eq!(alice.next_frame().await["data"]["type"], "user-joined");
        end.befall(one).await;
        quiet(&mut alice, "alice", &mut two).await;
        assert_eq!(participants(site.of(1)).await, ["alice", "bob"]);
        end.befall(two).await;
        let left = alice.next_frame().await;
        assert_eq!(
            (&left["data"]["type"], &left["data"]["account_id"]),
            (&json!("user-left"), &json!("bob"))
        );
        alice.expect_quiet().await;
        assert_eq!(participants(site.of(1)).await, ["alice"]);
    }
}

#[tokio::test]
async fn c61_a_device_has_one_session_in_a_room_and_one_in_every_room() {
    let edge = TestEdge::demo().await;
    let mut watcher = member(&edge, "watcher").await;
    let phone = token("alice").claim("device_id", json!("phone"));
    let (mut old, _) = enter_by(&edge, door(ROOM, &phone)).await;
    let (mut there, _) = enter_by(&edge, door(OTHER, &phone)).await;
    let (mut tablet, _) = enter_by(
        &edge,
        door(ROOM, &token("alice").claim("device", json!("tablet"))),
    )
    .await;
    watcher.expect_type("webrtc.signal").await;
    let (mut new, _) = enter_by(&edge, door(ROOM, &phone)).await;
    assert_eq!(old.next_frame().await["type"], "error.dupe");
    let closed = old.expect_close().await;
    assert_eq!(closed.code, 4441);
    for session in [&mut there, &mut tablet, &mut new] {
        session.expect_quiet().await;
    }
    quiet(&mut watcher, "watcher", &mut new).await;
}

async fn c62_a_device_that_changes_hands_too_often_is_429(spread: Spread) {
    let site = spread.demo().await;
    let phone = token("alice").claim("device_id", json!("phone"));
    let mut holder = enter_by(site.of(0), door(ROOM, &phone)).await.0;
    for number in 1..=3 {
        let next = enter_by(site.of(number), door(ROOM, &phone)).await.0;
        assert_eq!(holder.find_close().await.code, 4441);
        holder = next;
    }
    let path = format!("{}?tk={}", path(ROOM), percent_encoded(&phone.sign()));
    for number in 0..3 {
        let (status, head, body) = http(site.of(number).listen(), &path, &UPGRADE).await;
        assert_eq!(
            (status, body.as_str()),
            (429, "Too Many Requests: The device connects too often")
        );
        assert!(head.contains("retry-after: 10"), "{head}");
    }
    holder.expect_quiet().await;
}

#[tokio::test]
async fn c65_a_session_ends_with_its_token_unless_configured_otherwise() {
    let edge = TestEdge::demo().await;
    let (mut alice, _) = enter_by(&edge, door(ROOM, &token("alice").expires_in(2))).await;
    assert_eq!(alice.expect_close().await.code, 4401);

    let edge = EdgeConfig::demo()
        .section("room", "close_on_expiry", false)
        .start()
        .await;
    let (mut alice, _) = enter_by(&edge, door(ROOM, &token("alice").expires_in(1))).await;
    let expired = token("alice").expires_in(1).sign();
    let path = format!("{}?tk={expired}", path(ROOM));
    until("the tokens have expired", async || {
        (http(edge.listen(), &path, &UPGRADE).await.0 == 401).then_some(())
    })
    .await;
    alice.expect_quiet().await;
}

#[tokio::test]
async fn a_drain_closes_with_1001() {
    let mut edge = TestEdge::demo().await;
    let [mut alice, mut bob] = members(&edge, ["alice", "bob"]).await;
    edge.terminate().await;
    for session in [&mut alice, &mut bob] {
        assert_eq!(session.find_close().await.code, 1001);
    }
    assert!(edge.exited().await.success());
}

#[tokio::test]
async fn a_removed_key_closes_with_4401_and_a_suspended_app_with_4403() {
    let key = || testkit::Key::secret("sk_id_two", "sk_secret_two");
    let app = testkit::App::demo();
    let edge = EdgeConfig::new().app(app.clone().key(key())).start().await;
    let of_two = token("alice").key("sk_id_two", "sk_secret_two");
    let (mut alice, _) = enter_by(&edge, door(ROOM, &of_two)).await;
    let mut bob = member(&edge, "bob").await;
    edge.write_config(&EdgeConfig::new().app(app.clone()));
    edge.reload().await;
    assert_eq!(alice.find_close().await.code, 4401);
    edge.write_config(&EdgeConfig::new().app(app.suspended()));
    edge.reload().await;
    assert_eq!(bob.find_close().await.code, 4403);
}

#[tokio::test]
async fn the_edge_counts_what_happens_in_rooms_by_its_own_dialect() {
    let edge = TestEdge::demo().await;
    let [mut alice, mut bob] = members(&edge, ["alice", "bob"]).await;
    alice.send(&json!({"type": "offer"})).await;
    alice.send(&json!({"type": "offer", "to": "bob"})).await;
    alice.send(&json!([])).await;
    before_mark(&mut bob, "bob", &mut alice).await;
    http(edge.listen(), &path(ROOM), &UPGRADE).await;
    let scrape = edge.scrape().await;
    for (line, count) in [
        (
            r#"switchboard_handshakes_total{dialect="room",outcome="admitted"}"#,
            2,
        ),
        (
            r#"switchboard_handshakes_total{dialect="room",outcome="unauthorized"}"#,
            1,
        ),
        (
            r#"switchboard_frames_in_total{dialect="room",kind="publish"}"#,
            1,
        ),
        (
            r#"switchboard_frames_in_total{dialect="room",kind="send"}"#,
            2,
        ),
        (
            r#"switchboard_frames_in_total{dialect="room",kind="malformed"}"#,
            1,
        ),
        (
            r#"switchboard_frames_out_total{dialect="room",kind="welcome"}"#,
            2,
        ),
        (
            r#"switchboard_frames_out_total{dialect="room",kind="message"}"#,
            1,
        ),
        (
            r#"switchboard_frames_out_total{dialect="room",kind="direct"}"#,
            2,
        ),
        (
            r#"switchboard_frames_out_total{dialect="room",kind="presence"}"#,
            1,
        ),
        (
            r#"switchboard_errors_total{code="malformed_message",dialect="room"}"#,
            1,
        ),
    ] {
        let expected = format!("{line} {count}");
        assert!(
            scrape.text().lines().any(|found| found == expected),
            "{expected}\n{}",
            scrape.text()
        );
    }
}

/// How a client may go.
#[derive(Clone, Copy)]
enum End {
    Close,
    Cut,
}

impl End {
    async fn befall(self, client: Client) {
        match self {
            Self::Close => client.close().await,
            Self::Cut => client.cut(),
        }
    }
}

/// Who is in the room, as the control plane sees it.
async fn participants(edge: &TestEdge) -> Vec<String> {
    let answer = edge
        .rest()
        .get(&format!("/admin/rooms/{ROOM}/participants"))
        .await
        .ok();
    let mut accounts: Vec<String> = answer["participants"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|entry: &Value| entry["account_id"].as_str().expect("a name").to_owned())
        .collect();
    accounts.sort();
    accounts
}

#[tokio::test]
async fn a_guest_without_a_name_is_shown_by_its_id() {
    let edge = TestEdge::demo().await;
    let mut alice = member(&edge, "alice").await;
    let nameless = Token::peer("n1").claim("rooms", json!("*"));
    let _guest = enter_by(&edge, door(ROOM, &nameless)).await;
    let joined = alice.next_frame().await;
    assert_eq!(
        (
            &joined["data"]["account"]["name"],
            &joined["data"]["account"]["nick"]
        ),
        (&json!("n1"), &json!("n1"))
    );
    let (_bob, connected) = enter(&edge, "bob").await;
    assert_eq!(connected["participants"].as_array().unwrap().len(), 2);
}
