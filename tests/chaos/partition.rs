//! Row 4: the old primary is cut off together with one edge and one Sentinel, and both sides go on granting.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use serde_json::json;
use testkit::{
    Client, ClusterConfig, Door, Namespaces, Recorder, Store, TestCluster, Token,
    redis::SentinelSet,
};
use tokio::time::{sleep, timeout};

use crate::row::Trial;

pub(crate) async fn partition(trial: &mut Trial) {
    let halves = match Namespaces::new() {
        Ok(halves) => halves,
        Err(reason) => return trial.skip(&format!("{reason:#}")),
    };
    let (minority, majority) = (halves.host(0), halves.host(1));
    // Three data nodes, and a primary that refuses writes when it is alone: what operators are advised to run.
    let hosts = [minority.clone(), majority.clone(), majority.clone()];
    let set = SentinelSet::on(hosts, "min-replicas-to-write 1\nmin-replicas-max-lag 2\n").await;
    let config = ClusterConfig::demo(3).on(vec![minority, majority.clone(), majority]);
    // Without a guard the tokens name no device, so there is no lease.
    let leased = !trial.unguarded;
    let cluster = config.over(Store::Sentinels(set)).start().await;
    let mut listener = cluster.peer(2, "listener").await;
    listener.subscribe("room").await;
    let listener = Recorder::of(listener);

    let mut sessions: Vec<Session> = Vec::new();
    for device in 0..DEVICES {
        sessions.extend(attach(&cluster, 0, device, leased).await);
    }
    assert_eq!(sessions.len(), DEVICES);
    halves.cut().expect("the halves can be cut");
    let cut = Instant::now();
    let mut granted = [0, 0];
    while cut.elapsed() < PARTITION {
        for (side, edge) in [0, 1].into_iter().enumerate() {
            let attempts = (0..DEVICES).map(|device| attach(&cluster, edge, device, leased));
            // A side without Redis may take long to say no; the other one is not to wait for it.
            let new = timeout(Duration::from_secs(2), join_all(attempts))
                .await
                .unwrap_or_default();
            granted[side] += new.iter().flatten().count();
            sessions.extend(new.into_iter().flatten());
        }
        for session in &sessions {
            session.say().await;
        }
    }
    halves.heal().expect("the halves can be healed");
    let healed = Instant::now();
    trial.note(&format!(
        "granted while cut: {} to the minority, {} to the majority",
        granted[0], granted[1]
    ));
    assert!(granted[1] >= DEVICES, "the majority was not served");
    while healed.elapsed() < Duration::from_secs(15) {
        for session in sessions
            .iter()
            .filter(|session| session.recorder.closed().is_none())
        {
            session.say().await;
        }
        sleep(Duration::from_millis(500)).await;
    }
    judge(trial, &sessions, &listener, healed);
    drop((sessions, listener, cluster));
}

fn judge(trial: &mut Trial, sessions: &[Session], listener: &Recorder, healed: Instant) {
    let mut last_close = Duration::ZERO;
    let (mut several, mut nobody, mut older) = (0, 0, 0);
    for device in 0..DEVICES {
        let of_device: Vec<&Session> = sessions
            .iter()
            .filter(|session| session.device == device)
            .collect();
        let alive: Vec<&&Session> = of_device
            .iter()
            .filter(|session| session.recorder.closed().is_none())
            .collect();
        match alive.len() {
            0 => nobody += 1,
            1 => {}
            _ => several += 1,
        }
        for (at, closed) in of_device
            .iter()
            .filter_map(|session| session.recorder.closed())
        {
            assert_eq!(closed.code, 4441, "a session was lost by the partition");
            last_close = last_close.max(at.saturating_duration_since(healed));
        }
        // Fences follow the clock of the primary that granted them; what was granted last has the larger one.
        let newest = of_device.iter().map(|session| session.since).max();
        older += alive
            .iter()
            .filter(|session| Some(session.since + TIE) < newest)
            .count();
    }
    trial.note(&format!(
        "{} sessions of {DEVICES} devices; the last loser closed {last_close:.1?} after the heal",
        sessions.len()
    ));
    trial.note(&format!(
        "{several} devices with several sessions, {nobody} without, {older} older survivors"
    ));
    let mut newest: BTreeMap<u64, u64> = BTreeMap::new();
    let mut stale = 0;
    for heard in listener
        .heard()
        .iter()
        .filter(|heard| heard.frame["type"] == "message")
    {
        let data = &heard.frame["data"];
        let (Some(device), Some(since)) = (data["device"].as_u64(), data["since"].as_u64()) else {
            continue;
        };
        let known = newest.entry(device).or_default();
        stale += usize::from(since + TIE.as_millis() as u64 <= *known);
        *known = since.max(*known);
    }
    trial.note(&format!("{stale} stale frames after a newer one"));
    assert_eq!(
        (several, nobody, older),
        (0, 0, 0),
        "exactly the newest session of each device"
    );
    assert_eq!(stale, 0, "peers heard a stale session after a newer one");
}

/// One admitted session of a device.
struct Session {
    device: usize,
    since: Instant,
    begin: Instant,
    recorder: Recorder,
}

impl Session {
    /// Tells the channel which session of which device speaks.
    async fn say(&self) {
        let since = u64::try_from((self.since - self.begin).as_millis()).unwrap_or_default();
        let data = json!({"device": self.device, "since": since});
        let frame = json!({"type": "publish", "channel": "room", "data": data, "requestId": "p"});
        self.recorder.send(frame).await;
    }
}

/// A session of the device on this edge, if it is admitted.
async fn attach(
    cluster: &TestCluster,
    edge: usize,
    device: usize,
    leased: bool,
) -> Option<Session> {
    static BEGIN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let begin = *BEGIN.get_or_init(Instant::now);
    let mut token = Token::peer(&format!("peer-{device}"));
    if leased {
        token = token.claim("device", json!("phone"));
    }
    let token = token.sign();
    let mut client = Client::dial(cluster.edge(edge).listen(), &Door::token(&token))
        .await
        .ok()?;
    client.try_welcome().await.ok()?;
    Some(Session {
        device,
        since: Instant::now(),
        begin,
        recorder: Recorder::of(client),
    })
}

const DEVICES: usize = 40;
const PARTITION: Duration = Duration::from_secs(8);
/// Grants this close together cannot be told apart by when their welcomes were read.
const TIE: Duration = Duration::from_millis(100);
