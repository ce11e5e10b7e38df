//! Takes in what Redis sends: every message once, at once, into the inboxes of the lanes that listen.
//!
//! A reader that falls behind loses messages; that is counted and everything is read again, it is never the end.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use fred::types::Message;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

use super::entry::Entry;
use super::holds;
use super::keys::TopicKey;
use super::parcel::{Arriving, Parcel, RemoteDelta};
use super::shared::Shared;
use crate::inbox::{Arrival, Eviction};
use crate::leases::Fence;
use crate::origin::{Incarnation, SessionId};

/// How long a direct waits for the join of its sender.
const JOIN_WAIT: Duration = Duration::from_millis(100);

/// Reads until the link ends.
pub(super) async fn read_all(shared: Arc<Shared>, mut messages: broadcast::Receiver<Message>) {
    let mut reader = Reader {
        shared,
        early: VecDeque::new(),
    };
    loop {
        let received = match reader.early.front().map(|early| early.deadline) {
            None => messages.recv().await,
            Some(deadline) => match tokio::time::timeout_at(deadline, messages.recv()).await {
                Ok(received) => received,
                Err(_) => {
                    reader.release();
                    continue;
                }
            },
        };
        match received {
            Ok(message) => {
                reader.take(&message);
                reader.release();
            }
            Err(RecvError::Lagged(missed)) => {
                let shared = &reader.shared;
                tracing::warn!(
                    missed,
                    "messages from Redis were lost, reading topics again"
                );
                shared.status.add(|counts| &counts.lagged, missed);
                holds::reread_all(shared);
            }
            Err(RecvError::Closed) => return,
        }
    }
}

struct Reader {
    shared: Arc<Shared>,
    /// What came before the join of its sender, and what came behind it on the same topic.
    early: VecDeque<Inbound>,
}

/// Messages of one topic that arrived.
struct Inbound {
    key: TopicKey,
    origin: Incarnation,
    number: u64,
    envelopes: Vec<Arriving>,
    /// When they are delivered whatever they wait for.
    deadline: Instant,
}

impl Reader {
    fn take(&mut self, message: &Message) {
        let shared = &self.shared;
        shared.status.add(|counts| &counts.parcels_in, 1);
        let Some(bytes) = message.value.as_bytes() else {
            return;
        };
        let Ok(parcel) = Parcel::parse(bytes) else {
            shared.status.add(|counts| &counts.malformed, 1);
            tracing::debug!(channel = &*message.channel, "a message that no edge wrote");
            return;
        };
        match parcel {
            Parcel::Envelopes {
                origin,
                number,
                envelopes,
            } => {
                if let Some(key) = TopicKey::parse(&message.channel) {
                    self.take_envelopes(key, origin, number, envelopes);
                }
            }
            Parcel::Delta(delta) => {
                if let Some(key) = TopicKey::parse(&message.channel) {
                    self.hear(key, delta);
                }
            }
            Parcel::Evict { session, fence } => self.evict(session, fence),
            Parcel::Report { number, receipts } => shared.gatherings.report(number, receipts),
            Parcel::Notice(notice) => shared.watchers.tell(&notice),
            Parcel::Probe { origin } => {
                if origin == shared.incarnation {
                    shared.pulse.heard_itself();
                }
            }
        }
    }

    fn take_envelopes(
        &mut self,
        key: TopicKey,
        origin: Incarnation,
        number: u64,
        envelopes: Vec<Arriving>,
    ) {
        let inbound = Inbound {
            key,
            origin,
            number,
            envelopes,
            deadline: Instant::now() + JOIN_WAIT,
        };
        let waits_behind = self.early.iter().any(|early| early.key == key);
        if waits_behind || !self.is_due(&inbound) {
            self.early.push_back(inbound);
        } else {
            self.deliver(inbound);
        }
    }

    /// Delivers what has waited for long enough.
    fn release(&mut self) {
        while let Some(early) = self.early.front()
            && (early.deadline <= Instant::now() || self.is_due(early))
            && let Some(early) = self.early.pop_front()
        {
            self.deliver(early);
        }
    }

    /// Whether every join that the messages follow has been heard here, where it is to be heard at all.
    fn is_due(&self, inbound: &Inbound) -> bool {
        let mut causes = inbound
            .envelopes
            .iter()
            .flat_map(|arriving| &arriving.causes);
        causes.all(|(key, version)| {
            let has_heard = |entry: &mut Entry| entry.has_heard(*version);
            self.shared
                .table
                .with_known(*key, has_heard)
                .unwrap_or(true)
        })
    }

    fn deliver(&self, inbound: Inbound) {
        let shared = &self.shared;
        shared.table.with_known(inbound.key, |entry| {
            // A parcel that was sent again, or that came over the old link and the new one.
            if !entry.note_parcel(inbound.origin, inbound.number) {
                shared.status.add(|counts| &counts.duplicates, 1);
                return;
            }
            for arriving in inbound.envelopes {
                let mut envelope = arriving.envelope;
                if envelope.origin.incarnation == shared.incarnation {
                    envelope.received = shared.moment(arriving.received_us);
                }
                if shared.fences.is_stale(&envelope.origin) {
                    shared.status.add(|counts| &counts.fenced, 1);
                    continue;
                }
                if let Some(receipt) = envelope.receipt {
                    let local = shared.relay_receipt(receipt, entry.lanes().len());
                    envelope.receipt = Some(local);
                }
                let envelope = Arc::new(envelope);
                for inbox in entry.lanes() {
                    let topic = entry.topic().clone();
                    inbox.push(Arrival::Envelope(topic, Arc::clone(&envelope)));
                }
            }
        });
    }

    fn hear(&self, key: TopicKey, delta: RemoteDelta) {
        let shared = &self.shared;
        let teller = shared.teller();
        shared
            .table
            .with_known(key, |entry| entry.hear(delta, &teller));
        holds::call(shared, key);
    }

    fn evict(&self, session: SessionId, fence: Fence) {
        if let Some(inbox) = self.shared.inboxes.get(usize::from(session.lane().0)) {
            inbox.push(Arrival::Evict(Eviction { session, fence }));
        }
    }
}
