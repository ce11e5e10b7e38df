//! Many at once, and those who do not give in (scorecard rows 13 and 14).

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use testkit::load::process::Process;
use testkit::{Client, ClusterConfig, Door, Force, Phone, TestCluster};

/// Devices that attach twice at the same moment.
const DEVICES: usize = 1_000;
/// How long two clients insist on one device.
const FIGHT: Duration = Duration::from_secs(60);

fn door(device: &str) -> Door {
    let token = Phone::token("alice", device, "1001");
    Phone::door(&token.sign(), Force::True)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_thousand_devices_that_attach_on_two_edges_at_once_each_keeps_one_session() {
    let cluster = TestCluster::start(2).await;
    let began = Instant::now();
    let (mut losers, mut survivors) = (0, Vec::new());
    // So many at once as one machine's sockets and one client process can serve in time.
    for batch in 0..DEVICES / 100 {
        let pairs = (0..100).map(|number| pair(&cluster, batch * 100 + number));
        for (lost, survivor) in join_all(pairs).await {
            losers += lost;
            survivors.push(survivor);
        }
    }
    println!(
        "{DEVICES} devices attached twice within {:?}",
        began.elapsed()
    );
    cluster.holds(DEVICES as u32).await;
    assert_eq!(losers, DEVICES);
    for survivor in &mut survivors {
        survivor.silent().await;
    }
}

/// Two sessions of one device begin on two edges at the same moment; the one that goes is closed with 4441.
async fn pair(cluster: &TestCluster, number: usize) -> (usize, Phone) {
    let door = door(&format!("phone-{number}"));
    let attach = async |edge: usize| {
        let client = Client::open(cluster.edge(edge), door.clone()).await;
        Phone::try_state(client).await
    };
    match tokio::join!(attach(0), attach(1)) {
        (Ok(survivor), Err(closed)) | (Err(closed), Ok(survivor)) => {
            assert_eq!(closed.code, 4441);
            (1, survivor)
        }
        (Ok(mut left), Ok(mut right)) => {
            let (closed, survivor) = tokio::select! {
                closed = left.find_close() => (closed, right),
                closed = right.find_close() => (closed, left),
            };
            assert_eq!(closed.code, 4441);
            (1, survivor)
        }
        (Err(left), Err(right)) => panic!("nobody survived: {left:?}, {right:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_clients_that_come_back_at_once_are_slowed_down_and_cost_next_to_nothing() {
    let cluster = TestCluster::start(2).await;
    let door = door("phone");
    let until = Instant::now() + FIGHT;
    let cpu = || -> Duration {
        let edges = cluster.edges();
        edges.map(|edge| cpu_of(edge.pid())).sum()
    };
    let before = cpu();
    let insist = async |edge: usize| {
        let mut attached = 0;
        while Instant::now() < until {
            let client = Client::open(cluster.edge(edge), door.clone()).await;
            match Phone::try_state(client).await {
                Ok(mut phone) => {
                    attached += 1;
                    let left = until.saturating_duration_since(Instant::now());
                    let ended = tokio::time::timeout(left, phone.patient_frame()).await;
                    match ended {
                        Ok(Err(closed)) => assert_eq!(closed.code, 4441),
                        Ok(Ok(frame)) => panic!("told {frame}"),
                        Err(_) => {}
                    }
                }
                Err(closed) => assert_eq!(closed.code, 4441),
            }
        }
        attached
    };
    let (left, right) = tokio::join!(insist(0), insist(1));
    let spent = cpu() - before;
    let takeovers = cluster.metric("switchboard_takeovers_total").await;
    println!("{left} and {right} attached in {FIGHT:?}, {takeovers} takeovers, {spent:?} of CPU");
    // Three are free in ten seconds, and of the rest one a second.
    assert!(takeovers <= 3.0 + FIGHT.as_secs_f64() + 1.0, "{takeovers}");
    assert!(
        left >= 2 && right >= 2,
        "both get their turns: {left}, {right}"
    );
    // Two edges that do nothing else: a loop at network speed would burn both cores.
    assert!(spent < FIGHT / 5, "{spent:?}");
}

fn cpu_of(pid: u32) -> Duration {
    let process = Process::new(pid).expect("it runs");
    process.cpu().expect("it runs").total
}

/// What one phone has at a push-answered call: the app's own connection, which comes back whenever it is closed, that of its
/// service, which leaves the field to the app, and that of the push, which ends when it is taken over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_sockets_of_one_phone_settle_on_one_without_a_loop() {
    let cluster = ClusterConfig::demo(3).start().await;
    let race = async |number: usize| {
        let door = door(&format!("phone-{number}"));
        let open = async |edge: usize| {
            let client = Client::open(cluster.edge((number + edge) % 3), door.clone()).await;
            Phone::try_state(client).await
        };
        let main = async {
            for attempt in 1.. {
                let Ok(mut phone) = open(0).await else {
                    continue;
                };
                // Taken over or not: it is, once everybody else has gone.
                match tokio::time::timeout(Duration::from_secs(2), phone.patient_frame()).await {
                    Err(_) => return (phone, attempt),
                    Ok(ended) => assert_eq!(ended.expect_err("no frame").code, 4441),
                }
            }
            unreachable!("it comes back until it stays")
        };
        let leaves = async |edge: usize| {
            let closed = match open(edge).await {
                Ok(mut phone) => phone.patient_frame().await.expect_err("no frame"),
                Err(closed) => closed,
            };
            assert_eq!(closed.code, 4441);
        };
        let ((phone, attempts), (), ()) = tokio::join!(main, leaves(1), leaves(2));
        (phone, attempts)
    };
    let mut phones = join_all((0..20).map(race)).await;
    for (phone, attempts) in &mut phones {
        assert!(*attempts <= 3, "{attempts} connects");
        phone.silent().await;
    }
    cluster.holds(phones.len() as u32).await;
    let takeovers = cluster.metric("switchboard_takeovers_total").await;
    assert!(takeovers <= 3.0 * phones.len() as f64, "{takeovers}");
}
