//! Gives Redis what the lanes publish, and tells them how it went.
//!
//! One parcel of a topic is under way at a time; whatever comes for the topic meanwhile waits and leaves as the next one,
//! joined. So order holds whatever happens to a parcel: when its answer is missing it is sent again under its own number,
//! by which a receiver that has it can tell, and nothing of its topic overtakes it. Parcels of different topics share one
//! write. What cannot be sent within [`SEND_WITHIN`] is answered with an error: this edge keeps nothing silently and loses
//! nothing silently.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fred::bytes_utils::Str;
use fred::error::Error;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use hashbrown::HashMap;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::keys::TopicKey;
use super::link::Doubt;
use super::outbox::{AnswerTo, Outgoing};
use super::parcel;
use super::pulse::Verdict;
use super::said::Said;
use super::shared::Shared;
use crate::Unavailable;
use crate::answer::Answer;
use crate::topic::Topic;

/// Parcels under way; while they are that many, what comes gathers in the outbox.
const UNDER_WAY_MAX: usize = 4_096;
/// From the lane's call to the answer: one command timeout, and time for another link.
pub(super) const SEND_WITHIN: Duration = Duration::from_secs(2);
/// Bytes of one parcel, as far as whole messages allow.
const PARCEL_BYTES: usize = 64 * 1024;

/// Runs until the edge leaves.
pub(super) async fn publish_all(shared: Arc<Shared>) {
    let (told, mut tries) = mpsc::channel(UNDER_WAY_MAX);
    let mut publisher = Publisher {
        shared: Arc::clone(&shared),
        numbers: 0,
        said: Said::default(),
        waiting: HashMap::new(),
        ready: VecDeque::new(),
        under_way: 0,
        told,
        carried: FuturesUnordered::new(),
    };
    let mut outgoing = VecDeque::new();
    loop {
        publisher.send_ready();
        let has_room = publisher.under_way < UNDER_WAY_MAX;
        tokio::select! {
            biased;
            Some((parcel, tried)) = tries.recv() => {
                publisher.judge(parcel, tried);
                while let Ok((parcel, tried)) = tries.try_recv() {
                    publisher.judge(parcel, tried);
                }
            }
            Some((parcel, result)) = publisher.carried.next(), if !publisher.carried.is_empty() => {
                publisher.settle(*parcel, result);
            }
            () = shared.outbox.filled(), if has_room => {
                shared.outbox.take(&mut outgoing);
                publisher.sort(&mut outgoing);
            }
            () = shared.ended.cancelled(), if publisher.under_way == 0 => return,
        }
    }
}

/// Messages of one topic on their way.
#[derive(Debug)]
struct Outbound {
    key: TopicKey,
    topic: Topic,
    channel: Str,
    payload: Bytes,
    answers: Vec<AnswerTo>,
    deadline: Instant,
}

/// How it went to say it over one link.
#[derive(Debug)]
struct Try {
    generation: u64,
    sent: Instant,
    /// How many edges heard it.
    heard: Result<u64, Error>,
}

/// How a parcel went in the end.
type Carried = (Box<Outbound>, Result<u64, Unavailable>);

struct Publisher {
    shared: Arc<Shared>,
    /// Parcels numbered so far. A later parcel of a topic has a higher number.
    numbers: u64,
    /// What Redis has taken so far, by which receivers find out what they missed.
    said: Said,
    /// What waits behind a topic's parcel that is under way.
    waiting: HashMap<TopicKey, VecDeque<Outgoing>>,
    /// Topics with something that waits and nothing under way.
    ready: VecDeque<TopicKey>,
    /// Parcels under way, at most [`UNDER_WAY_MAX`].
    under_way: usize,
    /// By which a pipeline tells how a parcel went; has room for all that are under way.
    told: mpsc::Sender<(Box<Outbound>, Try)>,
    /// Parcels that take more than a try over a pipeline.
    carried: FuturesUnordered<BoxFuture<'static, Carried>>,
}

impl Publisher {
    /// Takes in what the lanes have published.
    fn sort(&mut self, outgoing: &mut VecDeque<Outgoing>) {
        for message in outgoing.drain(..) {
            let key = TopicKey::of(&message.topic);
            let waiting = self.waiting.entry(key).or_insert_with(|| {
                self.ready.push_back(key);
                VecDeque::new()
            });
            waiting.push_back(message);
        }
    }

    /// Sends the next parcel of every topic that is ready, as long as there is room.
    fn send_ready(&mut self) {
        while self.under_way < UNDER_WAY_MAX
            && let Some(key) = self.ready.pop_front()
        {
            if let Some(outbound) = self.next(key) {
                self.under_way += 1;
                self.send(outbound);
            }
        }
    }

    fn send(&mut self, outbound: Box<Outbound>) {
        let link = self.shared.links.current();
        let pipeline = link.as_ref().and_then(|link| link.pipeline());
        let Some((link, pipeline)) = link.as_ref().zip(pipeline) else {
            return self.carry(outbound, None);
        };
        let (channel, payload) = (outbound.channel.clone(), outbound.payload.clone());
        let (told, generation, sent) = (self.told.clone(), link.generation, Instant::now());
        pipeline.publish_then(&channel, &payload, move |heard| {
            let tried = Try {
                generation,
                sent,
                heard,
            };
            // There is room, and a publisher that is gone has nothing under way.
            drop(told.try_send((outbound, tried)));
        });
    }

