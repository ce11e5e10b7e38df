//! What watchers see of a number (checklist 53).

use serde_json::{Value, json};
use testkit::{ClusterConfig, Phone, TestCluster, TestEdge};

use crate::pair::{CALL, accept, alice, bob, hangup, outgoing, rings};

fn path(user: &str, number: &str) -> String {
    format!("/v1/apps/demo/users/{user}/watches/{number}")
}

/// Carol watches this number.
async fn carol_watches(edge: &TestEdge, number: &str) {
    let put = edge.rest().put(&path("carol", number), &json!({})).await;
    assert_eq!(put.status, 204);
}

async fn carol(edge: &TestEdge) -> Phone {
    Phone::attach(edge, &Phone::token("carol", "phone", "1003")).await
}

fn presence(available: bool) -> Value {
    json!({"request": "presence_update", "settings": {
        "available": available, "note": "caf\u{e9}", "status_icon": null, "device": "my phone",
        "time_offset_min": -60, "timestamp": null, "activity": "meeting", "dnd_mode": false, "unknown": [],
    }})
}

/// The only presence info of an event, checked for what a client insists on.
fn info(event: &Value) -> Value {
    assert_eq!(event["event"], "number_presence_update");
    let infos = event["presence_info"].as_array().expect("a list");
    assert_eq!(infos.len(), 1, "{event}");
    let info = &infos[0];
    for member in ["id", "number", "note", "arrival_time", "source"] {
        assert!(info[member].is_string(), "{member}: {info}");
    }
    assert!(info["available"].is_boolean() && info["activities"].is_array());
    info.clone()
}

#[tokio::test]
async fn c53_watchers_are_told_of_presence_and_others_are_not() {
    let cluster = ClusterConfig::demo(2)
        .edge(|edge| edge.section("calls", "grace", "1s"))
        .start()
        .await;
    carol_watches(cluster.edge(0), "1001").await;
    let mut carol = carol(cluster.edge(0)).await;
    let mut bob = bob(cluster.edge(0)).await;
    let mut alice = alice(cluster.edge(1)).await;
    alice.acked(presence(true)).await;
    let told = carol.event("number_presence_update").await;
    assert_eq!(told["number"], "1001");
    assert!(told.get("line").is_none() && told.get("transaction").is_none());
    let info = info(&told);
    assert_eq!(
        (
            &info["available"],
            &info["note"],
            &info["device"],
            &info["activities"]
        ),
        (
            &json!(true),
            &json!("caf\u{e9}"),
            &json!("my phone"),
            &json!(["meeting"])
        )
    );
    // Whoever comes later sees it too, after the state.
    carol.leave().await;
    let mut carol = self::carol(cluster.edge(1)).await;
    assert_eq!(
        self::info(&carol.event("number_presence_update").await)["available"],
        true
    );
    alice.acked(presence(false)).await;
    assert_eq!(
        self::info(&carol.event("number_presence_update").await)["available"],
        false
    );
    // A device that does not come back says nothing any more.
    alice.cut();
    let told = carol.event("number_presence_update").await;
    assert_eq!(
        (&told["number"], &told["presence_info"]),
        (&json!("1001"), &json!([]))
    );
    bob.silent().await;
    carol.silent().await;
}

#[tokio::test]
async fn watchers_are_told_of_calls() {
    let cluster = TestCluster::start(2).await;
    carol_watches(cluster.edge(1), "1001").await;
    carol_watches(cluster.edge(1), "1002").await;
    let mut carol = carol(cluster.edge(0)).await;
    let (mut alice, mut bob) = (alice(cluster.edge(0)).await, bob(cluster.edge(1)).await);
    rings(&mut alice, &mut bob).await;
    sees(&mut carol, "early").await;
    bob.acked(accept()).await;
    alice.find_event("accepted").await;
    sees(&mut carol, "confirmed").await;
    // In the middle of the call, on another edge.
    carol.leave().await;
    let mut carol = self::carol(cluster.edge(1)).await;
    sees(&mut carol, "confirmed").await;
    alice.acked(hangup()).await;
    sees(&mut carol, "terminated").await;
}

/// Both sides' calls, in whichever order.
async fn sees(carol: &mut Phone, state: &str) {
    for (number, direction, remote) in
        [("1001", "initiator", "1002"), ("1002", "recipient", "1001")]
    {
        let told = carol
            .find(
                |frame| frame["event"] == "number_dialogs_update" && frame["number"] == number,
                "the calls of a number",
            )
            .await;
        let dialogs = told["dialog_infos"].as_array().expect("a list");
        assert_eq!(dialogs.len(), 1, "{told}");
        let dialog = &dialogs[0];
        assert_eq!(
            (&dialog["state"], &dialog["direction"], &dialog["call_id"]),
            (&json!(state), &json!(direction), &json!(CALL)),
            "{told}"
        );
        assert_eq!(
            (
                &dialog["local_number"],
                &dialog["remote_number"],
                &dialog["entity_number"]
            ),
            (&json!(number), &json!(remote), &json!(number))
        );
        for member in ["id", "arrival_version", "arrival_time"] {
            assert!(dialog[member].is_string(), "{member}: {dialog}");
        }
    }
}

#[tokio::test]
async fn whoever_watches_no_more_is_told_no_more() {
    let edge = TestEdge::demo().await;
    carol_watches(&edge, "1001").await;
    let list = "/v1/apps/demo/users/carol/watches";
    let listed = edge.rest().get(list).await.ok();
    assert_eq!(listed, json!({"user": "carol", "numbers": ["1001"]}));
    let mut carol = carol(&edge).await;
    let mut alice = alice(&edge).await;
    alice.acked(presence(true)).await;
    carol.event("number_presence_update").await;
    assert_eq!(edge.rest().delete(&path("carol", "1001")).await.status, 204);
    alice.acked(presence(false)).await;
    alice.acked(outgoing("9999")).await;
    alice.find_event("hangup").await;
    carol.silent().await;
    let refused = json!({"request": "presence_update", "settings": {"available": "yes"}});
    assert_eq!(alice.refused(refused).await, 467);
}

#[tokio::test]
async fn a_user_watches_no_more_than_256_numbers() {
    let edge = TestEdge::demo().await;
    for number in 0..256 {
        carol_watches(&edge, &number.to_string()).await;
    }
    for (number, status) in [("one-more", 409), ("255", 204)] {
        let put = edge.rest().put(&path("carol", number), &json!({})).await;
        assert_eq!(put.status, status, "{number}");
    }
}
