//! The payload of a close frame: which codes may travel, and that the reason is text (RFC 6455
//! §5.5.1, §7.4).
//!
//! Refuses to know what a code means to anybody; the dialects do.

use super::error::DecodeError;
use super::text;

/// Why a client leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CloseFrame<'a> {
    /// A code that RFC 6455 §7.4 allows on the wire.
    pub code: u16,
    /// At most 123 bytes, often empty. For people, not for programs (§7.1.6).
    pub reason: &'a str,
}

impl<'a> CloseFrame<'a> {
    /// Reads a close payload; an empty one carries no code.
    pub(super) fn parse(payload: &'a [u8]) -> Result<Option<Self>, DecodeError> {
        if payload.is_empty() {
            return Ok(None);
        }
        let Some((code, reason)) = payload.split_first_chunk() else {
            return Err(DecodeError::CloseTooShort);
        };
        let code = u16::from_be_bytes(*code);
        if !may_be_sent(code) {
            return Err(DecodeError::CloseCodeInvalid(code));
        }
        let reason = text::check(reason)?;
        Ok(Some(Self { code, reason }))
    }
}

/// The codes of RFC 6455 §7.4.1, those registered since (1012 to 1014), and the two ranges of
/// §7.4.2 that are open to libraries and applications. 1005, 1006 and 1015 only ever exist inside
/// an endpoint.
const fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_payload_carries_no_code() {
        assert_eq!(CloseFrame::parse(b""), Ok(None));
    }

    #[test]
    fn one_byte_is_too_short() {
        assert_eq!(CloseFrame::parse(b"\x03"), Err(DecodeError::CloseTooShort));
    }

    #[test]
    fn a_code_may_stand_alone_or_with_a_reason() {
        let alone = CloseFrame {
            code: 1000,
            reason: "",
        };
        assert_eq!(CloseFrame::parse(b"\x03\xe8"), Ok(Some(alone)));
        let explained = CloseFrame {
            code: 4441,
            reason: "é",
        };
        assert_eq!(CloseFrame::parse(b"\x11\x59\xc3\xa9"), Ok(Some(explained)));
    }

    #[test]
    fn only_codes_meant_for_the_wire_pass() {
        for code in [
            1000, 1001, 1003, 1007, 1010, 1011, 1012, 1014, 3000, 3999, 4000, 4999,
        ] {
            assert!(may_be_sent(code), "{code}");
        }
        for code in [
            0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535,
        ] {
            assert!(!may_be_sent(code), "{code}");
        }
        let refused = DecodeError::CloseCodeInvalid(1005);
        assert_eq!(CloseFrame::parse(&1005_u16.to_be_bytes()), Err(refused));
        assert_eq!(refused.close_code(), 1002);
    }

    #[test]
    fn a_reason_that_is_not_text_closes_with_1007() {
        let refused = CloseFrame::parse(b"\x03\xe8\xff").unwrap_err();
        assert_eq!(refused.close_code(), 1007);
    }
}
