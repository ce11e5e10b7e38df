//! A steady stream from one client to another, with every request, answer and arrival written down.

use std::{
    future::Future,
    pin::pin,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval};

use crate::{Client, DEADLINE, Ledger};

/// Who speaks to whom, how, and how often. Both clients are kept and can be used again afterwards.
#[derive(Debug)]
pub struct Exchange {
    /// Who sends.
    pub sender: Client,
    /// Who listens; a subscriber, where a channel is used.
    pub receiver: Client,
    frame: Value,
    pace: Duration,
    ledger: Ledger,
}

impl Exchange {
    /// Directs, one every `pace`.
    #[must_use]
    pub fn of_directs(sender: Client, receiver: Client, pace: Duration) -> Self {
        let frame = json!({"type": "send", "to": receiver.peer()});
        Self::new(sender, receiver, frame, pace)
    }

    /// Messages to a channel, one every `pace`.
    #[must_use]
    pub fn of_messages(sender: Client, receiver: Client, channel: &str, pace: Duration) -> Self {
        let frame = json!({"type": "publish", "channel": channel});
        Self::new(sender, receiver, frame, pace)
    }

    fn new(sender: Client, receiver: Client, frame: Value, pace: Duration) -> Self {
        Self {
            sender,
            receiver,
            frame,
            pace,
            ledger: Ledger::default(),
        }
    }

    /// Goes on until `end` is over, then until every request has its answer and what was acknowledged had time to
    /// arrive. Returns what was written down since the exchange was made.
    pub async fn run(&mut self, end: impl Future<Output = ()>) -> &Ledger {
        let mut end = pin!(end);
        let mut ticks = interval(self.pace);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut ended: Option<Instant> = None;
        loop {
            let patience = match ended {
                Some(since) if self.ledger.is_settled() || since.elapsed() > DEADLINE => break,
                // Looks again at whether all is settled, or how long it has waited.
                Some(_) => LAST_LOOK,
                None => DEADLINE,
            };
            tokio::select! {
                () = &mut end, if ended.is_none() => ended = Some(Instant::now()),
                _ = ticks.tick(), if ended.is_none() => {
                    let number = self.ledger.ask();
                    self.frame["data"] = json!({"n": number});
                    self.frame["requestId"] = json!(number.to_string());
                    self.sender.send(&self.frame).await;
                }
                reply = self.sender.next_frame() => self.ledger.take_answer(&reply),
                frame = self.receiver.next_frame() => self.ledger.take_arrival(&frame),
                () = tokio::time::sleep(patience), if ended.is_some() => {}
            }
        }
        &self.ledger
    }

    /// What was written down; the clients are dropped.
    #[must_use]
    pub fn into_ledger(self) -> Ledger {
        self.ledger
    }
}

const LAST_LOOK: Duration = Duration::from_millis(200);
