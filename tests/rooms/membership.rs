//! Who says that an account belongs to a room: registry, webhook, open mode (spec §1.5).

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{EdgeConfig, TestEdge, percent_encoded, until};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::member::{ROOM, UPGRADE, door, enter_by, http, member, path, token};

/// The status of an upgrade by an account whose token says nothing of rooms.
async fn upgrade(edge: &TestEdge, account: &str) -> u16 {
    let unsaid = token(account).without("rooms").sign();
    let path = format!("{}?tk={}", path(ROOM), percent_encoded(&unsaid));
    http(edge.listen(), &path, &UPGRADE).await.0
}

async fn put(edge: &TestEdge, account: &str, row: &Value) {
    let path = format!("/admin/rooms/{ROOM}/members/{account}");
    edge.rest()
        .call(reqwest::Method::PUT, &path, Some(&row.to_string()))
        .await
        .ok();
}

#[tokio::test]
async fn c60_a_member_that_is_removed_or_demoted_is_closed_with_4403_within_two_seconds() {
    let edge = TestEdge::demo().await;
    let mut watcher = member(&edge, "watcher").await;
    let members = format!("/admin/rooms/{ROOM}/members/alice");
    for change in ["remove", "demote", "leave", "uninvite"] {
        put(&edge, "alice", &json!({"role": 0})).await;
        put(&edge, "bob", &json!({"role": 0})).await;
        let unsaid = |account: &str| token(account).without("rooms");
        let (mut alice, _) = enter_by(&edge, door(ROOM, &unsaid("alice"))).await;
        let (mut alice_too, _) = enter_by(&edge, door(ROOM, &unsaid("alice"))).await;
        watcher.expect_type("webrtc.signal").await;
        put(&edge, "alice", &json!({"role": 50, "nick": "promoted"})).await;
        alice.expect_quiet().await;
        let start = Instant::now();
        match change {
            "remove" => assert_eq!(edge.rest().delete(&members).await.status, 204),
            "demote" => put(&edge, "alice", &json!({"role": -1})).await,
            "leave" => put(&edge, "alice", &json!({"left_at": "2026-01-01T00:00:00Z"})).await,
            _ => put(&edge, "alice", &json!({"joined_at": null})).await,
        }
        for session in [&mut alice, &mut alice_too] {
            assert_eq!(session.find_close().await.code, 4403, "{change}");
        }
        assert!(
            start.elapsed() < Duration::from_secs(2),
            "{:?}",
            start.elapsed()
        );
        assert_eq!(watcher.next_frame().await["data"]["type"], "user-left");
        assert_eq!(upgrade(&edge, "alice").await, 403);
    }
    watcher.expect_quiet().await;
}

#[tokio::test]
async fn the_token_is_asked_before_the_registry_and_the_order_is_configured() {
    let edge = TestEdge::demo().await;
    put(&edge, "alice", &json!({"role": -1})).await;
    let _by_token = member(&edge, "alice").await;
    let edge = EdgeConfig::demo()
        .section(
            "room",
            "membership",
            vec![toml::Value::from("registry"), toml::Value::from("token")],
        )
        .start()
        .await;
    put(&edge, "alice", &json!({"role": -1})).await;
    let path = format!(
        "{}?tk={}",
        path(ROOM),
        percent_encoded(&token("alice").sign())
    );
    assert_eq!(http(edge.listen(), &path, &UPGRADE).await.0, 403);
    let _bob_by_token = member(&edge, "bob").await;
}

#[tokio::test]
async fn open_mode_admits_every_account_with_a_good_token_and_nobody_else() {
    let edge = EdgeConfig::demo()
        .section("room", "membership", vec![toml::Value::from("open")])
        .start()
        .await;
    assert_eq!(upgrade(&edge, "anybody").await, 101);
    assert_eq!(http(edge.listen(), &path(ROOM), &UPGRADE).await.0, 401);
}

