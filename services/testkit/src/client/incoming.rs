//! What comes in: frames in order, and the end.

use std::{future::Future, time::Instant};

use futures_util::StreamExt as _;
use serde_json::Value;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Bytes, Message};

use super::Client;
use crate::{DEADLINE, Place};

impl Client {
    /// The next frame.
    #[track_caller]
    pub fn next_frame(&mut self) -> impl Future<Output = Value> {
        self.next_frame_at(Place::here())
    }

    /// The next frame, which must be of this type.
    #[track_caller]
    pub fn expect_type(&mut self, kind: &str) -> impl Future<Output = Value> {
        self.expect_at(kind, Place::here())
    }

    /// The next frame of this type; what comes before it stays for later.
    #[track_caller]
    pub fn find_type(&mut self, kind: &str) -> impl Future<Output = Value> {
        let place = Place::here();
        async move {
            self.find_at(|frame| frame["type"] == kind, kind, place)
                .await
        }
    }

    /// The next frame that `wanted` picks; what comes before it stays for later.
    #[track_caller]
    pub fn find(
        &mut self,
        wanted: impl Fn(&Value) -> bool,
        what: &str,
    ) -> impl Future<Output = Value> {
        self.find_at(wanted, what, Place::here())
    }

    /// The next frame from the socket and when it was read.
    #[track_caller]
    pub fn timed_frame(&mut self) -> impl Future<Output = (Instant, Value)> {
        let place = Place::here();
        async move {
            let frame = self.next_frame_at(place).await;
            (Instant::now(), frame)
        }
    }

    /// The payload of the next ping of the edge, at WebSocket level.
    #[track_caller]
    pub fn socket_ping(&mut self) -> impl Future<Output = Bytes> {
        let place = Place::here();
        async move {
            loop {
                match self.incoming_at(place).await {
                    Incoming::Ping(payload) => return payload,
                    Incoming::Frame(frame) => self.aside.push_back(frame),
                    Incoming::Closed(closed) => panic!("{place}: expected a ping, but {closed:?}"),
                }
            }
        }
    }

    /// The next thing to come, which must be the end. A frame before it is a failure.
    #[track_caller]
    pub fn expect_close(&mut self) -> impl Future<Output = Closed> {
        self.closed_at(Place::here())
    }

    /// The next thing to come: a frame, or the end.
    ///
    /// # Errors
    /// The end came.
    #[track_caller]
    pub fn next_frame_or_close(&mut self) -> impl Future<Output = Result<Value, Closed>> {
        let place = Place::here();
        async move {
            if let Some(frame) = self.aside.pop_front() {
                return Ok(frame);
            }
            loop {
                match self.incoming_at(place).await {
                    Incoming::Frame(frame) => return Ok(frame),
                    Incoming::Closed(closed) => return Err(closed),
                    Incoming::Ping(_) => {}
                }
            }
        }
    }

    /// The next frame however long it takes, or the end.
    ///
    /// # Errors
    /// The end came.
    pub async fn patient_frame(&mut self) -> Result<Value, Closed> {
        if let Some(frame) = self.aside.pop_front() {
            return Ok(frame);
        }
        loop {
            match self.arrival_at(Place::here()).await {
                Incoming::Frame(frame) => return Ok(frame),
                Incoming::Closed(closed) => return Err(closed),
                Incoming::Ping(_) => {}
            }
        }
    }

    /// The end, however many frames come before it.
    #[track_caller]
    pub fn find_close(&mut self) -> impl Future<Output = Closed> {
        let place = Place::here();
        async move {
            loop {
                match self.incoming_at(place).await {
                    Incoming::Frame(frame) => self.aside.push_back(frame),
                    Incoming::Ping(_) => {}
                    Incoming::Closed(closed) => return closed,
                }
            }
        }
    }

    pub(super) async fn closed_at(&mut self, place: Place) -> Closed {
        if let Some(frame) = self.aside.pop_front() {
            panic!("{place}: expected the end, got {frame}");
        }
        loop {
            match self.incoming_at(place).await {
                Incoming::Closed(closed) => return closed,
                Incoming::Ping(_) => {}
                Incoming::Frame(frame) => panic!("{place}: expected the end, got {frame}"),
            }
        }
    }

    pub(super) async fn expect_at(&mut self, kind: &str, place: Place) -> Value {
        let frame = self.next_frame_at(place).await;
        assert_eq!(frame["type"], kind, "{place}: expected {kind}, got {frame}");
        frame
    }

    pub(super) async fn next_frame_at(&mut self, place: Place) -> Value {
        match self.aside.pop_front() {
            Some(frame) => frame,
            None => self.fresh_frame_at(place).await,
        }
    }

    pub(super) async fn find_at(
        &mut self,
        wanted: impl Fn(&Value) -> bool,
        what: &str,
        place: Place,
    ) -> Value {
        if let Some(at) = self.aside.iter().position(&wanted) {
            return self.aside.remove(at).expect("the position was just found");
        }
        loop {
            match self.incoming_at(place).await {
                Incoming::Frame(frame) if wanted(&frame) => return frame,
                Incoming::Frame(frame) => self.aside.push_back(frame),
                Incoming::Ping(_) => {}
                Incoming::Closed(closed) => panic!("{place}: expected {what}, but {closed:?}"),
            }
        }
    }

    async fn fresh_frame_at(&mut self, place: Place) -> Value {
        loop {
            match self.incoming_at(place).await {
                Incoming::Frame(frame) => return frame,
                Incoming::Ping(_) => {}
                Incoming::Closed(closed) => panic!("{place}: expected a frame, but {closed:?}"),
            }
        }
    }

    async fn incoming_at(&mut self, place: Place) -> Incoming {
        match timeout(DEADLINE, self.arrival_at(place)).await {
            Ok(incoming) => incoming,
            Err(_elapsed) => panic!("{place}: nothing came within {DEADLINE:?}"),
        }
    }

    async fn arrival_at(&mut self, place: Place) -> Incoming {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    assert!(
                        text.len() <= CLIENT_FRAME_BYTES,
                        "{place}: a frame of {} bytes",
                        text.len()
                    );
                    return match serde_json::from_str(&text) {
                        Ok(frame) => Incoming::Frame(frame),
                        Err(error) => panic!("{place}: the edge sent no JSON ({error}): {text}"),
                    };
                }
                Some(Ok(Message::Ping(payload))) => {
                    self.flush_at(place).await;
                    return Incoming::Ping(payload);
                }
                Some(Ok(Message::Close(frame))) => {
                    let closed = frame.map_or_else(Closed::cut, |frame| Closed {
                        code: frame.code.into(),
                        reason: frame.reason.to_string(),
                    });
                    self.flush_at(place).await;
                    return Incoming::Closed(closed);
                }
                Some(Ok(Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Binary(bytes))) => {
                    panic!(
                        "{place}: the edge sent {} binary bytes; only text is allowed",
                        bytes.len()
                    );
                }
                Some(Err(_)) | None => return Incoming::Closed(Closed::cut()),
            }
        }
    }
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// The close code; 1006 when the connection was cut without a close frame.
    pub code: u16,
    /// The reason text.
    pub reason: String,
}

impl Closed {
    fn cut() -> Self {
        Self {
            code: 1006,
            reason: String::new(),
        }
    }
}

enum Incoming {
    Frame(Value),
    Ping(Bytes),
    Closed(Closed),
}

/// Frames above this make the client libraries leave, so an edge must never send one.
const CLIENT_FRAME_BYTES: usize = 1024 * 1024;
