//! Gives Redis what the lanes publish, and tells them how it went.
//!
//! Everything that waits leaves together: messages of one topic in one parcel, all parcels in one write. Parcels are
//! answered in order. When one fails, nothing new is sent until those without an answer have been sent again, in order and
//! under their own numbers, so that a receiver that has them already can tell; so order holds and nothing is doubled. What
//! cannot be sent within [`SEND_WITHIN`] is answered with an error: this edge keeps nothing silently and loses nothing
//! silently.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use fred::bytes_utils::Str;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;
use hashbrown::HashMap;
use tokio::time::Instant;

use super::keys::TopicKey;
use super::link::{Doubt, Link};
use super::outbox::{AnswerTo, Outgoing};
use super::parcel;
use super::pulse::Verdict;
use super::shared::Shared;
use crate::Unavailable;
use crate::answer::Answer;
use crate::topic::{Address, Topic};

/// Parcels without an answer; while they are that many, what comes gathers in the outbox and joins.
const IN_FLIGHT_MAX: usize = 256;
/// From the lane's call to the answer: one command timeout, and time for another link.
pub(super) const SEND_WITHIN: Duration = Duration::from_secs(2);
/// Bytes of one parcel, as far as whole messages allow.
const PARCEL_BYTES: usize = 64 * 1024;

/// Messages of one topic on their way.
#[derive(Debug)]
struct Batch {
    topic: Topic,
    channel: Str,
    payload: Bytes,
    answers: Vec<AnswerTo>,
    deadline: Instant,
}

/// A batch and what became of it.
type Sent = (Batch, Outcome);

#[derive(Clone, Copy, Debug)]
enum Outcome {
    /// So many edges heard it, over the link of this generation.
    Heard { edges: u64, generation: u64 },
    /// The link of this generation failed (0: there was none); whether Redis has it is not known.
    Unanswered { generation: u64 },
    /// Redis answered, and would not have it.
    Refused,
}

/// Runs until the edge leaves.
pub(super) async fn publish_all(shared: Arc<Shared>) {
    let mut publisher = Publisher {
        shared: Arc::clone(&shared),
        numbers: 0,
        outgoing: VecDeque::new(),
    };
    let mut in_flight = FuturesOrdered::new();
    loop {
        tokio::select! {
            biased;
            Some(sent) = in_flight.next(), if !in_flight.is_empty() => {
                if let Some(failed) = publisher.settle(sent) {
                    publisher.recover(failed, &mut in_flight).await;
                }
            }
            () = shared.outbox.filled(), if in_flight.len() < IN_FLIGHT_MAX => {
                let link = shared.links.current();
                for batch in publisher.batches() {
                    in_flight.push_back(send(Arc::clone(&shared), link.clone(), batch));
                }
            }
            () = shared.ended.cancelled(), if in_flight.is_empty() => return,
        }
    }
}

async fn send(shared: Arc<Shared>, link: Option<Arc<Link>>, batch: Batch) -> Sent {
    let Some(link) = link else {
        return (batch, Outcome::Unanswered { generation: 0 });
    };
    let generation = link.generation;
    match link
        .publish(batch.channel.clone(), batch.payload.clone())
        .await
    {
        Ok(edges) => (batch, Outcome::Heard { edges, generation }),
        Err(error) => match shared.doubt(generation, &error) {
            Doubt::Link => (batch, Outcome::Unanswered { generation }),
            Doubt::Command => (batch, Outcome::Refused),
        },
    }
}

struct Publisher {
    shared: Arc<Shared>,
    /// Parcels numbered so far.
    numbers: u64,
    outgoing: VecDeque<Outgoing>,
}

impl Publisher {
    /// Everything that waits, joined per topic. Order within a topic is the order of arrival.
    fn batches(&mut self) -> Vec<Batch> {
        let shared = Arc::clone(&self.shared);
        shared.outbox.take(&mut self.outgoing);
        let mut filling: Vec<(Batch, BytesMut)> = Vec::new();
        let mut latest: HashMap<TopicKey, usize> = HashMap::new();
        let mut outgoing = std::mem::take(&mut self.outgoing);
        for Outgoing {
            topic,
            envelope,
            answer,
            since,
        } in outgoing.drain(..)
        {
            let key = TopicKey::of(&topic);
            let received_us = shared.clock_us(envelope.received);
            let at = match latest.get(&key) {
                Some(at) if !is_full(&filling[*at]) => *at,
                Some(_) | None => {
                    self.numbers += 1;
                    let batch = Batch {
                        channel: shared.names.channel(key),
                        topic,
                        payload: Bytes::new(),
                        answers: Vec::new(),
                        deadline: since + SEND_WITHIN,
                    };
                    filling.push((
                        batch,
                        parcel::begin_envelopes(shared.incarnation, self.numbers),
                    ));
                    latest.insert(key, filling.len() - 1);
                    filling.len() - 1
                }
            };
            let (batch, payload) = &mut filling[at];
            parcel::put_envelope(payload, &envelope, received_us);
            batch.answers.push(answer);
        }
        self.outgoing = outgoing;
        shared
            .status
            .add(|counts| &counts.parcels_out, filling.len() as u64);
        filling
            .into_iter()
            .map(|(batch, payload)| Batch {
                payload: payload.freeze(),
                ..batch
            })
            .collect()
    }

