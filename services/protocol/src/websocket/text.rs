//! Text that is checked as UTF-8 while it arrives (RFC 6455 §8.1).
//!
//! Invariants: every byte is checked once, as soon as it is there, so a wrong byte is found before
//! the rest of its frame arrives; a code point may be cut anywhere, also between two fragments
//! (§5.6). Refuses to know of frames.

use super::error::DecodeError;

/// The characters so far, and at most three bytes of one that is not complete yet.
#[derive(Debug, Default)]
pub(super) struct ArrivingText {
    checked: String,
    cut: [u8; MAX_CODE_POINT_BYTES],
    cut_bytes: usize,
}

impl ArrivingText {
    pub(super) fn len_bytes(&self) -> usize {
        self.checked.len() + self.cut_bytes
    }

    /// Appends what arrived, or says that no continuation can make it UTF-8.
    pub(super) fn push(&mut self, mut bytes: &[u8]) -> Result<(), DecodeError> {
        while self.cut_bytes > 0
            && let Some((&byte, rest)) = bytes.split_first()
        {
            self.push_to_cut(byte)?;
            bytes = rest;
        }
        let (whole, cut) = split_cut_code_point(bytes);
        self.checked.push_str(check(whole)?);
        cut.iter().try_for_each(|&byte| self.push_to_cut(byte))
    }

    /// The text must end here; an incomplete character can no longer become one.
    pub(super) fn end(&self) -> Result<(), DecodeError> {
        match self.cut_bytes {
            0 => Ok(()),
            1.. => Err(DecodeError::InvalidUtf8),
        }
    }

    /// All complete characters.
    pub(super) fn as_str(&self) -> &str {
        &self.checked
    }

    fn push_to_cut(&mut self, byte: u8) -> Result<(), DecodeError> {
        self.cut[self.cut_bytes] = byte;
        self.cut_bytes += 1;
        match std::str::from_utf8(&self.cut[..self.cut_bytes]) {
            Ok(character) => {
                self.checked.push_str(character);
                self.cut_bytes = 0;
                Ok(())
            }
            // No error length: right so far, but more bytes are needed. Four bytes never need more.
            Err(error) if error.error_len().is_none() => Ok(()),
            Err(_) => Err(DecodeError::InvalidUtf8),
        }
    }
}

/// Text that is complete.
pub(super) fn check(bytes: &[u8]) -> Result<&str, DecodeError> {
    simdutf8::basic::from_utf8(bytes).map_err(|_| DecodeError::InvalidUtf8)
}

/// Splits off the last code point if its first byte promises more bytes than there are.
///
/// Only finds the place: whether either part is UTF-8 is left to the check.
fn split_cut_code_point(bytes: &[u8]) -> (&[u8], &[u8]) {
    let longest_cut = bytes.len().saturating_sub(MAX_CODE_POINT_BYTES - 1);
    let starts_code_point = |byte: &u8| !matches!(byte, 0x80..=0xBF);
    let at = match bytes[longest_cut..].iter().rposition(starts_code_point) {
        Some(back)
            if code_point_bytes(bytes[longest_cut + back]) > bytes.len() - longest_cut - back =>
        {
            longest_cut + back
        }
        Some(_) | None => bytes.len(),
    };
    bytes.split_at(at)
}

/// How long a code point is that starts with `first`.
const fn code_point_bytes(first: u8) -> usize {
    match first {
        0xC0..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF7 => 4,
        0x00..=0xBF | 0xF8..=0xFF => 1,
    }
}

const MAX_CODE_POINT_BYTES: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY_WIDTH: &str = "a\u{e9}\u{20ac}\u{1f600}\u{7ff}\u{800}\u{ffff}\u{10000}\u{10ffff}z";

    /// How many bytes of `bytes` were taken, one by one, before the text was refused.
    fn bytes_until_refused(bytes: &[u8]) -> Option<usize> {
        let mut text = ArrivingText::default();
        bytes.iter().position(|byte| text.push(&[*byte]).is_err())
    }

    #[test]
    fn a_code_point_may_be_cut_anywhere() {
        let bytes = EVERY_WIDTH.as_bytes();
        for first in 0..=bytes.len() {
            for second in first..=bytes.len() {
                let mut text = ArrivingText::default();
                for piece in [&bytes[..first], &bytes[first..second], &bytes[second..]] {
                    text.push(piece).unwrap();
                }
                text.end().unwrap();
                assert_eq!(text.as_str(), EVERY_WIDTH);
            }
        }
    }

    #[test]
    fn a_wrong_byte_is_refused_when_it_arrives() {
        let wrong: [(&[u8], usize); 9] = [
            (b"ab\x80", 2),                   // continuation without a start
            (b"\xc0\xaf", 0),                 // overlong, no byte may follow
            (b"\xe0\x80\x80", 1),             // overlong in three bytes
            (b"\xed\xa0\x80", 1),             // surrogate
            (b"\xf0\x80\x80\x80", 1),         // overlong in four bytes
            (b"\xf4\x90\x80\x80", 1),         // above U+10FFFF
            (b"\xf8", 0),                     // never a start
            (b"\xe2\x82a", 2),                // cut off by the next character
            (b"\xce\xba\xe1\xbd\xb9\xff", 5), // after characters that are right
        ];
        for (bytes, at) in wrong {
            assert_eq!(bytes_until_refused(bytes), Some(at), "{bytes:x?}");
            assert!(
                ArrivingText::default().push(&bytes[..=at]).is_err(),
                "{bytes:x?} in one piece"
            );
        }
    }

    #[test]
    fn text_must_not_end_inside_a_code_point() {
        let mut text = ArrivingText::default();
        text.push(b"ok\xe2\x82").unwrap();
        assert_eq!(text.len_bytes(), 4);
        assert_eq!(text.end(), Err(DecodeError::InvalidUtf8));
        text.push(b"\xac").unwrap();
        assert_eq!(text.end(), Ok(()));
        assert_eq!(text.as_str(), "ok\u{20ac}");
    }
}
