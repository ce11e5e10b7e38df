//! Calls outlive sockets and edges (checklist 48, 49, 51).

use serde_json::{Value, json};
use testkit::{ClusterConfig, Phone, TestCluster, until};

use crate::pair::{
    CALL, accept, alice, alice_and_bob, answer, bob, bobs, hangup, on_line, outgoing, rings, talk,
    trickle,
};

fn entries<const N: usize>(names: [&str; N]) -> Option<(String, Vec<String>)> {
    Some((CALL.to_owned(), names.map(str::to_owned).into()))
}

#[tokio::test]
async fn c48_a_call_survives_the_takeover_of_either_side() {
    let cluster = TestCluster::start(2).await;
    let (mut alice_old, mut bob_old) = alice_and_bob(&cluster).await;
    talk(&mut alice_old, &mut bob_old).await;
    // Each comes back on the other edge.
    let mut bob = bob(cluster.edge(0)).await;
    assert_eq!(on_line(&bob, 0), entries(["accepted", "incoming_call"]));
    assert_eq!(on_line(&bob, 1), None);
    let mut alice = alice(cluster.edge(1)).await;
    assert_eq!(
        on_line(&alice, 0),
        entries(["accepted", "ringing", "calling"])
    );
    let accepted = &alice.state()["lines"][0]["call_logs"][0][1];
    assert_eq!(
        (&accepted["jsep"], &accepted["callee"]),
        (&answer(), &json!("1002"))
    );
    alice.acked(trickle(json!({"candidate": "new"}))).await;
    assert_eq!(
        bob.find_event("ice_trickle").await["candidate"]["candidate"],
        "new"
    );
    bob.acked(hangup()).await;
    assert_eq!(alice.event("hangup").await["code"], 200);
    // An ended call is on no line.
    let again = bobs(cluster.edge(1), "phone").await;
    assert_eq!(on_line(&again, 0), None);
}

#[tokio::test]
async fn c49_a_ringing_call_is_replayed_to_a_late_socket_and_can_be_accepted_there() {
    let cluster = TestCluster::start(2).await;
    let (mut alice, mut bob_old) = alice_and_bob(&cluster).await;
    rings(&mut alice, &mut bob_old).await;
    alice.acked(trickle(json!({"candidate": "early"}))).await;
    alice.acked(trickle(Value::Null)).await;
    let mut bob = bob(cluster.edge(0)).await;
    assert_eq!(on_line(&bob, 0), entries(["incoming_call"]));
    let incoming = &bob.state()["lines"][0]["call_logs"][0][1];
    assert_eq!(
        (&incoming["jsep"]["type"], &incoming["caller"]),
        (&json!("offer"), &json!("1001"))
    );
    // What was trickled meanwhile comes after the state.
    assert_eq!(
        bob.event("ice_trickle").await["candidate"]["candidate"],
        "early"
    );
    assert_eq!(
        bob.event("ice_trickle").await["candidate"]["completed"],
        true
    );
    bob.acked(accept()).await;
    bob.event("accepted").await;
    assert_eq!(alice.event("accepted").await["jsep"], answer());
}

#[tokio::test]
async fn c51_both_sides_of_a_call_come_back_elsewhere_after_their_edge_was_killed() {
    let mut cluster = TestCluster::start(2).await;
    let mut alice_old = alice(cluster.edge(0)).await;
    let mut bob_old = bob(cluster.edge(0)).await;
    talk(&mut alice_old, &mut bob_old).await;
    cluster.edge_mut(0).kill().await;
    let mut alice = alice(cluster.edge(1)).await;
    assert_eq!(
        on_line(&alice, 0),
        entries(["accepted", "ringing", "calling"])
    );
    let mut bob = bob(cluster.edge(1)).await;
    assert_eq!(on_line(&bob, 0), entries(["accepted", "incoming_call"]));
    alice.acked(trickle(json!({"candidate": "restart"}))).await;
    bob.find_event("ice_trickle").await;
    bob.acked(hangup()).await;
    bob.find_event("hangup").await;
    assert_eq!(alice.event("hangup").await["code"], 200);
}

#[tokio::test]
async fn c51_a_call_rings_on_when_the_edge_of_its_caller_is_killed() {
    let mut cluster = TestCluster::start(2).await;
    let (mut alice_old, mut bob) = alice_and_bob(&cluster).await;
    rings(&mut alice_old, &mut bob).await;
    cluster.edge_mut(0).kill().await;
    bob.acked(accept()).await;
    bob.event("accepted").await;
    let alice = alice(cluster.edge(1)).await;
    assert_eq!(
        on_line(&alice, 0),
        entries(["accepted", "ringing", "calling"])
    );
}

