//! One Redis message: what travels from edge to edge, as bytes.
//!
//! Owns the form and nothing of what becomes of it. Whatever is read is read as hostile: a neighbour on a shared Redis may
//! have written it. The first byte tells the kind, the second the version of its form. Members' deltas are written by the
//! script that makes the change (`lua/hold.lua`), everything else here.

use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use serde_json::value::RawValue;

use super::causes::Cause;
use super::keys::TopicKey;
use crate::envelope::{Envelope, Message, Moment, News, Payload};
use crate::leases::Fence;
use crate::origin::{Incarnation, Origin, SessionId};
use crate::peer::Peer;
use crate::presence::{Naming, Version};
use crate::receipts::{ReceiptId, Receipts};
use crate::records::{Kind, Notice, RecordName, RecordVersion, Shelf};

/// Forms that another version of an edge writes are refused, not guessed at.
const VERSION: u8 = 1;
/// Envelopes in one parcel: what waits for one topic travels together.
pub(super) const ENVELOPES_MAX: usize = 256;

/// What arrived.
#[derive(Debug)]
pub(super) enum Parcel {
    /// Messages for a topic's listeners.
    Envelopes {
        origin: Incarnation,
        number: u64,
        /// Messages that Redis had taken from that edge on the topic before these.
        said: u64,
        envelopes: Vec<Arriving>,
    },
    /// The topic's members changed.
    Delta(RemoteDelta),
    /// A session of this edge lost its lease.
    Evict { session: SessionId, fence: Fence },
    /// How many sessions of an edge an envelope reached.
    Report { number: u64, receipts: Receipts },
    /// A sign that the way through Redis works; from whom.
    Probe { origin: Incarnation },
    /// Records changed.
    Notice(Notice),
}

/// An envelope with what only its own edge understands.
#[derive(Debug)]
pub(super) struct Arriving {
    pub(super) envelope: Envelope,
    /// The publishing edge's clock when it read the message, in microseconds.
    pub(super) received_us: u64,
    /// What has to be heard before it.
    pub(super) causes: Vec<Cause>,
}

/// A change as the script tells it: in the topic's version in Redis.
#[derive(Clone, Debug)]
pub(super) struct RemoteDelta {
    pub(super) version: Version,
    pub(super) naming: Naming,
    pub(super) joined: Vec<Arc<Peer>>,
    pub(super) left: Vec<Arc<Peer>>,
}

/// The bytes are no parcel of this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message that no edge of this version wrote")]
pub(super) struct Malformed;

const ENVELOPES: u8 = b'E';
const DELTA: u8 = b'D';
const EVICT: u8 = b'V';
const REPORT: u8 = b'R';
const PROBE: u8 = b'P';
const NOTICE: u8 = b'N';

const MESSAGE: u8 = 0;
const KICK: u8 = 1;
const EXPEL: u8 = 2;
const END: u8 = 3;
const PUSH: u8 = 4;
const NEWS: u8 = 5;
const HAS_METADATA: u8 = 1;
const HAS_RECEIPT: u8 = 2;
const HAS_FENCE: u8 = 4;
const HAS_CAUSES: u8 = 8;
const HAS_RECEIVER: u8 = 16;

/// Begins a parcel of envelopes, before which the edge has `said` so many on the topic; [`put_envelope`] fills it.
pub(super) fn begin_envelopes(origin: Incarnation, number: u64, said: u64) -> BytesMut {
    let mut parcel = BytesMut::with_capacity(512);
    parcel.put_slice(&[ENVELOPES, VERSION]);
    parcel.put_u64(origin.as_u64());
    parcel.put_u64(number);
    parcel.put_u64(said);
    parcel
}

