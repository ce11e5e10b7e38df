//! What must hold for any traffic: cutting changes nothing, nothing panics, and what is written can
//! be read.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::client::{self, BINARY, CLOSE, CONTINUATION, FIN, Heard, PING, PONG, TEXT};
use super::{close_frame, ping_frame, pong_frame, text_frame};

const LIMIT: u32 = 70_000;

/// Something a well-behaved client says, and how it cuts it into frames.
#[derive(Debug, Clone)]
enum Said {
    Text(String, Fragmentation),
    Binary(Vec<u8>, Fragmentation),
    Control(Control),
}

/// Where a message is cut, and what is said at each cut.
type Fragmentation = Vec<(Index, Vec<Control>)>;

#[derive(Debug, Clone)]
enum Control {
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(u16, String),
}

impl Said {
    fn write(&self, wire: &mut Vec<u8>, expected: &mut Vec<String>) {
        match self {
            Self::Text(text, fragmentation) => {
                write_message(TEXT, text.as_bytes(), fragmentation, wire, expected);
                expected.push(format!("Text({text:?})"));
            }
            Self::Binary(bytes, fragmentation) => {
                write_message(BINARY, bytes, fragmentation, wire, expected);
                expected.push(format!("Binary({bytes:?})"));
            }
            Self::Control(control) => control.write(wire, expected),
        }
    }
}

impl Control {
    fn write(&self, wire: &mut Vec<u8>, expected: &mut Vec<String>) {
        match self {
            Self::Ping(payload) => {
                wire.extend(client::frame(FIN | PING, payload));
                expected.push(format!("Ping({payload:?})"));
            }
            Self::Pong(payload) => {
                wire.extend(client::frame(FIN | PONG, payload));
                expected.push(format!("Pong({payload:?})"));
            }
            Self::Close(code, reason) => {
                let payload = [code.to_be_bytes().as_slice(), reason.as_bytes()].concat();
                wire.extend(client::frame(FIN | CLOSE, &payload));
                expected.push(format!(
                    "Close(Some(CloseFrame {{ code: {code}, reason: {reason:?} }}))"
                ));
            }
        }
    }
}

fn write_message(
    opcode: u8,
    payload: &[u8],
    fragmentation: &Fragmentation,
    wire: &mut Vec<u8>,
    expected: &mut Vec<String>,
) {
    let mut opcode = opcode;
    let mut rest = payload;
    for (cut, controls) in fragmentation {
        let (fragment, later) = rest.split_at(cut.index(rest.len() + 1));
        wire.extend(client::frame(opcode, fragment));
        controls
            .iter()
            .for_each(|control| control.write(wire, expected));
        (opcode, rest) = (CONTINUATION, later);
    }
    wire.extend(client::frame(FIN | opcode, rest));
}

fn said() -> impl Strategy<Value = Said> {
    let text = prop_oneof![4 => ".{0,40}", 1 => "[a-z\u{e9}\u{20ac}\u{1f600}]{100,300}"];
    let bytes = prop_oneof![
        4 => vec(any::<u8>(), 0..300),
        1 => (65_500_usize..65_600).prop_map(|length| vec![0xA5; length]),
    ];
    prop_oneof![
        4 => (text, fragmentation()).prop_map(|(text, cuts)| Said::Text(text, cuts)),
        2 => (bytes, fragmentation()).prop_map(|(bytes, cuts)| Said::Binary(bytes, cuts)),
        1 => control().prop_map(Said::Control),
    ]
}

fn fragmentation() -> impl Strategy<Value = Fragmentation> {
    prop_oneof![
        Just(Fragmentation::new()),
        vec((any::<Index>(), vec(control(), 0..3)), 1..5),
    ]
}

fn control() -> impl Strategy<Value = Control> {
    prop_oneof![
        vec(any::<u8>(), 0..=125).prop_map(Control::Ping),
        vec(any::<u8>(), 0..=125).prop_map(Control::Pong),
        (3000_u16..5000, ".{0,30}").prop_map(|(code, reason)| Control::Close(code, reason)),
    ]
}