#[tokio::test]
async fn who_does_not_come_back_in_time_ends_the_call() {
    let cluster = ClusterConfig::demo(2)
        .edge(|edge| edge.section("calls", "grace", "1s"))
        .start()
        .await;
    let (mut alice, mut bob) = alice_and_bob(&cluster).await;
    talk(&mut alice, &mut bob).await;
    bob.cut();
    let hangup = alice.event("hangup").await;
    assert_eq!(hangup["code"], 480);
    let lost = "switchboard_calls_ended_total{reason=\"lost\"}";
    assert_eq!(cluster.metric(lost).await, 1.0);
}

#[tokio::test]
async fn the_other_edge_watches_over_the_call_of_one_that_was_killed() {
    let mut cluster = ClusterConfig::demo(2)
        .edge(|edge| edge.section("calls", "grace", "2s"))
        .start()
        .await;
    let (mut alice, mut bob) = alice_and_bob(&cluster).await;
    talk(&mut alice, &mut bob).await;
    cluster.edge_mut(1).kill().await;
    assert_eq!(alice.event("hangup").await["code"], 480);
}

#[tokio::test]
async fn the_edge_of_a_ringing_device_watches_over_a_caller_whose_edge_was_killed() {
    let mut cluster = ClusterConfig::demo(2)
        .edge(|edge| edge.section("calls", "grace", "2s"))
        .start()
        .await;
    let (mut alice, mut bob) = alice_and_bob(&cluster).await;
    rings(&mut alice, &mut bob).await;
    cluster.edge_mut(0).kill().await;
    assert_eq!(bob.event("hangup").await["code"], 487);
}

#[tokio::test]
async fn a_caller_who_does_not_come_back_stops_the_ringing() {
    let cluster = ClusterConfig::demo(2)
        .edge(|edge| edge.section("calls", "grace", "1s"))
        .start()
        .await;
    let (mut alice, mut bob) = alice_and_bob(&cluster).await;
    rings(&mut alice, &mut bob).await;
    alice.cut();
    assert_eq!(bob.event("hangup").await["code"], 487);
}

#[tokio::test]
async fn a_device_that_comes_back_in_time_keeps_its_call() {
    let cluster = ClusterConfig::demo(2)
        .edge(|edge| edge.section("calls", "grace", "2s"))
        .start()
        .await;
    let (mut alice, mut bob_old) = alice_and_bob(&cluster).await;
    talk(&mut alice, &mut bob_old).await;
    bob_old.cut();
    let mut bob = bob(cluster.edge(0)).await;
    let began = std::time::Instant::now();
    until("the grace time is over", async || {
        (began.elapsed() > std::time::Duration::from_secs(5)).then_some(())
    })
    .await;
    alice.silent().await;
    bob.acked(hangup()).await;
    assert_eq!(alice.event("hangup").await["code"], 200);
}

#[tokio::test]
async fn a_request_is_repeated_over_another_socket_without_harm() {
    let cluster = TestCluster::start(2).await;
    let (mut alice_old, mut bob) = alice_and_bob(&cluster).await;
    rings(&mut alice_old, &mut bob).await;
    let mut alice = alice(cluster.edge(1)).await;
    alice.acked(outgoing("1002")).await;
    bob.silent().await;
    bob.acked(accept()).await;
    bob.event("accepted").await;
    alice.event("accepted").await;
    let mut bob_again = bobs(cluster.edge(0), "phone").await;
    bob_again.acked(accept()).await;
    bob_again.event("accepted").await;
    alice.silent().await;
    alice.acked(hangup()).await;
    assert_eq!(bob_again.event("hangup").await["code"], 200);
    bob_again.acked(hangup()).await;
    assert_eq!(bob_again.event("hangup").await["code"], 200);
    alice.event("hangingup").await;
    alice.event("hangup").await;
    alice.silent().await;
}

#[tokio::test]
async fn a_line_of_the_state_is_what_a_phone_can_take_up() {
    let cluster = TestCluster::start(2).await;
    let (mut alice_old, mut bob_old) = alice_and_bob(&cluster).await;
    talk(&mut alice_old, &mut bob_old).await;
    let update = crate::pair::request("update", 0, json!({"jsep": crate::pair::offer()}));
    alice_old.acked(update).await;
    bob_old.event("updating_call").await;
    // An offer that waits is the newest entry, for whoever comes back has to answer it.
    let mut bob = Phone::attach(cluster.edge(0), &Phone::token("bob", "phone", "1002")).await;
    assert_eq!(
        on_line(&bob, 0),
        entries(["updating_call", "accepted", "incoming_call"])
    );
    let update = crate::pair::request("update", 0, json!({"jsep": answer()}));
    bob.acked(update).await;
    assert_eq!(alice_old.find_event("accepted").await["jsep"], answer());
    let bob = Phone::attach(cluster.edge(1), &Phone::token("bob", "phone", "1002")).await;
    assert_eq!(on_line(&bob, 0), entries(["accepted", "incoming_call"]));
}
