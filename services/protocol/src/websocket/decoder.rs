//! The reading half of the codec: bytes of one client in, events out.
//!
//! Owns the short way, a whole frame handed out where it lies, and the box for everything else.
//! Refuses to know any rule that `header`, `partial` and `event` know. Invariants: an idle decoder
//! owns no heap; an error is final.

use super::error::DecodeError;
use super::event::Event;
use super::header::{Header, Opcode};
use super::partial::Partial;

/// Reads the frames of one client (RFC 6455 §5).
///
/// The input may lie in a buffer that many sessions share: what one call cannot finish is copied
/// into the decoder. Call [`decode`](Self::decode) until it has no event: that last call also frees
/// the message handed out before, so a decoder that waits between two messages owns no heap.
///
/// ```
/// # use protocol::websocket::{Decoded, Decoder, DecodeError, Event};
/// let mut read = *b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\x8a\x80\x00\x00\x00\x00";
/// let mut decoder = Decoder::new(65_536);
/// let mut heard = Vec::new();
/// let mut at = 0;
/// while let Decoded { event: Some(event), consumed } = decoder.decode(&mut read[at..])? {
///     heard.push(format!("{event:?}"));
///     at += consumed;
/// }
/// assert_eq!(heard, [r#"Text("Hello")"#, "Pong([])"]);
/// # Ok::<(), DecodeError>(())
/// ```
#[derive(Debug)]
pub struct Decoder {
    max_message_bytes: u32,
    failed: Option<DecodeError>,
    partial: Option<Box<Partial>>,
}

/// The answer to one call of [`Decoder::decode`].
#[derive(Debug, PartialEq, Eq)]
pub struct Decoded<'a> {
    /// `None`: all of the input was taken and more is needed.
    pub event: Option<Event<'a>>,
    /// How many bytes of the input belong to this answer; the next call begins behind them.
    pub consumed: usize,
}

// Every idle session pays for one of these.
const _: () = assert!(size_of::<Decoder>() <= 16);

impl Decoder {
    /// Accepts messages of up to `max_message_bytes` of payload, all fragments counted.
    #[must_use]
    pub const fn new(max_message_bytes: u32) -> Self {
        Self {
            max_message_bytes,
            failed: None,
            partial: None,
        }
    }

    /// Takes bytes from the front of `input`, up to the end of one event. Payload is unmasked where
    /// it lies.
    ///
    /// # Errors
    ///
    /// The client broke the rule that the error names. Every later call repeats the error and reads
    /// nothing, since an endpoint that fails a connection must not go on with its data (RFC 6455
    /// §7.1.7).
    pub fn decode<'a>(&'a mut self, input: &'a mut [u8]) -> Result<Decoded<'a>, DecodeError> {
        self.partial = self.partial.take().and_then(Partial::without_event);
        if let Some(error) = self.failed {
            return Err(error);
        }
        // Lossless: no machine that runs this counts its memory in less than 32 bits.
        let max_message_bytes = self.max_message_bytes as usize;
        let decoded = if self.partial.is_none()
            && let Some(frame) = WholeFrame::at_front_of(input, max_message_bytes)
        {
            frame.decode(input)
        } else {
            decode_in_pieces(&mut self.partial, input, max_message_bytes)
        };
        decoded.inspect_err(|error| self.failed = Some(*error))
    }

    /// Whether nothing is held: no cut frame, no open message, none that was just handed out.
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        self.partial.is_none()
    }
}

/// A frame that lies in the input from its first byte to its last and is a message, or a control
/// frame, of its own: nothing to copy, nothing to remember.
struct WholeFrame {
    header: Header,
    frame_bytes: usize,
}

impl WholeFrame {
    /// `None` for whatever is not that simple, errors included: they are found again, and named, on
    /// the long way.
    fn at_front_of(input: &[u8], max_message_bytes: usize) -> Option<Self> {
        let header = Header::parse(input).ok().flatten()?;
        let frame_bytes = header.header_bytes.checked_add(header.payload_bytes)?;
        let is_simple =
            header.last && header.payload_bytes <= max_message_bytes && frame_bytes <= input.len();
        is_simple.then_some(Self {
            header,
            frame_bytes,
        })
    }

