//! Row 11: every edge is replaced in turn under 1,500 clients that come back and go on talking.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};
use testkit::{Client, ClusterConfig, Door, TestCluster, Token};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval, sleep},
};

use crate::row::Trial;

pub(crate) async fn roll(trial: &mut Trial) {
    let config = ClusterConfig::demo(3).edge(|edge| edge.set("lanes", 1).timing("drain", "20s"));
    let mut cluster = config.start().await;
    let (doors, open) = watch::channel(addresses(&cluster, None));
    let (over, ended) = watch::channel(false);
    let inside = AtomicUsize::new(0);
    let lives = (0..CLIENTS).map(|number| {
        let life = Life::new(number, trial.seed);
        life.live(open.clone(), ended.clone(), &inside)
    });
    let unguarded = trial.unguarded;
    let rolling = async {
        everybody(&inside).await;
        sleep(CALM).await;
        let mut phases = Vec::new();
        for leaving in 0..3 {
            phases.push((Instant::now(), cluster.edge(leaving).listen()));
            // The load balancer learns of it from the readiness, a moment later.
            if unguarded {
                cluster.edge_mut(leaving).kill().await;
            } else {
                cluster.edge(leaving).terminate().await;
            }
            doors.send_replace(addresses(&cluster, Some(leaving)));
            let status = cluster.edge_mut(leaving).exited().await;
            assert!(
                unguarded || status.success(),
                "edge {leaving} ended with {status}"
            );
            cluster.restart(leaving).await;
            doors.send_replace(addresses(&cluster, None));
            everybody(&inside).await;
            sleep(CALM).await;
        }
        over.send_replace(true);
        phases
    };
    let (lives, phases) = tokio::join!(join_all(lives), rolling);
    judge(trial, &lives, &phases);
}

fn judge(trial: &mut Trial, lives: &[Life], phases: &[(Instant, SocketAddr)]) {
    let mut moves = 0;
    for (phase, (begin, leaving)) in phases.iter().enumerate() {
        let end = phases.get(phase + 1).map(|(next, _)| *next);
        let within = |at: &Instant| at >= begin && end.is_none_or(|end| *at < end);
        for life in lives {
            let closes: Vec<_> = life
                .closes
                .iter()
                .filter(|close| within(&close.at))
                .collect();
            assert!(
                closes.len() <= 1,
                "{} moved twice in phase {phase}",
                life.name
            );
            for close in closes {
                moves += 1;
                assert_eq!(close.code, 1001, "{} was not told properly", life.name);
                assert!(close.told, "{} heard no going_away", life.name);
                assert_eq!(
                    close.edge, *leaving,
                    "{} left an edge that stays",
                    life.name
                );
            }
        }
    }
    trial.note(&format!(
        "{moves} moves of {CLIENTS} clients, each by 1001 after going_away"
    ));
    let mut welcomes: Vec<Instant> = lives
        .iter()
        .flat_map(|life| &life.welcomes)
        .copied()
        .collect();
    welcomes.retain(|at| *at >= phases[0].0);
    welcomes.sort_unstable();
    assert!(
        welcomes.len() == moves,
        "{} returns for {moves} moves",
        welcomes.len()
    );
    let busiest = welcomes.iter().enumerate().map(|(first, at)| {
        welcomes[first..].partition_point(|other| *other - *at < Duration::from_secs(1))
    });
    let busiest = busiest.max().unwrap_or_default();
    trial.note(&format!(
        "at most {busiest} returns in a second, the pace is {PACE}"
    ));
    assert!(busiest * 2 <= PACE * 3, "{busiest} returns in a second");
    let (mut acked, mut lost) = (0, 0);
    for (number, life) in lives.iter().enumerate() {
        let heard = &lives[number ^ 1].heard;
        let distinct: BTreeSet<u64> = heard.iter().copied().collect();
        assert_eq!(
            distinct.len(),
            heard.len(),
            "{} heard a direct twice",
            lives[number ^ 1].name
        );
        acked += life.acked.len();
        lost += life.acked.difference(&distinct).count();
    }
    trial.note(&format!("{lost} of {acked} acked directs lost"));
    assert!(acked > CLIENTS, "too little was said to prove anything");
    assert_eq!(lost, 0, "acked directs were lost");
}

/// One client over all of its connections.
struct Life {
    name: String,
    partner: String,
    rng: StdRng,
    said: u64,
    closes: Vec<Close>,
    welcomes: Vec<Instant>,
    acked: BTreeSet<u64>,
    heard: Vec<u64>,
}