/// Appends one envelope. Deltas never travel this way: their scripts write them.
pub(super) fn put_envelope(
    parcel: &mut BytesMut,
    envelope: &Envelope,
    received_us: u64,
    causes: &[Cause],
) {
    let (kind, message) = match &envelope.payload {
        Payload::Message(message) => (MESSAGE, Some(message)),
        Payload::Kick => (KICK, None),
        Payload::Expel(_) => (EXPEL, None),
        Payload::End => (END, None),
        Payload::Push(_) => (PUSH, None),
        Payload::News(_) => (NEWS, None),
        Payload::Presence(_) => return,
    };
    let metadata = message.and_then(|message| message.from.metadata.as_deref());
    let mut flags = 0;
    for (is_there, flag) in [
        (metadata.is_some(), HAS_METADATA),
        (envelope.receipt.is_some(), HAS_RECEIPT),
        (envelope.origin.lease.is_some(), HAS_FENCE),
        (!causes.is_empty(), HAS_CAUSES),
        (
            message.is_some_and(|message| message.to.is_some()),
            HAS_RECEIVER,
        ),
    ] {
        if is_there {
            flags |= flag;
        }
    }
    parcel.put_slice(&[kind, flags]);
    parcel.put_u64(envelope.origin.session.as_u64());
    parcel.put_u64(received_us);
    if let Some(receipt) = envelope.receipt {
        parcel.put_u64(receipt.incarnation.as_u64());
        parcel.put_u64(receipt.number);
    }
    if let Some(lease) = envelope.origin.lease {
        parcel.put_u64(lease.device);
        parcel.put_u64(lease.fence.0);
    }
    if !causes.is_empty() {
        parcel.put_u8(u8::try_from(causes.len()).unwrap_or(u8::MAX));
        for (key, version) in causes.iter().take(usize::from(u8::MAX)) {
            parcel.put_u128(key.as_u128());
            parcel.put_u64(version.epoch);
            parcel.put_u64(version.sequence);
        }
    }
    if let Some(message) = message {
        put_text(parcel, message.from.id.as_str());
        if let Some(metadata) = metadata {
            put_text(parcel, metadata.get());
        }
        if let Some(to) = &message.to {
            put_text(parcel, to.as_str());
        }
        put_text(parcel, message.data.get());
    }
    match &envelope.payload {
        Payload::Expel(account) => put_text(parcel, account.as_str()),
        Payload::Push(frame) => put_text(parcel, frame.get()),
        Payload::News(news) => put_news(parcel, news),
        Payload::Message(_) | Payload::Presence(_) | Payload::Kick | Payload::End => {}
    }
}

/// An empty name stands for news of nothing that is kept.
fn put_news(parcel: &mut BytesMut, news: &News) {
    let of = news.of.as_ref();
    put_text(parcel, of.map_or("", |of| &of.record));
    parcel.put_u64(of.map_or(0, |of| of.version.0));
    put_text(parcel, news.frame.get());
}

fn take_news(bytes: &mut &[u8]) -> Result<News, Malformed> {
    let record: Arc<str> = text(bytes)?.into();
    let version = RecordVersion(number(bytes)?);
    let of = (!record.is_empty()).then_some(Moment { record, version });
    Ok(News {
        of,
        frame: json(bytes)?,
    })
}

pub(super) fn evict(session: SessionId, fence: Fence) -> Bytes {
    small(EVICT, session.as_u64(), fence.0)
}

pub(super) fn report(number: u64, receipts: Receipts) -> Bytes {
    let missing = u64::try_from(receipts.missing).unwrap_or(u64::MAX);
    let mut parcel = BytesMut::with_capacity(26);
    parcel.put_slice(&[REPORT, VERSION]);
    for part in [number, receipts.sessions, missing] {
        parcel.put_u64(part);
    }
    parcel.freeze()
}

pub(super) fn probe(origin: Incarnation, number: u64) -> Bytes {
    small(PROBE, origin.as_u64(), number)
}

/// `None` for what is no news of somebody's change.
pub(super) fn notice(notice: &Notice) -> Option<Bytes> {
    let (shelf, record) = match notice {
        Notice::Changed(shelf, record) => (shelf, Some(record)),
        Notice::Cleared(shelf) => (shelf, None),
        Notice::Missed => return None,
    };
    let mut parcel = BytesMut::with_capacity(128);
    parcel.put_slice(&[NOTICE, VERSION]);
    put_text(&mut parcel, shelf.app.as_str());
    put_text(&mut parcel, shelf.kind.as_str());
    put_text(&mut parcel, shelf.name.as_str());
    if let Some(record) = record {
        put_text(&mut parcel, record.as_str());
    }
    Some(parcel.freeze())
}

fn take_notice(bytes: &mut &[u8]) -> Result<Notice, Malformed> {
    let app = text(bytes)?.parse().map_err(|_| Malformed)?;
    let word = text(bytes)?;
    let kind = Kind::ALL
        .into_iter()
        .find(|kind| kind.as_str() == word)
        .ok_or(Malformed)?;
    let name = RecordName::stored(text(bytes)?);
    let shelf = Shelf { app, kind, name };
    if bytes.is_empty() {
        return Ok(Notice::Cleared(shelf));
    }
    Ok(Notice::Changed(shelf, RecordName::stored(text(bytes)?)))
}

