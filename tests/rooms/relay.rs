//! What one member says to all (spec §2.4 to §2.6).

use serde_json::{Value, json};
use testkit::EdgeConfig;
use tokio_tungstenite::tungstenite::Message;

use crate::member::{
    OTHER, ROOM, before_mark, door, enter_by, listed, member, members, names, quiet, token,
};
use crate::site::{Edges as _, Spread, here_and_across};

here_and_across!(
    c21_c24_c33_a_wrapped_signal_reaches_all_others_and_not_its_sender,
    c22_c23_the_guides_form_is_lifted_and_the_flat_form_kept,
    c25_the_senders_other_sessions_hear_it,
    c26_c36_the_sender_is_the_account_with_a_fixed_short_list,
    c28_c37_no_client_speaks_for_the_server,
    c29_c30_any_type_passes_and_the_payload_bit_for_bit,
    c31_a_large_message_passes,
    c32_two_hundred_messages_arrive_complete_and_in_order_directed_ones_between_them,
    c57_nothing_of_one_room_shows_in_another_even_for_an_account_in_both,
    c58_offer_answer_and_candidates_make_their_way,
);

async fn c21_c24_c33_a_wrapped_signal_reaches_all_others_and_not_its_sender(spread: Spread) {
    let site = spread.demo().await;
    let [mut alice, mut bob, mut carol] = members(&site, ["alice", "bob", "carol"]).await;
    for outer in ["webrtc.signal", "signaling", "webrtc"] {
        alice
            .send(&json!({"type": outer, "data": {"type": "offer", "data": {"sdp": "v=0"}}}))
            .await;
        for listener in [&mut bob, &mut carol] {
            let frame = listener.next_frame().await;
            assert_eq!(frame["type"], "webrtc.signal");
            let data = &frame["data"];
            assert_eq!(
                (&data["type"], &data["data"], &data["to"]),
                (&json!("offer"), &json!({"sdp": "v=0"}), &Value::Null)
            );
            assert_eq!(data["account_id"], "alice");
            assert_eq!(data["senderAccountId"], data["account_id"]);
            assert_eq!(data["senderInfo"], data["account"]);
            assert!(data.get("SenderAccountId").is_none());
        }
    }
    quiet(&mut alice, "alice", &mut bob).await;
}

async fn c22_c23_the_guides_form_is_lifted_and_the_flat_form_kept(spread: Spread) {
    let site = spread.demo().await;
    let [mut alice, mut bob] = members(&site, ["alice", "bob"]).await;
    let description = json!({"type": "offer", "sdp": "v=0\r\n"});
    for (sent, payload) in [
        (
            json!({"type": "offer", "offer": description}),
            json!({"offer": description}),
        ),
        (
            json!({"type": "offer", "data": description}),
            description.clone(),
        ),
        (json!({"type": "offer", "data": "v=0"}), json!("v=0")),
        (json!({"type": "offer", "data": [1]}), json!([1])),
        (json!({"type": "offer"}), json!({})),
    ] {
        alice.send(&sent).await;
        let frame = bob.next_frame().await;
        assert_eq!(
            (&frame["data"]["type"], &frame["data"]["data"]),
            (&json!("offer"), &payload)
        );
    }
}

async fn c25_the_senders_other_sessions_hear_it(spread: Spread) {
    let site = spread.demo().await;
    let mut phone = member(site.of(0), "alice").await;
    let mut laptop = member(site.of(1), "alice").await;
    phone.send(&json!({"type": "offer", "offer": 1})).await;
    assert_eq!(laptop.next_frame().await["data"]["account_id"], "alice");
    quiet(&mut phone, "alice", &mut laptop).await;
}

async fn c26_c36_the_sender_is_the_account_with_a_fixed_short_list(spread: Spread) {
    let site = spread.demo().await;
    let rich = token("alice")
        .claim("email", json!("a@example.com"))
        .claim("contacts", json!(["a@example.com"]))
        .claim("sessions", json!([1]));
    let mut bob = member(site.of(0), "bob").await;
    let (mut alice, _) = enter_by(site.of(1), door(ROOM, &rich)).await;
    let joined = bob.next_frame().await;
    alice.send(&json!({"type": "offer", "offer": 1})).await;
    let said = bob.next_frame().await;
    for frame in [joined, said] {
        let account = &frame["data"]["account"];
        assert_eq!(
            names(account),
            ["id", "name", "nick", "profile", "updatedAt", "updated_at"]
        );
        assert_eq!(
            (&account["id"], &account["name"], &account["nick"]),
            (&json!("alice"), &json!("alice"), &json!("ALICE"))
        );
        assert_eq!(account["profile"], json!({}));
        assert!(!frame.to_string().contains("example.com"));
    }
}

async fn c28_c37_no_client_speaks_for_the_server(spread: Spread) {
    let site = spread.demo().await;
    let [mut alice, mut bob] = members(&site, ["alice", "bob"]).await;
    for fake in [
        json!({"type": "user-joined"}),
        json!({"type": "user-left", "data": {}}),
        json!({"type": "webrtc.signal", "data": {"type": "user-joined", "data": {}}}),
        json!({"type": "webrtc", "data": {"type": "USER-LEFT"}}),
        json!({"type": "webrtc", "data": {"message": "Connected to call of #x.", "participants": []}}),
    ] {
        alice.send(&fake).await;
        assert_eq!(alice.next_frame().await["type"], "error", "{fake}");
    }
    quiet(&mut bob, "bob", &mut alice).await;
    alice
        .send(&json!({"type": "webrtc", "data": {"type": "ended", "message": "fake"}}))
        .await;
    let frame = bob.next_frame().await;
    assert_eq!(
        (&frame["type"], &frame["data"]["type"]),
        (&json!("webrtc.signal"), &json!("ended"))
    );
}

