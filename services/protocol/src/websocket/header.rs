//! The header of a client frame: two to fourteen bytes that say what follows (RFC 6455 §5.2).
//!
//! Checks every rule that a header can break by itself, each as soon as its byte is there. Refuses
//! to know whether a message is open and how big one may be; `partial` does.

use super::control::MAX_CONTROL_BYTES;
use super::error::DecodeError;
use super::mask::Mask;

/// A header that breaks no rule of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) opcode: Opcode,
    /// FIN: no further fragment follows. Always set on a control frame.
    pub(super) last: bool,
    pub(super) mask: Mask,
    /// Of the header itself.
    pub(super) header_bytes: usize,
    /// As announced, nothing of it need have arrived.
    pub(super) payload_bytes: usize,
}

/// What the payload belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opcode {
    /// A new message.
    Message(MessageKind),
    /// The next fragment of the open message.
    Continuation,
    /// No message; may stand between two fragments.
    Control(ControlKind),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MessageKind {
    Text,
    Binary,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ControlKind {
    Close,
    Ping,
    Pong,
}

impl Header {
    /// Reads the header at the front of `bytes`; `None` asks for more of them.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<Self>, DecodeError> {
        let Some((&first, rest)) = bytes.split_first() else {
            return Ok(None);
        };
        if first & RESERVED_BITS != 0 {
            return Err(DecodeError::ReservedBits);
        }
        let opcode = Opcode::parse(first & OPCODE_BITS)?;
        let last = first & FIN_BIT != 0;
        let is_control = matches!(opcode, Opcode::Control(_));
        if is_control && !last {
            return Err(DecodeError::ControlFragmented);
        }

        let Some((&second, rest)) = rest.split_first() else {
            return Ok(None);
        };
        if second & MASK_BIT == 0 {
            return Err(DecodeError::NotMasked);
        }
        let length = second & LENGTH_BITS;
        if is_control && usize::from(length) > MAX_CONTROL_BYTES {
            return Err(DecodeError::ControlTooLong);
        }

        let Some((payload_bytes, rest)) = payload_length(length, rest)? else {
            return Ok(None);
        };
        let Some((key, rest)) = rest.split_first_chunk() else {
            return Ok(None);
        };
        Ok(Some(Self {
            opcode,
            last,
            mask: Mask::new(*key),
            header_bytes: bytes.len() - rest.len(),
            payload_bytes,
        }))
    }
}

impl Opcode {
    fn parse(bits: u8) -> Result<Self, DecodeError> {
        match bits {
            0x0 => Ok(Self::Continuation),
            0x1 => Ok(Self::Message(MessageKind::Text)),
            0x2 => Ok(Self::Message(MessageKind::Binary)),
            0x8 => Ok(Self::Control(ControlKind::Close)),
            0x9 => Ok(Self::Control(ControlKind::Ping)),
            0xA => Ok(Self::Control(ControlKind::Pong)),
            reserved => Err(DecodeError::ReservedOpcode(reserved)),
        }
    }
}

/// The payload length of a header whose seven bits say `length`, and what lies behind it.
fn payload_length(length: u8, rest: &[u8]) -> Result<Option<(usize, &[u8])>, DecodeError> {
    match length {
        LENGTH_IN_16_BITS => {
            let Some((extended, rest)) = rest.split_first_chunk() else {
                return Ok(None);
            };
            let extended = u16::from_be_bytes(*extended);
            if extended < u16::from(LENGTH_IN_16_BITS) {
                return Err(DecodeError::LengthNotMinimal);
            }
            Ok(Some((usize::from(extended), rest)))
        }
        LENGTH_IN_64_BITS => {
            let Some((extended, rest)) = rest.split_first_chunk() else {
                return Ok(None);
            };
            let extended = u64::from_be_bytes(*extended);
            if extended > i64::MAX as u64 {
                return Err(DecodeError::LengthTopBit);
            }
            if extended <= u64::from(u16::MAX) {
                return Err(DecodeError::LengthNotMinimal);
            }
            // What a small machine cannot count is over every limit as well.
            Ok(Some((
                usize::try_from(extended).unwrap_or(usize::MAX),
                rest,
            )))
        }
        short => Ok(Some((usize::from(short), rest))),
    }
}

/// The front of a header that the input cut off.
#[derive(Debug, Default)]
pub(super) struct CutHeader {
    bytes: [u8; MAX_HEADER_BYTES],
    filled: usize,
}

