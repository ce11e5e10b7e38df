//! What listeners are told: signals, who comes and goes, what the administrator says (spec room §2.5, §2.7).
//!
//! Rendered once for all listeners of one variant. What crossed the bus is parsed as if a stranger had written it; what
//! does not hold is not passed on.

use cluster::{Address, Delta, Envelope, Message, Payload, Peer, Topic};
use protocol::room::{Member, Participant, ServerFrame, Signal, Wire};
use protocol::websocket;

use super::write;
use crate::dialects::Snapshot;
use crate::metrics::FrameOut;

/// How a listener of this dialect wants to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    /// It is one of the addressed account's sessions.
    Account,
    /// It is in the room.
    Room(Wire),
}

impl Variant {
    pub(in crate::dialects) fn render(
        self,
        topic: &Topic,
        envelope: &Envelope,
        out: &mut Vec<u8>,
    ) -> Option<FrameOut> {
        match (&envelope.payload, topic.address(), self) {
            (Payload::Message(message), Address::Room(_), Self::Room(wire)) => {
                signal(message, wire, out)
            }
            (Payload::Presence(delta), Address::Room(_), Self::Room(wire)) => {
                notices(delta, wire, out)
            }
            (Payload::Push(packet), Address::Room(_) | Address::Account(_), _) => {
                websocket::text_frame(out, |json| json.extend_from_slice(packet.get().as_bytes()));
                Some(FrameOut::Direct)
            }
            (
                Payload::Message(_)
                | Payload::Presence(_)
                | Payload::Kick
                | Payload::Expel(_)
                | Payload::End
                | Payload::Push(_)
                | Payload::News(_),
                Address::Peer(_)
                | Address::Channel(_)
                | Address::Room(_)
                | Address::Account(_)
                | Address::Device(..),
                Self::Account | Self::Room(_),
            ) => None,
        }
    }

    /// Everybody in a room that has just become small enough to say so.
    pub(in crate::dialects) fn snapshot<'a>(
        self,
        members: impl Iterator<Item = &'a Peer>,
    ) -> Snapshot {
        let members: Vec<_> = members.filter_map(member).collect();
        let mut frames = Vec::new();
        match self {
            Self::Account => {}
            Self::Room(wire) => write(&ServerFrame::Participants(&members), wire, &mut frames),
        }
        Snapshot {
            kind: FrameOut::Presence,
            frames,
        }
    }

    pub(in crate::dialects) const fn sees_presence(self) -> bool {
        match self {
            Self::Account => false,
            Self::Room(_) => true,
        }
    }
}

fn signal(message: &Message, wire: Wire, out: &mut Vec<u8>) -> Option<FrameOut> {
    let signal = Signal::from_data(&message.data)?;
    let from = member(&message.from)?;
    let frame = ServerFrame::Signal {
        signal: &signal,
        to: message.to.as_ref(),
        from: &from,
    };
    write(&frame, wire, out);
    Some(match message.to {
        None => FrameOut::Message,
        Some(_) => FrameOut::Direct,
    })
}

/// Who has gone, then who has come: whoever did both is there.
fn notices(delta: &Delta, wire: Wire, out: &mut Vec<u8>) -> Option<FrameOut> {
    let left = delta.left.iter().filter_map(|peer| member(peer));
    left.for_each(|member| write(&ServerFrame::Left(&member), wire, out));
    let joined = delta.joined.iter().filter_map(|peer| member(peer));
    joined.for_each(|member| write(&ServerFrame::Joined(&member), wire, out));
    Some(FrameOut::Presence)
}

/// A peer as a member of a room; nothing if it is of another dialect.
pub(super) fn member(peer: &Peer) -> Option<Member<'_>> {
    let shown = Participant::from_metadata(peer.metadata.as_deref()?)?;
    Some(Member {
        id: &peer.id,
        shown,
    })
}
