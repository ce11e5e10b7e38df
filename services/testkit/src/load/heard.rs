//! What a server says, told apart without a JSON parser.
//!
//! Owns the reading of server frames. Relies on `type` being the first member, which every frame of the realtime dialect
//! has; what begins in another way is [`Heard::Unknown`] and counts as malformed.

/// One message or event of one link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard<'a> {
    /// The session is ready (spec realtime §1.3).
    Welcome(&'a [u8]),
    /// A request was carried out.
    Ack,
    /// A publication.
    Message(&'a [u8]),
    /// A direct.
    Direct(&'a [u8]),
    /// A snapshot or a change of members.
    Presence,
    /// A request failed.
    Refused(&'a [u8]),
    /// A WebSocket ping, which has been answered.
    Ping,
    /// A frame that nobody expects here.
    Unknown,
    /// The stream is over.
    Closed,
}

/// A frame as it lies in the read buffer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    Text(&'a [u8]),
    Ping(&'a [u8]),
    Close,
    Other,
}

impl<'a> Heard<'a> {
    /// Tells a text message's kind by the first bytes of its `type`.
    pub(super) fn text(text: &'a [u8]) -> Self {
        let kind = text.strip_prefix(br#"{"type":""#).unwrap_or_default();
        match kind {
            [b'm', ..] => Self::Message(text),
            [b'd', ..] => Self::Direct(text),
            [b'a', ..] => Self::Ack,
            [b'p', b'r', ..] => Self::Presence,
            [b'w', ..] => Self::Welcome(text),
            [b'e', ..] => Self::Refused(text),
            _ => Self::Unknown,
        }
    }
}

/// The first frame of `bytes` and its length on the wire; `None` while it is not complete.
pub(super) fn next_frame(bytes: &[u8]) -> Option<(Frame<'_>, usize)> {
    let [first, second, rest @ ..] = bytes else {
        return None;
    };
    let (length, header) = match second & 0x7F {
        126 => (usize::from(u16::from_be_bytes(*rest.first_chunk()?)), 4),
        127 => (
            usize::try_from(u64::from_be_bytes(*rest.first_chunk()?)).ok()?,
            10,
        ),
        length => (usize::from(length), 2),
    };
    let end = header + length;
    let payload = bytes.get(header..end)?;
    let frame = match first {
        0x81 => Frame::Text(payload),
        0x88 => Frame::Close,
        0x89 => Frame::Ping(payload),
        _ => Frame::Other,
    };
    Some((frame, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_cut_at_their_length_and_not_before_they_are_whole() {
        let mut bytes = vec![0x81, 126, 0, 130];
        bytes.extend([b'x'; 130]);
        bytes.extend([0x89, 1, b'p', 0x81]);
        assert_eq!(next_frame(&bytes), Some((Frame::Text(&[b'x'; 130]), 134)));
        assert_eq!(next_frame(&bytes[..133]), None);
        assert_eq!(next_frame(&bytes[134..]), Some((Frame::Ping(b"p"), 3)));
        assert_eq!(next_frame(&bytes[137..]), None);
    }

    #[test]
    fn presence_and_pong_are_not_confused() {
        assert_eq!(Heard::text(br#"{"type":"presence"}"#), Heard::Presence);
        assert_eq!(Heard::text(br#"{"type":"pong"}"#), Heard::Unknown);
        assert_eq!(Heard::text(br#"[1]"#), Heard::Unknown);
    }
}
