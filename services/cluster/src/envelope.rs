//! What crosses the bus.
//!
//! The payload of a message stays the sender's own JSON text from client to client; nobody on the way reads it.

use std::sync::Arc;
use std::time::Instant;

use protocol::PeerId;
use serde_json::value::RawValue;

use crate::origin::Origin;
use crate::peer::Peer;
use crate::presence::Delta;
use crate::receipts::ReceiptId;
use crate::records::RecordVersion;

/// One thing said on a topic.
#[derive(Debug)]
pub struct Envelope {
    /// Who caused it.
    pub origin: Origin,
    /// When its frame was read, on this edge; `None` when it came from elsewhere. For the latency histogram alone.
    pub received: Option<Instant>,
    /// Where to report how many sessions it reached, if anybody waits for that.
    pub receipt: Option<ReceiptId>,
    /// What is said.
    pub payload: Payload,
}

/// The kinds of envelope.
#[derive(Debug)]
pub enum Payload {
    /// A user's message on a channel, or a direct.
    Message(Message),
    /// The members of the topic changed.
    Presence(Delta),
    /// The administrator closes every session of the topic's peer.
    Kick,
    /// An account has to leave the room that the topic is.
    Expel(PeerId),
    /// The room that the topic is ends for everybody.
    End,
    /// The administrator says something to every session of the topic: a whole frame of the dialect.
    Push(Box<RawValue>),
    /// Something happened to what a device takes part in.
    News(News),
}

/// What an edge tells the session of a device, wherever that is.
#[derive(Clone, Debug)]
pub struct News {
    /// Which state of what this speaks of. A session that knows a newer one already is not told.
    pub of: Option<Moment>,
    /// A whole frame of the dialect.
    pub frame: Box<RawValue>,
}

/// One state of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The record, by a name that means something to the dialect.
    pub record: Arc<str>,
    /// Its version.
    pub version: RecordVersion,
}

/// What a user said, and who that was.
#[derive(Debug)]
pub struct Message {
    /// The sender, as the receivers may see it.
    pub from: Arc<Peer>,
    /// Whose sessions in the topic are meant; `None` is everybody. So what is meant for one member travels in one order with
    /// what is meant for all, and cannot leave the topic.
    pub to: Option<PeerId>,
    /// One JSON value, as sent.
    pub data: Box<RawValue>,
}

impl Envelope {
    /// Bytes that count against the bounds of queues: the payload, and a flat share for the rest.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        const FLAT: usize = 96;
        FLAT + match &self.payload {
            Payload::Message(message) => message.data.get().len(),
            Payload::Presence(delta) => 64 * (delta.joined.len() + delta.left.len()),
            Payload::Push(frame) => frame.get().len(),
            Payload::News(news) => {
                let of = news.of.as_ref().map_or(0, |of| of.record.len());
                of + news.frame.get().len()
            }
            Payload::Kick | Payload::Expel(_) | Payload::End => 0,
        }
    }
}
