//! The writing half of the codec: server frames, never masked, never fragmented (RFC 6455 §5.1,
//! §5.4).
//!
//! Appends to a buffer of the caller, so that many frames leave in one write. Refuses to know what
//! a payload means. Invariant: whatever is passed in, what comes out is a correct frame.

use super::control::MAX_CONTROL_BYTES;

/// Appends a text message whose payload `write` appends, without a copy in between.
///
/// `write` may only append to the buffer, and only UTF-8.
///
/// # Panics
///
/// If `write` shortens the buffer.
pub fn text_frame(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    let payload_start = start + RESERVED_BYTES;
    out.resize(payload_start, 0);
    write(out);
    let payload = &out[payload_start..];
    debug_assert!(
        std::str::from_utf8(payload).is_ok(),
        "a text message is UTF-8"
    );
    let header = FrameHeader::new(TEXT, payload.len());
    drop(out.splice(start..payload_start, header.as_slice().iter().copied()));
}

/// Appends a binary message.
pub fn binary_frame(out: &mut Vec<u8>, payload: &[u8]) {
    out.extend_from_slice(FrameHeader::new(BINARY, payload.len()).as_slice());
    out.extend_from_slice(payload);
}

/// Appends a ping. What goes beyond [`MAX_CONTROL_BYTES`] of `payload` is left out.
pub fn ping_frame(out: &mut Vec<u8>, payload: &[u8]) {
    control_frame(out, PING, payload);
}

/// Appends a pong, which repeats the payload of its ping (RFC 6455 §5.5.3).
///
/// What goes beyond [`MAX_CONTROL_BYTES`] of `payload` is left out; no ping has more.
pub fn pong_frame(out: &mut Vec<u8>, payload: &[u8]) {
    control_frame(out, PONG, payload);
}

/// Appends a close. A `reason` of more than 123 bytes is cut before the character that goes over
/// them.
pub fn close_frame(out: &mut Vec<u8>, code: u16, reason: &str) {
    let code = code.to_be_bytes();
    let mut end = reason.len().min(MAX_CONTROL_BYTES - code.len());
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    let payload = [code.as_slice(), &reason.as_bytes()[..end]].concat();
    control_frame(out, CLOSE, &payload);
}

fn control_frame(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    let payload = &payload[..payload.len().min(MAX_CONTROL_BYTES)];
    out.extend_from_slice(FrameHeader::new(opcode, payload.len()).as_slice());
    out.extend_from_slice(payload);
}

/// The header of a last and only frame, its length in the shortest form (§5.2).
struct FrameHeader {
    bytes: [u8; MAX_HEADER_BYTES],
    filled: usize,
}

impl FrameHeader {
    fn new(opcode: u8, payload_bytes: usize) -> Self {
        let mut header = Self {
            bytes: [0; MAX_HEADER_BYTES],
            filled: 0,
        };
        header.push(&[FIN_BIT | opcode]);
        match (u8::try_from(payload_bytes), u16::try_from(payload_bytes)) {
            (Ok(short), _) if short < LENGTH_IN_16_BITS => header.push(&[short]),
            (_, Ok(medium)) => {
                header.push(&[LENGTH_IN_16_BITS]);
                header.push(&medium.to_be_bytes());
            }
            (_, Err(_)) => {
                header.push(&[LENGTH_IN_64_BITS]);
                header.push(&(payload_bytes as u64).to_be_bytes());
            }
        }
        header
    }

    fn push(&mut self, bytes: &[u8]) {
        let end = self.filled + bytes.len();
        self.bytes[self.filled..end].copy_from_slice(bytes);
        self.filled = end;
    }

    fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }
}

const FIN_BIT: u8 = 0x80;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xA;
const LENGTH_IN_16_BITS: u8 = 126;
const LENGTH_IN_64_BITS: u8 = 127;

/// Two bytes and a 64-bit length.
const MAX_HEADER_BYTES: usize = 10;

/// Room left in front of a text before its length is known. The header of 126 to 65,535 bytes fits
/// exactly, so most messages never move; a shorter one moves a few bytes, and a longer one is rare.
const RESERVED_BYTES: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn text(payload: &str) -> Vec<u8> {
        let mut out = b"before".to_vec();
        text_frame(&mut out, |out| out.extend_from_slice(payload.as_bytes()));
        assert!(out.starts_with(b"before"));
        out.split_off(6)
    }

    #[test]
    fn the_frames_of_rfc_6455_section_5_7_are_written() {
        assert_eq!(text("Hello"), b"\x81\x05Hello");
        let mut out = Vec::new();
        ping_frame(&mut out, b"Hello");
        pong_frame(&mut out, b"Hello");
        assert_eq!(out, b"\x89\x05Hello\x8a\x05Hello");
    }

    #[test]
    fn a_binary_message_is_written_as_it_is() {
        let mut out = b"before".to_vec();
        binary_frame(&mut out, &[0xff; 256]);
        assert_eq!(out[..10], *b"before\x82\x7e\x01\x00");
        assert_eq!(out[10..], [0xff; 256]);
    }

    #[test]
    fn a_length_takes_its_shortest_form() {
        let forms: [(usize, &[u8]); 6] = [
            (0, b"\x81\x00"),
            (125, b"\x81\x7d"),
            (126, b"\x81\x7e\x00\x7e"),
            (256, b"\x81\x7e\x01\x00"),
            (65535, b"\x81\x7e\xff\xff"),
            (65536, b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
        ];
        for (length, header) in forms {
            let payload = "x".repeat(length);
            assert_eq!(
                text(&payload),
                [header, payload.as_bytes()].concat(),
                "{length} bytes"
            );
        }
    }

    #[test]
    fn a_close_carries_code_and_reason() {
        let mut out = Vec::new();
        close_frame(&mut out, 4441, "taken over");
        assert_eq!(out, b"\x88\x0c\x11\x59taken over");
    }

    #[test]
    fn a_long_reason_is_cut_between_two_characters() {
        let mut out = Vec::new();
        close_frame(&mut out, 1000, &"\u{20ac}".repeat(50));
        assert_eq!(out[..4], *b"\x88\x7d\x03\xe8");
        assert_eq!(out[4..], *"\u{20ac}".repeat(41).as_bytes());
        out.clear();
        close_frame(&mut out, 1000, &format!("x{}", "\u{20ac}".repeat(50)));
        assert_eq!(out[1], 2 + 1 + 40 * 3);
        assert!(std::str::from_utf8(&out[4..]).is_ok());
    }

    #[test]
    fn a_control_payload_is_cut_to_what_a_frame_may_carry() {
        let mut out = Vec::new();
        ping_frame(&mut out, &[7; 126]);
        assert_eq!(out.len(), 2 + MAX_CONTROL_BYTES);
        assert_eq!(out[1], 125);
    }
}
