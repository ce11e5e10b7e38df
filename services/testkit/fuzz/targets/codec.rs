//! The WebSocket codec on arbitrary traffic.
//!
//! Oracle: the traffic in any pieces gives the same events and the same error as in one piece; a decoder holds nothing
//! between two messages; an error is final.
//!
//! Input: four lengths of reads, used over and over (0 is a read that brings nothing), the size limit of a message in
//! two bytes, then the traffic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::websocket::{DecodeError, Decoded, Decoder, Event};

fuzz_target!(|input: &[u8]| {
    let Some((lengths, rest)) = input.split_first_chunk::<4>() else {
        return;
    };
    let Some((limit, traffic)) = rest.split_first_chunk() else {
        return;
    };
    let limit = u32::from(u16::from_le_bytes(*limit));
    let whole = hear(limit, [traffic]);
    assert_eq!(hear(limit, cut(traffic, *lengths)), whole);
    assert_eq!(hear(limit, traffic.chunks(1)), whole);
});

/// All that a decoder answers, as a session would hear it. The events are printed, since they borrow.
fn hear<'a>(
    limit: u32,
    reads: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<String>, Option<DecodeError>) {
    let mut decoder = Decoder::new(limit);
    let mut events = Vec::new();
    for read in reads {
        let mut read = read.to_vec();
        let mut at = 0;
        loop {
            match decoder.decode(&mut read[at..]) {
                Ok(Decoded {
                    event: Some(event),
                    consumed,
                }) => {
                    at += consumed;
                    let is_message = matches!(event, Event::Text(_) | Event::Binary(_));
                    events.push(format!("{event:?}"));
                    if is_message {
                        assert_holds_nothing(&mut decoder);
                    }
                }
                Ok(Decoded {
                    event: None,
                    consumed,
                }) => {
                    assert_eq!(at + consumed, read.len(), "no event, yet bytes are left");
                    break;
                }
                Err(error) => {
                    let again = decoder.decode(&mut read[at..]).map(drop);
                    assert_eq!(again, Err(error), "an error is final");
                    return (events, Some(error));
                }
            }
        }
    }
    (events, None)
}

/// Control frames may come inside a message; behind a message there is nothing to remember.
fn assert_holds_nothing(decoder: &mut Decoder) {
    assert_eq!(
        decoder.decode(&mut []),
        Ok(Decoded {
            event: None,
            consumed: 0
        })
    );
    assert!(decoder.is_idle());
}

fn cut(mut traffic: &[u8], lengths: [u8; 4]) -> Vec<&[u8]> {
    let mut reads = Vec::new();
    if lengths == [0; 4] {
        return vec![traffic];
    }
    for length in lengths.into_iter().cycle() {
        if traffic.is_empty() {
            break;
        }
        let (read, rest) = traffic.split_at(usize::from(length).min(traffic.len()));
        reads.push(read);
        traffic = rest;
    }
    reads
}
