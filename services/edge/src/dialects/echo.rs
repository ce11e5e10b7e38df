//! The echo dialect: a client hears what it says. Only for conformance tests of the WebSocket layer.
//!
//! Everything below a dialect is the real thing: upgrade, codec, lane, mailbox. Refuses to know anybody: no credential,
//! no peer, no topic, no quota, and no rate, since a test may speak as fast as it can.

use protocol::close::CloseReason;
use protocol::websocket;

use super::{Actions, Input};

/// Largest message that is repeated: as much as any conformance test sends.
pub(super) const MESSAGE_BYTES_MAX: u32 = 16 * 1024 * 1024;

/// One session's part of the dialect: there is nothing to remember.
#[derive(Debug)]
pub(crate) struct Echo;

impl Echo {
    #[expect(
        clippy::unused_self,
        reason = "a dialect decides by what it remembers, and this one remembers nothing"
    )]
    pub(super) fn decide(&self, input: Input<'_>, actions: &mut Actions) {
        match input {
            Input::Text(text) => websocket::text_frame(&mut actions.replies, |out| {
                out.extend_from_slice(text.as_bytes());
            }),
            Input::Binary(bytes) => websocket::binary_frame(&mut actions.replies, bytes),
            // It asks the cluster for nothing.
            Input::Answer(..) | Input::Outcome(_) | Input::News(_) => {}
        }
    }
}

/// The close frame for a reason; it says no more than its code.
pub(super) fn close_frame(reason: CloseReason) -> Vec<u8> {
    let mut frame = Vec::new();
    websocket::close_frame(&mut frame, close_code(reason), "");
    frame
}

/// The codes of RFC 6455 §7.4.1, and 1013 from its registry. What only other dialects close for is an error of ours.
pub(crate) const fn close_code(reason: CloseReason) -> u16 {
    match reason {
        CloseReason::ClientClosed => 1000,
        CloseReason::GoingAway => 1001,
        CloseReason::ProtocolViolation => 1002,
        // Never sent (§7.4.1): stands for "no close frame" in counts.
        CloseReason::ConnectionLost => 1006,
        CloseReason::InvalidUtf8 => 1007,
        CloseReason::PolicyViolation | CloseReason::PongTimeout => 1008,
        CloseReason::TooBig => 1009,
        CloseReason::SlowConsumer
        | CloseReason::HandshakeTimeout
        | CloseReason::BackendUnavailable => 1013,
        CloseReason::InvalidToken
        | CloseReason::TokenExpired
        | CloseReason::ScopeMismatch
        | CloseReason::OriginRefused
        | CloseReason::OverConcurrentLimit
        | CloseReason::OverMessageRate
        | CloseReason::AppSuspended
        | CloseReason::Kicked
        | CloseReason::TakenOver
        | CloseReason::KeyRemoved
        | CloseReason::InternalError
        | CloseReason::MembershipEnded
        | CloseReason::RoomClosed
        | CloseReason::DeviceAttached
        | CloseReason::NotUnderstood => 1011,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply_to(input: Input<'_>) -> Vec<u8> {
        let mut actions = Actions::default();
        Echo.decide(input, &mut actions);
        assert!(actions.list.is_empty());
        actions.replies
    }

    #[test]
    fn a_message_comes_back_as_what_it_was() {
        assert_eq!(reply_to(Input::Text("é")), b"\x81\x02\xc3\xa9");
        assert_eq!(reply_to(Input::Binary(b"\xff")), b"\x82\x01\xff");
    }

    #[test]
    fn a_close_frame_holds_the_code_alone() {
        assert_eq!(close_frame(CloseReason::TooBig), b"\x88\x02\x03\xf1");
    }

    #[test]
    fn every_code_is_one_of_the_rfc() {
        for reason in CloseReason::ALL {
            assert!((1000..=1013).contains(&close_code(reason)), "{reason}");
        }
    }
}
