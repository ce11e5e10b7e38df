//! A session that does what a point tells it to.
//!
//! Every method starts an operation and returns the ticket by which its answer will be known; none waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use protocol::PeerId;

use crate::Cluster;
use crate::answer::Ticket;
use crate::envelope::{Envelope, Message, Payload};
use crate::origin::{Origin, SessionId};
use crate::peer::Peer;
use crate::presence::Known;
use crate::topic::Topic;

#[derive(Debug)]
pub(super) struct Session {
    pub(super) cluster: Cluster,
    pub(super) id: SessionId,
    pub(super) peer: Arc<Peer>,
    requests: AtomicU64,
}

impl Session {
    pub(super) fn new(cluster: Cluster, id: SessionId, peer: Arc<Peer>) -> Self {
        Self {
            cluster,
            id,
            peer,
            requests: AtomicU64::new(0),
        }
    }

    pub(super) fn subscribe(&self, topic: &Topic) -> Ticket {
        self.start(|ticket| self.cluster.bus.subscribe(topic, self.id.lane(), ticket))
    }

    pub(super) fn unsubscribe(&self, topic: &Topic) {
        self.cluster.bus.unsubscribe(topic, self.id.lane());
    }

    pub(super) fn depart(&self, topic: &Topic) -> Ticket {
        self.start(|ticket| self.cluster.bus.depart(topic, self.id.lane(), ticket))
    }

    pub(super) fn publish(&self, topic: &Topic, text: &str) -> Ticket {
        self.say(topic, text, None)
    }

    /// Publishes what only the sessions of `to` are to hear.
    pub(super) fn send(&self, topic: &Topic, text: &str, to: &PeerId) -> Ticket {
        self.say(topic, text, Some(to.clone()))
    }

    fn say(&self, topic: &Topic, text: &str, to: Option<PeerId>) -> Ticket {
        let data = serde_json::value::to_raw_value(text).expect("text is JSON");
        let envelope = Envelope {
            origin: Origin {
                incarnation: self.cluster.incarnation,
                session: self.id,
                lease: None,
            },
            received: None,
            receipt: None,
            payload: Payload::Message(Message {
                from: Arc::clone(&self.peer),
                to,
                data,
            }),
        };
        self.start(|ticket| self.cluster.bus.publish(topic, envelope, ticket))
    }

    pub(super) fn join(&self, topic: &Topic, known: Known) -> Ticket {
        self.start(|ticket| self.cluster.presence.join(topic, &self.peer, known, ticket))
    }

    pub(super) fn leave(&self, topic: &Topic) {
        self.cluster.presence.leave(topic, &self.peer.id, self.id);
    }

    fn start(&self, operation: impl FnOnce(Ticket)) -> Ticket {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let request = number
            .to_string()
            .parse()
            .expect("a number is a request id");
        let ticket = Ticket {
            session: self.id,
            request: Some(request),
        };
        operation(ticket.clone());
        ticket
    }
}
