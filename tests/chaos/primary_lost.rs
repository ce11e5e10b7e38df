//! Rows 1 and 3: the primary is gone at once, or stands still with its sockets open.

use std::time::{Duration, Instant};

use testkit::{ClusterConfig, Store, TestCluster, redis::SentinelSet};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::{rooms::Rooms, row::Trial};

pub(crate) async fn killed(trial: &mut Trial) {
    let mut scene = Scene::set(trial).await;
    let (over, ended) = watch::channel(false);
    let blow = async {
        sleep(CALM).await;
        scene
            .cluster
            .store_mut()
            .sentinel_set()
            .node_mut(0)
            .kill()
            .await;
        let struck = Instant::now();
        let elected = elected(&mut scene.cluster).await;
        sleep(AFTERMATH).await;
        over.send_replace(true);
        (struck, elected)
    };
    let ((), (struck, elected)) = tokio::join!(scene.rooms.speak(PACE, ended), blow);
    scene.judge(trial, struck, elected).await;
}

pub(crate) async fn frozen(trial: &mut Trial) {
    let mut scene = Scene::set(trial).await;
    let (over, ended) = watch::channel(false);
    let blow = async {
        sleep(CALM).await;
        scene
            .cluster
            .store_mut()
            .sentinel_set()
            .node(0)
            .freeze()
            .await;
        let struck = Instant::now();
        let noticed = noticed(&scene.cluster, &ended);
        let election = async {
            let Store::Sentinels(set) = scene.cluster.store() else {
                unreachable!("made so above")
            };
            set.succeeded(0).await;
            let elected = Instant::now();
            sleep((struck + FROZEN).saturating_duration_since(Instant::now())).await;
            set.node(0).thaw();
            sleep(AFTERMATH).await;
            over.send_replace(true);
            elected
        };
        let (noticed, elected) = tokio::join!(noticed, election);
        (struck, noticed, elected)
    };
    let ((), (struck, noticed, elected)) =
        tokio::join!(scene.rooms.speak(PACE, ended.clone()), blow);
    for (edge, noticed) in noticed.into_iter().enumerate() {
        // An edge that has moved before it was asked has noticed as well.
        let back = scene.rooms.back_on(edge, struck);
        let first = [noticed, back].into_iter().flatten().min();
        let first = first.map(|first| first - struck);
        trial.note(&format!(
            "edge {edge} noticed after {:.1?}",
            first.unwrap_or_default()
        ));
        assert!(
            first.is_some_and(|first| first <= Duration::from_secs(3)),
            "edge {edge} did not notice in time"
        );
    }
    scene.judge(trial, struck, elected).await;
}

struct Scene {
    cluster: TestCluster,
    rooms: Rooms,
}

impl Scene {
    async fn set(trial: &mut Trial) -> Self {
        let set = SentinelSet::start().await;
        let mut config = ClusterConfig::demo(3);
        if trial.unguarded {
            // Nobody tells the edges who the primary is.
            config = config.at(format!("redis://{}", set.node(0).address()));
        }
        let cluster = config.over(Store::Sentinels(set)).start().await;
        let rooms = Rooms::open(&cluster, CLIENTS, ROOM).await;
        Self { cluster, rooms }
    }

    async fn judge(&self, trial: &mut Trial, struck: Instant, elected: Instant) {
        trial.note(&format!("elected {:.1?} after the blow", elected - struck));
        let mut slowest = Duration::ZERO;
        for edge in 0..3 {
            let back = self.rooms.back_on(edge, struck);
            let back = back.map(|back| back.saturating_duration_since(elected));
            assert!(back.is_some(), "nothing was heard again on edge {edge}");
            slowest = slowest.max(back.unwrap_or_default());
        }
        trial.note(&format!(
            "delivery back on every edge {slowest:.1?} after the election"
        ));
        let whole = self.rooms.account(struck - CALM);
        trial.note(&whole.to_string());
        let missed = self.rooms.missed(struck - CALM);
        let counted = self.cluster.metric("switchboard_link_missed_total").await;
        trial.note(&format!(
            "edges missed {} acked messages and {} refused ones, and counted {counted}",
            missed.acked, missed.refused
        ));
        let later = self.rooms.account(elected + Duration::from_secs(1));
        assert_eq!(whole.closed, 0, "sockets stay");
        assert_eq!(whole.doubled + whole.overtaken, 0, "once and in order");
        assert_eq!(whole.unanswered, 0, "every publish is answered");
        assert!(
            slowest <= Duration::from_secs(1),
            "delivery came back {slowest:?} after the election"
        );
        assert_eq!(later.lost + later.refused, 0, "whole again: {later}");
        // Whether a refused message was taken nobody knows.
        let may_count = missed.acked..=missed.acked + missed.refused;
        assert!(
            may_count.contains(&(counted as usize)),
            "{counted} counted, {missed:?}"
        );
        for edge in 0..3 {
            self.cluster.ready(edge).await;
        }
    }
}

async fn elected(cluster: &mut TestCluster) -> Instant {
    cluster.store_mut().sentinel_set().succeeded(0).await;
    Instant::now()
}

/// When each edge first said that its link is down. Readiness waits a little longer, so that a short doubt turns nobody away.
async fn noticed(cluster: &TestCluster, ended: &watch::Receiver<bool>) -> [Option<Instant>; 3] {
    let mut noticed = [None; 3];
    while !*ended.borrow() {
        for (edge, noticed) in noticed.iter_mut().enumerate() {
            if noticed.is_none() {
                let scrape = cluster.edge(edge).scrape().await;
                let is_down = scrape.value("switchboard_link_up") == Some(0.0);
                *noticed = is_down.then(Instant::now);
            }
        }
        sleep(Duration::from_millis(50)).await;
    }
    noticed
}

const CLIENTS: usize = 500;
const ROOM: usize = 10;
/// 200 messages per second.
const PACE: Duration = Duration::from_millis(5);
const CALM: Duration = Duration::from_secs(3);
const FROZEN: Duration = Duration::from_secs(30);
const AFTERMATH: Duration = Duration::from_secs(8);