#[tokio::test]
async fn c14_a_source_that_cannot_be_asked_admits_nobody() {
    let backend = Backend::start().await;
    let edge = by_webhook(backend.address, "300ms").start().await;
    for (answer, expected) in [
        (Reply::Status(500), 503),
        (Reply::Status(302), 503),
        (Reply::Status(401), 503),
        (Reply::Body("no JSON".to_owned()), 503),
        (Reply::Body("{}".to_owned()), 503),
        (
            Reply::Body(format!(
                "{{\"allow\":true,\"x\":\"{}\"}}",
                "y".repeat(20_000)
            )),
            503,
        ),
        (Reply::Silence, 503),
        (Reply::Body("{\"allow\":true}".to_owned()), 101),
    ] {
        backend.answers(answer.clone());
        assert_eq!(upgrade(&edge, "alice").await, expected, "{answer:?}");
    }
    let nobody_there = by_webhook("127.0.0.1:9".parse().unwrap(), "300ms")
        .start()
        .await;
    let unsaid = token("alice").without("rooms").sign();
    let (status, head, body) = http(
        nobody_there.listen(),
        &format!("{}?tk={unsaid}", path(ROOM)),
        &UPGRADE,
    )
    .await;
    assert_eq!(
        (status, body.as_str()),
        (503, "Service Unavailable: Try again")
    );
    assert!(head.contains("retry-after: "), "{head}");
}

#[tokio::test]
async fn the_webhook_is_asked_once_per_account_with_a_signature_and_its_answer_is_kept() {
    let backend = Backend::start().await;
    let edge = by_webhook(backend.address, "5s").start().await;
    let account =
        json!({"name": "al", "nick": "Al", "profile": {"bio": "b"}, "contacts": ["mail"]});
    backend.answers(Reply::Body(
        json!({"allow": true, "role": 50, "account": account}).to_string(),
    ));
    let unsaid = token("alice")
        .without("rooms")
        .claim("device_id", json!("phone"))
        .claim("plan", json!("gold"));
    let _alice = enter_by(&edge, door(ROOM, &unsaid)).await;
    for _ in 0..3 {
        assert_eq!(upgrade(&edge, "alice").await, 101);
    }
    let asked = backend.asked();
    assert_eq!(asked.len(), 1, "{asked:?}");
    let (head, body) = &asked[0];
    let question: Value = serde_json::from_str(body).unwrap();
    assert_eq!(
        (&question["app_id"], &question["account_id"]),
        (&json!("demo"), &json!("alice"))
    );
    assert_eq!(
        (&question["room_id"], &question["device_id"]),
        (&json!(ROOM), &json!("phone"))
    );
    assert_eq!(question["token_claims"]["plan"], "gold");
    assert_eq!(question["remote_ip"], "127.0.0.1");
    assert!(
        head.contains("x-switchboard-timestamp: ") && head.contains("x-switchboard-signature: v1="),
        "{head}"
    );
    let (_bob, connected) = enter_by(&edge, door(ROOM, &token("bob").without("rooms"))).await;
    let shown = &connected["participants"][0]["account"];
    assert_eq!(
        (&shown["name"], &shown["nick"], &shown["profile"]),
        (&json!("al"), &json!("Al"), &json!({"bio": "b"}))
    );
    assert!(!connected.to_string().contains("mail"));
}

#[tokio::test]
async fn a_refresh_asks_the_webhook_again_and_closes_who_no_longer_belongs() {
    let backend = Backend::start().await;
    let edge = by_webhook(backend.address, "5s").start().await;
    backend.answers(Reply::Body(json!({"allow": true}).to_string()));
    let (mut alice, _) = enter_by(&edge, door(ROOM, &token("alice").without("rooms"))).await;
    backend.answers(Reply::Status(403));
    assert_eq!(upgrade(&edge, "alice").await, 101, "the yes is still known");
    let refreshed = edge
        .rest()
        .post(&format!("/admin/rooms/{ROOM}/refresh"), &json!({}))
        .await
        .ok();
    assert_eq!(refreshed["forgotten"], 1);
    assert_eq!(alice.find_close().await.code, 4403);
    assert_eq!(upgrade(&edge, "alice").await, 403);
    for answer in [
        Reply::Body(json!({"allow": true, "role": -1}).to_string()),
        Reply::Body(json!({"allow": false}).to_string()),
    ] {
        backend.answers(answer);
        edge.rest()
            .post(&format!("/admin/rooms/{ROOM}/refresh"), &json!({}))
            .await
            .ok();
        assert_eq!(upgrade(&edge, "alice").await, 403);
    }
}

