//! One session per device: who goes when two come (checklist 22–32, 35).

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;
use testkit::{
    App, Client, ClusterConfig, EdgeConfig, Force, Phone, RawSocket, Store, TestCluster, TestEdge,
    Token, until,
};

use crate::pair::{self, alice_and_bob, outgoing, rings};

/// Makes of each named function, which takes a [`Store`], a test over every kind of Redis.
macro_rules! over_every_store {
    ($($point:ident),+ $(,)?) => {
        mod standalone { $( #[tokio::test] async fn $point() { super::$point(testkit::Store::standalone().await).await; } )+ }
        mod sentinels { $( #[tokio::test] async fn $point() { super::$point(testkit::Store::sentinels().await).await; } )+ }
        mod clustered { $( #[tokio::test] async fn $point() { super::$point(testkit::Store::clustered().await).await; } )+ }
    };
}
over_every_store!(the_older_session_closes_with_4441_wherever_it_is);

fn token() -> Token {
    Phone::token("alice", "phone", "1001")
}

async fn two_edges() -> TestCluster {
    TestCluster::start(2).await
}

#[tokio::test]
async fn c22_c24_c35_a_forced_newcomer_gets_the_state_and_the_older_one_4441() {
    let edge = TestEdge::demo().await;
    let mut old = Phone::attach(&edge, &token()).await;
    let mut new = Phone::attach(&edge, &token()).await;
    let closed = old.expect_close().await;
    assert_eq!(closed.code, 4441);
    assert_eq!(closed.reason, "controller force attach close");
    new.silent().await;
    let scrape = edge.scrape().await;
    let closes = "switchboard_closes_total{code=\"4441\",dialect=\"device\",reason=\"taken_over\"}";
    assert_eq!(scrape.value(closes), Some(1.0));
    assert_eq!(scrape.value("switchboard_takeovers_total"), Some(1.0));
    edge.holds(1).await;
    new.silent().await;
}

async fn the_older_session_closes_with_4441_wherever_it_is(store: Store) {
    let cluster = ClusterConfig::demo(3).over(store).start().await;
    for (older, newer) in [(0, 1), (1, 2), (2, 0), (1, 1)] {
        let token = Phone::token("alice", &format!("phone-{older}-{newer}"), "1001");
        let mut old = Phone::attach(cluster.edge(older), &token).await;
        let start = Instant::now();
        let mut new = Phone::attach(cluster.edge(newer), &token).await;
        assert_eq!(old.expect_close().await.code, 4441);
        assert!(
            start.elapsed() < Duration::from_millis(1500),
            "{:?}",
            start.elapsed()
        );
        new.silent().await;
    }
}

#[tokio::test]
async fn c23_a_takeover_across_edges_is_over_within_a_second() {
    let cluster = two_edges().await;
    let mut times = Vec::new();
    for number in 0..20 {
        let token = Phone::token("alice", &format!("phone-{number}"), "1001");
        let mut old = Phone::attach(cluster.edge(0), &token).await;
        let start = Instant::now();
        let mut new = Phone::attach(cluster.edge(1), &token).await;
        assert_eq!(old.expect_close().await.code, 4441);
        times.push(start.elapsed());
        new.silent().await;
    }
    times.sort_unstable();
    assert!(times[18] < Duration::from_secs(1), "{times:?}");
}

#[tokio::test]
async fn c24_a_late_clean_up_of_the_older_session_touches_nothing_of_the_newer_one() {
    let app = App::demo().plan("max_sessions", 2);
    let cluster = ClusterConfig::new(2, EdgeConfig::new().app(app))
        .start()
        .await;
    // Its client never answers the close, so its edge cleans up seconds after the newer session has settled in.
    let door = Phone::door(&token().sign(), Force::True);
    let mut deaf = RawSocket::upgraded(cluster.edge(0), &door).await;
    deaf.text().await;
    let mut new = Phone::attach(cluster.edge(1), &token()).await;
    assert_eq!(deaf.closed().await.code, 4441);
    deaf.hung_up().await;
    cluster.edge(0).holds(0).await;
    new.silent().await;
    let polite = Phone::door(&token().sign(), Force::False);
    assert_eq!(Client::refused(cluster.edge(0), polite).await.code, 4431);
    let other = Phone::token("alice", "tablet", "1001");
    Phone::attach(cluster.edge(0), &other).await;
    new.silent().await;
}

#[tokio::test]
async fn c25_takeovers_back_and_forth_end_with_one_session() {
    let cluster = two_edges().await;
    let mut phones = Vec::new();
    for number in 0..6 {
        phones.push(Phone::attach(cluster.edge(number % 2), &token()).await);
    }
    let mut last = phones.pop().expect("six phones");
    for mut phone in phones {
        assert_eq!(phone.expect_close().await.code, 4441);
    }
    last.silent().await;
    assert_eq!(cluster.metric("switchboard_sessions").await, 1.0);
}

#[tokio::test]
async fn c26_c27_without_force_the_newcomer_goes_with_4431_and_the_older_one_stays() {
    let cluster = two_edges().await;
    let mut old = Phone::attach(cluster.edge(0), &token()).await;
    for force in [Force::False, Force::Unsaid] {
        for edge in cluster.edges() {
            let door = Phone::door(&token().sign(), force);
            let closed = Client::refused(edge, door).await;
            assert_eq!(closed.code, 4431);
            assert!(!closed.reason.is_empty());
        }
    }
    old.silent().await;
    let refused = "switchboard_handshakes_total{dialect=\"device\",outcome=\"device_attached\"}";
    assert_eq!(cluster.metric(refused).await, 4.0);
    // Being polite is no fight: nobody has to wait for it.
    assert_eq!(
        cluster.metric("switchboard_takeovers_damped_total").await,
        0.0
    );
}

#[tokio::test]
async fn c28_without_force_the_newcomer_gets_in_right_after_a_clean_close() {
    let cluster = two_edges().await;
    for number in 0..10 {
        let door = Phone::door(&token().sign(), Force::False);
        let mut phone = Phone::through(cluster.edge(number % 2), door).await;
        phone.silent().await;
        phone.leave().await;
    }
}

#[tokio::test]
async fn c28_without_force_the_newcomer_gets_in_after_an_abrupt_loss() {
    let cluster = two_edges().await;
    let door = Phone::door(&token().sign(), Force::False);
    let mut lost = RawSocket::upgraded(cluster.edge(0), &door).await;
    lost.text().await;
    lost.reset();
    until("the device is free", async || {
        let client = Client::open(cluster.edge(1), door.clone()).await;
        Phone::try_state(client).await.ok()
    })
    .await
    .silent()
    .await;
}

#[tokio::test]
async fn c29_of_many_that_force_at_once_one_survives_and_the_others_get_4441() {
    let cluster = two_edges().await;
    let door = Phone::door(&token().sign(), Force::True);
    let newcomers = join_all((0..30).map(|number| {
        let edge = cluster.edge(number % 2);
        let door = door.clone();
        async move { Phone::try_state(Client::open(edge, door).await).await }
    }))
    .await;
    cluster.holds(1).await;
    let mut attached = Vec::new();
    for newcomer in newcomers {
        match newcomer {
            Ok(phone) => attached.push(phone),
            Err(closed) => assert_eq!(closed.code, 4441),
        }
    }
    // Only the newest of those who had their state is still there: the others' ends are on their way to them.
    let mut survivors = 0;
    for mut phone in attached {
        let keepalive = json!({"handshake": "keepalive", "transaction": "t"});
        phone.offer(&keepalive).await;
        match phone.next_frame_or_close().await {
            Ok(echo) => {
                assert_eq!(echo, keepalive);
                survivors += 1;
            }
            Err(closed) => assert_eq!(closed.code, 4441),
        }
    }
    assert_eq!(survivors, 1);
}

#[tokio::test]
async fn c30_other_devices_users_and_tenants_are_left_alone() {
    let app = || EdgeConfig::new().app(App::demo()).app(App::other());
    let cluster = ClusterConfig::new(2, app()).start().await;
    let of_other = token().key("sk_id_other", "sk_secret_other");
    let without_device = || Token::peer("alice").claim("jti", json!("one"));
    let tokens = [
        token(),
        Phone::token("alice", "tablet", "1001"),
        Phone::token("bob", "phone", "1001"),
        of_other,
        // A token without a device is one itself, and `sid` names one, too.
        without_device(),
        without_device().claim("jti", json!("two")),
        without_device().claim("sid", json!("session")),
    ];
    let mut phones = Vec::new();
    for (number, token) in tokens.iter().enumerate() {
        phones.push(Phone::attach(cluster.edge(number % 2), token).await);
    }
    // The same user in another dialect is somebody else, too.
    let realtime = Token::peer("alice").claim("device", json!("phone"));
    let mut peer = Client::connect_token(cluster.edge(0), &realtime.sign()).await;
    for phone in &mut phones {
        phone.silent().await;
    }
    peer.expect_quiet().await;
    for (number, token) in tokens.iter().enumerate() {
        let mut again = Phone::attach(cluster.edge(number % 2), token).await;
        assert_eq!(phones[number].expect_close().await.code, 4441);
        again.silent().await;
        phones[number] = again;
    }
}

#[tokio::test]
async fn c31_what_an_evicted_session_still_says_gets_no_answer() {
    let cluster = two_edges().await;
    let door = Phone::door(&token().sign(), Force::True);
    let mut old = RawSocket::upgraded(cluster.edge(0), &door).await;
    old.text().await;
    let mut new = Phone::attach(cluster.edge(1), &token()).await;
    cluster.edge(0).holds(0).await;
    let request = r#"{"request":"hangup","transaction":"late","line":0,"call_id":"c"}"#;
    old.send(&testkit::RawFrame::text(request)).await;
    let (opcode, payload) = old.frame().await.expect("the close frame");
    assert_eq!((opcode, &payload[..2]), (0x8, &4441_u16.to_be_bytes()[..]));
    assert_eq!(old.frame().await, None);
    new.silent().await;
}

#[tokio::test]
async fn c31_what_a_session_says_after_its_device_has_passed_on_is_not_carried_out() {
    let cluster = two_edges().await;
    let (mut old, mut bob) = alice_and_bob(&cluster).await;
    // Its edge hears nothing of the takeover before it reads what the older session has said.
    cluster.edge(0).freeze().await;
    let mut new = pair::alice(cluster.edge(1)).await;
    let mut call = outgoing("1002");
    call["transaction"] = json!("late");
    old.send(&call).await;
    cluster.edge(0).thaw().await;
    let closed = old.find_close().await;
    assert_eq!(closed.code, 4441);
    bob.silent().await;
    new.silent().await;
    let again = pair::alice(cluster.edge(1)).await;
    assert_eq!(again.state()["lines"], json!([null, null]));
}

#[tokio::test]
async fn c35_what_happens_after_a_takeover_reaches_the_newer_session_only() {
    let cluster = TestCluster::start(3).await;
    let bobs = Phone::token("bob", "phone", "1002");
    let door = Phone::door(&bobs.sign(), Force::True);
    let mut old = RawSocket::upgraded(cluster.edge(1), &door).await;
    old.text().await;
    let mut alice = pair::alice(cluster.edge(0)).await;
    let mut new = Phone::attach(cluster.edge(2), &bobs).await;
    rings(&mut alice, &mut new).await;
    // Everything that the older session was sent after its state.
    let (opcode, payload) = old.frame().await.expect("the close frame");
    assert_eq!((opcode, &payload[..2]), (0x8, &4441_u16.to_be_bytes()[..]));
    assert_eq!(old.frame().await, None);
}

#[tokio::test]
async fn c32_a_dead_connection_delays_no_newcomer() {
    let cluster = two_edges().await;
    let door = Phone::door(&token().sign(), Force::True);
    let mut dead = RawSocket::upgraded(cluster.edge(0), &door).await;
    dead.text().await;
    let start = Instant::now();
    let mut new = Phone::attach(cluster.edge(1), &token()).await;
    assert!(
        start.elapsed() < Duration::from_secs(1),
        "{:?}",
        start.elapsed()
    );
    new.silent().await;
}
