//! What listeners are told: messages, directs, who is there (spec realtime §3).
//!
//! Rendered once for all listeners of one variant.

use cluster::{Address, Delta, Envelope, Payload, Peer, Topic};
use protocol::ChannelName;
use protocol::realtime::{Member, SenderMetadata, ServerFrame, write_snapshot};
use protocol::websocket;

use super::reply::write;
use crate::metrics::FrameOut;

/// Members that one delta frame names: at 4.5 KB each they stay below 1 MiB.
const DELTA_MEMBERS: usize = 200;

/// How a listener of this dialect wants to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    /// It is the addressed peer.
    Direct,
    /// It subscribed to the channel.
    Channel {
        /// Whether messages carry their sender's metadata.
        sender_metadata: SenderMetadata,
        /// Whether it may see who is there.
        sees_presence: bool,
    },
}

impl Variant {
    pub(in crate::dialects) fn render(
        self,
        topic: &Topic,
        envelope: &Envelope,
        out: &mut Vec<u8>,
    ) -> Option<FrameOut> {
        match (&envelope.payload, topic.address(), self) {
            (Payload::Message(message), Address::Peer(_), Self::Direct) => {
                let frame = ServerFrame::Direct {
                    from: &message.from.id,
                    data: &message.data,
                    from_metadata: message.from.metadata.as_deref(),
                };
                write(&frame, out);
                Some(FrameOut::Direct)
            }
            (
                Payload::Message(message),
                Address::Channel(channel),
                Self::Channel {
                    sender_metadata, ..
                },
            ) => {
                let from_metadata = match sender_metadata {
                    SenderMetadata::Include => message.from.metadata.as_deref(),
                    SenderMetadata::Omit => None,
                };
                let frame = ServerFrame::Message {
                    channel,
                    from: &message.from.id,
                    data: &message.data,
                    from_metadata,
                };
                write(&frame, out);
                Some(FrameOut::Message)
            }
            (
                Payload::Presence(delta),
                Address::Channel(channel),
                Self::Channel {
                    sees_presence: true,
                    ..
                },
            ) => {
                write_delta(channel, delta, out);
                Some(FrameOut::Presence)
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
                Self::Direct | Self::Channel { .. },
            ) => None,
        }
    }

    pub(in crate::dialects) const fn sees_presence(self) -> bool {
        match self {
            Self::Direct => false,
            Self::Channel { sees_presence, .. } => sees_presence,
        }
    }
}

/// Who is in a channel (spec §3.1).
pub(in crate::dialects) fn snapshot<'a>(
    topic: &Topic,
    members: impl Iterator<Item = &'a Peer>,
) -> Vec<u8> {
    let mut frames = Vec::new();
    if let Address::Channel(channel) = topic.address() {
        write_snapshot(channel, members.map(member), |json| {
            websocket::text_frame(&mut frames, |out| out.extend_from_slice(json));
        });
    }
    frames
}

/// Mostly one frame. Many members that come or go at once take several, none above 1 MiB (spec §3).
fn write_delta(channel: &ChannelName, delta: &Delta, out: &mut Vec<u8>) {
    let joined: Vec<Member<'_>> = delta.joined.iter().map(|peer| member(peer)).collect();
    let left: Vec<Member<'_>> = delta.left.iter().map(|peer| member(peer)).collect();
    if joined.len() + left.len() <= DELTA_MEMBERS {
        write(
            &ServerFrame::Presence {
                channel,
                joined: &joined,
                left: &left,
            },
            out,
        );
        return;
    }
    for joined in joined.chunks(DELTA_MEMBERS) {
        write(
            &ServerFrame::Presence {
                channel,
                joined,
                left: &[],
            },
            out,
        );
    }
    for left in left.chunks(DELTA_MEMBERS) {
        write(
            &ServerFrame::Presence {
                channel,
                joined: &[],
                left,
            },
            out,
        );
    }
}

fn member(peer: &Peer) -> Member<'_> {
    Member {
        peer: &peer.id,
        metadata: peer.metadata.as_deref(),
    }
}
