//! The two spellings: of the server, and of the guide's sample code (spec §2.2).

use serde_json::{Value, json};
use testkit::{Client, Door, EdgeConfig, TestEdge, percent_encoded};

use crate::member::{ROOM, door, enter_by, member, path, token};
use crate::site::{Edges as _, Spread, here_and_across};

here_and_across!(
    c34_the_guides_client_gets_the_names_that_it_reads,
    c35_members_on_different_wires_understand_each_other,
);

fn guide_door(account: &str) -> Door {
    let token = percent_encoded(&token(account).sign());
    Door::path(&format!("/compat/guide{}?tk={token}", path(ROOM)))
}

fn wire_door(account: &str, wire: &str) -> Door {
    let token = percent_encoded(&token(account).sign());
    Door::path(&format!("{}?tk={token}&wire={wire}", path(ROOM)))
}

async fn guide(edge: &TestEdge, account: &str) -> Client {
    enter_by(edge, guide_door(account)).await.0
}

async fn c34_the_guides_client_gets_the_names_that_it_reads(spread: Spread) {
    let site = spread.demo().await;
    let mut alice = guide(site.of(0), "alice").await;
    let mut bob = guide(site.of(1), "bob").await;
    let joined = alice.next_frame().await;
    assert_eq!(
        (&joined["type"], &joined["data"]["type"]),
        (&json!("signaling"), &json!("user-joined"))
    );
    assert_eq!(joined["data"]["SenderAccountId"], "bob");
    alice
        .send(&json!({"type": "offer", "offer": {"sdp": "o"}}))
        .await;
    let offer = bob.next_frame().await;
    assert_eq!(offer["type"], "signaling");
    let data = &offer["data"];
    assert_eq!(
        (&data["SenderAccountId"], &data["SenderInfo"]["nick"]),
        (&json!("alice"), &json!("ALICE"))
    );
    assert_eq!(
        (&data["account_id"], &data["senderAccountId"]),
        (&json!("alice"), &json!("alice"))
    );
    assert_eq!(data["data"]["offer"]["sdp"], "o");
    bob.close().await;
    let left = alice.next_frame().await;
    assert_eq!(
        (&left["type"], &left["data"]["event"]),
        (&json!("webrtc"), &json!("user-left"))
    );
    assert_eq!(
        (&left["data"]["message"], &left["data"]["account_id"]),
        (&json!("bob left the call."), &json!("bob"))
    );
}

async fn c35_members_on_different_wires_understand_each_other(spread: Spread) {
    let site = spread.demo().await;
    let mut alice = guide(site.of(0), "alice").await;
    let mut bob = member(site.of(1), "bob").await;
    assert_eq!(alice.next_frame().await["type"], "signaling");
    alice.send(&json!({"type": "offer", "offer": 1})).await;
    let offer = bob.next_frame().await;
    assert_eq!(
        (&offer["type"], &offer["data"]["data"]),
        (&json!("webrtc.signal"), &json!({"offer": 1}))
    );
    bob.send(&json!({"type": "webrtc.signal", "data": {"type": "answer", "data": {"answer": 2}}}))
        .await;
    let answer = alice.next_frame().await;
    assert_eq!(
        (&answer["type"], &answer["data"]["data"]),
        (&json!("signaling"), &json!({"answer": 2}))
    );
    alice.close().await;
    assert_eq!(bob.next_frame().await["data"]["type"], "user-left");
}

#[tokio::test]
async fn the_wire_is_asked_for_by_path_query_or_configuration() {
    let edge = EdgeConfig::demo()
        .section("room", "wire", "guide")
        .start()
        .await;
    let mut of_config = enter_by(&edge, door(ROOM, &token("one"))).await.0;
    let mut of_query = enter_by(&edge, wire_door("two", "default")).await.0;
    let mut unknown = enter_by(&edge, wire_door("three", "morse")).await.0;
    let mut speaker = enter_by(&edge, wire_door("speaker", "guide")).await.0;
    speaker.send(&json!({"type": "hello"})).await;
    let kind = async |client: &mut Client| -> Value {
        loop {
            let frame = client.next_frame().await;
            if frame["data"]["type"] == "hello" {
                return frame["type"].clone();
            }
        }
    };
    assert_eq!(kind(&mut of_config).await, "signaling");
    assert_eq!(kind(&mut of_query).await, "webrtc.signal");
    assert_eq!(kind(&mut unknown).await, "signaling");
}
