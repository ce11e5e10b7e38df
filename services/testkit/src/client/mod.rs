//! A client that speaks the realtime wire format frame by frame, without knowing better than the test.
//!
//! It keeps two promises. Frames are handed out in the order in which they arrived, also those that came while a
//! reply was awaited. And every wait has a deadline, with the caller's place in the message.

mod conversation;
mod incoming;
mod opening;

use std::collections::VecDeque;

use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;

pub use incoming::Closed;

/// One connected socket.
#[derive(Debug)]
pub struct Client {
    socket: WebSocketStream<TcpStream>,
    /// Frames that arrived while something else was awaited, oldest first.
    aside: VecDeque<Value>,
    welcome: Value,
    requests: u32,
}

impl Client {
    fn new(socket: WebSocketStream<TcpStream>) -> Self {
        Self {
            socket,
            aside: VecDeque::new(),
            welcome: Value::Null,
            requests: 0,
        }
    }

    /// The welcome frame; `null` until it was read.
    #[must_use]
    pub fn welcome(&self) -> &Value {
        &self.welcome
    }

    /// The peer id that the welcome gave.
    #[must_use]
    #[track_caller]
    pub fn peer(&self) -> &str {
        self.welcome["peerId"]
            .as_str()
            .expect("a welcome names the peer")
    }
}