#[tokio::test]
async fn a_backend_that_changes_its_mind_is_asked_again_and_one_that_is_silent_closes_nobody() {
    let backend = Backend::start().await;
    let edge = by_webhook(backend.address, "300ms")
        .section("room", "webhook_recheck", "1s")
        .start()
        .await;
    backend.answers(Reply::Body(json!({"allow": true}).to_string()));
    let (mut alice, _) = enter_by(&edge, door(ROOM, &token("alice").without("rooms"))).await;
    for reply in [
        Reply::Body(json!({"allow": true}).to_string()),
        Reply::Silence,
        Reply::Status(500),
    ] {
        backend.answers(reply);
        let before = backend.asked().len();
        until("the backend is asked twice more", async || {
            (backend.asked().len() >= before + 2).then_some(())
        })
        .await;
        alice.expect_quiet().await;
    }
    backend.answers(Reply::Status(403));
    assert_eq!(alice.find_close().await.code, 4403);
    assert_eq!(upgrade(&edge, "alice").await, 403);
}

fn by_webhook(backend: SocketAddr, timeout: &str) -> EdgeConfig {
    EdgeConfig::demo()
        .section(
            "room",
            "membership",
            vec![toml::Value::from("token"), toml::Value::from("webhook")],
        )
        .section("room", "webhook_url", format!("http://{backend}/members"))
        .section("room", "webhook_secret", "a secret of the webhook")
        .section("room", "webhook_timeout", timeout)
}

/// What the backend answers.
#[derive(Debug, Clone)]
enum Reply {
    Status(u16),
    Body(String),
    Silence,
}

/// A backend that answers as it is told and remembers what it was asked.
struct Backend {
    address: SocketAddr,
    reply: Arc<Mutex<Reply>>,
    asked: Arc<Mutex<Vec<(String, String)>>>,
    /// Ends with the test.
    _serving: tokio::task::JoinSet<()>,
}

impl Backend {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        let address = listener.local_addr().expect("it was just bound");
        let reply = Arc::new(Mutex::new(Reply::Status(500)));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (replies, log) = (Arc::clone(&reply), Arc::clone(&asked));
        let mut serving = tokio::task::JoinSet::new();
        serving.spawn(serve(listener, replies, log));
        Self {
            address,
            reply,
            asked,
            _serving: serving,
        }
    }

    fn answers(&self, reply: Reply) {
        *self
            .reply
            .lock()
            .expect("no test panics while it holds this") = reply;
    }

    fn asked(&self) -> Vec<(String, String)> {
        self.asked
            .lock()
            .expect("no test panics while it holds this")
            .clone()
    }
}

async fn serve(
    listener: TcpListener,
    reply: Arc<Mutex<Reply>>,
    asked: Arc<Mutex<Vec<(String, String)>>>,
) {
    let mut silent = Vec::new();
    while let Ok((mut stream, _)) = listener.accept().await {
        let mut request = Vec::new();
        let (head, body) = loop {
            let mut chunk = [0; 4096];
            let read = stream.read(&mut chunk).await.unwrap_or(0);
            request.extend_from_slice(&chunk[..read]);
            let text = String::from_utf8_lossy(&request).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let head = head.to_ascii_lowercase();
                let length = head
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length: "));
                if body.len()
                    >= length.map_or(0, |length| length.parse().expect("a length is a number"))
                {
                    break (head, body.to_owned());
                }
            }
            if read == 0 {
                break (String::new(), String::new());
            }
        };
        asked
            .lock()
            .expect("no test panics while it holds this")
            .push((head, body));
        let answer = reply
            .lock()
            .expect("no test panics while it holds this")
            .clone();
        let (status, body) = match answer {
            Reply::Status(status) => (status, String::new()),
            Reply::Body(body) => (200, body),
            Reply::Silence => {
                silent.push(stream);
                continue;
            }
        };
        let answer = format!(
            "HTTP/1.1 {status} X\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        drop(stream.write_all(answer.as_bytes()).await);
    }
}
