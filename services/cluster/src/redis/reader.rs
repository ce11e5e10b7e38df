//! Takes in what Redis sends: every message once, at once, into the inboxes of the lanes that listen.
//!
//! A reader that falls behind loses messages; that is counted and everything is read again, it is never the end.

use std::sync::Arc;

use fred::types::Message;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::holds;
use super::keys::TopicKey;
use super::parcel::{Arriving, Parcel, RemoteDelta};
use super::shared::Shared;
use crate::inbox::{Arrival, Eviction};
use crate::origin::{Incarnation, SessionId};

/// Reads until the link ends.
pub(super) async fn read_all(shared: Arc<Shared>, mut messages: broadcast::Receiver<Message>) {
    let reader = Reader { shared };
    loop {
        match messages.recv().await {
            Ok(message) => reader.take(&message),
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
}

impl Reader {
    fn take(&self, message: &Message) {
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
                    self.deliver(key, (origin, number), envelopes);
                }
            }
            Parcel::Delta(delta) => {
                if let Some(key) = TopicKey::parse(&message.channel) {
                    self.hear(key, delta);
                }
            }
            Parcel::Evict { session, fence } => self.evict(session, fence),
            Parcel::Report { number, receipts } => shared.gatherings.report(number, receipts),
            Parcel::Probe { origin } => {
                if origin == shared.incarnation {
                    shared.pulse.heard_itself();
                }
            }
        }
    }

    fn deliver(
        &self,
        key: TopicKey,
        (origin, number): (Incarnation, u64),
        envelopes: Vec<Arriving>,
    ) {
        let shared = &self.shared;
        shared.table.with_known(key, |entry| {
            // Also what was not marked: in a failover a parcel may come over the old link and the new one.
            if !entry.note_parcel(origin, number) {
                shared.status.add(|counts| &counts.duplicates, 1);
                return;
            }
            for Arriving {
                mut envelope,
                received_us,
            } in envelopes
            {
                if envelope.origin.incarnation == shared.incarnation {
                    envelope.received = shared.moment(received_us);
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

    fn evict(&self, session: SessionId, fence: crate::leases::Fence) {
        if let Some(inbox) = self.shared.inboxes.get(usize::from(session.lane().0)) {
            inbox.push(Arrival::Evict(Eviction { session, fence }));
        }
    }
}
