//! Rows 13 and 14: one device, two edges, at the same moment or for ever.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{Client, ClusterConfig, Door, TestCluster, Token, load::process::Process};
use tokio::time::sleep;

use crate::row::Trial;

pub(crate) async fn devices(trial: &mut Trial) {
    let cluster = ClusterConfig::demo(2).start().await;
    let mut sender = cluster.peer(0, "sender").await;
    let unguarded = trial.unguarded;
    let fights = (0..DEVICES).map(async |number| {
        sleep(Duration::from_secs(1).mul_f64(number as f64 / PER_SECOND)).await;
        let token = token(&format!("peer-{number}"), !unguarded);
        let attach = async |edge: usize| {
            let mut client = Client::open(cluster.edge(edge), Door::token(&token)).await;
            let first = client.next_frame_or_close().await;
            (client, first, Instant::now())
        };
        let ((left, first_left, left_in), (right, first_right, right_in)) =
            tokio::join!(attach(0), attach(1));
        settle(
            (left, first_left.is_ok(), left_in),
            (right, first_right.is_ok(), right_in),
        )
        .await
    });
    let mut outcomes = join_all(fights).await;
    let mut late: Vec<f64> = outcomes.iter().map(|outcome| outcome.late_ms).collect();
    late.sort_by(f64::total_cmp);
    let at = |share: f64| late[((late.len() - 1) as f64 * share) as usize];
    trial.note(&format!("{DEVICES} devices, one survivor each; loser told p50 {:.1} ms, p99 {:.1} ms after the winner", at(0.5), at(0.99)));
    for (number, outcome) in outcomes.iter_mut().enumerate() {
        sender.direct(&format!("peer-{number}"), number).await;
        assert_eq!(outcome.survivor.expect_type("direct").await["data"], number);
        outcome.survivor.expect_quiet().await;
    }
    trial.note("a direct to each arrived once");
    assert!(
        at(0.99) < 50.0,
        "the loser was told {:.1} ms late",
        at(0.99)
    );
}

pub(crate) async fn two_clients(trial: &mut Trial) {
    let cluster = ClusterConfig::demo(2).start().await;
    let processes: Vec<Process> = cluster
        .edges()
        .map(|edge| Process::new(edge.pid()).expect("it runs"))
        .collect();
    let idle = burnt(&processes, sleep(Duration::from_secs(10))).await;
    let end = Instant::now() + Duration::from_secs(20);
    let unguarded = trial.unguarded;
    let rivals = (0..2).map(|edge| {
        let device = if unguarded {
            format!("phone-{edge}")
        } else {
            "phone".to_owned()
        };
        insist(
            &cluster,
            edge,
            Token::peer("alice").claim("device", json!(device)).sign(),
            end,
        )
    });
    let mut welcomes = Vec::new();
    let busy = burnt(&processes, async {
        for times in join_all(rivals).await {
            welcomes.extend(times);
        }
    })
    .await;
    welcomes.sort_unstable();
    let takeovers = welcomes.len().saturating_sub(1);
    let busiest = welcomes.iter().enumerate().map(|(first, at)| {
        welcomes[first..].partition_point(|other| *other - *at < Duration::from_secs(10)) - 1
    });
    let busiest = busiest.max().unwrap_or_default();
    trial.note(&format!(
        "{takeovers} takeovers in 20 s, at most {busiest} in 10 s"
    ));
    let (idle, busy) = (idle / 10.0 * 100.0, busy / 20.0 * 100.0);
    trial.note(&format!(
        "CPU of both edges {busy:.2} %, {idle:.2} % before"
    ));
    assert!(takeovers >= 10, "nobody fought");
    assert!(busiest <= 14, "{busiest} takeovers in 10 s");
    assert!(
        busy - idle < 1.0,
        "the fight costs {:.2} % of a core",
        busy - idle
    );
}

struct Outcome {
    survivor: Client,
    /// When the loser was told, after the winner's first frame; negative when it never got in.
    late_ms: f64,
}

type Attached = (Client, bool, Instant);

async fn settle(left: Attached, right: Attached) -> Outcome {
    let (mut winner, mut loser) = match (left.1, right.1) {
        (true, false) => (left, right),
        (false, true) => (right, left),
        (true, true) => {
            let (mut left, mut right) = (left, right);
            // Both were let in; one of them is told.
            let left_lost = tokio::select! {
                closed = left.0.find_close() => { assert_eq!(closed.code, 4441); true }
                closed = right.0.find_close() => { assert_eq!(closed.code, 4441); false }
            };
            let told = Instant::now();
            if left_lost {
                left.2 = told
            } else {
                right.2 = told
            }
            if left_lost {
                (right, left)
            } else {
                (left, right)
            }
        }
        (false, false) => panic!("neither session got in"),
    };
    winner.1 = true;
    loser.1 = false;
    let late = loser.2.saturating_duration_since(winner.2).as_secs_f64();
    let early = winner.2.saturating_duration_since(loser.2).as_secs_f64();
    Outcome {
        survivor: winner.0,
        late_ms: (late - early) * 1000.0,
    }
}

/// A client that always comes back, and when it was welcomed.
async fn insist(cluster: &TestCluster, edge: usize, token: String, end: Instant) -> Vec<Instant> {
    let mut welcomes = Vec::new();
    while Instant::now() < end {
        let mut client = Client::open(cluster.edge(edge), Door::token(&token)).await;
        let life = async {
            let first: Result<Value, _> = client.next_frame_or_close().await;
            if first.is_ok() {
                welcomes.push(Instant::now());
                while client.patient_frame().await.is_ok() {}
            }
        };
        let left = end.saturating_duration_since(Instant::now());
        if tokio::time::timeout(left, life).await.is_err() {
            break;
        }
    }
    welcomes
}

/// CPU seconds of all processes while `work` went on.
async fn burnt(processes: &[Process], work: impl Future<Output = ()>) -> f64 {
    let read = |process: &Process| process.cpu().expect("it runs");
    let before: Vec<_> = processes.iter().map(read).collect();
    work.await;
    let after = processes.iter().map(read);
    after
        .zip(before)
        .map(|(after, before)| after.since(before).0)
        .sum()
}

fn token(peer: &str, leased: bool) -> String {
    let token = Token::peer(peer);
    if leased {
        token.claim("device", json!("phone")).sign()
    } else {
        token.sign()
    }
}

const DEVICES: usize = 1000;
/// Pairs per second: two attaches each.
const PER_SECOND: f64 = 100.0;
