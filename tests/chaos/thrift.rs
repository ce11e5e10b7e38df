//! Row 30: what many sessions at rest ask of Redis, counted by Redis itself (`INFO commandstats`, which counts what scripts
//! call as well). Timings are the ones that operators get by default.

use std::{fs, time::Duration};

use testkit::{ClusterConfig, TestCluster, redis::CommandStats};

use crate::{residents::Residents, row::Trial};

/// What stands at rest grows with edges, and not with sessions, their leases and their presence.
pub(crate) async fn at_rest(trial: &mut Trial) {
    let needed = SESSIONS + 1_000;
    if descriptors() < needed {
        return trial.skip(&format!("a process may not have {needed} descriptors open"));
    }
    let cluster = unhurried().await;
    let idle = resting(&cluster, 0).await;
    let mut residents = Vec::new();
    for (edge, stem) in cluster.edges().zip(["left", "right"]) {
        residents.push(Residents::start(edge, stem, SESSIONS));
    }
    for company in &mut residents {
        company.arrived().await;
    }
    for edge in cluster.edges() {
        edge.holds(u32::try_from(SESSIONS).expect("ten thousand is no large number"))
            .await;
    }
    let comers = if trial.unguarded { COMERS } else { 0 };
    let busy = resting(&cluster, comers).await;
    for company in residents {
        company.leave().await;
    }
    println!("    without sessions {idle:?}\n    with them {busy:?}");
    let scripts = [&idle, &busy].map(|stats| stats.calls("evalsha"));
    let [idle, busy] = [idle, busy].map(|stats| stats.total(|_| true));
    let [idle_scripts, busy_scripts] = scripts;
    trial.note(&format!(
        "commands in {REST:?}: {idle} without sessions, {busy} with 2 × {SESSIONS}, each with a lease and a channel; \
         scripts among them {idle_scripts} and {busy_scripts}"
    ));
    // Each app with sessions has its count compared; nothing else may be more.
    assert!(
        busy <= idle + idle / 4 + 20,
        "{idle} commands without sessions, {busy} with them"
    );
}

/// Two edges that ping so seldom that the machine has time for the rest.
async fn unhurried() -> TestCluster {
    let config = ClusterConfig::demo(2).edge(|edge| {
        edge.timing("edge_ttl", "8s")
            .timing("lease_audit", "15s")
            .timing("ping", "10m")
    });
    config.start().await
}

/// What edges call while nobody does anything, save for clients that come and go.
async fn resting(cluster: &TestCluster, comers: usize) -> CommandStats {
    // What the arrivals started is over after a while; only then rest is measured.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let work = async || {
        let coming = async {
            for number in 0..comers {
                let comer = cluster.peer(number % 2, &format!("comer-{number}")).await;
                comer.close().await;
            }
        };
        tokio::join!(tokio::time::sleep(REST), coming);
    };
    cluster.store().counted(work).await
}

/// How many files this process may have open; edges inherit it.
fn descriptors() -> usize {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().next());
    soft.and_then(|soft| soft.parse().ok()).unwrap_or(0)
}

/// On each edge.
const SESSIONS: usize = 10_000;
/// One whole audit.
const REST: Duration = Duration::from_secs(15);
const COMERS: usize = 300;
