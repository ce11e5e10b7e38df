//! Row 6: there is no Redis for a minute.

use std::time::{Duration, Instant};

use serde_json::json;
use testkit::{Client, ClusterConfig, until};

use crate::row::Trial;

pub(crate) async fn down(trial: &mut Trial) {
    let mut cluster = ClusterConfig::demo(2).start().await;
    let mut clients: Vec<Client> = Vec::new();
    for number in 0..CLIENTS {
        let mut client = cluster.peer(number % 2, &format!("client-{number}")).await;
        client.subscribe("room").await;
        clients.push(client);
    }
    cluster.store_mut().server().kill().await;
    let struck = Instant::now();
    for edge in 0..2 {
        cluster.unready(edge, "redis_unreachable").await;
    }
    let red = struck.elapsed();
    trial.note(&format!("unready after {red:.1?}"));
    assert!(red <= Duration::from_secs(5), "unready only after {red:?}");

    let (mut refused, mut slowest) = (0, Duration::ZERO);
    while struck.elapsed() < DOWN {
        for (number, client) in clients.iter_mut().enumerate() {
            let next = format!("client-{}", (number + 1) % CLIENTS);
            for frame in [
                json!({"type": "send", "to": next, "data": 1}),
                json!({"type": "publish", "channel": "room", "data": 1}),
            ] {
                let asked = Instant::now();
                assert_eq!(client.refusal(frame).await, "backend_error");
                slowest = slowest.max(asked.elapsed());
                refused += 1;
            }
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    trial.note(&format!(
        "{refused} requests in {DOWN:?}, all backend_error, slowest {slowest:.1?}"
    ));

    if !trial.unguarded {
        cluster.store_mut().server().revive().await;
    }
    let up = Instant::now();
    for (from, client) in clients.iter_mut().take(2).enumerate() {
        let to = format!("client-{}", 1 - from);
        until("directs cross again", async || {
            let reply = client
                .request(json!({"type": "send", "to": to, "data": "again"}))
                .await;
            (reply["type"] == "ack").then_some(())
        })
        .await;
    }
    let back = up.elapsed();
    trial.note(&format!("both ways again after {back:.1?}"));
    assert!(back <= Duration::from_secs(2), "it took {back:?}");
    for edge in 0..2 {
        cluster.ready(edge).await;
    }
    let mut seen = 0;
    for client in &mut clients {
        let frames = client.fence().await;
        seen += frames
            .iter()
            .filter(|frame| frame["type"] == "presence" && frame["left"] != json!([]))
            .count();
    }
    assert_eq!(seen, 0, "leaves of peers that never left");
    trial.note(&format!("{CLIENTS} sockets stayed, no leave was told"));
}

const CLIENTS: usize = 40;
const DOWN: Duration = Duration::from_secs(60);