struct Close {
    at: Instant,
    code: u16,
    edge: SocketAddr,
    told: bool,
}

impl Life {
    fn new(number: usize, seed: u64) -> Self {
        Self {
            name: format!("client-{number}"),
            partner: format!("client-{}", number ^ 1),
            rng: StdRng::seed_from_u64(seed ^ number as u64),
            said: 0,
            closes: Vec::new(),
            welcomes: Vec::new(),
            acked: BTreeSet::new(),
            heard: Vec::new(),
        }
    }

    async fn live(
        mut self,
        open: watch::Receiver<Vec<SocketAddr>>,
        mut ended: watch::Receiver<bool>,
        inside: &AtomicUsize,
    ) -> Self {
        // Arrivals at once are another row.
        sleep(Duration::from_millis(self.rng.random_range(0..5000))).await;
        while !*ended.borrow() {
            let Some((edge, client)) = self.connect(&open).await else {
                sleep(Duration::from_millis(100)).await;
                continue;
            };
            self.welcomes.push(Instant::now());
            inside.fetch_add(1, Ordering::Relaxed);
            let retry = self.stay(edge, client, &mut ended).await;
            inside.fetch_sub(1, Ordering::Relaxed);
            if !*ended.borrow() {
                sleep(retry).await;
            }
        }
        self
    }

    async fn connect(
        &mut self,
        open: &watch::Receiver<Vec<SocketAddr>>,
    ) -> Option<(SocketAddr, Client)> {
        let edge = {
            let doors = open.borrow();
            doors[self.rng.random_range(0..doors.len())]
        };
        let door = Door::token(&Token::peer(&self.name).sign());
        let mut client = Client::dial(edge, &door).await.ok()?;
        let welcome = client.patient_frame().await.ok()?;
        (welcome["type"] == "welcome").then_some((edge, client))
    }

    /// Talks until the connection ends, and returns how long to wait before the next one.
    async fn stay(
        &mut self,
        edge: SocketAddr,
        mut client: Client,
        ended: &mut watch::Receiver<bool>,
    ) -> Duration {
        let mut ticks = interval(Duration::from_millis(2000));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut retry = None;
        loop {
            tokio::select! {
                frame = client.patient_frame() => match frame {
                    Ok(frame) => self.hear(&frame, &mut retry),
                    Err(closed) => {
                        let told = retry.is_some();
                        self.closes.push(Close { at: Instant::now(), code: closed.code, edge, told });
                        return retry.unwrap_or(Duration::from_millis(500));
                    }
                },
                // Once it is told to leave it says nothing more.
                _ = ticks.tick(), if retry.is_none() => {
                    self.said += 1;
                    let frame = json!({"type": "send", "to": self.partner, "data": self.said, "requestId": self.said.to_string()});
                    client.offer(&frame).await;
                }
                _ = ended.wait_for(|ended| *ended) => {
                    self.listen_out(&mut client).await;
                    return Duration::ZERO;
                }
            }
        }
    }

    /// What is still under way at the end counts as well.
    async fn listen_out(&mut self, client: &mut Client) {
        let mut retry = None;
        let rest = async {
            while let Ok(frame) = client.patient_frame().await {
                self.hear(&frame, &mut retry);
            }
        };
        // Nobody speaks any more, so this is over as soon as everything has arrived; nothing tells when that is.
        drop(tokio::time::timeout(Duration::from_secs(2), rest).await);
    }

    fn hear(&mut self, frame: &Value, retry: &mut Option<Duration>) {
        match frame["type"].as_str().unwrap_or_default() {
            "ack" => {
                self.acked.extend(
                    frame["requestId"]
                        .as_str()
                        .and_then(|id| id.parse::<u64>().ok()),
                );
            }
            "direct" => self.heard.extend(frame["data"].as_u64()),
            "going_away" => *retry = frame["retryAfterMs"].as_u64().map(Duration::from_millis),
            _ => {}
        }
    }
}

/// Where newcomers are sent.
fn addresses(cluster: &TestCluster, leaving: Option<usize>) -> Vec<SocketAddr> {
    let edges = cluster.edges().enumerate();
    let staying = edges.filter(|(number, _)| Some(*number) != leaving);
    staying.map(|(_, edge)| edge.listen()).collect()
}

async fn everybody(inside: &AtomicUsize) {
    while inside.load(Ordering::Relaxed) < CLIENTS {
        sleep(Duration::from_millis(50)).await;
    }
}

const CLIENTS: usize = 1500;
/// Sessions that leave per second and lane; there is one lane.
const PACE: usize = 500;
const CALM: Duration = Duration::from_secs(5);