    fn decode(mut self, input: &mut [u8]) -> Result<Decoded<'_>, DecodeError> {
        let payload = &mut input[self.header.header_bytes..self.frame_bytes];
        self.header.mask.apply(payload);
        let event = match self.header.opcode {
            Opcode::Message(kind) => Event::message(kind, payload)?,
            Opcode::Control(kind) => Event::control(kind, payload)?,
            Opcode::Continuation => return Err(DecodeError::NothingToContinue),
        };
        Ok(Decoded {
            event: Some(event),
            consumed: self.frame_bytes,
        })
    }
}

/// The long way, for frames that are cut and messages that are fragmented. An error leaves `held`
/// empty; only a close whose payload is wrong stays there until the next call.
fn decode_in_pieces<'a>(
    held: &'a mut Option<Box<Partial>>,
    input: &'a mut [u8],
    max_message_bytes: usize,
) -> Result<Decoded<'a>, DecodeError> {
    let input_bytes = input.len();
    // Nothing to read is no reason to hold anything.
    if input_bytes == 0 {
        return Ok(Decoded {
            event: None,
            consumed: 0,
        });
    }
    let mut unread = input;
    let mut partial = held.take().unwrap_or_default();
    partial.advance(&mut unread, max_message_bytes)?;
    let consumed = input_bytes - unread.len();
    let event = held.insert(partial).event()?;
    Ok(Decoded { event, consumed })
}

#[cfg(test)]
mod tests {
    use super::super::client::{self, CLOSE, CONTINUATION, FIN, PING, TEXT};
    use super::*;

    const LIMIT: u32 = 1000;

    fn answer(event: Option<Event<'_>>, consumed: usize) -> Result<Decoded<'_>, DecodeError> {
        Ok(Decoded { event, consumed })
    }

    #[test]
    fn a_whole_frame_is_handed_out_where_it_lies() {
        let mut input = client::frame(FIN | TEXT, b"Hello");
        let lies_in = input.as_ptr_range();
        let mut decoder = Decoder::new(LIMIT);
        let Some(Event::Text(text)) = decoder.decode(&mut input).unwrap().event else {
            panic!("not a text");
        };
        assert!(lies_in.contains(&text.as_ptr()));
        assert!(decoder.is_idle());
    }

    #[test]
    fn a_decoder_owns_heap_only_while_something_is_unfinished() {
        let mut frame = client::frame(FIN | TEXT, b"Hello");
        let (front, back) = frame.split_at_mut(7);
        let mut decoder = Decoder::new(LIMIT);
        assert_eq!(decoder.decode(&mut []), answer(None, 0));
        assert!(decoder.is_idle());
        assert_eq!(decoder.decode(front), answer(None, 7));
        assert!(!decoder.is_idle());
        let hello = Event::Text("Hello");
        assert_eq!(decoder.decode(back), answer(Some(hello), 4));
        assert_eq!(decoder.decode(&mut []), answer(None, 0));
        assert!(decoder.is_idle());
    }

    #[test]
    fn an_open_message_outlives_the_control_frame_inside_it() {
        let mut decoder = Decoder::new(LIMIT);
        decoder.decode(&mut client::frame(TEXT, b"Hel")).unwrap();
        decoder.decode(&mut client::frame(FIN | PING, b"")).unwrap();
        decoder.decode(&mut []).unwrap();
        assert!(!decoder.is_idle());
        let mut last = client::frame(FIN | CONTINUATION, b"lo");
        assert_eq!(
            decoder.decode(&mut last).unwrap().event,
            Some(Event::Text("Hello"))
        );
    }

    #[test]
    fn an_error_is_final() {
        let mut decoder = Decoder::new(LIMIT);
        let mut lone = client::frame(FIN | CONTINUATION, b"");
        decoder.decode(&mut lone).unwrap_err();
        let mut hello = client::frame(FIN | TEXT, b"Hello");
        assert_eq!(
            decoder.decode(&mut hello),
            Err(DecodeError::NothingToContinue)
        );
        assert!(decoder.is_idle());
    }

    #[test]
    fn a_wrong_close_in_two_pieces_is_refused_and_forgotten() {
        let mut close = client::frame(FIN | CLOSE, b"\x03\xed");
        let mut decoder = Decoder::new(LIMIT);
        let (front, back) = close.split_at_mut(7);
        decoder.decode(front).unwrap();
        let refused = Err(DecodeError::CloseCodeInvalid(1005));
        assert_eq!(decoder.decode(back), refused);
        assert_eq!(decoder.decode(&mut []), refused);
        assert!(decoder.is_idle());
    }
}
