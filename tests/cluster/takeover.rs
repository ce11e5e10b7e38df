//! One session per device in the whole cluster.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;
use testkit::{
    App, Client, ClusterConfig, Door, EdgeConfig, RawSocket, Store, TestCluster, Token, until,
};

use crate::{
    crowd::{listed, moves, phone},
    over_every_store,
};

over_every_store! {
    the_older_session_closes_with_4441_wherever_it_is,
    of_two_sessions_that_attach_at_once_on_two_edges_exactly_one_survives,
}

async fn the_older_session_closes_with_4441_wherever_it_is(store: Store) {
    let cluster = ClusterConfig::demo(3).over(store).start().await;
    for (older, newer) in [(0, 1), (1, 2), (2, 0), (1, 1)] {
        let token = phone(&format!("alice-{older}-{newer}"));
        let mut old = Client::connect_token(cluster.edge(older), &token).await;
        let start = Instant::now();
        let mut new = Client::connect_token(cluster.edge(newer), &token).await;
        assert_eq!(old.expect_close().await.code, 4441);
        // Pushed to the older edge, not found by the audit seconds later.
        assert!(
            start.elapsed() < Duration::from_millis(1500),
            "{:?}",
            start.elapsed()
        );
        new.expect_quiet().await;
    }
}

// Scorecard row 13, the count; how soon the loser hears of it is asked where the machine is quiet.
async fn of_two_sessions_that_attach_at_once_on_two_edges_exactly_one_survives(store: Store) {
    let cluster = ClusterConfig::demo(2).over(store).start().await;
    let mut sender = cluster.peer(0, "sender").await;
    let fight = async |device: usize| {
        let token = phone(&format!("device-{device}"));
        let attach = |edge: usize| Client::open(cluster.edge(edge), Door::token(&token));
        let (mut left, mut right) = tokio::join!(attach(0), attach(1));
        // A loser that never got in closes before its welcome, another one after it.
        let (ended, mut survivor) = tokio::select! {
            closed = left.find_close() => (closed, right),
            closed = right.find_close() => (closed, left),
        };
        assert_eq!(ended.code, 4441);
        survivor.read_welcome().await;
        survivor
    };
    let mut survivors = Vec::new();
    for batch in 0..10 {
        let fights = (0..20).map(|number| fight(batch * 20 + number));
        survivors.extend(join_all(fights).await);
    }
    for survivor in &mut survivors {
        sender.direct(survivor.peer(), "for one alone").await;
        assert_eq!(
            survivor.expect_type("direct").await["data"],
            "for one alone"
        );
        survivor.expect_quiet_by(&mut sender).await;
    }
}

#[tokio::test]
async fn slot_presence_and_inbox_of_the_newer_session_outlive_the_older_one() {
    let app = App::demo().plan("max_sessions", 3);
    let cluster = ClusterConfig::new(2, EdgeConfig::new().app(app))
        .start()
        .await;
    let mut watcher = cluster.peer(0, "watcher").await;
    watcher.subscribe("room").await;
    let mut old = Client::connect_token(cluster.edge(0), &phone("alice")).await;
    old.subscribe("room").await;
    watcher.expect_type("presence").await;

    let mut new = Client::connect_token(cluster.edge(1), &phone("alice")).await;
    assert_eq!(old.find_close().await.code, 4441);
    new.subscribe("room").await;
    let seen = watcher.fence_by(&mut new).await;
    let alice = moves(&seen).remove("alice").unwrap_or_default();
    assert!(
        ["", "-+"].contains(&alice.as_str()),
        "ends inside, in turns: {alice}"
    );
    watcher.direct("alice", "still there?").await;
    assert_eq!(new.find_type("direct").await["data"], "still there?");
    assert_eq!(listed(&cluster, 0, "room").await.unwrap().len(), 2);
    let _third = Client::connect_key(cluster.edge(0), "pk_live_demo").await;
    let fourth = Client::refused(cluster.edge(1), Door::key("pk_live_demo")).await;
    assert_eq!(
        fourth.code, 4010,
        "the older session gave its slot back once"
    );
}

// Scorecard row 15: the older session's client never answers the close, so its edge cleans up seconds after the newer
// session has settled in elsewhere.
#[tokio::test]
async fn a_late_clean_up_of_an_evicted_session_touches_nothing_of_the_newer_one() {
    let app = App::demo().plan("max_sessions", 3);
    let cluster = ClusterConfig::new(2, EdgeConfig::new().app(app))
        .start()
        .await;
    let mut watcher = cluster.peer(1, "watcher").await;
    let mut deaf = RawSocket::welcomed(cluster.edge(0), &Door::token(&phone("alice"))).await;
    deaf.send(&testkit::RawFrame::text(
        r#"{"type":"subscribe","channel":"room","requestId":"s"}"#,
    ))
    .await;
    deaf.text().await;
    watcher.subscribe("room").await;

    let mut new = Client::connect_token(cluster.edge(1), &phone("alice")).await;
    new.subscribe("room").await;
    watcher.fence_by(&mut new).await;
    // The socket is read again only now: its close was sent, and the edge hangs up when it has waited enough.
    assert_eq!(deaf.closed().await.code, 4441);
    deaf.hung_up().await;
    cluster.edge(0).holds(0).await;

    assert_eq!(
        listed(&cluster, 0, "room").await.unwrap(),
        ["alice", "watcher"]
    );
    watcher.direct("alice", "still there?").await;
    assert_eq!(new.find_type("direct").await["data"], "still there?");
    let usage = cluster.edge(0).rest().get("/v1/usage").await.ok();
    assert_eq!(usage["concurrentNow"], 2, "{usage}");
    watcher.expect_quiet_by(&mut new).await;
    // The lease is still the newer session's: whoever comes next takes over from it.
    let mut next = Client::connect_token(cluster.edge(0), &phone("alice")).await;
    assert_eq!(new.find_close().await.code, 4441);
    next.expect_quiet().await;
}

