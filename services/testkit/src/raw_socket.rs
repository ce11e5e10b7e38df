//! A TCP connection that says exactly the bytes it is told: for clients that break rules, or never read.

use std::future::Future;

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::{Closed, DEADLINE, Door, Opcode, Place, RawFrame, TestEdge, within};

/// A socket below the level of WebSocket. It answers nothing by itself, not even a ping.
#[derive(Debug)]
pub struct RawSocket {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl RawSocket {
    /// A TCP connection on which nothing has been said.
    pub async fn tcp(edge: &TestEdge) -> Self {
        let stream = within("TCP connects", TcpStream::connect(edge.listen()))
            .await
            .expect("the edge listens");
        Self::new(stream)
    }

    /// The head of the answer to an upgrade request; empty when the edge takes no connection or says nothing.
    pub async fn answer(edge: &TestEdge, door: &Door) -> String {
        match TcpStream::connect(edge.listen()).await {
            Ok(stream) => {
                let mut socket = Self::new(stream);
                socket.write(upgrade_head(edge, door).as_bytes()).await;
                socket.read_head().await
            }
            Err(_refused) => String::new(),
        }
    }

    /// A connection after its upgrade; the welcome, if any, is not read yet.
    #[track_caller]
    pub fn upgraded(edge: &TestEdge, door: &Door) -> impl Future<Output = Self> {
        let place = Place::here();
        async move {
            let mut socket = Self::tcp(edge).await;
            socket.write(upgrade_head(edge, door).as_bytes()).await;
            let head = socket.read_head().await;
            assert!(
                head.starts_with("HTTP/1.1 101"),
                "{place}: no upgrade: {head}"
            );
            socket
        }
    }

    /// A connection after its upgrade and its welcome.
    #[track_caller]
    pub fn welcomed(edge: &TestEdge, door: &Door) -> impl Future<Output = Self> {
        let place = Place::here();
        let opening = Self::upgraded(edge, door);
        async move {
            let mut socket = opening.await;
            let frame = socket.text_at(place).await;
            assert_eq!(frame["type"], "welcome", "{place}: {frame}");
            socket
        }
    }

    /// Asks for an upgrade, and waits for no answer.
    pub async fn ask_for(&mut self, edge: &TestEdge, door: &Door) {
        self.write(upgrade_head(edge, door).as_bytes()).await;
    }

    /// Writes bytes. An edge that has hung up already is not a failure: what it said is still to be read.
    pub async fn write(&mut self, bytes: &[u8]) {
        drop(within("the socket takes bytes", self.stream.write_all(bytes)).await);
    }

    /// Writes a frame.
    pub async fn send(&mut self, frame: &RawFrame) {
        self.write(&frame.to_bytes()).await;
    }

    /// Everything up to the blank line after an HTTP head.
    pub async fn read_head(&mut self) -> String {
        loop {
            if let Some(end) = self
                .unread
                .windows(4)
                .position(|window| window == b"\r\n\r\n")
            {
                let head: Vec<u8> = self.unread.drain(..end + 4).collect();
                return String::from_utf8_lossy(&head).into_owned();
            }
            if self.read_more().await == 0 {
                let rest = std::mem::take(&mut self.unread);
                return String::from_utf8_lossy(&rest).into_owned();
            }
        }
    }

    /// The next frame: its opcode bits and payload, or `None` at the end of the connection.
    pub async fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            if let Some((opcode, payload, used)) = parse(&self.unread) {
                self.unread.drain(..used);
                return Some((opcode, payload));
            }
            if self.read_more().await == 0 {
                return None;
            }
        }
    }

    /// The next text frame as JSON; pings on the way are left unanswered.
    #[track_caller]
    pub fn text(&mut self) -> impl Future<Output = Value> {
        self.text_at(Place::here())
    }

    /// How many bytes were read together with what was handed out last.
    #[must_use]
    pub fn unread_bytes(&self) -> usize {
        self.unread.len()
    }

    /// How the connection ended, whatever came before it.
    pub async fn closed(&mut self) -> Closed {
        while let Some((opcode, payload)) = self.frame().await {
            if opcode == Opcode::Close as u8 {
                let code = payload
                    .get(..2)
                    .map_or(1005, |code| u16::from_be_bytes([code[0], code[1]]));
                let reason = payload.get(2..).unwrap_or_default();
                return Closed {
                    code,
                    reason: String::from_utf8_lossy(reason).into_owned(),
                };
            }
        }
        Closed {
            code: 1006,
            reason: String::new(),
        }
    }

    /// Waits until the edge has hung up, and drops what it still says.
    pub async fn hung_up(&mut self) {
        loop {
            self.unread.clear();
            if self.read_more().await == 0 {
                return;
            }
        }
    }

    /// Resets the connection: no close frame, no goodbye.
    pub fn reset(self) {
        self.stream
            .set_zero_linger()
            .expect("the option exists on every TCP socket");
    }

    /// Writes `chunk` again and again until the edge takes no more, because it has hung up.
    pub async fn write_until_hung_up(&mut self, chunk: &[u8]) {
        within("the edge hangs up on a writer", async {
            while self.stream.write_all(chunk).await.is_ok() {}
        })
        .await;
    }

    fn new(stream: TcpStream) -> Self {
        stream
            .set_nodelay(true)
            .expect("the option exists on every TCP socket");
        Self {
            stream,
            unread: Vec::new(),
        }
    }

    async fn text_at(&mut self, place: Place) -> Value {
        loop {
            match self.frame().await {
                Some((0x1, payload)) => {
                    return match serde_json::from_slice(&payload) {
                        Ok(frame) => frame,
                        Err(error) => panic!("{place}: the edge sent no JSON: {error}"),
                    };
                }
                Some((0x9 | 0xA, _)) => {}
                other => panic!("{place}: expected text, got {other:?}"),
            }
        }
    }

    /// Reads once; 0 is the end, and a reset counts as one.
    async fn read_more(&mut self) -> usize {
        let mut chunk = [0; 16 * 1024];
        let Ok(read) = timeout(DEADLINE, self.stream.read(&mut chunk)).await else {
            panic!(
                "the edge said nothing within {DEADLINE:?}, unread: {} bytes",
                self.unread.len()
            );
        };
        let count = read.unwrap_or(0);
        self.unread.extend_from_slice(&chunk[..count]);
        count
    }
}

/// The request of a client that knows only what RFC 6455 §4.1 demands.
fn upgrade_head(edge: &TestEdge, door: &Door) -> String {
    let mut head = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        door.path_and_query(),
        edge.listen()
    );
    for (name, value) in door.headers() {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    head
}

/// The first whole server frame in `bytes`: opcode, payload, and how many bytes it took.
fn parse(bytes: &[u8]) -> Option<(u8, Vec<u8>, usize)> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    assert_eq!(second & 0x80, 0, "a server frame must not be masked");
    assert_eq!(
        first & 0x70,
        0,
        "no extension was negotiated, so no reserved bit may be set"
    );
    let (start, length) = match second {
        126 => (
            4,
            u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)),
        ),
        127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)),
        short => (2, u64::from(short)),
    };
    let end = start + usize::try_from(length).ok()?;
    let payload = bytes.get(start..end)?.to_vec();
    Some((first & 0x0F, payload, end))
}