    /// Answers what Redis took or refused; hands back what it did not answer, and over which link.
    fn settle(&self, (batch, outcome): Sent) -> Option<(Batch, u64)> {
        match outcome {
            Outcome::Heard {
                edges: 0,
                generation,
            } if matches!(batch.topic.address(), Address::Peer(_)) => {
                self.confirm_absence(batch, generation);
            }
            Outcome::Heard { edges, .. } => answer_all(&self.shared, batch, Ok(edges)),
            Outcome::Refused => self.give_up(batch),
            Outcome::Unanswered { generation } => return Some((batch, generation)),
        }
        None
    }

    fn give_up(&self, batch: Batch) {
        let messages = batch.answers.len() as u64;
        self.shared
            .status
            .add(|counts| &counts.unpublished, messages);
        answer_all(&self.shared, batch, Err(Unavailable));
    }

    /// Sends again, in order, what has no answer, until it has one or its time is over.
    async fn recover(
        &self,
        (first, mut generation): (Batch, u64),
        in_flight: &mut FuturesOrdered<impl Future<Output = Sent>>,
    ) {
        let mut failed = VecDeque::from([first]);
        while let Some(sent) = in_flight.next().await {
            if let Some((batch, failed_on)) = self.settle(sent) {
                generation = generation.max(failed_on);
                failed.push_back(batch);
            }
        }
        while !failed.is_empty() {
            let patience = failed.iter().map(|batch| batch.deadline).min();
            let deadline = patience.unwrap_or_else(Instant::now);
            let link = match self.shared.is_down_for_long() {
                false => self.shared.links.after(generation, deadline).await,
                true => None,
            };
            let Some(link) = link else {
                let is_over = |batch: &Batch| {
                    self.shared.is_down_for_long() || batch.deadline <= Instant::now()
                };
                let (over, waiting): (VecDeque<_>, VecDeque<_>) =
                    failed.into_iter().partition(is_over);
                failed = waiting;
                for batch in over {
                    self.give_up(batch);
                }
                continue;
            };
            self.shared
                .status
                .add(|counts| &counts.resent, failed.len() as u64);
            let mut again = FuturesOrdered::new();
            for batch in failed.drain(..) {
                let payload = parcel::again(&batch.payload);
                let (shared, link) = (Arc::clone(&self.shared), Arc::clone(&link));
                again.push_back(send(shared, Some(link), Batch { payload, ..batch }));
            }
            while let Some(sent) = again.next().await {
                if let Some((batch, failed_on)) = self.settle(sent) {
                    generation = generation.max(failed_on);
                    failed.push_back(batch);
                }
            }
        }
    }

    /// Nobody heard a direct: that means that no edge holds the peer only if the world stands still.
    fn confirm_absence(&self, batch: Batch, generation: u64) {
        let shared = Arc::clone(&self.shared);
        if shared.pulse.is_still(Instant::now()) {
            return answer_all(&shared, batch, Ok(0));
        }
        let sent = Instant::now();
        let task = Arc::clone(&shared);
        shared.spawn(async move { confirm(task, batch, generation, sent).await });
    }
}

async fn confirm(shared: Arc<Shared>, mut batch: Batch, mut generation: u64, mut sent: Instant) {
    let deadline = sent + SEND_WITHIN / 2;
    loop {
        match shared
            .pulse
            .confirm(&shared.links, generation, sent, deadline)
            .await
        {
            Verdict::Still => return answer_all(&shared, batch, Ok(0)),
            Verdict::Unknown => return answer_all(&shared, batch, Err(Unavailable)),
            Verdict::Retry => {}
        }
        let Some(link) = shared.links.by(deadline).await else {
            return answer_all(&shared, batch, Err(Unavailable));
        };
        batch.payload = parcel::again(&batch.payload);
        generation = link.generation;
        sent = Instant::now();
        match send(Arc::clone(&shared), Some(link), batch).await {
            (batch, Outcome::Heard { edges, .. }) if edges > 0 => {
                return answer_all(&shared, batch, Ok(edges));
            }
            (unheard, _) => batch = unheard,
        }
    }
}

fn is_full((batch, payload): &(Batch, BytesMut)) -> bool {
    batch.answers.len() >= parcel::ENVELOPES_MAX || payload.len() >= PARCEL_BYTES
}

fn answer_all(shared: &Shared, batch: Batch, result: Result<u64, Unavailable>) {
    for answer in batch.answers {
        match answer {
            AnswerTo::Session(ticket) => {
                let count = result.map(|edges| usize::try_from(edges).unwrap_or(usize::MAX));
                shared.answer(ticket, Answer::Published(batch.topic.clone(), count));
            }
            // A caller that gave up needs no answer.
            AnswerTo::Caller(caller) => drop(caller.send(result.ok())),
        }
    }
}
