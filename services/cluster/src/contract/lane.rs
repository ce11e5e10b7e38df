//! The reader of one inbox.
//!
//! Keeps everything that ever arrived, so a point waits for a state of the log and never for an event it might miss.

use std::collections::VecDeque;

use tokio::time::timeout_at;

use super::follower::Follower;
use super::log::Log;
use super::patience::deadline;
use crate::answer::{Answer, Ticket};
use crate::inbox::Inbox;
use crate::topic::Topic;

#[derive(Debug)]
pub(super) struct Lane {
    inbox: Inbox,
    log: Log,
}

impl Lane {
    pub(super) fn new(inbox: Inbox) -> Self {
        Self {
            inbox,
            log: Log::default(),
        }
    }

    /// What has arrived and was waited for. More may lie in the inbox.
    pub(super) fn log(&self) -> &Log {
        &self.log
    }

    /// What `look` finds in the log, as soon as it finds something.
    pub(super) async fn until<T>(&mut self, what: &str, look: impl Fn(&Log) -> Option<T>) -> T {
        let deadline = deadline();
        loop {
            if let Some(found) = look(&self.log) {
                return found;
            }
            if timeout_at(deadline, self.inbox.filled()).await.is_err() {
                panic!("{what}: did not happen; the lane heard {:#?}", self.log);
            }
            let mut arrivals = VecDeque::new();
            let lagged = self.inbox.take(&mut arrivals);
            assert_eq!(lagged, 0, "the inbox is large enough for every point");
            self.log.extend(arrivals);
        }
    }

    /// Waits until the log is as `look` wants it.
    pub(super) async fn sees(&mut self, what: &str, look: impl Fn(&Log) -> bool) {
        self.until(what, |log| look(log).then_some(())).await;
    }

    /// Waits until a message with this text has arrived on `topic`.
    pub(super) async fn hears(&mut self, topic: &Topic, text: &str) {
        let what = format!("{text:?} on {topic:?}");
        self.sees(&what, |log| {
            log.messages_on(topic).iter().any(|heard| heard == text)
        })
        .await;
    }

    pub(super) async fn answer(&mut self, ticket: &Ticket) -> Answer {
        self.until(&format!("the answer to {ticket:?}"), |log| {
            log.answer_to(ticket).cloned()
        })
        .await
    }

    /// Waits until the roster that this lane holds of `topic`, from the snapshot and every delta since, is `members`.
    pub(super) async fn follows(&mut self, topic: &Topic, members: &[&str]) {
        let what = format!("the roster {members:?} of {topic:?}");
        self.sees(&what, |log| {
            let mut follower = Follower::new(topic.clone());
            log.arrivals()
                .iter()
                .for_each(|arrival| follower.hear(arrival));
            follower.knows(members)
        })
        .await;
    }
}
