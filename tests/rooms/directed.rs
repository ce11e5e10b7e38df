//! What one member says to one account (spec §2.6).

use serde_json::json;

use crate::member::{OTHER, ROOM, door, enter_by, member, members, quiet, token};
use crate::site::{Edges as _, Spread, here_and_across};

here_and_across!(
    c38_c39_a_target_hears_it_on_all_its_sessions_and_nobody_else_does,
    c40_a_sender_never_gets_its_own_directed_message,
    c41_an_absent_target_is_nobody_and_the_sender_stays,
    c42_a_target_in_another_room_is_absent,
    c43_an_account_that_is_a_guid_is_found_in_upper_case,
    a_target_that_is_no_account_reaches_nobody,
);

async fn c38_c39_a_target_hears_it_on_all_its_sessions_and_nobody_else_does(spread: Spread) {
    let site = spread.demo().await;
    let [mut alice, mut bob, mut carol] = members(&site, ["alice", "bob", "carol"]).await;
    let mut bob_too = member(site.of(0), "bob").await;
    for packet in [
        json!({"type": "webrtc.signal", "data": {"type": "offer", "data": {}, "to": "bob"}}),
        json!({"type": "offer", "offer": {}, "to": "bob"}),
        json!({"type": "offer", "data": {}, "to": "bob"}),
    ] {
        alice.send(&packet).await;
        for session in [&mut bob, &mut bob_too] {
            let frame = session.next_frame().await;
            assert_eq!(
                (&frame["data"]["type"], &frame["data"]["to"]),
                (&json!("offer"), &json!("bob"))
            );
        }
    }
    quiet(&mut carol, "carol", &mut alice).await;
}

async fn c40_a_sender_never_gets_its_own_directed_message(spread: Spread) {
    let site = spread.demo().await;
    let [mut phone, mut bob] = members(&site, ["alice", "bob"]).await;
    let mut laptop = member(site.of(1), "alice").await;
    phone.send(&json!({"type": "sync", "to": "alice"})).await;
    assert_eq!(laptop.next_frame().await["data"]["type"], "sync");
    quiet(&mut phone, "alice", &mut laptop).await;
    quiet(&mut bob, "bob", &mut phone).await;
}

async fn c41_an_absent_target_is_nobody_and_the_sender_stays(spread: Spread) {
    let site = spread.demo().await;
    let [mut alice, mut bob] = members(&site, ["alice", "bob"]).await;
    alice.send(&json!({"type": "offer", "to": "nobody"})).await;
    quiet(&mut bob, "bob", &mut alice).await;
    alice.expect_quiet().await;
}

async fn c42_a_target_in_another_room_is_absent(spread: Spread) {
    let site = spread.demo().await;
    let [mut alice, mut bob] = members(&site, ["alice", "bob"]).await;
    let (mut carol, _) = enter_by(site.of(0), door(OTHER, &token("carol"))).await;
    let (mut alice_there, _) = enter_by(site.of(1), door(OTHER, &token("alice"))).await;
    carol.expect_type("webrtc.signal").await;
    alice.send(&json!({"type": "offer", "to": "carol"})).await;
    alice.send(&json!({"type": "offer", "to": "alice"})).await;
    quiet(&mut bob, "bob", &mut alice).await;
    quiet(&mut carol, "carol", &mut alice_there).await;
    alice_there.expect_quiet().await;
}

async fn c43_an_account_that_is_a_guid_is_found_in_upper_case(spread: Spread) {
    let account = "6f9619ff-8b86-d011-b42d-00c04fc964ff";
    let site = spread.demo().await;
    let (mut bob, connected) =
        enter_by(site.of(0), door(ROOM, &token(&account.to_uppercase()))).await;
    assert_eq!(connected["user_id"], account);
    let mut alice = member(site.of(1), "alice").await;
    bob.expect_type("webrtc.signal").await;
    for spelling in [account.to_uppercase(), account.to_owned()] {
        alice.send(&json!({"type": "offer", "to": spelling})).await;
        assert_eq!(bob.next_frame().await["data"]["to"], account);
    }
}

async fn a_target_that_is_no_account_reaches_nobody(spread: Spread) {
    let site = spread.demo().await;
    let [mut alice, mut bob] = members(&site, ["alice", "bob"]).await;
    for to in [json!(""), json!(1), json!({}), json!(["bob"]), json!("é")] {
        alice.send(&json!({"type": "offer", "to": to})).await;
        assert_eq!(
            alice.next_frame().await["data"]["code"],
            "invalid_target",
            "{to}"
        );
    }
    quiet(&mut bob, "bob", &mut alice).await;
}
