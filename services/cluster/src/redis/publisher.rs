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
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use hashbrown::HashMap;
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
use crate::topic::{Address, Topic};

/// Parcels under way; while they are that many, what comes gathers in the outbox.
const UNDER_WAY_MAX: usize = 4_096;
/// From the lane's call to the answer: one command timeout, and time for another link.
pub(super) const SEND_WITHIN: Duration = Duration::from_secs(2);
/// Bytes of one parcel, as far as whole messages allow.
const PARCEL_BYTES: usize = 64 * 1024;

/// Runs until the edge leaves.
pub(super) async fn publish_all(shared: Arc<Shared>) {
    let mut publisher = Publisher {
        shared: Arc::clone(&shared),
        numbers: 0,
        said: Said::default(),
        waiting: HashMap::new(),
    };
    let mut under_way = FuturesUnordered::new();
    let mut outgoing = VecDeque::new();
    loop {
        tokio::select! {
            biased;
            Some((key, parcel, result)) = under_way.next(), if !under_way.is_empty() => {
                publisher.settle(key, parcel, result);
                if let Some(next) = publisher.next(key) {
                    under_way.push(carry(Arc::clone(&shared), key, next));
                }
            }
            () = shared.outbox.filled(), if under_way.len() < UNDER_WAY_MAX => {
                shared.outbox.take(&mut outgoing);
                for key in publisher.sort(&mut outgoing) {
                    if let Some(parcel) = publisher.next(key) {
                        under_way.push(carry(Arc::clone(&shared), key, parcel));
                    }
                }
            }
            () = shared.ended.cancelled(), if under_way.is_empty() => return,
        }
    }
}

/// Messages of one topic on their way.
#[derive(Debug)]
struct Outbound {
    topic: Topic,
    channel: Str,
    payload: Bytes,
    answers: Vec<AnswerTo>,
    deadline: Instant,
}

struct Publisher {
    shared: Arc<Shared>,
    /// Parcels numbered so far. A later parcel of a topic has a higher number.
    numbers: u64,
    /// What Redis has taken so far, by which receivers find out what they missed.
    said: Said,
    /// What waits behind a topic's parcel that is under way.
    waiting: HashMap<TopicKey, VecDeque<Outgoing>>,
}

impl Publisher {
    /// Takes in what the lanes have published. Returns the topics that had nothing under way.
    fn sort(&mut self, outgoing: &mut VecDeque<Outgoing>) -> Vec<TopicKey> {
        let mut idle = Vec::new();
        for message in outgoing.drain(..) {
            let key = TopicKey::of(&message.topic);
            let waiting = self.waiting.entry(key).or_insert_with(|| {
                idle.push(key);
                VecDeque::new()
            });
            waiting.push_back(message);
        }
        idle
    }

    /// The next parcel of a topic that has none under way any more.
    fn next(&mut self, key: TopicKey) -> Option<Outbound> {
        let waiting = self.waiting.get_mut(&key)?;
        let Some(first) = waiting.front() else {
            self.waiting.remove(&key);
            return None;
        };
        self.numbers += 1;
        let mut outbound = Outbound {
            topic: first.topic.clone(),
            channel: self.shared.names.channel(key),
            payload: Bytes::new(),
            answers: Vec::new(),
            deadline: first.since + SEND_WITHIN,
        };
        let mut payload =
            parcel::begin_envelopes(self.shared.incarnation, self.numbers, self.said.on(key));
        let mut parcelled = 0;
        for message in waiting.iter().take(parcel::ENVELOPES_MAX) {
            let received_us = self.shared.clock_us(message.envelope.received);
            let (envelope, causes) = (&message.envelope, &message.causes);
            parcel::put_envelope(&mut payload, envelope, received_us, causes);
            parcelled += 1;
            if payload.len() >= PARCEL_BYTES {
                break;
            }
        }
        let parcelled: Vec<Outgoing> = waiting.drain(..parcelled).collect();
        self.shared.outbox.settle(&parcelled);
        outbound.answers = parcelled
            .into_iter()
            .map(|message| message.answer)
            .collect();
        outbound.payload = payload.freeze();
        self.shared.status.add(|counts| &counts.parcels_out, 1);
        Some(outbound)
    }

    /// Tells whoever published how it went.
    fn settle(&mut self, key: TopicKey, outbound: Outbound, result: Result<u64, Unavailable>) {
        if result.is_ok() {
            self.said.add(key, outbound.answers.len() as u64);
        }
        for answer in outbound.answers {
            match answer {
                AnswerTo::Session(ticket) => {
                    let count = result.map(|edges| usize::try_from(edges).unwrap_or(usize::MAX));
                    let answer = Answer::Published(outbound.topic.clone(), count);
                    self.shared.answer(ticket, answer);
                }
                // A caller that gave up needs no answer.
                AnswerTo::Caller(caller) => drop(caller.send(result.ok())),
            }
        }
    }
}

/// Sends a parcel until it is known what became of it. Returns how many edges heard it.
async fn carry(
    shared: Arc<Shared>,
    key: TopicKey,
    outbound: Outbound,
) -> (TopicKey, Outbound, Result<u64, Unavailable>) {
    let is_direct = matches!(
        outbound.topic.address(),
        Address::Peer(_) | Address::Device(..)
    );
    let mut failed_on = 0;
    // The link over which nobody heard it and all edges were seen to hear since: silence there is a proof.
    let mut proved_on = None;
    let result = loop {
        let link = match shared.links.current() {
            Some(link) if link.generation > failed_on => link,
            Some(_) | None if shared.is_down_for_long() => break Err(Unavailable),
            Some(_) | None => match shared.links.after(failed_on, outbound.deadline).await {
                Some(link) => link,
                None => break Err(Unavailable),
            },
        };
        let sent = Instant::now();
        let heard = link
            .publish(outbound.channel.clone(), outbound.payload.clone())
            .await;
        match heard {
            Ok(0) if is_direct && proved_on != Some(link.generation) => {
                // Nobody heard a direct. An edge may only just have lost its link, or the primary may have moved; once all
                // are seen to hear, it is said once more.
                let pulse = &shared.pulse;
                match pulse
                    .confirm(&shared.links, link.generation, sent, outbound.deadline)
                    .await
                {
                    Verdict::Still => proved_on = Some(link.generation),
                    Verdict::Moved => {}
                    Verdict::Unknown => break Err(Unavailable),
                }
            }
            Ok(edges) => break Ok(edges),
            Err(error) => match shared.doubt(link.generation, &error) {
                Doubt::Link => failed_on = link.generation,
                Doubt::Command => break Err(Unavailable),
            },
        }
        shared.status.add(|counts| &counts.resent, 1);
    };
    if result.is_err() {
        let messages = outbound.answers.len() as u64;
        shared.status.add(|counts| &counts.unpublished, messages);
    }
    (key, outbound, result)
}