// Nobody is evicted where no device is named, so the test above has something to see.
#[tokio::test]
async fn without_a_device_the_older_session_stays() {
    let cluster = TestCluster::start(2).await;
    let mut old = cluster.peer(0, "alice").await;
    let mut new = cluster.peer(1, "alice").await;
    for session in [&mut old, &mut new] {
        session.expect_quiet().await;
    }
}

#[tokio::test]
async fn the_fourth_takeover_within_ten_seconds_waits_on_whichever_edge() {
    let cluster = TestCluster::start(2).await;
    let mut holder = Client::connect_token(cluster.edge(0), &phone("alice")).await;
    for edge in [1, 0, 1] {
        let next = Client::connect_token(cluster.edge(edge), &phone("alice")).await;
        assert_eq!(holder.expect_close().await.code, 4441);
        holder = next;
    }
    let start = Instant::now();
    let mut first = Client::open(cluster.edge(0), Door::token(&phone("alice"))).await;
    until("the first one waits", async || {
        let scrape = cluster.edge(0).scrape().await;
        (scrape.value("switchboard_takeovers_damped_total")? == 1.0).then_some(())
    })
    .await;
    let mut second = Client::open(cluster.edge(1), Door::token(&phone("alice"))).await;
    holder.expect_quiet().await;
    assert_eq!(
        first.expect_close().await.code,
        4441,
        "only the newest waits"
    );
    second.read_welcome().await;
    assert!(
        start.elapsed() >= Duration::from_millis(900),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(holder.expect_close().await.code, 4441);
    second.expect_quiet().await;
}

// Scorecard row 14, short: two clients that always come back share one device and two edges.
#[tokio::test]
async fn two_clients_that_fight_for_a_device_are_damped() {
    let cluster = TestCluster::start(2).await;
    let end = Instant::now() + Duration::from_secs(6);
    let fight = async |edge: usize| {
        let mut welcomes = 0;
        while Instant::now() < end {
            let mut client = Client::open(cluster.edge(edge), Door::token(&phone("alice"))).await;
            let left = end.saturating_duration_since(Instant::now());
            let life = async {
                if client.next_frame_or_close().await.is_ok() {
                    welcomes += 1;
                    client.find_close().await;
                }
            };
            if tokio::time::timeout(left, life).await.is_err() {
                break;
            }
        }
        welcomes
    };
    let (left, right) = tokio::join!(fight(0), fight(1));
    // One begins, three takeovers are free, then one a second: and each side must have had turns.
    let takeovers = left + right - 1;
    assert!(
        (4..=10).contains(&takeovers),
        "{takeovers} takeovers in 6 s"
    );
    assert!(left >= 2 && right >= 2, "{left} and {right}");
}

#[tokio::test]
async fn the_device_belongs_to_its_peer_and_to_its_app_on_every_edge() {
    let cluster = ClusterConfig::new(2, EdgeConfig::demo().app(App::other()))
        .start()
        .await;
    let there = Token::peer("alice")
        .key("sk_id_other", "sk_secret_other")
        .claim("device", json!("phone"));
    let tablet = Token::peer("alice").claim("device", json!("tablet"));
    let tokens = [
        phone("alice"),
        phone("bob"),
        there.sign(),
        tablet.sign(),
        Token::peer("alice").sign(),
    ];
    let mut sessions = Vec::new();
    for (number, token) in tokens.iter().enumerate() {
        sessions.push(Client::connect_token(cluster.edge(number % 2), token).await);
    }
    for session in &mut sessions {
        session.expect_quiet().await;
    }
}

#[tokio::test]
async fn a_device_that_hangs_up_is_free_for_the_next_session_elsewhere() {
    let cluster = TestCluster::start(2).await;
    for turn in 0..8 {
        let start = Instant::now();
        let client = Client::connect_token(cluster.edge(turn % 2), &phone("alice")).await;
        client.close().await;
        cluster.edge(turn % 2).holds(0).await;
        // None of these is a takeover, so none is damped.
        assert!(
            start.elapsed() < Duration::from_millis(900),
            "{:?}",
            start.elapsed()
        );
    }
    assert_eq!(cluster.metric("switchboard_takeovers_total").await, 0.0);
}
