//! Who is reached by which number: configuration, REST and tokens.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use testkit::{App, EdgeConfig, Phone, Rest, TestCluster, TestEdge};

use crate::pair::{alice, bob, offer, request_of};

fn admin(edge: &TestEdge) -> Rest {
    edge.rest().bearer("sk_id_demo:sk_secret_demo")
}

/// A call that there has not been.
fn fresh() -> String {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    format!("call {}", CALLS.fetch_add(1, Ordering::Relaxed))
}

/// What the caller hears of a call to this number, and the number that the callee is shown.
async fn calls(caller: &mut Phone, callee: &mut Phone, number: &str) -> String {
    let call = fresh();
    let of = |name: &str, more: Value| request_of(&call, name, 0, more);
    caller
        .acked(of(
            "outgoing_call",
            json!({"number": number, "jsep": offer()}),
        ))
        .await;
    caller.event("calling").await;
    let incoming = callee.event("incoming_call").await;
    assert_eq!(incoming["callee"], number);
    caller.event("ringing").await;
    caller.acked(of("hangup", json!({}))).await;
    caller.event("hangingup").await;
    caller.event("hangup").await;
    callee.event("hangup").await;
    incoming["caller"].as_str().expect("a number").to_owned()
}

async fn reaches_nobody(caller: &mut Phone, number: &str) {
    let call = fresh();
    let more = json!({"number": number, "jsep": offer()});
    caller
        .acked(request_of(&call, "outgoing_call", 0, more))
        .await;
    caller.event("calling").await;
    assert_eq!(caller.event("hangup").await["code"], 604);
}

#[tokio::test]
async fn what_is_written_on_one_edge_is_dialled_on_the_other() {
    let cluster = TestCluster::start(2).await;
    let mut alice = alice(cluster.edge(0)).await;
    let mut bob = bob(cluster.edge(1)).await;
    reaches_nobody(&mut alice, "+1 555 0100").await;
    let path = "/v1/apps/demo/numbers/%2B1%20555%200100";
    let entry = json!({"user": "bob", "name": "Bob & Co"});
    let put = admin(cluster.edge(1)).put(path, &entry).await.ok();
    assert_eq!(
        put,
        json!({"number": "+1 555 0100", "user": "bob", "name": "Bob & Co", "by": "rest"})
    );
    assert_eq!(calls(&mut alice, &mut bob, "+1 555 0100").await, "1001");
    // The number of the token goes on to reach its user.
    assert_eq!(calls(&mut alice, &mut bob, "1002").await, "1001");

    let listed = admin(cluster.edge(0))
        .get("/v1/apps/demo/numbers")
        .await
        .ok();
    assert_eq!(
        listed["numbers"],
        json!([
            {"number": "+1 555 0100", "user": "bob", "name": "Bob & Co", "by": "rest"},
            {"number": "1001", "user": "alice", "by": "token"},
            {"number": "1002", "user": "bob", "by": "token"},
        ])
    );
    let removed = admin(cluster.edge(0)).delete(path).await;
    assert_eq!(removed.status, 204);
    reaches_nobody(&mut alice, "+1 555 0100").await;
}

#[tokio::test]
async fn the_directory_counts_before_the_token() {
    let edge = TestEdge::demo().await;
    let entry = json!({"user": "alice", "name": "Alice"});
    admin(&edge)
        .put("/v1/apps/demo/numbers/100", &entry)
        .await
        .ok();
    // Her token says 1001; others see what the directory says.
    let mut alice = alice(&edge).await;
    let mut bob = bob(&edge).await;
    let more = json!({"number": "1002", "jsep": offer()});
    alice.acked(request_of("c", "outgoing_call", 0, more)).await;
    let incoming = bob.event("incoming_call").await;
    assert_eq!(
        (&incoming["caller"], &incoming["caller_display_name"]),
        (&json!("100"), &json!("Alice"))
    );
    alice.event("calling").await;
    alice.event("ringing").await;
    alice.acked(request_of("c", "hangup", 0, json!({}))).await;
    alice.event("hangingup").await;
    alice.event("hangup").await;
    bob.event("hangup").await;
    assert_eq!(calls(&mut bob, &mut alice, "100").await, "1002");
}

#[tokio::test]
async fn a_number_of_the_configuration_cannot_be_changed_over_rest() {
    let app = App::demo().number("100", "bob");
    let edge = EdgeConfig::new().app(app).start().await;
    let mut alice = alice(&edge).await;
    let mut bob = bob(&edge).await;
    assert_eq!(calls(&mut alice, &mut bob, "100").await, "1001");
    assert_eq!(calls(&mut bob, &mut alice, "1001").await, "100");
    let rest = admin(&edge);
    let path = "/v1/apps/demo/numbers/100";
    let put = rest.put(path, &json!({"user": "alice"})).await;
    assert_eq!(
        (put.status, &put.body["error"]),
        (409, &json!("configured"))
    );
    assert_eq!(rest.delete(path).await.status, 409);
    assert_eq!(calls(&mut alice, &mut bob, "100").await, "1001");
}

#[tokio::test]
async fn a_user_without_a_number_is_reached_by_its_id() {
    let edge = TestEdge::demo().await;
    let mut alice = alice(&edge).await;
    let token = testkit::Token::peer("carol").claim("device", json!("phone"));
    let mut carol = Phone::attach(&edge, &token).await;
    assert_eq!(calls(&mut alice, &mut carol, "carol").await, "1001");
    assert_eq!(calls(&mut carol, &mut alice, "1001").await, "carol");
}

#[tokio::test]
async fn the_directory_is_closed_to_others() {
    let edge = EdgeConfig::demo().app(App::other()).start().await;
    let path = "/v1/apps/demo/numbers/100";
    let entry = json!({"user": "bob"});
    let other = edge.rest().bearer("sk_id_other:sk_secret_other");
    assert_eq!(other.put(path, &entry).await.status, 403);
    assert_eq!(other.get("/v1/apps/demo/numbers").await.status, 403);
    assert_eq!(edge.rest().bearer("x").put(path, &entry).await.status, 401);
    for (body, path) in [
        (json!({"user": ""}), path),
        (json!({"user": "b\u{e9}"}), path),
        (json!({}), path),
        (json!({"user": "bob", "name": ""}), path),
        (json!({"user": "bob"}), "/v1/apps/demo/numbers/b%C3%A9"),
    ] {
        assert_eq!(admin(&edge).put(path, &body).await.status, 400, "{body}");
    }
}
