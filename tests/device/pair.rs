//! Two phones that call each other, as this suite uses them.

use serde_json::{Value, json};
use testkit::{Phone, TestCluster, TestEdge};

/// The call of most tests.
pub(crate) const CALL: &str = "call5678901234567890abcd";

/// Alice, 1001, on the first edge, and Bob, 1002, on the second; one device each.
pub(crate) async fn alice_and_bob(cluster: &TestCluster) -> (Phone, Phone) {
    (alice(cluster.edge(0)).await, bob(cluster.edge(1)).await)
}

pub(crate) async fn alice(edge: &TestEdge) -> Phone {
    Phone::attach(edge, &Phone::token("alice", "phone", "1001")).await
}

pub(crate) async fn bob(edge: &TestEdge) -> Phone {
    bobs(edge, "phone").await
}

/// One of several devices of Bob.
pub(crate) async fn bobs(edge: &TestEdge, device: &str) -> Phone {
    Phone::attach(edge, &Phone::token("bob", device, "1002")).await
}

/// A request of [`CALL`] on a line.
pub(crate) fn request(name: &str, line: u8, more: Value) -> Value {
    request_of(CALL, name, line, more)
}

/// A request of a call on a line.
pub(crate) fn request_of(call: &str, name: &str, line: u8, mut more: Value) -> Value {
    more["request"] = json!(name);
    more["line"] = json!(line);
    more["call_id"] = json!(call);
    more
}

/// A description that survives only if nobody reads it: blanks, escapes, other scripts.
pub(crate) fn offer() -> Value {
    json!({"type": "offer", "sdp": "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=\u{e9}\u{20ac} \"x\"\r\n", "more": [1, null]})
}

pub(crate) fn answer() -> Value {
    json!({"type": "answer", "sdp": "v=0\r\ns=\u{1f4de}\r\n"})
}

pub(crate) fn outgoing(number: &str) -> Value {
    request(
        "outgoing_call",
        0,
        json!({"number": number, "jsep": offer(), "refer_id": null, "replaces": null, "from": null}),
    )
}

pub(crate) fn accept() -> Value {
    request("accept", 0, json!({"jsep": answer()}))
}

pub(crate) fn hangup() -> Value {
    request("hangup", 0, json!({}))
}

pub(crate) fn trickle(candidate: Value) -> Value {
    let mut request = json!({"request": "ice_trickle", "line": 0});
    request["candidate"] = candidate;
    request
}

/// Alice's call rings at Bob's.
pub(crate) async fn rings(alice: &mut Phone, bob: &mut Phone) {
    alice.acked(outgoing("1002")).await;
    alice.event("calling").await;
    bob.event("incoming_call").await;
    alice.event("ringing").await;
}

/// Alice and Bob talk.
pub(crate) async fn talk(alice: &mut Phone, bob: &mut Phone) {
    rings(alice, bob).await;
    bob.acked(accept()).await;
    bob.event("accepted").await;
    alice.event("accepted").await;
}

/// What the state says of a line: the call, and the names of its log's entries, newest first.
pub(crate) fn on_line(phone: &Phone, line: usize) -> Option<(String, Vec<String>)> {
    let state = &phone.state()["lines"][line];
    let call = state["call_id"].as_str()?;
    let log = state["call_logs"].as_array().expect("a log");
    let entry = |entry: &Value| {
        assert!(entry[0].is_u64(), "{entry}");
        for member in ["line", "call_id", "transaction"] {
            assert!(entry[1].get(member).is_none(), "{entry}");
        }
        entry[1]["event"].as_str().expect("an event").to_owned()
    };
    Some((call.to_owned(), log.iter().map(entry).collect()))
}
