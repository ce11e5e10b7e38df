//! The first packet: who the client is, where, and who else is there (spec §2.3).

use serde_json::json;
use testkit::{Door, RawSocket, TestEdge, percent_encoded};

use crate::member::{ROOM, door, enter, enter_by, member, path, token};

#[tokio::test]
async fn c16_c19_the_first_frame_says_who_and_where_and_that_nobody_else_is_there() {
    let edge = TestEdge::demo().await;
    let mut raw = RawSocket::upgraded(&edge, &door(ROOM, &token("alice"))).await;
    let (opcode, payload) = raw.frame().await.expect("a first frame");
    assert_eq!(opcode, 1, "a text frame");
    let packet: serde_json::Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(packet["type"], "webrtc");
    let data = &packet["data"];
    assert_eq!(
        (&data["user_id"], &data["userId"]),
        (&json!("alice"), &json!("alice"))
    );
    assert_eq!(
        (&data["room_id"], &data["roomId"]),
        (&json!(ROOM), &json!(ROOM))
    );
    assert_eq!(data["message"], format!("Connected to call of #{ROOM}."));
    assert_eq!(data["participants"], json!([]));
    let timestamp = data["timestamp"].as_str().unwrap();
    assert!(is_timestamp(timestamp), "{timestamp}");
    assert!(data["session_id"].is_string() && data["node"].is_string());
}

#[tokio::test]
async fn c17_c18_every_other_account_is_listed_once() {
    let edge = TestEdge::demo().await;
    let _alice = [member(&edge, "alice").await, member(&edge, "alice").await];
    let _bob = member(&edge, "bob").await;
    let (_carol, connected) = enter(&edge, "carol").await;
    let participants = connected["participants"].as_array().unwrap();
    let mut accounts: Vec<_> = participants
        .iter()
        .map(|entry| entry["account_id"].as_str().unwrap())
        .collect();
    accounts.sort_unstable();
    assert_eq!(accounts, ["alice", "bob"]);
    for entry in participants {
        assert_eq!(entry["identity"], entry["account_id"]);
        assert_eq!(entry["accountId"], entry["account_id"]);
        assert_eq!(entry["name"], entry["account_id"]);
        assert_eq!(
            entry["account"]["nick"],
            entry["name"].as_str().unwrap().to_uppercase()
        );
        assert_eq!(entry["joinedAt"], entry["joined_at"]);
        assert!(is_timestamp(entry["joined_at"].as_str().unwrap()));
    }
    let (_again, connected) = enter(&edge, "alice").await;
    let accounts: Vec<_> = connected["participants"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| &entry["account_id"])
        .collect();
    assert!(
        !accounts.contains(&&json!("alice")),
        "never the caller: {accounts:?}"
    );
}

#[tokio::test]
async fn the_join_time_is_that_of_the_accounts_first_session() {
    let edge = TestEdge::demo().await;
    let _first = member(&edge, "alice").await;
    let (_bob, before) = enter(&edge, "bob").await;
    let _second = member(&edge, "alice").await;
    let (_carol, after) = enter(&edge, "carol").await;
    let joined = |connected: &serde_json::Value| {
        let participants = connected["participants"].as_array().unwrap().clone();
        let alice = participants
            .into_iter()
            .find(|entry| entry["account_id"] == "alice");
        alice.unwrap()["joined_at"].clone()
    };
    assert_eq!(joined(&before), joined(&after));
}

#[tokio::test]
async fn a_signal_never_overtakes_the_first_packet() {
    let edge = TestEdge::demo().await;
    let mut speaker = member(&edge, "speaker").await;
    for number in 0..20 {
        let account = format!("listener-{number}");
        let query = percent_encoded(&token(&account).sign());
        let listener =
            testkit::Client::open(&edge, Door::path(&format!("{}?tk={query}", path(ROOM))));
        let flood = async {
            for _ in 0..10 {
                speaker.send(&json!({"type": "noise"})).await;
            }
        };
        let (mut listener, ()) = tokio::join!(listener, flood);
        assert_eq!(listener.next_frame().await["type"], "webrtc");
    }
}

#[tokio::test]
async fn what_others_are_shown_comes_from_the_registry_before_the_token() {
    let edge = TestEdge::demo().await;
    let row = json!({"role": 50, "name": "registered", "nick": "Reg", "profile": {"bio": "<&>"}});
    let path = format!("/admin/rooms/{ROOM}/members/alice");
    edge.rest()
        .call(reqwest::Method::PUT, &path, Some(&row.to_string()))
        .await
        .ok();
    let unsaid = token("alice").without("rooms");
    let (_alice, _) = enter_by(&edge, door(ROOM, &unsaid)).await;
    let (_bob, connected) = enter(&edge, "bob").await;
    let entry = &connected["participants"][0];
    assert_eq!(
        (&entry["name"], &entry["account"]["nick"]),
        (&json!("registered"), &json!("Reg"))
    );
    assert_eq!(entry["account"]["profile"], json!({"bio": "<&>"}));
}

/// `2026-02-14T12:00:00.0000000Z`.
pub(crate) fn is_timestamp(text: &str) -> bool {
    const FORM: &str = "0000-00-00T00:00:00.0000000Z";
    let fits = |(found, form): (char, char)| {
        if form == '0' {
            found.is_ascii_digit()
        } else {
            found == form
        }
    };
    text.len() == FORM.len() && text.chars().zip(FORM.chars()).all(fits)
}
