//! What a client says, and the replies that it waits for.

use std::future::Future;

use futures_util::{FutureExt as _, SinkExt as _};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

use super::Client;
use crate::{Place, within};

impl Client {
    /// Sends a frame and waits for nothing.
    #[track_caller]
    pub fn send(&mut self, frame: &Value) -> impl Future<Output = ()> {
        self.message_at(Message::text(frame.to_string()), Place::here())
    }

    /// Sends a frame, and tells whether the connection took it.
    pub async fn offer(&mut self, frame: &Value) -> bool {
        self.socket
            .send(Message::text(frame.to_string()))
            .await
            .is_ok()
    }

    /// Sends any text.
    #[track_caller]
    pub fn send_text(&mut self, text: &str) -> impl Future<Output = ()> {
        self.message_at(Message::text(text), Place::here())
    }

    /// Sends any WebSocket message.
    #[track_caller]
    pub fn send_message(&mut self, message: Message) -> impl Future<Output = ()> {
        self.message_at(message, Place::here())
    }

    /// Sends many frames in as few writes as possible and waits for nothing.
    #[track_caller]
    pub fn send_all(&mut self, frames: &[Value]) -> impl Future<Output = ()> {
        let place = Place::here();
        async move {
            for frame in frames {
                let fed = self.socket.feed(Message::text(frame.to_string())).await;
                assert!(fed.is_ok(), "{place}: not sent: {fed:?}");
            }
            self.flush_at(place).await;
        }
    }

    /// Sends a frame with a fresh `requestId` and returns the reply to it; what else comes stays for later.
    #[track_caller]
    pub fn request(&mut self, frame: Value) -> impl Future<Output = Value> {
        self.request_at(frame, Place::here())
    }

    /// Sends a frame that must be acknowledged.
    #[track_caller]
    pub fn accepted(&mut self, frame: Value) -> impl Future<Output = ()> {
        let place = Place::here();
        async move {
            let reply = self.request_at(frame, place).await;
            assert_eq!(
                reply["type"], "ack",
                "{place}: expected an ack, got {reply}"
            );
        }
    }

    /// Sends a frame that must be answered by an error, and returns its code.
    #[track_caller]
    pub fn refusal(&mut self, frame: Value) -> impl Future<Output = String> {
        let place = Place::here();
        async move {
            let reply = self.request_at(frame, place).await;
            assert_eq!(
                reply["type"], "error",
                "{place}: expected an error, got {reply}"
            );
            reply["code"].as_str().unwrap_or_default().to_owned()
        }
    }

    /// Subscribes and returns the snapshot that follows the ack.
    #[track_caller]
    pub fn subscribe(&mut self, channel: &str) -> impl Future<Output = Value> {
        let place = Place::here();
        async move {
            let frame = json!({"type": "subscribe", "channel": channel});
            let reply = self.request_at(frame, place).await;
            assert_eq!(
                reply["type"], "ack",
                "{place}: expected an ack, got {reply}"
            );
            let of_channel =
                |frame: &Value| frame["type"] == "presence" && frame["channel"] == channel;
            self.find_at(of_channel, "a snapshot", place).await
        }
    }

    /// Publishes and waits for the ack.
    #[track_caller]
    pub fn publish(&mut self, channel: &str, data: impl Into<Value>) -> impl Future<Output = ()> {
        self.accepted(json!({"type": "publish", "channel": channel, "data": data.into()}))
    }

    /// Sends to a peer and waits for the ack.
    #[track_caller]
    pub fn direct(&mut self, to: &str, data: impl Into<Value>) -> impl Future<Output = ()> {
        self.accepted(json!({"type": "send", "to": to, "data": data.into()}))
    }

    /// Everything that came before the pong to a ping sent now.
    #[track_caller]
    pub fn fence(&mut self) -> impl Future<Output = Vec<Value>> {
        let place = Place::here();
        async move {
            self.message_at(Message::text(json!({"type": "ping"}).to_string()), place)
                .await;
            self.before_at(|frame| frame["type"] == "pong", place).await
        }
    }

    /// Everything that came before a direct which `other` sends now. What `other` did earlier and what this client
    /// was to hear of it has arrived by then, because one connection has one ordered path.
    #[track_caller]
    pub fn fence_by(&mut self, other: &mut Self) -> impl Future<Output = Vec<Value>> {
        let place = Place::here();
        async move {
            let mark = json!({"mark": place.to_string(), "number": other.requests});
            let frame = json!({"type": "send", "to": self.peer(), "data": mark});
            let reply = other.request_at(frame, place).await;
            assert_eq!(
                reply["type"], "ack",
                "{place}: the mark was refused: {reply}"
            );
            self.before_at(|frame| frame["data"] == mark, place).await
        }
    }

    /// Nothing came before the pong to a ping sent now.
    #[track_caller]
    pub fn expect_quiet(&mut self) -> impl Future<Output = ()> {
        let place = Place::here();
        self.fence().map(move |frames| {
            assert!(
                frames.is_empty(),
                "{place}: expected nothing, got {frames:?}"
            )
        })
    }

    /// Nothing came before a direct that `other` sends now.
    #[track_caller]
    pub fn expect_quiet_by(&mut self, other: &mut Self) -> impl Future<Output = ()> {
        let place = Place::here();
        self.fence_by(other).map(move |frames| {
            assert!(
                frames.is_empty(),
                "{place}: expected nothing, got {frames:?}"
            )
        })
    }

    /// Closes with 1000 and waits until the edge has answered and hung up.
    #[track_caller]
    pub fn close(mut self) -> impl Future<Output = ()> {
        let place = Place::here();
        async move {
            let frame = CloseFrame {
                code: CloseCode::Normal,
                reason: "client requested close".into(),
            };
            self.message_at(Message::Close(Some(frame)), place).await;
            self.aside.clear();
            self.find_close().await;
        }
    }

    /// Resets the TCP connection: no close frame, no goodbye.
    pub fn cut(self) {
        self.socket
            .get_ref()
            .set_zero_linger()
            .expect("the option exists on every TCP socket");
    }

    async fn request_at(&mut self, mut frame: Value, place: Place) -> Value {
        self.requests += 1;
        let id = format!("r{}", self.requests);
        frame["requestId"] = json!(id);
        self.message_at(Message::text(frame.to_string()), place)
            .await;
        self.find_at(|frame| frame["requestId"] == id.as_str(), "a reply", place)
            .await
    }

    async fn before_at(&mut self, is_mark: impl Fn(&Value) -> bool, place: Place) -> Vec<Value> {
        let mut before = Vec::new();
        loop {
            let frame = self.next_frame_at(place).await;
            if is_mark(&frame) {
                return before;
            }
            before.push(frame);
        }
    }

    async fn message_at(&mut self, message: Message, place: Place) {
        let sent = within("the socket takes a message", self.socket.send(message)).await;
        assert!(sent.is_ok(), "{place}: not sent: {sent:?}");
    }

    /// Pushes out what the library queued by itself: pongs, and the answer to a close.
    pub(super) async fn flush_at(&mut self, place: Place) {
        // The edge may have hung up already; the next read tells.
        drop(within(&format!("{place}: the socket flushes"), self.socket.flush()).await);
    }
}
