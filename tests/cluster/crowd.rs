//! What the suites ask of many clients and of what they heard.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{Client, TestCluster, Token};

/// Clients `<stem>-0` and so on, spread over the edges in turn.
pub(crate) async fn spread(cluster: &TestCluster, stem: &str, count: usize) -> Vec<Client> {
    let edges = cluster.edges().count();
    let arrivals = (0..count).map(async |number| {
        cluster
            .peer(number % edges, &format!("{stem}-{number}"))
            .await
    });
    join_all(arrivals).await
}

/// The names that [`spread`] gives, sorted.
pub(crate) fn names(stem: &str, count: usize) -> Vec<String> {
    let mut names: Vec<String> = (0..count)
        .map(|number| format!("{stem}-{number}"))
        .collect();
    names.sort();
    names
}

/// The `data` of every frame of this type.
pub(crate) fn data_of(frames: &[Value], kind: &str) -> Vec<Value> {
    let of_kind = frames.iter().filter(|frame| frame["type"] == kind);
    of_kind.map(|frame| frame["data"].clone()).collect()
}

/// The peer ids of a list of entries, sorted.
pub(crate) fn peers(entries: &Value) -> Vec<String> {
    let entries = entries.as_array().map(Vec::as_slice).unwrap_or_default();
    let ids = entries.iter().filter_map(|entry| entry["peerId"].as_str());
    let mut peers: Vec<String> = ids.map(str::to_owned).collect();
    peers.sort();
    peers
}

/// What presence frames told an observer, peer by peer, in order: `+` for a join, `-` for a leave.
pub(crate) fn moves(frames: &[Value]) -> BTreeMap<String, String> {
    let mut moves: BTreeMap<String, String> = BTreeMap::new();
    for frame in frames.iter().filter(|frame| frame["type"] == "presence") {
        for (list, sign) in [("joined", '+'), ("left", '-')] {
            for peer in peers(&frame[list]) {
                moves.entry(peer).or_default().push(sign);
            }
        }
    }
    moves
}

/// A token of this peer on its phone: one session in the whole cluster.
pub(crate) fn phone(peer: &str) -> String {
    Token::peer(peer).claim("device", json!("phone")).sign()
}

/// The peers that REST lists in a channel, as one edge tells.
pub(crate) async fn listed(
    cluster: &TestCluster,
    edge: usize,
    channel: &str,
) -> Option<Vec<String>> {
    let path = format!("/v1/channels/{channel}/peers");
    let answer = cluster.edge(edge).rest().get(&path).await;
    (answer.status == 200).then(|| peers(&answer.body["peers"]))
}