    /// The next parcel of a topic.
    fn next(&mut self, key: TopicKey) -> Option<Box<Outbound>> {
        let waiting = self.waiting.get_mut(&key)?;
        let Some(first) = waiting.front() else {
            self.waiting.remove(&key);
            return None;
        };
        self.numbers += 1;
        let (topic, deadline) = (first.topic.clone(), first.since + SEND_WITHIN);
        let mut payload =
            parcel::begin_envelopes(self.shared.incarnation, self.numbers, self.said.on(key));
        let (mut answers, mut bytes) = (Vec::new(), 0);
        while answers.len() < parcel::ENVELOPES_MAX
            && payload.len() < PARCEL_BYTES
            && let Some(message) = waiting.pop_front()
        {
            let received_us = self.shared.clock_us(message.envelope.received);
            let (envelope, causes) = (&message.envelope, &message.causes);
            parcel::put_envelope(&mut payload, envelope, received_us, causes);
            bytes += message.size_bytes();
            answers.push(message.answer);
        }
        self.shared.outbox.settle(bytes);
        self.shared.status.add(|counts| &counts.parcels_out, 1);
        Some(Box::new(Outbound {
            key,
            topic,
            channel: self.shared.names.channel(key),
            payload: payload.freeze(),
            answers,
            deadline,
        }))
    }

    /// Whether one try was enough.
    fn judge(&mut self, outbound: Box<Outbound>, tried: Try) {
        match tried.heard {
            Ok(heard) if heard > 0 || !outbound.topic.is_direct() => {
                self.settle(*outbound, Ok(heard))
            }
            Ok(_) | Err(_) => self.carry(outbound, Some(tried)),
        }
    }

    fn carry(&mut self, outbound: Box<Outbound>, tried: Option<Try>) {
        let carried = carry(Arc::clone(&self.shared), outbound, tried);
        self.carried.push(Box::pin(carried));
    }

    /// Tells whoever published how it went; what waited behind it may leave.
    fn settle(&mut self, outbound: Outbound, result: Result<u64, Unavailable>) {
        self.under_way -= 1;
        if result.is_ok() {
            self.said.add(outbound.key, outbound.answers.len() as u64);
        }
        for answer in outbound.answers {
            match answer {
                AnswerTo::Session(ticket) => {
                    let taken = result.map(|edges| usize::try_from(edges).unwrap_or(usize::MAX));
                    if ticket.is_told(&outbound.topic, taken) {
                        let answer = Answer::Published(outbound.topic.clone(), taken);
                        self.shared.answer(ticket, answer);
                    }
                }
                // A caller that gave up needs no answer.
                AnswerTo::Caller(caller) => drop(caller.send(result.ok())),
            }
        }
        self.ready.push_back(outbound.key);
    }
}

/// Sends a parcel until it is known what became of it, also after a first try. Returns how many edges heard it.
async fn carry(shared: Arc<Shared>, outbound: Box<Outbound>, mut first: Option<Try>) -> Carried {
    let mut failed_on = 0;
    // The link over which nobody heard it and all edges were seen to hear since: silence there is a proof.
    let mut proved_on = None;
    let result = loop {
        let tried = match first.take() {
            Some(tried) => tried,
            None => {
                let link = match shared.links.current() {
                    Some(link) if link.generation > failed_on => link,
                    Some(_) | None if shared.is_down_for_long() => break Err(Unavailable),
                    Some(_) | None => {
                        match shared.links.after(failed_on, outbound.deadline).await {
                            Some(link) => link,
                            None => break Err(Unavailable),
                        }
                    }
                };
                let (channel, payload) = (outbound.channel.clone(), outbound.payload.clone());
                Try {
                    generation: link.generation,
                    sent: Instant::now(),
                    heard: link.publish(channel, payload).await,
                }
            }
        };
        let generation = tried.generation;
        match tried.heard {
            Ok(0) if outbound.topic.is_direct() && proved_on != Some(generation) => {
                // Nobody heard a direct. An edge may only just have lost its link, or the primary may have moved; once all
                // are seen to hear, it is said once more.
                let pulse = &shared.pulse;
                match pulse
                    .confirm(&shared.links, generation, tried.sent, outbound.deadline)
                    .await
                {
                    Verdict::Still => proved_on = Some(generation),
                    Verdict::Moved => {}
                    Verdict::Unknown => break Err(Unavailable),
                }
            }
            Ok(edges) => break Ok(edges),
            Err(error) => match shared.doubt(generation, &error) {
                Doubt::Link => failed_on = generation,
                Doubt::Command => break Err(Unavailable),
            },
        }
        shared.status.add(|counts| &counts.resent, 1);
    };
    if result.is_err() {
        let messages = outbound.answers.len() as u64;
        shared.status.add(|counts| &counts.unpublished, messages);
    }
    (outbound, result)
}
