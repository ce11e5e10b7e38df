//! What the driver asks of the floor, cut out of its frames.
//!
//! Relies on the driver's own form: masking key zero, members in the driver's order, `data` last.

use memchr::memmem;

/// Digits of a peer id: as long as the edge's, so that frames are equally long.
const ID_DIGITS: usize = 36;

/// One request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked<'a> {
    Subscribe {
        channel: &'a [u8],
        request: &'a [u8],
    },
    Unsubscribe {
        channel: &'a [u8],
        request: &'a [u8],
    },
    Publish {
        channel: &'a [u8],
        data: &'a [u8],
    },
    Send {
        to: usize,
        data: &'a [u8],
    },
    Close,
    /// A pong, or what the floor does not know.
    Nothing,
}

/// The first request in `bytes` and its length on the wire; `None` while it is not complete.
pub(super) fn next_asked(bytes: &[u8]) -> Option<(Asked<'_>, usize)> {
    let [first, second, rest @ ..] = bytes else {
        return None;
    };
    let (length, header) = match second & 0x7F {
        126 => (usize::from(u16::from_be_bytes(*rest.first_chunk()?)), 8),
        127 => (
            usize::try_from(u64::from_be_bytes(*rest.first_chunk()?)).ok()?,
            14,
        ),
        length => (usize::from(length), 6),
    };
    let payload = bytes.get(header..header + length)?;
    let asked = match first {
        0x81 => of_text(payload).unwrap_or(Asked::Nothing),
        0x88 => Asked::Close,
        _ => Asked::Nothing,
    };
    Some((asked, header + length))
}

/// The name of the client of this number.
pub(super) fn peer_id(number: usize) -> [u8; ID_DIGITS] {
    let mut id = [b'0'; ID_DIGITS];
    let mut rest = number;
    for digit in id.iter_mut().rev() {
        *digit += u8::try_from(rest % 10).expect("a remainder of ten is a digit");
        rest /= 10;
    }
    id
}

fn of_text(text: &[u8]) -> Option<Asked<'_>> {
    match text.strip_prefix(br#"{"type":""#)? {
        [b's', b'u', rest @ ..] => Some(Asked::Subscribe {
            channel: member(rest, br#""channel":""#)?,
            request: member(rest, br#""requestId":""#)?,
        }),
        [b'u', rest @ ..] => Some(Asked::Unsubscribe {
            channel: member(rest, br#""channel":""#)?,
            request: member(rest, br#""requestId":""#)?,
        }),
        [b'p', b'u', rest @ ..] => Some(Asked::Publish {
            channel: member(rest, br#""channel":""#)?,
            data: data(rest)?,
        }),
        [b's', b'e', rest @ ..] => Some(Asked::Send {
            to: number(member(rest, br#""to":""#)?),
            data: data(rest)?,
        }),
        _ => None,
    }
}

/// A string member, quotes off.
fn member<'a>(text: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let value = &text[memmem::find(text, name)? + name.len()..];
    Some(&value[..memchr::memchr(b'"', value)?])
}

/// The last member, up to the brace that ends the object.
fn data(text: &[u8]) -> Option<&[u8]> {
    let name = br#""data":"#;
    text[memmem::find(text, name)? + name.len()..].strip_suffix(b"}")
}

fn number(digits: &[u8]) -> usize {
    digits.iter().fold(0, |number, digit| {
        number * 10 + usize::from(digit.wrapping_sub(b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::wire::{Answer, Template, subscribe};
    use super::*;

    #[test]
    fn the_drivers_own_frames_are_understood() {
        let mut frame = Vec::new();
        let to = String::from_utf8(peer_id(42).to_vec()).unwrap();
        Template::direct(&to, 200, Answer::Silence).write(3, &mut frame);
        let (asked, length) = next_asked(&frame).unwrap();
        assert_eq!(length, frame.len());
        let Asked::Send { to, data } = asked else {
            panic!("{asked:?}")
        };
        assert_eq!((to, data.len()), (42, 200));
        assert_eq!(
            next_asked(&subscribe("c")).unwrap().0,
            Asked::Subscribe {
                channel: b"c",
                request: b"s"
            }
        );
        assert_eq!(next_asked(&frame[..frame.len() - 1]), None);
    }
}