/// Bytes that get past the first checks more often than random ones: frames with a random head, or
/// a broken text.
fn dubious_wire() -> impl Strategy<Value = Vec<u8>> {
    let frame = prop_oneof![
        (any::<u8>(), vec(any::<u8>(), 0..200))
            .prop_map(|(first, payload)| client::frame(first, &payload)),
        (0_u8..16, vec(any::<u8>(), 0..8))
            .prop_map(|(opcode, payload)| client::frame(FIN | opcode, &payload)),
        vec(prop_oneof![Just(b'a'), 0x80..=0xFF_u8], 0..12)
            .prop_map(|payload| client::frame(TEXT, &payload)),
        ".{0,9}".prop_map(|text| client::frame(TEXT, text.as_bytes())),
        vec(0x80..=0xBF_u8, 0..4).prop_map(|payload| client::frame(CONTINUATION, &payload)),
        Just(client::frame(FIN | CONTINUATION, b"")),
        vec(any::<u8>(), 0..20),
    ];
    vec(frame, 0..8).prop_map(|frames| frames.concat())
}

/// The wire in reads of these lengths, over and over.
fn cut<'a>(mut wire: &'a [u8], lengths: &[usize]) -> Vec<&'a [u8]> {
    let mut reads = Vec::new();
    for length in lengths.iter().cycle() {
        if wire.is_empty() {
            break;
        }
        let (read, rest) = wire.split_at((*length).min(wire.len()));
        reads.push(read);
        wire = rest;
    }
    reads
}

fn read_lengths() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![
        Just(vec![1]),
        vec(1_usize..20, 1..10),
        vec(1_usize..4096, 1..10)
    ]
}

proptest! {
    #[test]
    fn what_is_said_is_heard_however_it_is_cut(
        said in vec(said(), 0..6),
        lengths in read_lengths(),
    ) {
        let mut wire = Vec::new();
        let mut expected = Vec::new();
        said.iter().for_each(|said| said.write(&mut wire, &mut expected));
        let expected = Heard::events(expected);
        prop_assert_eq!(client::hear(LIMIT, &[&wire]), expected.clone());
        prop_assert_eq!(client::hear(LIMIT, &cut(&wire, &lengths)), expected);
    }

    #[test]
    fn dubious_bytes_are_judged_alike_however_they_are_cut(
        wire in dubious_wire(),
        lengths in read_lengths(),
    ) {
        let whole = client::hear(100, &[&wire]);
        prop_assert_eq!(client::hear(100, &cut(&wire, &lengths)), whole);
    }

    #[test]
    fn arbitrary_bytes_never_panic(
        wire in vec(any::<u8>(), 0..400),
        lengths in read_lengths(),
    ) {
        let whole = client::hear(LIMIT, &[&wire]);
        prop_assert_eq!(client::hear(LIMIT, &cut(&wire, &lengths)), whole);
    }

    #[test]
    fn what_is_written_can_be_read(
        texts in vec(prop_oneof![4 => ".{0,200}", 1 => "x{65500,65600}"], 0..5),
        payload in vec(any::<u8>(), 0..=125),
        code in 1000_u16..5000,
        reason in ".{0,100}",
    ) {
        let mut out = Vec::new();
        for text in &texts {
            text_frame(&mut out, |out| out.extend_from_slice(text.as_bytes()));
        }
        ping_frame(&mut out, &payload);
        pong_frame(&mut out, &payload);
        close_frame(&mut out, code, &reason);

        let mut unread = out.as_slice();
        for text in &texts {
            let (first, payload, rest) = client::read_server_frame(unread);
            prop_assert_eq!((first, payload), (FIN | TEXT, text.as_bytes()));
            unread = rest;
        }
        for opcode in [PING, PONG] {
            let (first, repeated, rest) = client::read_server_frame(unread);
            prop_assert_eq!((first, repeated), (FIN | opcode, payload.as_slice()));
            unread = rest;
        }
        let (first, close, rest) = client::read_server_frame(unread);
        prop_assert_eq!((first, rest.len()), (FIN | CLOSE, 0));
        prop_assert_eq!(close[..2].to_vec(), code.to_be_bytes());
        let sent_reason = std::str::from_utf8(&close[2..]).unwrap();
        prop_assert!(reason.starts_with(sent_reason));
        prop_assert!(sent_reason == reason || sent_reason.len() > 123 - 4);
    }
}
