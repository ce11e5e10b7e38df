//! A phone: a client that speaks the device dialect frame by frame.
//!
//! It knows how to come in, to ask and to keep alive; what comes besides stays for the test to look at, in order.

use std::{
    future::Future,
    ops::{Deref, DerefMut},
};

use serde_json::{Value, json};

use crate::{Client, Closed, Door, Place, TestEdge, Token};

/// One attached device. Everything of [`Client`] can be done with it, too.
#[derive(Debug)]
pub struct Phone {
    client: Client,
    state: Value,
    transactions: u32,
}

/// Whether a newcomer takes the place of the session that its device has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Force {
    /// `force=true`.
    True,
    /// `force=false`.
    False,
    /// Not said.
    Unsaid,
}

impl Phone {
    /// A token of this user's device, with the number that others dial.
    #[must_use]
    pub fn token(user: &str, device: &str, number: &str) -> Token {
        Token::peer(user)
            .claim("device", json!(device))
            .claim("number", json!(number))
    }

    /// The door as the phone uses it.
    #[must_use]
    pub fn door(token: &str, force: Force) -> Door {
        let force = match force {
            Force::True => "&force=true",
            Force::False => "&force=false",
            Force::Unsaid => "",
        };
        Self::door_at(&format!("/signaling/v1?token={token}{force}"))
    }

    /// Any path and query, with the sub-protocol that makes it a phone's.
    #[must_use]
    pub fn door_at(path_and_query: &str) -> Door {
        Door::path(path_and_query).header("Sec-WebSocket-Protocol", "webtrit-protocol")
    }

    /// Comes in by force and reads the state.
    #[track_caller]
    pub fn attach(edge: &TestEdge, token: &Token) -> impl Future<Output = Self> {
        Self::through(edge, Self::door(&token.sign(), Force::True))
    }

    /// Comes in by any door and reads the state.
    #[track_caller]
    pub fn through(edge: &TestEdge, door: Door) -> impl Future<Output = Self> {
        let place = Place::here();
        let opening = Client::open(edge, door);
        async move {
            match Self::try_state(opening.await).await {
                Ok(phone) => phone,
                Err(closed) => panic!("{place}: expected a state, but {closed:?}"),
            }
        }
    }

    /// Reads the state of a client that was only opened.
    ///
    /// # Errors
    /// It was closed instead.
    #[track_caller]
    pub fn try_state(mut client: Client) -> impl Future<Output = Result<Self, Closed>> {
        let place = Place::here();
        async move {
            let state = client.next_frame_or_close().await?;
            assert_eq!(state["handshake"], "state", "{place}: got {state}");
            Ok(Self {
                client,
                state,
                transactions: 0,
            })
        }
    }

    /// The state.
    #[must_use]
    pub fn state(&self) -> &Value {
        &self.state
    }

    /// Sends a request under a fresh transaction and returns its answer; what else comes stays for later.
    #[track_caller]
    pub fn ask(&mut self, mut request: Value) -> impl Future<Output = Value> {
        let place = Place::here();
        self.transactions += 1;
        let transaction = format!("transaction-{}", self.transactions);
        request["transaction"] = json!(transaction);
        async move {
            self.client.send(&request).await;
            self.client
                .find(
                    |frame| {
                        !frame["response"].is_null() && frame["transaction"] == transaction.as_str()
                    },
                    &format!("{place}: the answer to {request}"),
                )
                .await
        }
    }

    /// Sends a request that must be acknowledged.
    #[track_caller]
    pub fn acked(&mut self, request: Value) -> impl Future<Output = ()> {
        let place = Place::here();
        async move {
            let answer = self.ask(request).await;
            assert_eq!(answer["response"], "ack", "{place}: got {answer}");
        }
    }

    /// Sends a request that must be refused, and returns the code.
    #[track_caller]
    pub fn refused(&mut self, request: Value) -> impl Future<Output = u64> {
        let place = Place::here();
        async move {
            let answer = self.ask(request).await;
            assert_eq!(answer["response"], "error", "{place}: got {answer}");
            assert!(
                answer["reason"]
                    .as_str()
                    .is_some_and(|text| !text.is_empty()),
                "{place}: no reason in {answer}"
            );
            answer["code"]
                .as_u64()
                .unwrap_or_else(|| panic!("{place}: no code in {answer}"))
        }
    }

    /// The next frame, which must be this event.
    #[track_caller]
    pub fn event(&mut self, name: &str) -> impl Future<Output = Value> {
        let place = Place::here();
        async move {
            let frame = self.client.next_frame().await;
            assert_eq!(
                frame["event"], name,
                "{place}: expected {name}, got {frame}"
            );
            frame
        }
    }

    /// The next event of this name; what comes before it stays for later.
    #[track_caller]
    pub fn find_event(&mut self, name: &str) -> impl Future<Output = Value> {
        let what = format!("{}: the event {name}", Place::here());
        async move {
            self.client
                .find(|frame| frame["event"] == name, &what)
                .await
        }
    }

    /// Everything that came before the echo of a keepalive sent now.
    #[track_caller]
    pub fn before_echo(&mut self) -> impl Future<Output = Vec<Value>> {
        self.transactions += 1;
        let keepalive = json!({
            "handshake": "keepalive",
            "transaction": format!("transaction-{}", self.transactions),
        });
        async move {
            self.client.send(&keepalive).await;
            let mut before = Vec::new();
            loop {
                let frame = self.client.next_frame().await;
                if frame == keepalive {
                    return before;
                }
                before.push(frame);
            }
        }
    }

    /// Leaves with a clean close, and waits for the edge's.
    #[track_caller]
    pub fn leave(self) -> impl Future<Output = ()> {
        self.client.close()
    }

    /// Goes without a word.
    pub fn cut(self) {
        self.client.cut();
    }

    /// Nothing came before the echo of a keepalive sent now.
    #[track_caller]
    pub fn silent(&mut self) -> impl Future<Output = ()> {
        let place = Place::here();
        async move {
            let before = self.before_echo().await;
            assert!(
                before.is_empty(),
                "{place}: expected nothing, got {before:?}"
            );
        }
    }
}

impl Deref for Phone {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl DerefMut for Phone {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.client
    }
}