async fn c29_c30_any_type_passes_and_the_payload_bit_for_bit(spread: Spread) {
    let site = spread.demo().await;
    let [mut alice, mut bob] = members(&site, ["alice", "bob"]).await;
    let payload = r#"{"sdpMLineIndex":0,"usernameFragment":null,"s":"a=x\r\nb=\"q\" <>&' 😀 é","n":1.50,"big":12345678901234567890,"deep":[[[{}]]]}"#;
    alice
        .send_text(&format!(r#"{{"type":"my-own.type/2","data":{payload}}}"#))
        .await;
    let frame = bob.next_frame().await;
    assert_eq!(frame["data"]["type"], "my-own.type/2");
    assert_eq!(
        frame["data"]["data"],
        serde_json::from_str::<Value>(payload).expect("JSON")
    );
    alice
        .send_message(Message::binary(br#"{"type":"binary","x":1}"#.to_vec()))
        .await;
    assert_eq!(bob.next_frame().await["data"]["type"], "binary");
}

async fn c31_a_large_message_passes(spread: Spread) {
    let site = spread.demo().await;
    let [mut alice, mut bob] = members(&site, ["alice", "bob"]).await;
    for size in [60 * 1024, 200 * 1024] {
        let sdp = "x".repeat(size);
        alice
            .send(&json!({"type": "offer", "offer": {"sdp": sdp}}))
            .await;
        assert_eq!(bob.next_frame().await["data"]["data"]["offer"]["sdp"], sdp);
    }
}

async fn c32_two_hundred_messages_arrive_complete_and_in_order_directed_ones_between_them(
    spread: Spread,
) {
    let site = spread.demo().await;
    let [mut alice, mut bob] = members(&site, ["alice", "bob"]).await;
    let frames: Vec<Value> = (0..200)
        .map(|number| match number % 3 {
            0 => json!({"type": "n", "data": number, "to": "bob"}),
            _ => json!({"type": "n", "data": number}),
        })
        .collect();
    alice.send_all(&frames).await;
    for number in 0..200 {
        assert_eq!(bob.next_frame().await["data"]["data"], number);
    }
}

async fn c57_nothing_of_one_room_shows_in_another_even_for_an_account_in_both(spread: Spread) {
    let site = spread.demo().await;
    let [mut alice, mut bob] = members(&site, ["alice", "bob"]).await;
    let (mut alice_there, connected) = enter_by(site.of(1), door(OTHER, &token("alice"))).await;
    assert_eq!(connected["participants"], json!([]));
    let (mut carol_there, connected) = enter_by(site.of(0), door(OTHER, &token("carol"))).await;
    assert_eq!(listed(&connected).len(), 1);
    alice_there.expect_type("webrtc.signal").await;
    alice.send(&json!({"type": "offer", "offer": "here"})).await;
    alice_there
        .send(&json!({"type": "offer", "offer": "there"}))
        .await;
    alice_there
        .send(&json!({"type": "offer", "offer": "there", "to": "bob"}))
        .await;
    let heard = before_mark(&mut bob, "bob", &mut alice).await;
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert_eq!(heard[0]["data"]["data"]["offer"], "here");
    let heard = before_mark(&mut carol_there, "carol", &mut alice_there).await;
    assert_eq!(heard.len(), 1, "{heard:?}");
    carol_there.close().await;
    assert_eq!(alice_there.next_frame().await["data"]["type"], "user-left");
    quiet(&mut alice, "alice", &mut bob).await;
    quiet(&mut bob, "bob", &mut alice).await;
}

async fn c58_offer_answer_and_candidates_make_their_way(spread: Spread) {
    let site = spread.demo().await;
    let [mut alice, mut bob] = members(&site, ["alice", "bob"]).await;
    alice
        .send(&json!({"type": "offer", "offer": {"type": "offer", "sdp": "o"}}))
        .await;
    let offer = bob.next_frame().await;
    assert_eq!(offer["data"]["data"]["offer"]["sdp"], "o");
    bob.send(&json!({"type": "answer", "answer": {"type": "answer", "sdp": "a"}, "to": offer["data"]["account_id"]})).await;
    assert_eq!(
        alice.next_frame().await["data"]["data"]["answer"]["sdp"],
        "a"
    );
    for number in 0..10 {
        alice
            .send(&json!({"type": "ice-candidate", "candidate": {"n": number}}))
            .await;
        bob.send(&json!({"type": "ice-candidate", "candidate": {"n": number}}))
            .await;
    }
    for number in 0..10 {
        assert_eq!(
            alice.next_frame().await["data"]["data"]["candidate"]["n"],
            number
        );
        assert_eq!(
            bob.next_frame().await["data"]["data"]["candidate"]["n"],
            number
        );
    }
}

#[tokio::test]
async fn an_app_without_messages_left_hears_so() {
    let app = testkit::App::demo().plan("max_messages", 2);
    let edge = EdgeConfig::new().app(app).start().await;
    let [mut alice, mut bob] = members(&edge, ["alice", "bob"]).await;
    for _ in 0..3 {
        alice.send(&json!({"type": "offer"})).await;
    }
    let error = alice.next_frame().await;
    assert_eq!(
        (&error["type"], &error["data"]["code"]),
        (&json!("error"), &json!("over_message_quota"))
    );
    for _ in 0..2 {
        assert_eq!(bob.next_frame().await["data"]["type"], "offer");
    }
    bob.expect_quiet().await;
}
