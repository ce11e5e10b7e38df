//! Takeovers when an edge or Redis fails, and when nobody gives in (checklist 28, 33, 34).

use std::time::{Duration, Instant};

use testkit::proxy::Way;
use testkit::{Client, ClusterConfig, Force, Phone, RawSocket, TestCluster, Token, until};

fn token() -> Token {
    Phone::token("alice", "phone", "1001")
}

#[tokio::test]
async fn c33_devices_of_a_killed_edge_come_back_by_force_at_once_and_politely_after_its_life() {
    let mut cluster = TestCluster::start(2).await;
    let polite = Phone::token("bob", "phone", "1002");
    let mut lost = Phone::attach(cluster.edge(0), &token()).await;
    let mut other = Phone::attach(cluster.edge(0), &polite).await;
    cluster.edge_mut(0).kill().await;
    assert_eq!(lost.expect_close().await.code, 1006);
    assert_eq!(other.expect_close().await.code, 1006);

    let killed = Instant::now();
    let mut back = Phone::attach(cluster.edge(1), &token()).await;
    assert!(
        killed.elapsed() < Duration::from_secs(1),
        "{:?}",
        killed.elapsed()
    );
    back.silent().await;

    let door = Phone::door(&polite.sign(), Force::False);
    assert_eq!(
        Client::refused(cluster.edge(1), door.clone()).await.code,
        4431
    );
    until("the dead edge holds nothing", async || {
        let client = Client::open(cluster.edge(1), door.clone()).await;
        Phone::try_state(client).await.ok()
    })
    .await
    .silent()
    .await;
    back.silent().await;
}

#[tokio::test]
async fn c34_two_clients_that_both_insist_are_slowed_down_and_counted() {
    let cluster = TestCluster::start(2).await;
    let began = Instant::now();
    let mut holder = Phone::attach(cluster.edge(0), &token()).await;
    // Each comes back at once, as a client does after 4441.
    let rounds = 8;
    for round in 1..=rounds {
        let newer = Phone::attach(cluster.edge(round % 2), &token()).await;
        assert_eq!(holder.expect_close().await.code, 4441);
        holder = newer;
    }
    // Three are free, each further one waits a second.
    let least = Duration::from_secs(rounds as u64 - 3);
    assert!(began.elapsed() >= least, "{:?}", began.elapsed());
    holder.silent().await;
    let damped = cluster.metric("switchboard_takeovers_damped_total").await;
    assert_eq!(damped, rounds as f64 - 3.0);
    assert_eq!(
        cluster.metric("switchboard_takeovers_total").await,
        rounds as f64
    );
}

#[tokio::test]
async fn a_newcomer_without_redis_is_closed_with_4400_and_those_who_are_there_stay() {
    let cluster = ClusterConfig::demo(2).through_relays(7).start().await;
    let mut old = Phone::attach(cluster.edge(0), &token()).await;
    cluster.proxy(0).refuse();
    cluster.unready(0, "redis_unreachable").await;
    for force in [Force::True, Force::False] {
        let door = Phone::door(&Phone::token("bob", "phone", "1002").sign(), force);
        assert_eq!(Client::refused(cluster.edge(0), door).await.code, 4400);
    }
    old.silent().await;
    // Whoever took the device over on another edge meanwhile is found out when Redis is back.
    let mut new = Phone::attach(cluster.edge(1), &token()).await;
    old.silent().await;
    cluster.proxy(0).resume();
    cluster.ready(0).await;
    assert_eq!(old.expect_close().await.code, 4441);
    new.silent().await;
}

#[tokio::test]
async fn c28_a_client_that_gives_up_while_its_device_is_asked_for_leaves_the_device_free() {
    let cluster = ClusterConfig::demo(2).through_relays(8).start().await;
    let door = Phone::door(&token().sign(), Force::False);
    let polite = async || Client::open(cluster.edge(1), door.clone()).await;
    // So that Redis knows the script, which is asked for by its name.
    let first = Phone::through(cluster.edge(0), door.clone()).await;
    first.leave().await;
    // Redis is asked, and its answers do not come.
    cluster.proxy(0).hold(Way::ToCaller);
    let mut gives_up = RawSocket::tcp(cluster.edge(0)).await;
    let forced = Phone::door(&token().sign(), Force::True);
    gives_up.ask_for(cluster.edge(0), &forced).await;
    until("the device is taken", async || {
        match Phone::try_state(polite().await).await {
            Err(closed) => (closed.code == 4431).then_some(()),
            Ok(phone) => {
                phone.leave().await;
                None
            }
        }
    })
    .await;
    gives_up.reset();
    cluster.proxy(0).resume();
    until("the device is free", async || {
        Phone::try_state(polite().await).await.ok()
    })
    .await
    .silent()
    .await;
}

#[tokio::test]
async fn c28_a_drained_edge_gives_its_devices_back() {
    let mut cluster = TestCluster::start(2).await;
    let mut phone = Phone::attach(cluster.edge(0), &token()).await;
    cluster.edge(0).terminate().await;
    assert_eq!(phone.expect_close().await.code, 1001);
    let door = Phone::door(&token().sign(), Force::False);
    let mut back = Phone::through(cluster.edge(1), door).await;
    back.silent().await;
    assert!(cluster.edge_mut(0).exited().await.success());
}
