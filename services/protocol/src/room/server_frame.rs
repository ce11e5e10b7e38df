//! What a client is told: one JSON object per text message (spec room §2.3, §2.5, §2.7, §2.8).
//!
//! Owns names and order of the members, in both worlds side by side. Invariant: who sent something is written from the
//! account that the edge has admitted, and from nothing else.

use serde::Serialize;
use serde_json::value::RawValue;

use super::{ErrorCode, Participant, RoomId, Signal, Wire};
use crate::PeerId;

/// One message to a client.
#[derive(Clone, Debug)]
pub enum ServerFrame<'a> {
    /// The first frame of every session.
    Connected(Connected<'a>),
    /// Who is there now, when the room has become small enough again to say so.
    Participants(&'a [Member<'a>]),
    /// A member said something.
    Signal {
        /// What.
        signal: &'a Signal<'a>,
        /// To whom, if not to all.
        to: Option<&'a PeerId>,
        /// Who.
        from: &'a Member<'a>,
    },
    /// An account has come.
    Joined(&'a Member<'a>),
    /// An account has gone with its last session.
    Left(&'a Member<'a>),
    /// The room is closed for everybody.
    Ended(RoomId),
    /// A packet was not carried out.
    Error {
        /// Why, for programs.
        code: ErrorCode,
        /// Why, for people.
        message: &'a str,
        /// When to try again, in seconds.
        retry_after: Option<u32>,
    },
    /// The same device has connected elsewhere: the last packet of the older session.
    Dupe,
    /// The answer to a ping.
    Pong,
}

/// What the first frame tells.
#[derive(Clone, Copy, Debug)]
pub struct Connected<'a> {
    /// Who the client is.
    pub account: &'a PeerId,
    /// Where it is.
    pub room: RoomId,
    /// This session, for support.
    pub session: &'a str,
    /// The edge that serves it.
    pub edge: &'a str,
    /// Now.
    pub timestamp: &'a str,
    /// Who else is there, one entry per account.
    pub participants: &'a [Member<'a>],
}

/// An account in a room.
#[derive(Clone, Debug)]
pub struct Member<'a> {
    /// Its id.
    pub id: &'a PeerId,
    /// What others are shown of it.
    pub shown: Participant<'a>,
}

impl ServerFrame<'_> {
    /// Appends the frame as JSON, spelt for `wire`.
    pub fn write_json(&self, wire: Wire, out: &mut Vec<u8>) {
        match self {
            Self::Connected(connected) => connected.write_json(out),
            Self::Participants(members) => {
                let entries: Vec<Entry<'_>> = members.iter().map(Entry::new).collect();
                let data = Note {
                    participants: Some(&entries),
                    ..Note::new("Participants of the call.", "participants")
                };
                packet("webrtc", &data, out);
            }
            Self::Signal { signal, to, from } => {
                let said = Said {
                    kind: &signal.kind,
                    data: &signal.payload,
                    to: *to,
                    sender: Sender::new(from, wire),
                };
                packet(wire.signal_type(), &said, out);
            }
            Self::Joined(member) => notice(wire, "user-joined", member, out),
            Self::Left(member) => match wire {
                Wire::Default => notice(wire, "user-left", member, out),
                // As a signal it would add the one who left to the peers of the guide's client.
                Wire::Guide => {
                    let message = format!("{} left the call.", member.shown.name);
                    let data = Note {
                        sender: Some(Sender::new(member, wire)),
                        ..Note::new(&message, "user-left")
                    };
                    packet("webrtc", &data, out);
                }
            },
            Self::Ended(room) => {
                let message = format!("The call of #{room} has ended.");
                let data = Note {
                    room_id: Some(*room),
                    ..Note::new(&message, "ended")
                };
                packet("webrtc", &data, out);
            }
            Self::Error {
                code,
                message,
                retry_after,
            } => {
                let data = Fault {
                    code: *code,
                    retry_after: *retry_after,
                };
                let refusal = Refusal {
                    kind: "error",
                    error_message: message,
                    data: Some(data),
                };
                json(&refusal, out);
            }
            Self::Dupe => {
                let refusal = Refusal {
                    kind: "error.dupe",
                    error_message: "the same device connected elsewhere",
                    data: None,
                };
                json(&refusal, out);
            }
            Self::Pong => out.extend_from_slice(br#"{"type":"pong"}"#),
        }
    }
}

