//! A member of a room, as the suite sees one: a real socket, and a token made by hand.

use std::net::SocketAddr;

use serde_json::{Value, json};
use testkit::{Client, Door, TestEdge, Token, percent_encoded, within};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::site::Edges;

/// The room of most tests.
pub(crate) const ROOM: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";
/// Another one.
pub(crate) const OTHER: &str = "7c9e6679-7425-40de-944b-e07fc1f90ae7";

/// A token that names both rooms.
pub(crate) fn token(account: &str) -> Token {
    Token::peer(account)
        .claim("preferred_username", json!(account))
        .claim("name", json!(account.to_uppercase()))
        .claim("rooms", json!([ROOM, OTHER]))
}

pub(crate) fn path(room: &str) -> String {
    format!("/api/chat/realtime/{room}")
}

pub(crate) fn door(room: &str, token: &Token) -> Door {
    Door::path(&format!(
        "{}?tk={}",
        path(room),
        percent_encoded(&token.sign())
    ))
}

/// Comes in and reads the first packet.
pub(crate) async fn enter(edge: &TestEdge, account: &str) -> (Client, Value) {
    enter_by(edge, door(ROOM, &token(account))).await
}

pub(crate) async fn enter_by(edge: &TestEdge, door: Door) -> (Client, Value) {
    let mut client = Client::open(edge, door).await;
    let connected = client.expect_type("webrtc").await;
    (client, connected["data"].clone())
}

/// Who else is there, by the first packet.
pub(crate) fn listed(connected: &Value) -> &Vec<Value> {
    connected["participants"].as_array().expect("a list")
}

/// The names in an object, in their order.
pub(crate) fn names(object: &Value) -> Vec<&str> {
    let members = object.as_object().expect("an object");
    let mut names: Vec<_> = members.keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

/// Comes in, and nothing more.
pub(crate) async fn member(edge: &TestEdge, account: &str) -> Client {
    enter(edge, account).await.0
}

/// Several, each of whom has heard of those who came later; in the order of their names, in turn on each edge.
pub(crate) async fn members<const N: usize>(
    edges: &impl Edges,
    accounts: [&str; N],
) -> [Client; N] {
    let mut inside: Vec<Client> = Vec::new();
    for (number, account) in accounts.into_iter().enumerate() {
        let newcomer = member(edges.of(number), account).await;
        for earlier in &mut inside {
            let notice = earlier.expect_type("webrtc.signal").await;
            assert_eq!(notice["data"]["type"], "user-joined");
            assert_eq!(notice["data"]["account_id"], account);
        }
        inside.push(newcomer);
    }
    inside
        .try_into()
        .unwrap_or_else(|_| panic!("as many as there are names"))
}

/// What `listener` gets before something that `speaker` says now to its account alone: everything that `speaker` said
/// before has arrived by then.
pub(crate) async fn before_mark(
    listener: &mut Client,
    account: &str,
    speaker: &mut Client,
) -> Vec<Value> {
    speaker
        .send(&json!({"type": "mark", "data": {}, "to": account}))
        .await;
    let mut before = Vec::new();
    loop {
        let frame = listener.next_frame().await;
        if frame["data"]["type"] == "mark" {
            return before;
        }
        before.push(frame);
    }
}

/// `listener` gets nothing before something that `speaker` says now to its account alone.
pub(crate) async fn quiet(listener: &mut Client, account: &str, speaker: &mut Client) {
    let before = before_mark(listener, account, speaker).await;
    assert!(before.is_empty(), "expected nothing, got {before:?}");
}

/// Status, head and body of a plain request with these headers.
pub(crate) async fn http(
    address: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
) -> (u16, String, String) {
    let mut stream = TcpStream::connect(address).await.expect("the edge listens");
    let mut request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    stream
        .write_all(request.as_bytes())
        .await
        .expect("the edge reads");
    let mut answer = Vec::new();
    let body_starts = within("the answer's head", async {
        loop {
            let mut chunk = [0; 4096];
            let read = stream.read(&mut chunk).await.expect("the edge answers");
            answer.extend_from_slice(&chunk[..read]);
            let end = answer.windows(4).position(|window| window == b"\r\n\r\n");
            if let Some(end) = end.or((read == 0).then_some(answer.len())) {
                return (end + 4).min(answer.len());
            }
        }
    })
    .await;
    let head = String::from_utf8_lossy(&answer[..body_starts]).to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.trim().parse().expect("a length"));
    while answer.len() < body_starts + length {
        let mut chunk = [0; 4096];
        let read = within("the answer's body", stream.read(&mut chunk))
            .await
            .expect("the edge answers");
        assert!(read > 0, "the body was cut");
        answer.extend_from_slice(&chunk[..read]);
    }
    let status = head
        .split(' ')
        .nth(1)
        .unwrap_or_default()
        .parse()
        .expect("a status");
    let body = String::from_utf8_lossy(&answer[body_starts..]).into_owned();
    (status, head, body)
}

/// The headers that make a request an upgrade.
pub(crate) const UPGRADE: [(&str, &str); 4] = [
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
];
