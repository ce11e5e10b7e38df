//! Members of one room on different edges: nothing tells them so.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{Client, ClusterConfig, Store, TestCluster, TestEdge, until};

use crate::member::{
    ROOM, UPGRADE, before_mark, door, enter, enter_by, http, listed, member, members, path, quiet,
    token,
};

/// Makes of each named function, which takes a [`Store`], a test over every kind of Redis.
macro_rules! over_every_store {
    ($($point:ident),+ $(,)?) => {
        mod standalone { $( #[tokio::test] async fn $point() { super::$point(testkit::Store::standalone().await).await; } )+ }
        mod sentinels { $( #[tokio::test] async fn $point() { super::$point(testkit::Store::sentinels().await).await; } )+ }
        mod clustered { $( #[tokio::test] async fn $point() { super::$point(testkit::Store::clustered().await).await; } )+ }
    };
}
over_every_store!(
    signals_cross_in_order_to_those_who_are_meant,
    a_removed_member_goes_everywhere
);

#[tokio::test]
async fn c20_participants_on_other_edges_are_listed_once_with_their_first_time() {
    let cluster = TestCluster::start(3).await;
    let _first = member(cluster.edge(0), "alice").await;
    let (_watcher, before) = enter(cluster.edge(2), "watcher").await;
    let _second = member(cluster.edge(1), "alice").await;
    let (_bob, connected) = enter(cluster.edge(1), "bob").await;
    let mut accounts: Vec<&Value> = listed(&connected)
        .iter()
        .map(|entry| &entry["account_id"])
        .collect();
    accounts.sort_by_key(|account| account.to_string());
    assert_eq!(accounts, [&json!("alice"), &json!("watcher")]);
    assert_eq!(before["participants"][0]["account"]["nick"], "ALICE");
    assert_ne!(before["node"], connected["node"]);
}

async fn signals_cross_in_order_to_those_who_are_meant(store: Store) {
    let cluster = ClusterConfig::demo(2).over(store).start().await;
    let [mut alice, mut bob] = members(&cluster, ["alice", "bob"]).await;
    let mut bob_too = member(cluster.edge(0), "bob").await;
    let mut carol = member(cluster.edge(1), "carol").await;
    for listener in [&mut alice, &mut bob, &mut bob_too] {
        assert_eq!(
            listener.expect_type("webrtc.signal").await["data"]["account_id"],
            "carol"
        );
    }
    let frames: Vec<Value> = (0..200)
        .map(|number| match number % 4 {
            0 => json!({"type": "n", "data": number, "to": "bob"}),
            1 => json!({"type": "webrtc.signal", "data": {"type": "n", "data": number}}),
            _ => json!({"type": "n", "data": number}),
        })
        .collect();
    alice.send_all(&frames).await;
    for listener in [&mut bob, &mut bob_too] {
        for number in 0..200 {
            let frame = listener.next_frame().await;
            assert_eq!(
                (&frame["data"]["data"], &frame["data"]["senderInfo"]["id"]),
                (&json!(number), &json!("alice"))
            );
        }
    }
    let heard = before_mark(&mut carol, "carol", &mut alice).await;
    let numbers: Vec<u64> = heard
        .iter()
        .filter_map(|frame| frame["data"]["data"].as_u64())
        .collect();
    assert_eq!(
        numbers,
        (0..200)
            .filter(|number| number % 4 != 0)
            .collect::<Vec<_>>()
    );
    alice.expect_quiet().await;
}

async fn a_removed_member_goes_everywhere(store: Store) {
    let cluster = ClusterConfig::demo(2).over(store).start().await;
    let row = json!({"role": 0}).to_string();
    let members = format!("/admin/rooms/{ROOM}/members/alice");
    let put = cluster
        .edge(0)
        .rest()
        .call(reqwest::Method::PUT, &members, Some(&row))
        .await;
    assert_eq!(put.status, 200, "{}", put.text);
    let unsaid = || door(ROOM, &token("alice").without("rooms"));
    let mut sessions = vec![
        enter_by(cluster.edge(0), unsaid()).await.0,
        enter_by(cluster.edge(1), unsaid()).await.0,
    ];
    let start = Instant::now();
    assert_eq!(cluster.edge(1).rest().delete(&members).await.status, 204);
    for session in &mut sessions {
        assert_eq!(session.find_close().await.code, 4403);
    }
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "{:?}",
        start.elapsed()
    );
    for edge in cluster.edges() {
        let path = format!(
            "{}?tk={}",
            path(ROOM),
            token("alice").without("rooms").sign()
        );
        assert_eq!(http(edge.listen(), &path, &UPGRADE).await.0, 403);
    }
}

#[tokio::test]
async fn c53_c55_sessions_of_an_account_on_two_edges_are_one_participant() {
    let cluster = TestCluster::start(3).await;
    let mut watcher = member(cluster.edge(2), "watcher").await;
    let one = member(cluster.edge(0), "alice").await;
    assert_eq!(
        watcher.expect_type("webrtc.signal").await["data"]["type"],
        "user-joined"
    );
    let mut two = member(cluster.edge(1), "alice").await;
    one.close().await;
    quiet(&mut watcher, "watcher", &mut two).await;
    two.cut();
    assert_eq!(
        watcher.expect_type("webrtc.signal").await["data"]["type"],
        "user-left"
    );
    watcher.expect_quiet().await;
}

#[tokio::test]
async fn c61_a_device_that_connects_to_another_edge_takes_over() {
    let cluster = TestCluster::start(2).await;
    let phone = || door(ROOM, &token("alice").claim("device_id", json!("phone")));
    let (mut old, _) = enter_by(cluster.edge(0), phone()).await;
    let (mut new, _) = enter_by(cluster.edge(1), phone()).await;
    assert_eq!(old.next_frame().await["type"], "error.dupe");
    assert_eq!(old.expect_close().await.code, 4441);
    new.expect_quiet().await;
}

#[tokio::test]
async fn c63_the_members_of_a_killed_edge_leave_once_for_everybody() {
    let mut cluster = TestCluster::start(3).await;
    let [mut alice, mut bob, _carol] = members(&cluster, ["alice", "bob", "carol"]).await;
    // Whoever has another session elsewhere stays.
    let _bob_too = member(cluster.edge(2), "bob").await;
    cluster.edge_mut(2).kill().await;
    let killed = Instant::now();
    for observer in [&mut alice, &mut bob] {
        let left = observer.expect_type("webrtc.signal").await;
        assert_eq!(
            (&left["data"]["type"], &left["data"]["account_id"]),
            (&json!("user-left"), &json!("carol"))
        );
    }
    assert!(
        killed.elapsed() < Duration::from_secs(10),
        "{:?}",
        killed.elapsed()
    );
    // Two edges sweep; whatever the slower one does must not be told again. Slowly, since a ping counts as a packet.
    let mut looks = tokio::time::interval(Duration::from_millis(300));
    for _ in 0..10 {
        looks.tick().await;
        alice.expect_quiet().await;
        bob.expect_quiet().await;
    }
    assert_eq!(participants(cluster.edge(1)).await, ["alice", "bob"]);
}

#[tokio::test]
async fn c64_of_two_who_join_at_once_on_two_edges_none_stays_unknown_to_both() {
    let cluster = TestCluster::start(2).await;
    for round in 0..20 {
        let [one, two] = [format!("one-{round}"), format!("two-{round}")];
        let joins =
            [(0, &one), (1, &two)].map(|(edge, account)| enter(cluster.edge(edge), account));
        let mut joined: Vec<(Client, Value)> = join_all(joins).await;
        let (mut two_inside, at_two) = joined.pop().expect("two have joined");
        let (mut one_inside, at_one) = joined.pop().expect("two have joined");
        let heard_by_one = before_mark(&mut one_inside, &one, &mut two_inside).await;
        let heard_by_two = before_mark(&mut two_inside, &two, &mut one_inside).await;
        let knows = |connected: &Value, heard: &[Value], account: &str| {
            let told = |value: &Value| value["account_id"] == account;
            listed(connected).iter().filter(|entry| told(entry)).count()
                + heard.iter().filter(|frame| told(&frame["data"])).count()
        };
        let known = (
            knows(&at_one, &heard_by_one, &two),
            knows(&at_two, &heard_by_two, &one),
        );
        assert_eq!(known, (1, 1), "round {round}: each knows the other once");
    }
}

#[tokio::test]
async fn what_the_administrator_orders_on_one_edge_is_done_on_all() {
    let cluster = TestCluster::start(2).await;
    let [mut alice, mut bob] = members(&cluster, ["alice", "bob"]).await;
    let rest = cluster.edge(0).rest();
    let packet = json!({"type": "call.invited", "data": {"call_id": "c1"}});
    let pushed = rest.post("/admin/accounts/bob/push", &packet).await.ok();
    assert_eq!(
        (&pushed["delivered"], &pushed["complete"]),
        (&json!(1), &json!(true))
    );
    assert_eq!(bob.next_frame().await, packet);
    let kicked = rest
        .post(&format!("/admin/rooms/{ROOM}/kick/bob"), &json!({}))
        .await
        .ok();
    assert_eq!(
        (&kicked["closed"], &kicked["complete"]),
        (&json!(1), &json!(true))
    );
    assert_eq!(bob.expect_close().await.code, 4403);
    assert_eq!(alice.next_frame().await["data"]["type"], "user-left");
    let mut carol = member(cluster.edge(1), "carol").await;
    alice.expect_type("webrtc.signal").await;
    let ended = rest.delete(&format!("/admin/rooms/{ROOM}")).await.ok();
    assert_eq!(
        (&ended["closed"], &ended["complete"]),
        (&json!(2), &json!(true))
    );
    for session in [&mut alice, &mut carol] {
        assert_eq!(session.next_frame().await["data"]["event"], "ended");
        assert_eq!(session.expect_close().await.code, 4404);
    }
}

#[tokio::test]
async fn c14_without_redis_members_stay_are_told_and_nobody_new_comes_in() {
    let mut cluster = TestCluster::start(2).await;
    let [mut alice, mut bob] = members(&cluster, ["alice", "bob"]).await;
    cluster.store_mut().server().kill().await;
    let path = format!("{}?tk={}", path(ROOM), token("carol").sign());
    until("newcomers are refused", async || {
        (http(cluster.edge(0).listen(), &path, &UPGRADE).await.0 == 503).then_some(())
    })
    .await;
    alice.send(&json!({"type": "offer"})).await;
    assert_eq!(alice.next_frame().await["data"]["code"], "backend_error");
    bob.expect_quiet().await;
    cluster.store_mut().server().revive().await;
    until("both edges are back", async || {
        let mut back = 0;
        for edge in cluster.edges() {
            let path = format!("/admin/rooms/{ROOM}/participants");
            let answer = edge.rest().get(&path).await;
            let there = answer.body["participants"].as_array().map_or(0, Vec::len);
            back += usize::from(answer.status == 200 && there == 2);
        }
        (back == 2).then_some(())
    })
    .await;
    quiet(&mut bob, "bob", &mut alice).await;
    assert_eq!(participants(cluster.edge(0)).await, ["alice", "bob"]);
}

#[tokio::test]
async fn an_edge_that_leaves_sends_its_members_to_another_one() {
    let mut cluster = TestCluster::start(2).await;
    let [mut alice, mut bob] = members(&cluster, ["alice", "bob"]).await;
    cluster.edge(1).terminate().await;
    assert_eq!(bob.find_close().await.code, 1001);
    assert_eq!(alice.next_frame().await["data"]["type"], "user-left");
    let mut bob = member(cluster.edge(0), "bob").await;
    assert_eq!(alice.next_frame().await["data"]["type"], "user-joined");
    quiet(&mut alice, "alice", &mut bob).await;
    assert!(cluster.edge_mut(1).exited().await.success());
}

async fn participants(edge: &TestEdge) -> Vec<String> {
    let answer = edge
        .rest()
        .get(&format!("/admin/rooms/{ROOM}/participants"))
        .await
        .ok();
    let mut accounts: Vec<String> = answer["participants"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|entry| entry["account_id"].as_str().expect("a name").to_owned())
        .collect();
    accounts.sort();
    accounts
}