impl Connected<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        let participants: Vec<Entry<'_>> = self.participants.iter().map(Entry::new).collect();
        let message = format!("Connected to call of #{}.", self.room);
        let data = Greeting {
            user_id: self.account,
            user_id_camel: self.account,
            room_id: self.room,
            room_id_camel: self.room,
            message: &message,
            timestamp: self.timestamp,
            session_id: self.session,
            node: self.edge,
            participants: &participants,
        };
        packet("webrtc", &data, out);
    }
}

#[derive(Serialize)]
struct Packet<'a, D> {
    #[serde(rename = "type")]
    kind: &'a str,
    data: D,
}

#[derive(Serialize)]
struct Greeting<'a> {
    user_id: &'a PeerId,
    #[serde(rename = "userId")]
    user_id_camel: &'a PeerId,
    room_id: RoomId,
    #[serde(rename = "roomId")]
    room_id_camel: RoomId,
    message: &'a str,
    timestamp: &'a str,
    session_id: &'a str,
    node: &'a str,
    participants: &'a [Entry<'a>],
}

/// A participant in a list.
#[derive(Serialize)]
struct Entry<'a> {
    identity: &'a PeerId,
    name: &'a str,
    account_id: &'a PeerId,
    #[serde(rename = "accountId")]
    account_id_camel: &'a PeerId,
    account: &'a RawValue,
    joined_at: &'a str,
    #[serde(rename = "joinedAt")]
    joined_at_camel: &'a str,
}

impl<'a> Entry<'a> {
    fn new(member: &'a Member<'a>) -> Self {
        Self {
            identity: member.id,
            name: &member.shown.name,
            account_id: member.id,
            account_id_camel: member.id,
            account: member.shown.account,
            joined_at: &member.shown.joined_at,
            joined_at_camel: &member.shown.joined_at,
        }
    }
}

/// A signal with its sender.
#[derive(Serialize)]
struct Said<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    data: &'a RawValue,
    to: Option<&'a PeerId>,
    #[serde(flatten)]
    sender: Sender<'a>,
}

/// The sender under every name that some client reads.
#[derive(Serialize)]
struct Sender<'a> {
    account_id: &'a PeerId,
    account: &'a RawValue,
    #[serde(rename = "senderAccountId")]
    sender_account_id: &'a PeerId,
    #[serde(rename = "senderInfo")]
    sender_info: &'a RawValue,
    #[serde(rename = "SenderAccountId", skip_serializing_if = "Option::is_none")]
    guide_account_id: Option<&'a PeerId>,
    #[serde(rename = "SenderInfo", skip_serializing_if = "Option::is_none")]
    guide_info: Option<&'a RawValue>,
}

impl<'a> Sender<'a> {
    fn new(member: &'a Member<'a>, wire: Wire) -> Self {
        let (guide_account_id, guide_info) = match wire {
            Wire::Default => (None, None),
            Wire::Guide => (Some(member.id), Some(member.shown.account)),
        };
        Self {
            account_id: member.id,
            account: member.shown.account,
            sender_account_id: member.id,
            sender_info: member.shown.account,
            guide_account_id,
            guide_info,
        }
    }
}

/// Something that the server itself has to say: every client shows the message.
#[derive(Serialize)]
struct Note<'a> {
    message: &'a str,
    event: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    room_id: Option<RoomId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    participants: Option<&'a [Entry<'a>]>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    sender: Option<Sender<'a>>,
}

impl<'a> Note<'a> {
    const fn new(message: &'a str, event: &'a str) -> Self {
        Self {
            message,
            event,
            room_id: None,
            participants: None,
            sender: None,
        }
    }
}

#[derive(Serialize)]
struct Refusal<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    error_message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Fault>,
}

#[derive(Serialize)]
struct Fault {
    code: ErrorCode,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u32>,
}

fn notice(wire: Wire, kind: &str, member: &Member<'_>, out: &mut Vec<u8>) {
    let nothing = super::empty_object();
    let said = Said {
        kind,
        data: &nothing,
        to: None,
        sender: Sender::new(member, wire),
    };
    packet(wire.signal_type(), &said, out);
}

fn packet(kind: &str, data: &impl Serialize, out: &mut Vec<u8>) {
    json(&Packet { kind, data }, out);
}

fn json(value: &impl Serialize, out: &mut Vec<u8>) {
    serde_json::to_writer(out, value)
        .expect("a Vec takes every write, and no member is a map with odd keys");
}

#[cfg(test)]
mod tests;
