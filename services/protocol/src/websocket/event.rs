//! What a decoder hands out: one whole message or one control frame, borrowed from where it lies.
//!
//! Refuses to know how the bytes were collected; they arrive here unmasked and complete.

use super::close::CloseFrame;
use super::error::DecodeError;
use super::header::{ControlKind, MessageKind};
use super::text;

/// Something a client said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// A text message (RFC 6455 §5.6).
    Text(&'a str),
    /// A binary message (§5.6).
    Binary(&'a [u8]),
    /// Wants a pong with the same payload, at most 125 bytes (§5.5.2).
    Ping(&'a [u8]),
    /// Answers a ping, or comes unasked (§5.5.3).
    Pong(&'a [u8]),
    /// The client leaves; whatever follows on the wire is to be ignored (§5.5.1). `None`: it gave
    /// no code.
    Close(Option<CloseFrame<'a>>),
}

impl<'a> Event<'a> {
    /// A message whose payload is complete and not yet checked.
    pub(super) fn message(kind: MessageKind, payload: &'a [u8]) -> Result<Self, DecodeError> {
        match kind {
            MessageKind::Text => text::check(payload).map(Self::Text),
            MessageKind::Binary => Ok(Self::Binary(payload)),
        }
    }

    /// A control frame whose payload is complete.
    pub(super) fn control(kind: ControlKind, payload: &'a [u8]) -> Result<Self, DecodeError> {
        match kind {
            ControlKind::Ping => Ok(Self::Ping(payload)),
            ControlKind::Pong => Ok(Self::Pong(payload)),
            ControlKind::Close => CloseFrame::parse(payload).map(Self::Close),
        }
    }
}