fn small(kind: u8, one: u64, two: u64) -> Bytes {
    let mut parcel = BytesMut::with_capacity(18);
    parcel.put_slice(&[kind, VERSION]);
    parcel.put_u64(one);
    parcel.put_u64(two);
    parcel.freeze()
}

fn put_text(parcel: &mut BytesMut, text: &str) {
    parcel.put_u32(u32::try_from(text.len()).unwrap_or(u32::MAX));
    parcel.put_slice(text.as_bytes());
}

impl Parcel {
    pub(super) fn parse(mut bytes: &[u8]) -> Result<Self, Malformed> {
        let bytes = &mut bytes;
        let kind = take(bytes, 1)?[0];
        if take(bytes, 1)?[0] != VERSION {
            return Err(Malformed);
        }
        match kind {
            ENVELOPES => Self::envelopes(bytes),
            DELTA => RemoteDelta::parse(bytes).map(Self::Delta),
            EVICT => Ok(Self::Evict {
                session: SessionId::from_u64(number(bytes)?),
                fence: Fence(number(bytes)?),
            }),
            REPORT => Ok(Self::Report {
                number: number(bytes)?,
                receipts: Receipts {
                    sessions: number(bytes)?,
                    missing: usize::try_from(number(bytes)?).map_err(|_| Malformed)?,
                },
            }),
            PROBE => Ok(Self::Probe {
                origin: Incarnation::from_u64(number(bytes)?),
            }),
            NOTICE => take_notice(bytes).map(Self::Notice),
            _ => Err(Malformed),
        }
    }

    fn envelopes(bytes: &mut &[u8]) -> Result<Self, Malformed> {
        let origin = Incarnation::from_u64(number(bytes)?);
        let (sequence, said) = (number(bytes)?, number(bytes)?);
        let mut envelopes = Vec::new();
        while !bytes.is_empty() {
            if envelopes.len() == ENVELOPES_MAX {
                return Err(Malformed);
            }
            envelopes.push(envelope(origin, bytes)?);
        }
        Ok(Self::Envelopes {
            origin,
            number: sequence,
            said,
            envelopes,
        })
    }
}

fn take_causes(bytes: &mut &[u8]) -> Result<Vec<Cause>, Malformed> {
    let count = take(bytes, 1)?[0];
    let cause = |_| {
        let key = TopicKey::from_u128(bytes.try_get_u128().map_err(|_| Malformed)?);
        let version = Version {
            epoch: number(bytes)?,
            sequence: number(bytes)?,
        };
        Ok((key, version))
    };
    (0..count).map(cause).collect()
}

fn envelope(incarnation: Incarnation, bytes: &mut &[u8]) -> Result<Arriving, Malformed> {
    let head = take(bytes, 2)?;
    let (kind, flags) = (head[0], head[1]);
    let session = SessionId::from_u64(number(bytes)?);
    let received_us = number(bytes)?;
    let receipt = if flags & HAS_RECEIPT != 0 {
        Some(ReceiptId {
            incarnation: Incarnation::from_u64(number(bytes)?),
            number: number(bytes)?,
        })
    } else {
        None
    };
    let lease = if flags & HAS_FENCE != 0 {
        Some(crate::origin::Fenced {
            device: number(bytes)?,
            fence: Fence(number(bytes)?),
        })
    } else {
        None
    };
    let causes = if flags & HAS_CAUSES != 0 {
        take_causes(bytes)?
    } else {
        Vec::new()
    };
    let payload = match kind {
        MESSAGE => {
            let id = text(bytes)?.parse().map_err(|_| Malformed)?;
            let metadata = if flags & HAS_METADATA != 0 {
                Some(Arc::from(json(bytes)?))
            } else {
                None
            };
            let to = if flags & HAS_RECEIVER != 0 {
                Some(text(bytes)?.parse().map_err(|_| Malformed)?)
            } else {
                None
            };
            Payload::Message(Message {
                from: Arc::new(Peer { id, metadata }),
                to,
                data: json(bytes)?,
            })
        }
        KICK => Payload::Kick,
        EXPEL => Payload::Expel(text(bytes)?.parse().map_err(|_| Malformed)?),
        END => Payload::End,
        PUSH => Payload::Push(json(bytes)?),
        NEWS => Payload::News(take_news(bytes)?),
        _ => return Err(Malformed),
    };
    Ok(Arriving {
        envelope: Envelope {
            origin: Origin {
                incarnation,
                session,
                lease,
            },
            received: None,
            receipt,
            payload,
        },
        received_us,
        causes,
    })
}

