//! One session per device: the newer one takes over, the older one closes with 4441.

use std::time::{Duration, Instant};

use serde_json::json;
use testkit::{App, Client, Door, EdgeConfig, Key, TestEdge, Token};

#[tokio::test]
async fn the_older_session_of_a_device_closes_with_4441() {
    let edge = TestEdge::demo().await;
    let mut old = Client::connect_token(&edge, &phone("alice")).await;
    let mut new = Client::connect_token(&edge, &phone("alice")).await;
    assert_eq!(old.expect_close().await.code, 4441);
    new.expect_quiet().await;
}

#[tokio::test]
async fn slot_presence_and_inbox_of_the_newer_session_outlive_the_older_one() {
    let app = App::demo().plan("max_sessions", 3);
    let edge = EdgeConfig::new().app(app).start().await;
    let mut watcher = Client::connect_peer(&edge, "watcher").await;
    watcher.subscribe("room").await;
    let mut old = Client::connect_token(&edge, &phone("alice")).await;
    old.subscribe("room").await;
    watcher.expect_type("presence").await;

    let mut new = Client::connect_token(&edge, &phone("alice")).await;
    assert_eq!(old.find_close().await.code, 4441);
    new.subscribe("room").await;
    let seen = watcher.fence_by(&mut new).await;
    let joins = seen
        .iter()
        .filter(|frame| frame["joined"] != json!([]))
        .count();
    let leaves = seen
        .iter()
        .filter(|frame| frame["left"] != json!([]))
        .count();
    assert_eq!(
        joins, leaves,
        "joins and leaves alternate and end with the peer inside: {seen:?}"
    );
    watcher.direct("alice", "still there?").await;
    assert_eq!(new.find_type("direct").await["data"], "still there?");
    let listed = edge.rest().get("/v1/channels/room/peers").await.ok();
    assert_eq!(listed["peers"].as_array().unwrap().len(), 2);
    let _third = Client::connect_key(&edge, "pk_live_demo").await;
    let fourth = Client::refused(&edge, Door::key("pk_live_demo")).await;
    assert_eq!(
        fourth.code, 4010,
        "the older session gave its slot back once"
    );
}

#[tokio::test]
async fn a_takeover_replaces_a_session_and_so_needs_no_free_slot() {
    let app = App::demo().plan("max_sessions", 1);
    let edge = EdgeConfig::new().app(app).start().await;
    let mut old = Client::connect_token(&edge, &phone("alice")).await;
    let mut new = Client::connect_token(&edge, &phone("alice")).await;
    assert_eq!(old.expect_close().await.code, 4441);
    new.expect_quiet().await;
}

#[tokio::test]
async fn the_device_belongs_to_its_peer_and_to_its_app() {
    let edge = EdgeConfig::demo().app(App::other()).start().await;
    let mut alice = Client::connect_token(&edge, &phone("alice")).await;
    let mut bob = Client::connect_token(&edge, &phone("bob")).await;
    let there = Token::peer("alice")
        .key("sk_id_other", "sk_secret_other")
        .claim("device", json!("phone"));
    let mut there = Client::connect_token(&edge, &there.sign()).await;
    let tablet = Token::peer("alice").claim("device", json!("tablet")).sign();
    let mut tablet = Client::connect_token(&edge, &tablet).await;
    let mut without = Client::connect_peer(&edge, "alice").await;
    for session in [&mut alice, &mut bob, &mut there, &mut tablet, &mut without] {
        session.expect_quiet().await;
    }
}

#[tokio::test]
async fn a_device_in_the_query_is_not_believed() {
    let edge = TestEdge::demo().await;
    let token = Token::peer("alice").sign();
    let door = || Door::path(&format!("/v1?token={token}&device=phone&force=true"));
    let mut one = Client::connect(&edge, door()).await;
    let mut two = Client::connect(&edge, door()).await;
    one.expect_quiet().await;
    two.expect_quiet().await;
}

#[tokio::test]
async fn a_key_may_allow_one_session_per_peer() {
    let key = Key::secret("sk_id_one", "sk_secret_one").set("one_session_per_peer", true);
    let edge = EdgeConfig::new().app(App::demo().key(key)).start().await;
    let token = |peer: &str| Token::peer(peer).key("sk_id_one", "sk_secret_one").sign();
    let mut old = Client::connect_token(&edge, &token("alice")).await;
    let mut bob = Client::connect_token(&edge, &token("bob")).await;
    let mut new = Client::connect_token(&edge, &token("alice")).await;
    assert_eq!(old.expect_close().await.code, 4441);
    new.expect_quiet().await;
    bob.expect_quiet().await;
}

#[tokio::test]
async fn the_fourth_takeover_within_ten_seconds_waits_while_the_holder_serves() {
    let edge = TestEdge::demo().await;
    let mut holder = Client::connect_token(&edge, &phone("alice")).await;
    for _ in 0..3 {
        let start = Instant::now();
        let next = Client::connect_token(&edge, &phone("alice")).await;
        assert!(
            start.elapsed() < Duration::from_millis(800),
            "the first three are free: {:?}",
            start.elapsed()
        );
        assert_eq!(holder.expect_close().await.code, 4441);
        holder = next;
    }
    let start = Instant::now();
    let mut waiter = Client::open(&edge, Door::token(&phone("alice"))).await;
    holder.expect_quiet().await;
    assert!(
        start.elapsed() < Duration::from_millis(800),
        "the holder was not asked in time"
    );
    waiter.read_welcome().await;
    assert!(
        start.elapsed() >= Duration::from_millis(900),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(holder.expect_close().await.code, 4441);
    waiter.expect_quiet().await;
}

#[tokio::test]
async fn of_several_waiting_newcomers_only_the_newest_gets_in() {
    let edge = TestEdge::demo().await;
    let mut holder = Client::connect_token(&edge, &phone("alice")).await;
    for _ in 0..3 {
        let next = Client::connect_token(&edge, &phone("alice")).await;
        assert_eq!(holder.expect_close().await.code, 4441);
        holder = next;
    }
    let mut first = Client::open(&edge, Door::token(&phone("alice"))).await;
    let mut second = Client::open(&edge, Door::token(&phone("alice"))).await;
    assert_eq!(first.expect_close().await.code, 4441);
    second.read_welcome().await;
    assert_eq!(holder.expect_close().await.code, 4441);
    second.expect_quiet().await;
}

#[tokio::test]
async fn a_device_that_hangs_up_is_free_for_the_next_session() {
    let edge = TestEdge::demo().await;
    for _ in 0..8 {
        // Each waits for its close to be answered, so none of these is a takeover.
        let start = Instant::now();
        Client::connect_token(&edge, &phone("alice"))
            .await
            .close()
            .await;
        assert!(
            start.elapsed() < Duration::from_millis(900),
            "{:?}",
            start.elapsed()
        );
    }
}

/// A token of this peer on its phone.
fn phone(peer: &str) -> String {
    Token::peer(peer).claim("device", json!("phone")).sign()
}
