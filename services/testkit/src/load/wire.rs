//! What a client sends, as bytes.
//!
//! Owns the upgrade request and the client frames. The masking key is zero, which RFC 6455 §5.3 allows a client to draw and
//! which spares the driver the masking. A [`Template`] is framed once and only its sequence number is written anew.

use std::ops::Range;

/// Digits of a sequence number. They end the `data` of every message, so that a reader finds them from the end of a frame,
/// whatever stands before.
pub const DIGITS: usize = 12;

/// A message that is sent many times, each time with its own sequence number.
#[derive(Debug, Clone)]
pub struct Template {
    frame: Vec<u8>,
    digits: Range<usize>,
}

/// Whether a request asks for its ack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It carries a `requestId` (spec realtime §2).
    Ack,
    /// It carries none, so nothing answers it.
    Silence,
}

impl Template {
    /// A publish to `channel`; `data` is a JSON string of `data_bytes` bytes, quotes included.
    #[must_use]
    pub fn publish(channel: &str, data_bytes: usize) -> Self {
        Self::new(
            &format!(r#"{{"type":"publish","channel":"{channel}","data":"#),
            data_bytes,
        )
    }

    /// A direct to a peer, with `data` as in [`Template::publish`].
    #[must_use]
    pub fn direct(to: &str, data_bytes: usize, answer: Answer) -> Self {
        let request = match answer {
            Answer::Ack => r#""requestId":"q","#,
            Answer::Silence => "",
        };
        Self::new(
            &format!(r#"{{"type":"send","to":"{to}",{request}"data":"#),
            data_bytes,
        )
    }

    fn new(head: &str, data_bytes: usize) -> Self {
        let filler = "x".repeat(data_bytes.saturating_sub(DIGITS + 2));
        let digits = "0".repeat(DIGITS);
        let frame = text(&format!(r#"{head}"{filler}{digits}"}}"#));
        let end = frame.len() - r#""}"#.len();
        Self {
            frame,
            digits: end - DIGITS..end,
        }
    }

    /// Appends the message with this number.
    pub fn write(&mut self, number: u64, out: &mut Vec<u8>) {
        let mut rest = number;
        for digit in self.frame[self.digits.clone()].iter_mut().rev() {
            *digit = b'0' + u8::try_from(rest % 10).expect("a remainder of ten is a digit");
            rest /= 10;
        }
        out.extend_from_slice(&self.frame);
    }
}

/// The sequence number that ends a message's `data`; `None` if the text ends in another way.
#[must_use]
pub fn sequence(text: &[u8]) -> Option<u64> {
    let digits = text.strip_suffix(br#""}"#)?.last_chunk::<DIGITS>()?;
    digits.iter().try_fold(0, |number, digit| {
        let digit = digit.wrapping_sub(b'0');
        (digit < 10).then(|| number * 10 + u64::from(digit))
    })
}

/// A subscribe that asks for its ack.
#[must_use]
pub fn subscribe(channel: &str) -> Vec<u8> {
    text(&format!(
        r#"{{"type":"subscribe","channel":"{channel}","requestId":"s"}}"#
    ))
}

/// An unsubscribe that asks for its ack.
#[must_use]
pub fn unsubscribe(channel: &str) -> Vec<u8> {
    text(&format!(
        r#"{{"type":"unsubscribe","channel":"{channel}","requestId":"u"}}"#
    ))
}

/// A close with code 1000.
#[must_use]
pub fn close() -> Vec<u8> {
    frame(0x8, &1000_u16.to_be_bytes())
}

/// A ping.
#[must_use]
pub fn ping() -> Vec<u8> {
    frame(0x9, b"")
}

/// The `number`-th fragment of a text message that never ends: one byte.
#[must_use]
pub fn fragment(number: usize) -> Vec<u8> {
    let mut fragment = frame(if number == 0 { 0x1 } else { 0x0 }, b" ");
    fragment[0] &= 0x7F;
    fragment
}

/// The answer to a ping.
#[must_use]
pub fn pong(payload: &[u8]) -> Vec<u8> {
    frame(0xA, payload)
}

/// The upgrade request. The key is the one of RFC 6455 §1.3: nobody caches here.
#[must_use]
pub fn upgrade(credential: &str) -> Vec<u8> {
    format!(
        "GET /v1?{credential} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .into_bytes()
}

/// One text message.
#[must_use]
pub fn text(json: &str) -> Vec<u8> {
    frame(0x1, json.as_bytes())
}

/// One final frame with a masking key of zero (RFC 6455 §5.2).
fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode];
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length @ 0..=125), _) => frame.push(0x80 | length),
        (_, Ok(length)) => {
            frame.push(0x80 | 126);
            frame.extend(length.to_be_bytes());
        }
        (_, Err(_)) => {
            frame.push(0x80 | 127);
            frame.extend((payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_framed_with_its_number_at_the_end() {
        let mut template = Template::publish("c", 128);
        let mut out = Vec::new();
        template.write(7, &mut out);
        template.write(1_234, &mut out);
        let second = &out[out.len() / 2..];
        assert_eq!(sequence(second), Some(1_234));
        assert_eq!(&second[..2], &[0x81, 0x80 | 126]);
        let json: serde_json::Value = serde_json::from_slice(&second[8..]).unwrap();
        assert_eq!(json["data"].to_string().len(), 128);
    }

    #[test]
    fn what_ends_in_no_number_has_none() {
        assert_eq!(
            sequence(br#"{"type":"ack","requestId":"00000000000x"}"#),
            None
        );
        assert_eq!(sequence(br#"{"a":"1"}"#), None);
    }
}
