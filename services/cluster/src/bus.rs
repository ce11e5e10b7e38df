//! Carries envelopes to every lane, of every edge, that listens to their topic.
//!
//! Promises: what one session publishes on one topic reaches each listening lane in that order; each envelope at most
//! once. It is at most once and never the only carrier of a truth. Knows nothing of sessions behind a lane.

use std::sync::Arc;

use crate::answer::Ticket;
use crate::envelope::{Envelope, News, Payload};
use crate::in_process;
use crate::origin::LaneId;
use crate::receipts::{ReceiptId, Receipts};
use crate::redis;
use crate::topic::Topic;

/// The handle of one edge.
#[derive(Clone, Debug)]
pub struct Bus(Backend);

#[derive(Clone, Debug)]
enum Backend {
    InProcess(Arc<in_process::Member>),
    Redis(Arc<redis::Member>),
}

impl Bus {
    pub(crate) fn in_process(member: Arc<in_process::Member>) -> Self {
        Self(Backend::InProcess(member))
    }

    pub(crate) fn redis(member: Arc<redis::Member>) -> Self {
        Self(Backend::Redis(member))
    }

    /// Routes `topic` to `lane`. Answers [`Answer::Subscribed`](crate::Answer::Subscribed) once what is published from
    /// now on will arrive.
    pub fn subscribe(&self, topic: &Topic, lane: LaneId, ticket: Ticket) {
        match &self.0 {
            Backend::InProcess(member) => member.subscribe(topic, lane, ticket),
            Backend::Redis(member) => member.subscribe(topic, lane, ticket),
        }
    }

    /// Ends the route; nothing of `topic` is queued for `lane` afterwards. Idempotent.
    pub fn unsubscribe(&self, topic: &Topic, lane: LaneId) {
        match &self.0 {
            Backend::InProcess(member) => member.unsubscribe(topic, lane),
            Backend::Redis(member) => member.unsubscribe(topic, lane),
        }
    }

    /// Ends the route as [`Bus::unsubscribe`] does, but not before everything has arrived of which a publisher was told that
    /// it was taken. Then, after a second at the latest, [`Answer::Departed`](crate::Answer::Departed).
    pub fn depart(&self, topic: &Topic, lane: LaneId, ticket: Ticket) {
        match &self.0 {
            Backend::InProcess(member) => member.depart(topic, lane, ticket),
            Backend::Redis(member) => member.depart(topic, lane, ticket),
        }
    }

    /// Publishes and answers [`Answer::Published`](crate::Answer::Published): always if the ticket names a request, otherwise
    /// only if it did not reach whom it should.
    pub fn publish(&self, topic: &Topic, envelope: Envelope, ticket: Ticket) {
        match &self.0 {
            Backend::InProcess(member) => member.publish(topic, envelope, ticket),
            Backend::Redis(member) => member.publish(topic, envelope, ticket),
        }
    }

    /// Tells the session of a device something, on behalf of nobody. Returns how many edges heard it; 0 on a device's topic
    /// means that the device has no session.
    ///
    /// # Errors
    /// The backend could not be asked; then it was told to nobody, or it is not known to whom.
    pub async fn tell(&self, topic: &Topic, news: News) -> Result<usize, crate::Unavailable> {
        match &self.0 {
            Backend::InProcess(member) => Ok(member.tell(topic, news)),
            Backend::Redis(member) => member.tell(topic, news).await,
        }
    }

    /// Publishes on behalf of nobody (REST) and gathers how many sessions it reached, for at most [`GATHER_TIMEOUT`](crate::receipts::GATHER_TIMEOUT).
    ///
    /// # Errors
    /// The backend could not be asked; then nothing was published.
    pub async fn ask(
        &self,
        topic: &Topic,
        payload: Payload,
    ) -> Result<Receipts, crate::Unavailable> {
        match &self.0 {
            Backend::InProcess(member) => Ok(member.ask(topic, payload).await),
            Backend::Redis(member) => member.ask(topic, payload).await,
        }
    }

    /// A lane's report that an envelope with this receipt reached `sessions` of its sessions.
    pub fn report(&self, receipt: ReceiptId, sessions: u64) {
        match &self.0 {
            Backend::InProcess(member) => member.report(receipt, sessions),
            Backend::Redis(member) => member.report(receipt, sessions),
        }
    }

    pub(crate) fn sever(&self) {
        match &self.0 {
            // Within one process an edge can only be dropped, which gives everything back.
            Backend::InProcess(member) => member.withdraw(),
            Backend::Redis(member) => member.end(),
        }
    }

    pub(crate) async fn withdraw(&self) {
        match &self.0 {
            Backend::InProcess(member) => member.withdraw(),
            Backend::Redis(member) => member.withdraw().await,
        }
    }
}
