//! Somebody else's token service: signs tokens, publishes its keys over HTTP, and misbehaves when told to.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};
use toml::{Table, Value as Setting};

use crate::{directory::Directory, unix_now};

/// A token service on this machine, gone when dropped. Its keys are Ed25519 and called `k1`, `k2` and so on.
#[derive(Debug)]
pub struct Issuer {
    url: String,
    shared: Arc<Shared>,
    directory: Directory,
    _tasks: JoinSet<()>,
}

/// What its endpoint does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// Publishes the newest key.
    Fine,
    /// Answers 500.
    Failing,
    /// Answers 200 and a page of HTML.
    Garbage,
    /// Takes the request and says nothing.
    Silent,
}

#[derive(Debug)]
struct Shared {
    /// The number of the newest key, from 1.
    newest: AtomicU64,
    requests: AtomicU64,
    endpoint: Mutex<Endpoint>,
}

impl Issuer {
    /// Starts it with one key.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("the loopback address has free ports");
        let address = listener
            .local_addr()
            .expect("a bound listener has an address");
        let shared = Arc::new(Shared {
            newest: AtomicU64::new(1),
            requests: AtomicU64::new(0),
            endpoint: Mutex::new(Endpoint::Fine),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(listener, Arc::clone(&shared)));
        Self {
            url: format!("http://{address}"),
            shared,
            directory: Directory::new(),
            _tasks: tasks,
        }
    }

    /// What its tokens say in `iss`.
    #[must_use]
    pub fn iss(&self) -> &str {
        &self.url
    }

    /// The `[[apps.issuers]]` entry for it.
    #[must_use]
    pub fn entry(&self) -> Table {
        let url = format!("{}/jwks", self.url);
        Table::from_iter([
            ("iss".to_owned(), Setting::from(self.iss())),
            ("jwks_url".to_owned(), Setting::from(url)),
        ])
    }

    /// The same with a file for the endpoint: the edge reads the newest key from there and never asks.
    #[must_use]
    pub fn entry_with_file(&self) -> Table {
        const FILE: &str = "keys.json";
        self.directory.write(FILE, &published(self.newest()));
        let path = self.directory.path(FILE).display().to_string();
        Table::from_iter([
            ("iss".to_owned(), Setting::from(self.iss())),
            ("key_file".to_owned(), Setting::from(path)),
        ])
    }

    /// A token for this subject that lives five minutes, signed with the newest key; `claims` are added or replace.
    #[must_use]
    pub fn sign(&self, subject: &str, claims: &Value) -> String {
        self.token(subject, claims, self.newest())
    }

    /// The same, under the newest key's name, but signed with a key that was never published.
    #[must_use]
    pub fn forge(&self, subject: &str, claims: &Value) -> String {
        self.token(subject, claims, u64::MAX)
    }

    /// Replaces the key: the one before is no longer published.
    pub fn rotate(&self) {
        self.shared.newest.fetch_add(1, Ordering::Relaxed);
    }

    /// Tells the endpoint how to behave from the next request on.
    pub fn behave(&self, endpoint: Endpoint) {
        *self.shared.endpoint.lock().expect(UNPOISONED) = endpoint;
    }

    /// How many requests for keys there have been.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::Relaxed)
    }

    fn newest(&self) -> u64 {
        self.shared.newest.load(Ordering::Relaxed)
    }

    fn token(&self, subject: &str, claims: &Value, signed_with: u64) -> String {
        let now = unix_now();
        let mut all = json!({ "iss": self.iss(), "sub": subject, "iat": now, "exp": now + 300 });
        for (name, value) in claims.as_object().into_iter().flatten() {
            all[name] = value.clone();
        }
        let header = Header {
            kid: Some(kid(self.newest())),
            ..Header::new(Algorithm::EdDSA)
        };
        encode(&header, &all, &private(signed_with)).expect("claims of JSON can be signed")
    }
}

const UNPOISONED: &str = "nothing panics while it holds this lock";

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut open = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        open.spawn(async move {
            // A client that goes away early is its own business.
            drop(timeout(Duration::from_secs(60), answer(stream, &shared)).await);
        });
        while open.try_join_next().is_some() {}
    }
}

async fn answer(mut stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    shared.requests.fetch_add(1, Ordering::Relaxed);
    let endpoint = *shared.endpoint.lock().expect(UNPOISONED);
    let (status, body) = match endpoint {
        Endpoint::Fine => ("200 OK", published(shared.newest.load(Ordering::Relaxed))),
        Endpoint::Failing => ("500 Internal Server Error", String::new()),
        Endpoint::Garbage => ("200 OK", "<!doctype html>".to_owned()),
        Endpoint::Silent => std::future::pending().await,
    };
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}

fn kid(number: u64) -> String {
    format!("k{number}")
}

/// Not random: which key it is does not matter, as long as each number has its own.
fn private(number: u64) -> EncodingKey {
    let mut der = ED25519_PKCS8.to_vec();
    der.extend([0x5a; 24]);
    der.extend(number.to_be_bytes());
    EncodingKey::from_ed_der(&der)
}

/// What stands before the secret number in PKCS #8.
const ED25519_PKCS8: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

fn published(number: u64) -> String {
    let key = Jwk::from_encoding_key(&private(number), Algorithm::EdDSA)
        .expect("an Ed25519 key has a public half");
    let mut key = serde_json::to_value(key).expect("a JWK is JSON");
    key["kid"] = json!(kid(number));
    json!({ "keys": [key] }).to_string()
}
