//! Takes in what Redis sends: every message once, at once, into the inboxes of the lanes that listen.
//!
//! A reader that falls behind loses messages; that is counted and everything is read again, it is never the end.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::entry::Entry;
use super::holds;
use super::keys::TopicKey;
use super::messages::{Message, Messages, Received};
use super::parcel::{Arriving, Parcel, RemoteDelta};
use super::shared::Shared;
use crate::inbox::{Arrival, Eviction};
use crate::leases::Fence;
use crate::origin::{Incarnation, SessionId};

/// How long a direct waits for the join of its sender.
const JOIN_WAIT: Duration = Duration::from_millis(100);

/// Topics of which Redis sends nothing more: all that it sent is with the reader.
pub(super) type Ended = Vec<TopicKey>;

/// Reads until the link ends.
pub(super) async fn read_all(
    shared: Arc<Shared>,
    mut messages: Messages,
    mut ended: mpsc::Receiver<Ended>,
) {
    let mut reader = Reader {
        shared,
        early: VecDeque::new(),
    };
    loop {
        let deadline = reader.early.front().map(|early| early.deadline);
        let due = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            received = messages.recv() => match received {
                Some(received) => reader.receive(received),
                None => return,
            },
            Some(topics) = ended.recv() => {
                reader.receive_all(&mut messages);
                reader.end(topics);
            }
            () = due => {}
        }
        reader.receive_all(&mut messages);
        reader.release();
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
    said: u64,
    envelopes: Vec<Arriving>,
    /// When they are delivered whatever they wait for.
    deadline: Instant,
}

impl Reader {
    /// Everything that is there. What Redis sends meanwhile waits for the next turn of the socket, on this very thread.
    fn receive_all(&mut self, messages: &mut Messages) {
        while let Some(received) = messages.try_recv() {
            self.receive(received);
        }
    }

    fn receive(&mut self, received: Received) {
        match received {
            Received::Message(message) => self.take(&message),
            Received::Lagged(missed) => self.lag(missed),
        }
    }

    /// Messages were lost between the socket and here.
    fn lag(&self, missed: u64) {
        let shared = &self.shared;
        tracing::warn!(
            missed,
            "messages from Redis were lost, reading topics again"
        );
        shared.status.add(|counts| &counts.lagged, missed);
        holds::reread_all(shared);
    }

    /// Nothing more comes of these topics: what still waits is delivered, and whoever leaves them may go.
    fn end(&mut self, topics: Ended) {
        let all = std::mem::take(&mut self.early).into_iter();
        let (due, early): (VecDeque<_>, _) = all.partition(|early| topics.contains(&early.key));
        self.early = early;
        due.into_iter().for_each(|inbound| self.deliver(inbound));
        for key in topics {
            self.shared.table.with_known(key, Entry::depart_all);
        }
    }

    fn take(&mut self, message: &Message) {
        let shared = &self.shared;
        shared.status.add(|counts| &counts.parcels_in, 1);
        let Ok(parcel) = Parcel::parse(&message.payload) else {
            shared.status.add(|counts| &counts.malformed, 1);
            tracing::debug!(channel = &*message.channel, "a message that no edge wrote");
            return;
        };
        match parcel {
            Parcel::Envelopes {
                origin,
                number,
                said,
                envelopes,
            } => {
                if let Some(key) = TopicKey::parse(&message.channel) {
                    self.take_envelopes(Inbound {
                        key,
                        origin,
                        number,
                        said,
                        envelopes,
                        deadline: Instant::now() + JOIN_WAIT,
                    });
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

    fn take_envelopes(&mut self, inbound: Inbound) {
        let waits_behind = self.early.iter().any(|early| early.key == inbound.key);
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
            let heard = entry.note_parcel(
                inbound.origin,
                inbound.number,
                inbound.said,
                inbound.envelopes.len() as u64,
            );
            let Some(missed) = heard else {
                shared.status.add(|counts| &counts.duplicates, 1);
                return;
            };
            if missed > 0 {
                shared.status.add(|counts| &counts.missed, missed);
                tracing::debug!(missed, topic = ?entry.topic(), "messages did not arrive");
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
                    let local = shared.relay_receipt(receipt, entry.hearers().count());
                    envelope.receipt = Some(local);
                }
                let envelope = Arc::new(envelope);
                for inbox in entry.hearers() {
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