impl RemoteDelta {
    /// `<epoch> <sequence> <n|c>\n`, then for each peer `+` or `-`, its two lengths and its texts (see [`peer_text`]).
    fn parse(bytes: &mut &[u8]) -> Result<Self, Malformed> {
        let end = bytes
            .iter()
            .position(|byte| *byte == b'\n')
            .ok_or(Malformed)?;
        let head = std::str::from_utf8(take(bytes, end)?).map_err(|_| Malformed)?;
        bytes.advance(1);
        let mut words = head.split(' ');
        let mut word = || words.next().ok_or(Malformed);
        let version = parse_version(word()?, word()?)?;
        let naming = parse_naming(word()?)?;
        let (mut joined, mut left) = (Vec::new(), Vec::new());
        while !bytes.is_empty() {
            let sign = take(bytes, 1)?[0];
            let peer = Arc::new(take_peer(bytes)?);
            match sign {
                b'+' => joined.push(peer),
                b'-' => left.push(peer),
                _ => return Err(Malformed),
            }
        }
        Ok(Self {
            version,
            naming,
            joined,
            left,
        })
    }
}

pub(super) fn parse_version(epoch: &str, sequence: &str) -> Result<Version, Malformed> {
    Ok(Version {
        epoch: epoch.parse().map_err(|_| Malformed)?,
        sequence: sequence.parse().map_err(|_| Malformed)?,
    })
}

pub(super) fn parse_naming(word: &str) -> Result<Naming, Malformed> {
    match word {
        "n" => Ok(Naming::Named),
        "c" => Ok(Naming::Counted),
        _ => Err(Malformed),
    }
}

/// A peer as the members' record and its deltas hold it: `<id length> <metadata length> <id><metadata>`; a metadata
/// length of 0 stands for none.
pub(super) fn peer_text(peer: &Peer) -> String {
    let metadata = peer.metadata.as_deref().map_or("", RawValue::get);
    let id = peer.id.as_str();
    format!("{} {} {id}{metadata}", id.len(), metadata.len())
}

/// Reads what [`peer_text`] wrote.
pub(super) fn take_peer(bytes: &mut &[u8]) -> Result<Peer, Malformed> {
    let id_bytes = decimal(bytes)?;
    let metadata_bytes = decimal(bytes)?;
    let id = utf8(take(bytes, id_bytes)?)?
        .parse()
        .map_err(|_| Malformed)?;
    let metadata = match utf8(take(bytes, metadata_bytes)?)? {
        "" => None,
        text => Some(Arc::from(raw(text)?)),
    };
    Ok(Peer { id, metadata })
}

/// Digits up to a space, which is taken too.
fn decimal(bytes: &mut &[u8]) -> Result<usize, Malformed> {
    const DIGITS_MAX: usize = 9;
    let end = bytes
        .iter()
        .take(DIGITS_MAX + 1)
        .position(|byte| *byte == b' ')
        .ok_or(Malformed)?;
    let value = utf8(take(bytes, end)?)?.parse().map_err(|_| Malformed)?;
    bytes.advance(1);
    Ok(value)
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Result<&'a [u8], Malformed> {
    let (taken, rest) = bytes.split_at_checked(length).ok_or(Malformed)?;
    *bytes = rest;
    Ok(taken)
}

fn number(bytes: &mut &[u8]) -> Result<u64, Malformed> {
    bytes.try_get_u64().map_err(|_| Malformed)
}

fn text<'a>(bytes: &mut &'a [u8]) -> Result<&'a str, Malformed> {
    let length = bytes.try_get_u32().map_err(|_| Malformed)?;
    utf8(take(bytes, length as usize)?)
}

fn json(bytes: &mut &[u8]) -> Result<Box<RawValue>, Malformed> {
    raw(text(bytes)?)
}

fn raw(text: &str) -> Result<Box<RawValue>, Malformed> {
    RawValue::from_string(text.to_owned()).map_err(|_| Malformed)
}

fn utf8(bytes: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(bytes).map_err(|_| Malformed)
}
