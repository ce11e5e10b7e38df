//! Candidates written into the offer, where the edge is told to.

use serde_json::{Value, json};
use testkit::{ClusterConfig, TestCluster};

use crate::pair::{alice_and_bob, bob, hangup, outgoing, trickle};

async fn folding() -> TestCluster {
    ClusterConfig::demo(2)
        .edge(|edge| edge.section("calls", "fold_candidates", true))
        .start()
        .await
}

fn call() -> Value {
    let mut call = outgoing("1002");
    call["jsep"]["sdp"] = json!("v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n");
    call
}

fn candidate(number: u32) -> Value {
    let text = format!("candidate:{number} 1 udp 1 192.0.2.1 {number} typ host");
    json!({"candidate": text, "sdpMid": "0", "sdpMLineIndex": 0})
}

#[tokio::test]
async fn the_offer_waits_for_the_end_of_candidates_and_has_them_in_it() {
    let cluster = folding().await;
    let (mut alice, mut bob_old) = alice_and_bob(&cluster).await;
    alice.acked(call()).await;
    alice.event("calling").await;
    for number in 1..=2 {
        alice.acked(trickle(candidate(number))).await;
    }
    alice.acked(trickle(Value::Null)).await;
    let incoming = bob_old.event("incoming_call").await;
    let sdp = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n\
        a=candidate:1 1 udp 1 192.0.2.1 1 typ host\r\na=candidate:2 1 udp 1 192.0.2.1 2 typ host\r\na=end-of-candidates\r\n";
    assert_eq!(incoming["jsep"]["sdp"], sdp);
    alice.event("ringing").await;
    bob_old.silent().await;
    // Whoever comes later finds the same.
    let bob = bob(cluster.edge(0)).await;
    let logged = &bob.state()["lines"][0]["call_logs"][0][1];
    assert_eq!(logged["jsep"]["sdp"], sdp);
}

#[tokio::test]
async fn the_offer_waits_for_a_second_and_what_comes_later_is_trickled() {
    let cluster = folding().await;
    let (mut alice, mut bob) = alice_and_bob(&cluster).await;
    alice.acked(call()).await;
    alice.event("calling").await;
    alice.acked(trickle(candidate(1))).await;
    let incoming = bob.event("incoming_call").await;
    let sdp = incoming["jsep"]["sdp"].as_str().expect("text");
    assert!(
        sdp.contains("candidate:1") && !sdp.contains("end-of"),
        "{sdp}"
    );
    alice.event("ringing").await;
    alice.acked(trickle(candidate(2))).await;
    let trickled = bob.event("ice_trickle").await;
    assert_eq!(trickled["candidate"], candidate(2));
}

#[tokio::test]
async fn a_call_that_is_given_up_while_it_is_held_does_not_ring() {
    let cluster = folding().await;
    let (mut alice, mut bob) = alice_and_bob(&cluster).await;
    alice.acked(call()).await;
    alice.acked(hangup()).await;
    alice.find_event("hangup").await;
    assert_eq!(bob.event("hangup").await["code"], 487);
    let mut second = call();
    second["call_id"] = json!("second");
    alice.acked(second).await;
    assert_eq!(bob.event("incoming_call").await["call_id"], "second");
}
