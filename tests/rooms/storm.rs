//! A room that fills at once.

use std::collections::BTreeMap;
use std::time::Instant;

use futures_util::future::join_all;
use serde_json::Value;
use testkit::{Client, ClusterConfig, EdgeConfig, TestEdge};

use crate::member::{ROOM, door, token};

/// Members of the storm.
const MEMBERS: usize = 200;

#[tokio::test]
async fn two_hundred_members_of_one_edge_learn_of_each_other_exactly_once() {
    let edge = EdgeConfig::demo()
        .limit("unauthenticated_per_address", 0)
        .limit("unauthenticated_total", 0)
        .timing("handshake", "30s")
        .start()
        .await;
    storm(&[&edge]).await;
}

#[tokio::test]
async fn two_hundred_members_on_three_edges_learn_of_each_other_exactly_once() {
    let patient = |config: EdgeConfig| config.timing("handshake", "30s");
    let cluster = ClusterConfig::demo(3).edge(patient).start().await;
    storm(&cluster.edges().collect::<Vec<_>>()).await;
}

/// Everybody comes at once, in turn to each edge.
async fn storm(edges: &[&TestEdge]) {
    let began = Instant::now();
    let members = join_all((0..MEMBERS).map(|number| {
        let door = door(ROOM, &token(&account(number)));
        let edge = edges[number % edges.len()];
        async move {
            let mut client = Client::open(edge, door).await;
            let connected = client.expect_type("webrtc").await;
            (client, connected)
        }
    }))
    .await;
    let stayed = join_all(members.into_iter().enumerate().map(
        |(number, (mut client, connected))| async move {
            let mut learnt: BTreeMap<String, usize> = BTreeMap::new();
            let participants = connected["data"]["participants"]
                .as_array()
                .expect("a list");
            let mut learn = |account: &Value| {
                let account = account.as_str().expect("an account").to_owned();
                *learnt.entry(account).or_default() += 1;
            };
            participants
                .iter()
                .for_each(|entry| learn(&entry["account_id"]));
            for _ in participants.len()..MEMBERS - 1 {
                let notice = client.next_frame().await;
                assert_eq!(notice["data"]["type"], "user-joined");
                learn(&notice["data"]["account_id"]);
            }
            client.expect_quiet().await;
            let expected: BTreeMap<String, usize> = (0..MEMBERS)
                .filter(|other| *other != number)
                .map(|other| (account(other), 1))
                .collect();
            assert_eq!(learnt, expected);
            // Whoever is done stays: its leave would be news to those who are not.
            client
        },
    ))
    .await;
    println!(
        "{MEMBERS} members on {} edges know each other within {:?}",
        edges.len(),
        began.elapsed()
    );
    assert_eq!(stayed.len(), MEMBERS);
}

fn account(number: usize) -> String {
    format!("member-{number:03}")
}
