//! Everything that reached one lane, oldest first.

use crate::answer::{Answer, Ticket};
use crate::envelope::{Envelope, Payload};
use crate::inbox::{Arrival, Eviction};
use crate::presence::{Delta, Roster};
use crate::receipts::ReceiptId;
use crate::topic::Topic;

#[derive(Debug, Default)]
pub(super) struct Log(Vec<Arrival>);

impl Log {
    pub(super) fn extend(&mut self, arrivals: impl IntoIterator<Item = Arrival>) {
        self.0.extend(arrivals);
    }

    pub(super) fn arrivals(&self) -> &[Arrival] {
        &self.0
    }

    /// The texts of the messages on `topic`.
    pub(super) fn messages_on(&self, topic: &Topic) -> Vec<String> {
        self.envelopes_on(topic)
            .filter_map(|envelope| text(&envelope.payload))
            .collect()
    }

    /// The texts of all messages, whatever their topic.
    pub(super) fn messages(&self) -> Vec<String> {
        self.0
            .iter()
            .filter_map(|arrival| match arrival {
                Arrival::Envelope(_, envelope) => text(&envelope.payload),
                Arrival::Answer(..) | Arrival::Evict(_) | Arrival::Outcome(..) => None,
            })
            .collect()
    }

    /// The receipts asked for on `topic`.
    pub(super) fn receipts_on(&self, topic: &Topic) -> Vec<ReceiptId> {
        self.envelopes_on(topic)
            .filter_map(|envelope| envelope.receipt)
            .collect()
    }

    pub(super) fn deltas_on(&self, topic: &Topic) -> Vec<&Delta> {
        self.envelopes_on(topic)
            .filter_map(|envelope| match &envelope.payload {
                Payload::Presence(delta) => Some(delta),
                Payload::Message(_)
                | Payload::Kick
                | Payload::Expel(_)
                | Payload::End
                | Payload::Push(_)
                | Payload::News(_) => None,
            })
            .collect()
    }

    /// The names in the deltas of `topic`: `+alice` for a join, `-alice` for a leave; one delta's leaves in alphabetic order.
    pub(super) fn changes_on(&self, topic: &Topic) -> Vec<String> {
        let mut changes = Vec::new();
        for delta in self.deltas_on(topic) {
            changes.extend(delta.joined.iter().map(|peer| format!("+{}", peer.id)));
            let mut left: Vec<String> = delta
                .left
                .iter()
                .map(|peer| format!("-{}", peer.id))
                .collect();
            left.sort();
            changes.append(&mut left);
        }
        changes
    }

    /// The roster that a resync of `topic` brought.
    pub(super) fn roster_of(&self, topic: &Topic) -> Option<&Roster> {
        self.0.iter().find_map(|arrival| roster(arrival, topic))
    }

    /// The sequence numbers of the deltas of `topic` that stand behind that roster.
    pub(super) fn deltas_after_roster(&self, topic: &Topic) -> Vec<u64> {
        let behind = self
            .0
            .iter()
            .skip_while(|arrival| roster(arrival, topic).is_none());
        behind
            .filter_map(|arrival| match arrival {
                Arrival::Envelope(on, envelope) if on == topic => match &envelope.payload {
                    Payload::Presence(delta) => Some(delta.version.sequence),
                    Payload::Message(_)
                    | Payload::Kick
                    | Payload::Expel(_)
                    | Payload::End
                    | Payload::Push(_)
                    | Payload::News(_) => None,
                },
                Arrival::Envelope(..)
                | Arrival::Answer(..)
                | Arrival::Evict(_)
                | Arrival::Outcome(..) => None,
            })
            .collect()
    }

    pub(super) fn answer_to(&self, ticket: &Ticket) -> Option<&Answer> {
        self.answers_to(ticket).next()
    }

    pub(super) fn answers_to(&self, ticket: &Ticket) -> impl Iterator<Item = &Answer> {
        self.0.iter().filter_map(move |arrival| match arrival {
            Arrival::Answer(answered, answer)
                if answered.session == ticket.session && answered.request == ticket.request =>
            {
                Some(answer)
            }
            Arrival::Answer(..)
            | Arrival::Envelope(..)
            | Arrival::Evict(_)
            | Arrival::Outcome(..) => None,
        })
    }

    pub(super) fn evictions(&self) -> Vec<Eviction> {
        self.0
            .iter()
            .filter_map(|arrival| match arrival {
                Arrival::Evict(eviction) => Some(*eviction),
                Arrival::Envelope(..) | Arrival::Answer(..) | Arrival::Outcome(..) => None,
            })
            .collect()
    }

    /// Everything but presence on `topic`, each as a line.
    pub(super) fn said_on(&self, topic: &Topic) -> Vec<String> {
        self.envelopes_on(topic)
            .filter_map(|envelope| match &envelope.payload {
                Payload::Message(message) => {
                    let to = message.to.as_ref().map_or("all", |to| to.as_str());
                    Some(format!("{} to {to}", message.data))
                }
                Payload::Expel(account) => Some(format!("expel {account}")),
                Payload::Push(frame) => Some(format!("push {frame}")),
                Payload::News(news) => Some(format!("news {news:?}")),
                Payload::End => Some("end".to_owned()),
                Payload::Kick => Some("kick".to_owned()),
                Payload::Presence(_) => None,
            })
            .collect()
    }

    fn envelopes_on(&self, topic: &Topic) -> impl Iterator<Item = &Envelope> {
        self.0.iter().filter_map(move |arrival| match arrival {
            Arrival::Envelope(on, envelope) if on == topic => Some(&**envelope),
            Arrival::Envelope(..)
            | Arrival::Answer(..)
            | Arrival::Evict(_)
            | Arrival::Outcome(..) => None,
        })
    }
}

fn roster<'a>(arrival: &'a Arrival, topic: &Topic) -> Option<&'a Roster> {
    match arrival {
        Arrival::Answer(_, Answer::Roster(of, Ok(roster))) if of == topic => Some(roster),
        Arrival::Answer(..) | Arrival::Envelope(..) | Arrival::Evict(_) | Arrival::Outcome(..) => {
            None
        }
    }
}

fn text(payload: &Payload) -> Option<String> {
    match payload {
        Payload::Message(message) => Some(message.data.get().trim_matches('"').to_owned()),
        Payload::Presence(_)
        | Payload::Kick
        | Payload::Expel(_)
        | Payload::End
        | Payload::Push(_)
        | Payload::News(_) => None,
    }
}
