//! Somebody else's HTTP server, as far as an edge asks it: it tells what it was asked, and answers what it is told to.

use std::{collections::HashMap, net::SocketAddr};

use serde_json::Value;
use testkit::within;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinSet,
};

/// The server; it ends when it is dropped.
pub(crate) struct Stub {
    address: SocketAddr,
    asked: mpsc::Receiver<Asked>,
    _task: JoinSet<()>,
}

/// One request.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
}

impl Stub {
    /// Answers each request with a status and a body.
    pub(crate) async fn start(answer: impl Fn(&Asked) -> (u16, Value) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let (told, asked) = mpsc::channel(1024);
        let mut task = JoinSet::new();
        task.spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.expect("the listener stands");
                let Some(asked) = read(&mut stream).await else {
                    continue;
                };
                let (status, body) = answer(&asked);
                // Told first: a test may act before the answer arrives.
                if told.send(asked).await.is_err() {
                    return;
                }
                let body = body.to_string();
                let answer = format!(
                    "HTTP/1.1 {status} Status\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                );
                drop(stream.write_all(answer.as_bytes()).await);
            }
        });
        Self {
            address,
            asked,
            _task: task,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The next request.
    pub(crate) async fn next(&mut self) -> Asked {
        within("a request", self.asked.recv())
            .await
            .expect("the stub stands")
    }

    /// Whatever has come and was not looked at.
    pub(crate) fn more(&mut self) -> Vec<Asked> {
        std::iter::from_fn(|| self.asked.try_recv().ok()).collect()
    }
}

impl Asked {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("a JSON body")
    }
}

async fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return None,
            Ok(read) => bytes.extend_from_slice(&chunk[..read]),
        }
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut lines = head.lines();
        let path = lines.next()?.split(' ').nth(1)?.to_owned();
        let headers: HashMap<String, String> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let length: usize = headers.get("content-length")?.parse().ok()?;
        if bytes.len() >= end + 4 + length {
            let body = String::from_utf8_lossy(&bytes[end + 4..end + 4 + length]).into_owned();
            return Some(Asked {
                path,
                headers,
                body,
            });
        }
    }
}
