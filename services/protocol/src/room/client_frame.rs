//! What a client says: one JSON object per message, in one of three forms (spec room §2.4).
//!
//! | form | condition | type | payload | target |
//! |---|---|---|---|---|
//! | wrapped | outer type `webrtc.signal`, `signaling` or `webrtc`, `data` an object with a string `type` | `data.type` | `data.data`, else the other members of `data` | `data.to` |
//! | flat | any other type, `data` present | `type` | `data` | `to` |
//! | guide | any other type, no `data` | `type` | an object of all other members | `to` |
//!
//! The outer type decides, not the shape. Invariant: nothing a client writes about the sender gets past here, and a
//! message with a target is never read as one without.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::object::{Object, Reserved};
use super::{ErrorCode, Signal, account_id, limits};
use crate::{PeerId, raw_json};

/// One message of a client.
#[derive(Clone, Debug)]
pub enum ClientFrame<'a> {
    /// Wants a pong.
    Ping,
    /// To be relayed.
    Signal {
        /// What is said.
        signal: Signal<'a>,
        /// Whose sessions in the room are meant; `None` is everybody else.
        to: Option<PeerId>,
    },
}

/// Why a message is not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct FrameError {
    /// For programs.
    pub code: ErrorCode,
    /// For people.
    pub detail: &'static str,
}

/// Outer types whose `data` holds the signal.
const WRAPPERS: [&str; 3] = ["webrtc.signal", "signaling", "webrtc"];
/// Types of signals that only the server sends.
const SERVERS_OWN: [&str; 2] = ["user-joined", "user-left"];

impl<'a> ClientFrame<'a> {
    /// Reads one message.
    ///
    /// # Errors
    /// It is no object with a string `type` in one of the three forms, names a target that is no account, or claims to be
    /// a notice of the server.
    pub fn decode(text: &'a str) -> Result<Self, FrameError> {
        if raw_json::is_deeper_than(text, limits::FRAME_DEPTH) {
            return Err(malformed("nested too deep"));
        }
        let outer =
            Object::read(text).ok_or(malformed("not a JSON object with each member once"))?;
        let kind = type_of(&outer).ok_or(malformed("type is not a string"))?;
        if kind == "ping" {
            return Ok(Self::Ping);
        }
        let outer_to = outer.reserved(Reserved::To);
        let data = outer.reserved(Reserved::Data);
        let (kind, payload, to) = if WRAPPERS.contains(&&*kind) {
            let inner = data
                .and_then(|data| Object::read(data.get()))
                .ok_or(malformed("data is not an object with each member once"))?;
            let kind = type_of(&inner).ok_or(malformed("data.type is not a string"))?;
            let payload = match inner.reserved(Reserved::Data) {
                Some(data) => Cow::Borrowed(data),
                None => lifted(&inner),
            };
            // A target in the wrong place still is one: what was meant for one must not reach all.
            let to = inner.reserved(Reserved::To).or(outer_to);
            (kind, payload, to)
        } else {
            let payload = data.map_or_else(|| lifted(&outer), Cow::Borrowed);
            (kind, payload, outer_to)
        };
        if kind.is_empty() || kind.len() > limits::SIGNAL_TYPE_BYTES {
            return Err(malformed("type is empty or too long"));
        }
        if SERVERS_OWN.iter().any(|own| kind.eq_ignore_ascii_case(own)) {
            return Err(FrameError {
                code: ErrorCode::ReservedType,
                detail: "only the server announces who joins and leaves",
            });
        }
        let to = to.map(target).transpose()?;
        Ok(Self::Signal {
            signal: Signal { kind, payload },
            to,
        })
    }
}

fn type_of<'a>(object: &Object<'a>) -> Option<Cow<'a, str>> {
    object
        .reserved(Reserved::Type)
        .and_then(raw_json::as_string)
}

fn lifted(object: &Object<'_>) -> Cow<'static, RawValue> {
    let payload = RawValue::from_string(object.unreserved());
    Cow::Owned(payload.expect("an object of members that are JSON already"))
}

fn target(to: &RawValue) -> Result<PeerId, FrameError> {
    raw_json::as_string(to)
        .and_then(|to| account_id(&to).ok())
        .ok_or(FrameError {
            code: ErrorCode::InvalidTarget,
            detail: "to is not an account id",
        })
}

const fn malformed(detail: &'static str) -> FrameError {
    FrameError {
        code: ErrorCode::MalformedMessage,
        detail,
    }
}

#[cfg(test)]
mod tests;
