//! What somebody tries who wants to be somebody else, or somewhere else.

use std::fmt::Write as _;

use serde_json::{Value, json};
use testkit::{Client, TestEdge};

use crate::member::{
    OTHER, ROOM, UPGRADE, before_mark, door, enter_by, http, member, members, names, token,
};
use crate::site::{Edges as _, Spread, here_and_across};

here_and_across!(
    c27_forged_sender_fields_are_gone_in_every_spelling_and_at_every_level,
    a_payload_may_hold_what_it_likes_and_is_still_only_a_payload,
    names_that_want_to_break_out_of_their_packet_do_not,
    nothing_a_stranger_sends_crosses_into_a_room,
);

const SENDER_FIELDS: [&str; 18] = [
    "account_id",
    "accountId",
    "AccountId",
    "ACCOUNT_ID",
    "account",
    "Account",
    "senderAccountId",
    "SenderAccountId",
    "sender_account_id",
    "senderInfo",
    "SenderInfo",
    "sender_info",
    "SENDERINFO",
    "sender",
    "Sender",
    "sender_id",
    "senderAccount",
    "identity",
];

async fn c27_forged_sender_fields_are_gone_in_every_spelling_and_at_every_level(spread: Spread) {
    let site = spread.demo().await;
    let [mut alice, mut bob] = members(&site, ["alice", "bob"]).await;
    let mut forged = String::new();
    for field in SENDER_FIELDS {
        write!(forged, ",\"{field}\":{{\"id\":\"eve\",\"nick\":\"eve\"}}")
            .expect("a string takes all");
    }
    let escaped = r#","\u0073enderInfo":"eve","account\u005fid":"eve""#;
    for text in [
        format!("{{\"type\":\"offer\",\"offer\":1{forged}}}"),
        format!("{{\"type\":\"offer\",\"data\":{{\"offer\":1}}{forged}}}"),
        format!(
            "{{\"type\":\"webrtc.signal\",\"data\":{{\"type\":\"offer\",\"data\":{{\"offer\":1}}{forged}}}{forged}}}"
        ),
        format!("{{\"type\":\"signaling\",\"data\":{{\"type\":\"offer\",\"offer\":1{forged}}}}}"),
        format!("{{\"type\":\"offer\",\"offer\":1{escaped}}}"),
    ] {
        alice.send_text(&text).await;
        let frame = bob.next_frame().await;
        assert!(!frame.to_string().contains("eve"), "{text}\n{frame}");
        assert_eq!(frame["data"]["account_id"], "alice");
        assert_eq!(frame["data"]["senderInfo"]["id"], "alice");
        assert_eq!(frame["data"]["data"], json!({"offer": 1}));
        assert_eq!(
            names(&frame["data"]),
            [
                "account",
                "account_id",
                "data",
                "senderAccountId",
                "senderInfo",
                "to",
                "type"
            ]
        );
    }
}

async fn a_payload_may_hold_what_it_likes_and_is_still_only_a_payload(spread: Spread) {
    let site = spread.demo().await;
    let [mut alice, mut bob] = members(&site, ["alice", "bob"]).await;
    let payload =
        json!({"account_id": "eve", "type": "user-left", "to": "eve", "data": {"SenderInfo": 1}});
    alice.send(&json!({"type": "offer", "data": payload})).await;
    let frame = bob.next_frame().await;
    assert_eq!(
        (&frame["data"]["account_id"], &frame["data"]["to"]),
        (&json!("alice"), &Value::Null)
    );
    assert_eq!(frame["data"]["data"], payload);
}

async fn names_that_want_to_break_out_of_their_packet_do_not(spread: Spread) {
    let site = spread.demo().await;
    let mut bob = member(site.of(0), "bob").await;
    let wild = "\",\"account_id\":\"eve\"}}\u{0}\r\n<script>";
    let token = token("al\"ice")
        .claim("preferred_username", json!(wild))
        .claim("name", json!(wild));
    let (mut alice, _) = enter_by(site.of(1), door(ROOM, &token)).await;
    let joined = bob.next_frame().await;
    alice
        .send(&json!({"type": wild, "data": {wild: wild}}))
        .await;
    let said = bob.next_frame().await;
    for frame in [&joined, &said] {
        assert_eq!(frame["data"]["account_id"], "al\"ice");
        assert_eq!(frame["data"]["account"]["nick"], wild);
    }
    assert_eq!(
        (&said["data"]["type"], &said["data"]["data"][wild]),
        (&json!(wild), &json!(wild))
    );
}

