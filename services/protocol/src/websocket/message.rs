//! A message that arrives in pieces: cut by the network, fragmented by the client, or both (RFC
//! 6455 §5.4).
//!
//! Holds the two bounds of a message, bytes and fragments. Refuses to know of control frames in
//! between. Invariant: its memory grows with the bytes that have arrived; an announced length is
//! compared, never reserved.

use super::error::DecodeError;
use super::event::Event;
use super::header::MessageKind;
use super::text::ArrivingText;

/// How many short frames one message may take. Fragments may be empty, so the limit on bytes alone
/// would let one message go on for ever; no client that is known to us sends more than a few.
pub const MAX_SHORT_FRAGMENTS: u32 = 4096;

/// A frame with less payload than this is short, in bytes. Longer ones use up the limit on bytes
/// quickly enough, so nothing else has to count them.
pub const SHORT_FRAGMENT_BYTES: usize = 64;

/// The payload so far.
#[derive(Debug)]
pub(super) struct Message {
    body: Body,
    short_fragments: u32,
}

#[derive(Debug)]
enum Body {
    Text(ArrivingText),
    Binary(Vec<u8>),
}

impl Message {
    pub(super) fn new(kind: MessageKind) -> Self {
        let body = match kind {
            MessageKind::Text => Body::Text(ArrivingText::default()),
            MessageKind::Binary => Body::Binary(Vec::new()),
        };
        Self {
            body,
            short_fragments: 0,
        }
    }

    /// Refuses a fragment by its header alone, before its payload has arrived.
    pub(super) fn admit_fragment(
        &mut self,
        payload_bytes: usize,
        max_bytes: usize,
    ) -> Result<(), DecodeError> {
        if payload_bytes > max_bytes.saturating_sub(self.len_bytes()) {
            return Err(DecodeError::TooBig);
        }
        if payload_bytes < SHORT_FRAGMENT_BYTES {
            if self.short_fragments == MAX_SHORT_FRAGMENTS {
                return Err(DecodeError::TooManyFragments);
            }
            self.short_fragments += 1;
        }
        Ok(())
    }

    /// Appends unmasked payload; text that is wrong is refused at its first wrong byte.
    pub(super) fn push(&mut self, payload: &[u8]) -> Result<(), DecodeError> {
        match &mut self.body {
            Body::Text(text) => text.push(payload),
            Body::Binary(bytes) => {
                bytes.extend_from_slice(payload);
                Ok(())
            }
        }
    }

    /// The last fragment is complete.
    pub(super) fn end(&self) -> Result<(), DecodeError> {
        match &self.body {
            Body::Text(text) => text.end(),
            Body::Binary(_) => Ok(()),
        }
    }

    /// The message, once [`end`](Self::end) has agreed.
    pub(super) fn event(&self) -> Event<'_> {
        match &self.body {
            Body::Text(text) => Event::Text(text.as_str()),
            Body::Binary(bytes) => Event::Binary(bytes),
        }
    }

    fn len_bytes(&self) -> usize {
        match &self.body {
            Body::Text(text) => text.len_bytes(),
            Body::Binary(bytes) => bytes.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_counts_all_fragments() {
        let mut message = Message::new(MessageKind::Binary);
        message.admit_fragment(6, 10).unwrap();
        message.push(b"123456").unwrap();
        assert_eq!(message.admit_fragment(5, 10), Err(DecodeError::TooBig));
        assert_eq!(message.admit_fragment(4, 10), Ok(()));
    }

    #[test]
    fn a_cut_character_counts_against_the_limit() {
        let mut message = Message::new(MessageKind::Text);
        message.push(b"\xe2\x82").unwrap();
        assert_eq!(message.admit_fragment(2, 3), Err(DecodeError::TooBig));
        assert_eq!(message.admit_fragment(1, 3), Ok(()));
    }

    #[test]
    fn the_largest_length_does_not_overflow_the_sum() {
        let mut message = Message::new(MessageKind::Binary);
        message.push(b"1").unwrap();
        assert_eq!(
            message.admit_fragment(usize::MAX, 10),
            Err(DecodeError::TooBig)
        );
    }
}
