//! Keys and a JWKS endpoint for the unit tests of this crate.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use super::{JwksSource, KeyRing, KeySet, Pace, Reach, Transport};

pub(crate) const RSA: &str = include_str!("sample/rsa.pem");
pub(crate) const RSA_PKCS1: &str = include_str!("sample/rsa_pkcs1.pem");
/// The private half of [`RSA`].
pub(crate) const RSA_PRIVATE: &str = include_str!("sample/rsa_private.pem");
pub(crate) const RSA_OTHER_PRIVATE: &str = include_str!("sample/rsa_other_private.pem");
pub(crate) const RSA_1024: &str = include_str!("sample/rsa1024.pem");
pub(crate) const P256: &str = include_str!("sample/p256.pem");
pub(crate) const P256_COMPRESSED: &str = include_str!("sample/p256_compressed.pem");
pub(crate) const P384: &str = include_str!("sample/p384.pem");
pub(crate) const P521: &str = include_str!("sample/p521.pem");
pub(crate) const ED25519: &str = include_str!("sample/ed.pem");
pub(crate) const X25519: &str = include_str!("sample/x25519.pem");

/// A set of Ed25519 keys of these names, each with numbers of its own.
pub(crate) fn jwks(kids: &[&str]) -> String {
    let key = |kid: &&str| {
        let mut x = [0; 32];
        for (at, byte) in kid.bytes().enumerate() {
            x[at % 32] ^= byte;
        }
        json!({ "kty": "OKP", "crv": "Ed25519", "kid": kid, "x": URL_SAFE_NO_PAD.encode(x) })
    };
    json!({ "keys": kids.iter().map(key).collect::<Vec<Value>>() }).to_string()
}

pub(crate) fn key_set(kids: &[&str]) -> KeySet {
    KeySet::from_json(&jwks(kids), None).unwrap()
}

/// Puts these keys in force, as a fetch does.
pub(crate) fn bring(ring: &KeyRing, kids: &[&str]) {
    ring.begin(Instant::now());
    ring.end(Some(key_set(kids)));
}

/// A pace at which a test need not sleep; what has to be waited for comes, however busy the machine.
pub(crate) fn quick() -> Pace {
    Pace {
        refresh: Duration::from_secs(600),
        cool_down: Duration::from_millis(50),
        timeout: Duration::from_secs(20),
        patience: Duration::from_secs(30),
        absence: Duration::from_secs(60),
    }
}

pub(crate) fn source(url: &str, pace: Pace) -> JwksSource {
    JwksSource::new(url, Transport::Encrypted, Reach::Public, None, pace).unwrap()
}

/// What an endpoint does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Behaviour {
    /// 200 with this body.
    Keys(String),
    /// Exactly these bytes, and the end of the connection.
    Raw(String),
    /// Nothing.
    Silence,
    /// 200 and a body without end.
    Flood,
    /// The one for the first request, the other from then on.
    Then(Box<Behaviour>, Box<Behaviour>),
}

/// A JWKS endpoint on this machine that does what it is told and counts.
#[derive(Debug)]
pub(crate) struct Stub {
    pub(crate) port: u16,
    requests: Arc<AtomicU64>,
    behaviour: Arc<Mutex<Behaviour>>,
    _tasks: JoinSet<()>,
}

impl Stub {
    pub(crate) async fn start(behaviour: Behaviour) -> Self {
        Self::serve(behaviour, None).await
    }

    /// The same over TLS.
    pub(crate) async fn start_tls(behaviour: Behaviour, acceptor: TlsAcceptor) -> Self {
        Self::serve(behaviour, Some(acceptor)).await
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/jwks", self.port)
    }

    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    pub(crate) fn behave(&self, behaviour: Behaviour) {
        *self.behaviour.lock().unwrap() = behaviour;
    }

    async fn serve(behaviour: Behaviour, acceptor: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(AtomicU64::new(0));
        let behaviour = Arc::new(Mutex::new(behaviour));
        let mut tasks = JoinSet::new();
        let (counter, told) = (Arc::clone(&requests), Arc::clone(&behaviour));
        tasks.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, counter, told) =
                    (acceptor.clone(), Arc::clone(&counter), Arc::clone(&told));
                open.spawn(async move {
                    match acceptor {
                        None => answer(stream, &counter, &told).await,
                        Some(acceptor) => match acceptor.accept(stream).await {
                            Ok(stream) => answer(stream, &counter, &told).await,
                            Err(_) => None,
                        },
                    };
                });
            }
        });
        Self {
            port,
            requests,
            behaviour,
            _tasks: tasks,
        }
    }
}

fn next(behaviour: &Mutex<Behaviour>) -> Behaviour {
    let mut behaviour = behaviour.lock().unwrap();
    if let Behaviour::Then(first, others) = behaviour.clone() {
        *behaviour = *others;
        return *first;
    }
    behaviour.clone()
}

/// `None` if the client went away first.
async fn answer(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    requests: &AtomicU64,
    behaviour: &Mutex<Behaviour>,
) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    requests.fetch_add(1, Ordering::Relaxed);
    let raw = match next(behaviour) {
        Behaviour::Keys(body) => {
            let length = body.len();
            format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            )
        }
        Behaviour::Raw(raw) => raw,
        Behaviour::Silence => std::future::pending().await,
        Behaviour::Then(..) => return None,
        Behaviour::Flood => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.ok()?;
            loop {
                stream.write_all(&[b' '; 4096]).await.ok()?;
            }
        }
    };
    stream.write_all(raw.as_bytes()).await.ok()?;
    stream.shutdown().await.ok()
}
