//! A control frame that arrives in pieces (RFC 6455 §5.5).
//!
//! Kept apart from `message`, because it may come between two fragments of one. Its payload is
//! small enough to lie inline. Refuses to judge the payload before it is complete.

use super::error::DecodeError;
use super::event::Event;
use super::header::ControlKind;

/// The payload of a close, ping or pong has at most this many bytes (RFC 6455 §5.5).
pub const MAX_CONTROL_BYTES: usize = 125;

/// The payload so far.
#[derive(Debug)]
pub(super) struct ControlFrame {
    kind: ControlKind,
    payload: [u8; MAX_CONTROL_BYTES],
    filled: usize,
}

impl ControlFrame {
    pub(super) const fn new(kind: ControlKind) -> Self {
        Self {
            kind,
            payload: [0; MAX_CONTROL_BYTES],
            filled: 0,
        }
    }

    /// Appends unmasked payload. The header has bounded what may come.
    pub(super) fn push(&mut self, payload: &[u8]) {
        let end = self.filled + payload.len();
        self.payload[self.filled..end].copy_from_slice(payload);
        self.filled = end;
    }

    /// The frame, once its payload is complete.
    pub(super) fn event(&self) -> Result<Event<'_>, DecodeError> {
        Event::control(self.kind, &self.payload[..self.filled])
    }
}
