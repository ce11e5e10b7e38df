//! The rules of RFC 6455 as a client meets them: what it may say and is heard, what it may not and
//! is told.
//!
//! Each test names one rule; that the way of cutting does not matter is the business of
//! `properties`.

use super::client::{self, BINARY, CLOSE, CONTINUATION, FIN, Heard, PING, PONG, TEXT};
use super::{DecodeError, MAX_SHORT_FRAGMENTS, SHORT_FRAGMENT_BYTES};

const LIMIT: u32 = 1000;

fn hear(bytes: &[u8]) -> Heard {
    client::hear(LIMIT, &[bytes])
}

fn hello() -> Heard {
    Heard::events(["Text(\"Hello\")"])
}

#[test]
fn the_masked_text_of_rfc_6455_section_5_7_is_heard() {
    assert_eq!(
        hear(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"),
        hello()
    );
}

#[test]
fn the_masked_pong_of_rfc_6455_section_5_7_is_heard() {
    let pong = b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    assert_eq!(hear(pong), Heard::events([format!("Pong({:?})", b"Hello")]));
}

#[test]
fn the_unmasked_text_of_rfc_6455_section_5_7_is_refused() {
    assert_eq!(
        hear(b"\x81\x05\x48\x65\x6c\x6c\x6f"),
        Heard::error(DecodeError::NotMasked)
    );
}

#[test]
fn the_fragments_of_rfc_6455_section_5_7_become_one_message() {
    let fragments = [
        client::frame(TEXT, b"Hel"),
        client::frame(FIN | CONTINUATION, b"lo"),
    ];
    assert_eq!(hear(&fragments.concat()), hello());
}

#[test]
fn the_larger_binaries_of_rfc_6455_section_5_7_are_heard() {
    for length in [256, 65536] {
        let payload = vec![7; length];
        let frame = client::frame(FIN | BINARY, &payload);
        let heard = client::hear(65536, &[&frame]);
        assert_eq!(heard, Heard::events([format!("Binary({payload:?})")]));
    }
}

#[test]
fn control_frames_come_out_between_the_fragments_of_a_message() {
    let frames = [
        client::frame(TEXT, b"Hel"),
        client::frame(FIN | PING, b"1"),
        client::frame(CONTINUATION, b""),
        client::frame(FIN | PONG, b""),
        client::frame(FIN | CONTINUATION, b"lo"),
        client::frame(FIN | CLOSE, b"\x03\xe8bye"),
    ];
    let expected = [
        "Ping([49])",
        "Pong([])",
        "Text(\"Hello\")",
        "Close(Some(CloseFrame { code: 1000, reason: \"bye\" }))",
    ];
    assert_eq!(hear(&frames.concat()), Heard::events(expected));
}

#[test]
fn empty_messages_are_messages() {
    let frames = [
        client::frame(FIN | TEXT, b""),
        client::frame(BINARY, b""),
        client::frame(FIN | CONTINUATION, b""),
    ];
    assert_eq!(
        hear(&frames.concat()),
        Heard::events(["Text(\"\")", "Binary([])"])
    );
}

#[test]
fn a_message_over_the_limit_is_refused_by_its_header() {
    let exact = client::frame(FIN | BINARY, &[0; LIMIT as usize]);
    assert_eq!(hear(&exact).error, None);
    let over = client::frame(FIN | BINARY, &[0; LIMIT as usize + 1]);
    assert_eq!(hear(&over[..8]), Heard::error(DecodeError::TooBig));
    assert_eq!(hear(&over), Heard::error(DecodeError::TooBig));
    let endless = b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00";
    assert_eq!(hear(endless), Heard::error(DecodeError::TooBig));
}

#[test]
fn a_message_over_the_limit_in_fragments_closes_with_1009() {
    let fragments = [
        client::frame(BINARY, &[0; 600]),
        client::frame(FIN | CONTINUATION, &[0; 401]),
    ];
    let refused = client::hear(LIMIT, &[&fragments[0], &fragments[1][..8]]);
    assert_eq!(refused, Heard::error(DecodeError::TooBig));
    assert_eq!(DecodeError::TooBig.close_code(), 1009);
}

#[test]
fn a_flood_of_empty_fragments_closes_with_1008() {
    let mut frames = client::frame(TEXT, b"");
    for _ in 1..MAX_SHORT_FRAGMENTS {
        frames.extend(client::frame(CONTINUATION, b""));
    }
    assert_eq!(hear(&frames), Heard::default());
    frames.extend(client::frame(FIN | CONTINUATION, b""));
    assert_eq!(hear(&frames), Heard::error(DecodeError::TooManyFragments));
    assert_eq!(DecodeError::TooManyFragments.close_code(), 1008);
}

#[test]
fn fragments_that_bring_something_are_bounded_by_their_bytes_alone() {
    let fragment = client::frame(CONTINUATION, &[7; SHORT_FRAGMENT_BYTES]);
    let mut frames = client::frame(BINARY, b"");
    for _ in 0..MAX_SHORT_FRAGMENTS {
        frames.extend(&fragment);
    }
    frames.extend(client::frame(FIN | CONTINUATION, b""));
    let payload_bytes = MAX_SHORT_FRAGMENTS * SHORT_FRAGMENT_BYTES as u32;
    let heard = client::hear(payload_bytes, &[&frames]);
    assert_eq!((heard.events.len(), heard.error), (1, None));
    let refused = client::hear(payload_bytes - 1, &[&frames]);
    assert_eq!(refused, Heard::error(DecodeError::TooBig));
}

#[test]
fn fragments_must_follow_each_other() {
    let lone = client::frame(FIN | CONTINUATION, b"lo");
    assert_eq!(hear(&lone), Heard::error(DecodeError::NothingToContinue));
    assert_eq!(
        hear(&lone[..7]),
        Heard::error(DecodeError::NothingToContinue)
    );
    let interrupted = [
        client::frame(TEXT, b"Hel"),
        client::frame(FIN | TEXT, b"lo"),
    ]
    .concat();
    assert_eq!(
        hear(&interrupted),
        Heard::error(DecodeError::MessageInterrupted)
    );
}

#[test]
fn wrong_text_is_refused_before_the_rest_of_its_frame_arrives() {
    let frame = client::frame(FIN | TEXT, b"ab\xff and the rest");
    assert_eq!(hear(&frame), Heard::error(DecodeError::InvalidUtf8));
    assert_eq!(hear(&frame[..8]), Heard::default());
    assert_eq!(hear(&frame[..9]), Heard::error(DecodeError::InvalidUtf8));
    assert_eq!(DecodeError::InvalidUtf8.close_code(), 1007);
}

#[test]
fn wrong_text_is_refused_before_its_last_fragment_arrives() {
    let fragments = [
        client::frame(TEXT, b"\xce\xba\xf4"),
        client::frame(CONTINUATION, b"\x90"),
    ];
    assert_eq!(hear(&fragments[0]), Heard::default());
    assert_eq!(
        hear(&fragments.concat()),
        Heard::error(DecodeError::InvalidUtf8)
    );
}

#[test]
fn a_code_point_may_be_cut_between_fragments_but_not_at_the_end() {
    let cut = client::frame(TEXT, b"\xe2\x82");
    let rest = client::frame(FIN | CONTINUATION, b"\xac");
    assert_eq!(
        hear(&[cut.clone(), rest].concat()),
        Heard::events(["Text(\"\u{20ac}\")"])
    );
    let nothing = client::frame(FIN | CONTINUATION, b"");
    assert_eq!(
        hear(&[cut, nothing].concat()),
        Heard::error(DecodeError::InvalidUtf8)
    );
    let whole = client::frame(FIN | TEXT, b"\xe2\x82");
    assert_eq!(hear(&whole), Heard::error(DecodeError::InvalidUtf8));
}

#[test]
fn events_before_an_error_are_heard() {
    let frames = [
        client::frame(FIN | TEXT, b"Hello"),
        client::frame(FIN | 0x30 | TEXT, b""),
    ];
    let expected = Heard {
        error: Some(DecodeError::ReservedBits),
        ..hello()
    };
    assert_eq!(hear(&frames.concat()), expected);
}
