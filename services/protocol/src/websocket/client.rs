//! The other end of the wire, for tests: writes masked client frames, listens with a decoder, reads
//! server frames.
//!
//! Written independently of the codec, byte by byte, so that a mistake there is not repeated here.

use super::{DecodeError, Decoded, Decoder};

pub(super) const FIN: u8 = 0x80;
pub(super) const CONTINUATION: u8 = 0x0;
pub(super) const TEXT: u8 = 0x1;
pub(super) const BINARY: u8 = 0x2;
pub(super) const CLOSE: u8 = 0x8;
pub(super) const PING: u8 = 0x9;
pub(super) const PONG: u8 = 0xA;

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A client frame, its first byte given, its length in the shortest form. The payload begins 6, 8
/// or 14 bytes in.
pub(super) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = payload.len();
    let mut frame = vec![first];
    if length < 126 {
        frame.push(0x80 | length as u8);
    } else if length < 65536 {
        frame.extend([0xFE, (length >> 8) as u8, length as u8]);
    } else {
        frame.push(0xFF);
        frame.extend((0..8).rev().map(|byte| (length >> (8 * byte)) as u8));
    }
    frame.extend(KEY);
    frame.extend(
        payload
            .iter()
            .enumerate()
            .map(|(at, byte)| byte ^ KEY[at % 4]),
    );
    frame
}

/// All that a decoder answered, its events printed, since they borrow.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) events: Vec<String>,
    pub(super) error: Option<DecodeError>,
}

impl Heard {
    pub(super) fn events<Name: Into<String>>(events: impl IntoIterator<Item = Name>) -> Self {
        Self {
            events: events.into_iter().map(Into::into).collect(),
            error: None,
        }
    }

    pub(super) fn error(error: DecodeError) -> Self {
        Self {
            events: Vec::new(),
            error: Some(error),
        }
    }
}

/// Feeds a fresh decoder one read after the other, as a session does.
pub(super) fn hear(max_message_bytes: u32, reads: &[&[u8]]) -> Heard {
    let mut decoder = Decoder::new(max_message_bytes);
    let mut heard = Heard::default();
    for read in reads {
        let mut read = read.to_vec();
        let mut at = 0;
        loop {
            match decoder.decode(&mut read[at..]) {
                Ok(Decoded {
                    event: Some(event),
                    consumed,
                }) => {
                    heard.events.push(format!("{event:?}"));
                    at += consumed;
                }
                Ok(Decoded {
                    event: None,
                    consumed,
                }) => {
                    assert_eq!(at + consumed, read.len(), "no event, yet not all was taken");
                    break;
                }
                Err(error) => {
                    heard.error = Some(error);
                    return heard;
                }
            }
        }
    }
    heard
}

/// Reads one server frame: its first byte, its payload and what follows.
pub(super) fn read_server_frame(bytes: &[u8]) -> (u8, &[u8], &[u8]) {
    let (extended, start) = match bytes[1] {
        127 => (&bytes[2..10], 10),
        126 => (&bytes[2..4], 4),
        short => {
            assert_eq!(short & 0x80, 0, "a server must not mask");
            (&bytes[1..2], 2)
        }
    };
    let length = extended
        .iter()
        .fold(0, |length, byte| length << 8 | usize::from(*byte));
    let (payload, rest) = bytes[start..].split_at(length);
    (bytes[0], payload, rest)
}