impl CutHeader {
    /// Takes from the front of `input` what belongs to the header; `None` asks for more, then all
    /// of `input` is taken.
    pub(super) fn read(&mut self, input: &mut &mut [u8]) -> Result<Option<Header>, DecodeError> {
        let room = &mut self.bytes[self.filled..];
        let offered = room.len().min(input.len());
        room[..offered].copy_from_slice(&input[..offered]);
        let header = Header::parse(&self.bytes[..self.filled + offered])?;
        let taken = header.map_or(offered, |header| header.header_bytes - self.filled);
        self.filled += taken;
        *input = &mut std::mem::take(input)[taken..];
        Ok(header)
    }
}

const FIN_BIT: u8 = 0x80;
const RESERVED_BITS: u8 = 0x70;
const OPCODE_BITS: u8 = 0x0F;
const MASK_BIT: u8 = 0x80;
const LENGTH_BITS: u8 = 0x7F;
const LENGTH_IN_16_BITS: u8 = 126;
const LENGTH_IN_64_BITS: u8 = 127;

/// Two bytes, a 64-bit length and the key.
const MAX_HEADER_BYTES: usize = 14;

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 4] = [1, 2, 3, 4];

    fn header(front: &[u8]) -> Vec<u8> {
        [front, KEY.as_slice()].concat()
    }

    fn refused(bytes: &[u8]) -> DecodeError {
        Header::parse(bytes).unwrap_err()
    }

    #[test]
    fn each_length_form_is_read() {
        let forms: [(&[u8], usize); 5] = [
            (b"\x82\x80", 0),
            (b"\x82\xfd", 125),
            (b"\x82\xfe\x00\x7e", 126),
            (b"\x82\xfe\xff\xff", 65535),
            (b"\x82\xff\x00\x00\x00\x00\x00\x01\x00\x00", 65536),
        ];
        for (front, payload_bytes) in forms {
            let bytes = header(front);
            let expected = Header {
                opcode: Opcode::Message(MessageKind::Binary),
                last: true,
                mask: Mask::new(KEY),
                header_bytes: bytes.len(),
                payload_bytes,
            };
            assert_eq!(Header::parse(&bytes), Ok(Some(expected)));
            for cut in 0..bytes.len() {
                assert_eq!(Header::parse(&bytes[..cut]), Ok(None), "cut at {cut}");
            }
        }
    }

    #[test]
    fn a_length_must_take_its_shortest_form() {
        let not_minimal = DecodeError::LengthNotMinimal;
        assert_eq!(refused(b"\x82\xfe\x00\x7d"), not_minimal);
        assert_eq!(
            refused(b"\x82\xff\x00\x00\x00\x00\x00\x00\xff\xff"),
            not_minimal
        );
    }

    #[test]
    fn a_length_has_63_bits() {
        assert_eq!(
            refused(b"\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00"),
            DecodeError::LengthTopBit
        );
        let largest = header(b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff");
        assert!(Header::parse(&largest).unwrap().is_some());
    }

    #[test]
    fn each_reserved_bit_is_refused_at_the_first_byte() {
        for bit in [0x40, 0x20, 0x10] {
            assert_eq!(refused(&[0x81 | bit]), DecodeError::ReservedBits);
        }
    }

    #[test]
    fn each_reserved_opcode_is_refused_at_the_first_byte() {
        for opcode in (0x3..=0x7).chain(0xB..=0xF) {
            assert_eq!(
                refused(&[0x80 | opcode]),
                DecodeError::ReservedOpcode(opcode)
            );
        }
    }

    #[test]
    fn a_client_frame_without_a_mask_is_refused() {
        assert_eq!(refused(b"\x81\x05"), DecodeError::NotMasked);
    }

    #[test]
    fn a_control_frame_is_short_and_whole() {
        for opcode in [0x8, 0x9, 0xA] {
            assert_eq!(refused(&[opcode]), DecodeError::ControlFragmented);
            assert_eq!(refused(&[0x80 | opcode, 0xFE]), DecodeError::ControlTooLong);
            assert_eq!(refused(&[0x80 | opcode, 0xFF]), DecodeError::ControlTooLong);
            assert!(
                Header::parse(&header(&[0x80 | opcode, 0xFD]))
                    .unwrap()
                    .is_some()
            );
        }
    }

    #[test]
    fn a_cut_header_takes_no_byte_of_the_payload() {
        let mut bytes = header(b"\x82\xfe\x01\x00");
        let header_bytes = bytes.len();
        bytes.extend_from_slice(b"payload");
        for cut in 0..header_bytes {
            let mut header = CutHeader::default();
            let mut bytes = bytes.clone();
            let (mut front, mut back) = bytes.split_at_mut(cut);
            assert_eq!(header.read(&mut front), Ok(None));
            assert!(front.is_empty());
            assert!(header.read(&mut back).unwrap().is_some());
            assert_eq!(back, b"payload");
        }
    }
}