#[tokio::test]
async fn no_trick_in_the_path_leads_into_another_room() {
    let edge = TestEdge::demo().await;
    let here_only = token("eve").claim("rooms", json!([ROOM])).sign();
    let escaped: String = OTHER.bytes().fold(String::new(), |mut escaped, byte| {
        write!(escaped, "%{byte:02X}").unwrap();
        escaped
    });
    for path in [
        format!("/api/chat/realtime/{OTHER}"),
        format!("/api/chat/realtime/{ROOM}/../{OTHER}"),
        format!("/api/chat/realtime/{ROOM}%2F..%2F{OTHER}"),
        format!("/api/chat/realtime/{ROOM}/{OTHER}"),
        format!("/api/chat/realtime/{OTHER}/"),
        format!("/api/chat/realtime//{OTHER}"),
        format!("/api/chat/realtime/{OTHER}%00"),
        format!("/api/chat/realtime/{OTHER};{ROOM}"),
        format!("/api/chat/realtime/{escaped}"),
        format!("/api/chat/realtime/{}", OTHER.to_uppercase()),
        format!("/sphere/chat/realtime/{OTHER}"),
        format!("/compat/guide/api/chat/realtime/{OTHER}"),
        format!("/compat/guide/compat/guide/api/chat/realtime/{ROOM}"),
        format!("/API/chat/realtime/{ROOM}"),
    ] {
        let (status, _, _) = http(edge.listen(), &format!("{path}?tk={here_only}"), &UPGRADE).await;
        assert!([403, 404].contains(&status), "{path}: {status}");
    }
    let braces = format!("/api/chat/realtime/{ROOM}?tk={here_only}&room={OTHER}&chatId={OTHER}");
    let mut eve = Client::open(&edge, testkit::Door::path(&braces)).await;
    assert_eq!(eve.expect_type("webrtc").await["data"]["room_id"], ROOM);
}

async fn nothing_a_stranger_sends_crosses_into_a_room(spread: Spread) {
    let site = spread.demo().await;
    let [mut alice, mut bob] = members(&site, ["alice", "bob"]).await;
    let (mut eve, _) = enter_by(site.of(0), door(OTHER, &token("eve"))).await;
    for packet in [
        json!({"type": "offer", "to": "bob", "room_id": ROOM, "roomId": ROOM, "room": ROOM}),
        json!({"type": "webrtc.signal", "room": ROOM, "data": {"type": "offer", "to": "bob", "room_id": ROOM}}),
        json!({"type": "offer", "to": format!("{ROOM}/bob"), "data": 1}),
        json!({"type": "subscribe", "channel": ROOM, "requestId": "1"}),
        json!({"type": "publish", "channel": ROOM, "data": 1, "requestId": "2"}),
        json!({"type": "send", "to": "bob", "data": 1, "requestId": "3"}),
    ] {
        eve.send(&packet).await;
    }
    let mut peer = Client::connect_peer(site.of(1), "eve").await;
    peer.subscribe(ROOM).await;
    peer.publish(ROOM, "hello").await;
    assert_eq!(
        peer.refusal(json!({"type": "send", "to": "bob", "data": 1}))
            .await,
        "peer_not_found"
    );
    eve.expect_quiet().await;
    let heard = before_mark(&mut bob, "bob", &mut alice).await;
    assert!(heard.is_empty(), "{heard:?}");
}

#[tokio::test]
async fn what_a_stranger_is_told_does_not_depend_on_whether_the_room_lives() {
    let edge = TestEdge::demo().await;
    let _alice = member(&edge, "alice").await;
    let eve = token("eve").claim("rooms", json!([])).sign();
    let mut answers = Vec::new();
    for room in [ROOM, OTHER, "00000000-0000-0000-0000-000000000000"] {
        let answer = http(
            edge.listen(),
            &format!("/api/chat/realtime/{room}?tk={eve}"),
            &UPGRADE,
        )
        .await;
        answers.push((
            answer.0,
            answer.2,
            answer
                .1
                .lines()
                .filter(|line| !line.starts_with("date"))
                .count(),
        ));
    }
    assert!(
        answers.windows(2).all(|pair| pair[0] == pair[1]),
        "{answers:?}"
    );
}

#[tokio::test]
async fn no_token_of_a_client_appears_in_the_log_or_the_metrics() {
    let edge = testkit::EdgeConfig::demo()
        .set("log", "debug")
        .start()
        .await;
    let good = token("distinctive-account").sign();
    let bad = format!("{good}x");
    http(
        edge.listen(),
        &format!("/api/chat/realtime/{ROOM}?tk={bad}"),
        &UPGRADE,
    )
    .await;
    let (_alice, _) = enter_by(&edge, door(ROOM, &token("distinctive-account"))).await;
    let signature = good.rsplit('.').next().unwrap();
    let scrape = edge.scrape().await;
    for text in [edge.log(), scrape.text().to_owned()] {
        assert!(!text.contains(signature) && !text.contains("sk_secret_demo"));
    }
    assert!(!scrape.text().contains("distinctive") && !scrape.text().contains(ROOM));
}
