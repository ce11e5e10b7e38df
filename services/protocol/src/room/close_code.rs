//! The close codes of the dialect, and the one place where a reason becomes a code and a text (spec room §3).

use crate::CloseReason;
use crate::close_codes::close_codes;

close_codes! {
    /// A close code as this dialect uses it.
    pub enum CloseCode {
        /// 1000: the client asked for it.
        Normal = 1000,
        /// 1001: the edge drains. Come back at once.
        GoingAway = 1001,
        /// 1002: broken framing.
        ProtocolError = 1002,
        /// 1006: cut. Stands for "no close frame" in counts and logs; RFC 6455 §7.4.1 forbids sending it.
        Abnormal = 1006,
        /// 1007: text that is not UTF-8.
        InvalidPayload = 1007,
        /// 1008: too many messages, or too many that make no sense. Back off.
        PolicyViolation = 1008,
        /// 1009: frame or message over the cap.
        TooBig = 1009,
        /// 1011: our own fault.
        InternalError = 1011,
        /// 1013: overloaded, or the client does not read. Back off.
        TryAgainLater = 1013,
        /// 4401: the token has expired or no longer holds. Get a new one.
        Unauthorized = 4401,
        /// 4403: membership ended, or kicked. Stop.
        NotAMember = 4403,
        /// 4404: the room was closed. Stop.
        RoomClosed = 4404,
        /// 4441: the same device connected elsewhere. Stop.
        TakenOver = 4441,
    }
}

/// What a reason becomes on the wire. Reasons that turn a newcomer away never get this far in this dialect, for its door
/// answers them over HTTP; should one, it is closed with the nearest code.
const fn farewell(reason: CloseReason) -> (CloseCode, &'static str) {
    match reason {
        CloseReason::ClientClosed => (CloseCode::Normal, ""),
        CloseReason::ConnectionLost => (CloseCode::Abnormal, ""),
        CloseReason::GoingAway => (CloseCode::GoingAway, "going away"),
        CloseReason::ProtocolViolation => (CloseCode::ProtocolError, "protocol error"),
        CloseReason::InvalidUtf8 => (CloseCode::InvalidPayload, "invalid utf-8"),
        CloseReason::PolicyViolation => (CloseCode::PolicyViolation, "policy violation"),
        CloseReason::OverMessageRate => (CloseCode::PolicyViolation, "over message rate"),
        CloseReason::PongTimeout => (CloseCode::PolicyViolation, "no pong in time"),
        CloseReason::TooBig => (CloseCode::TooBig, "message too big"),
        CloseReason::InternalError => (CloseCode::InternalError, "internal error"),
        CloseReason::SlowConsumer => (CloseCode::TryAgainLater, "slow consumer"),
        CloseReason::HandshakeTimeout => (CloseCode::TryAgainLater, "handshake timeout"),
        CloseReason::OverConcurrentLimit => (CloseCode::TryAgainLater, "over concurrent limit"),
        CloseReason::BackendUnavailable => (CloseCode::TryAgainLater, "backend unavailable"),
        CloseReason::InvalidToken => (CloseCode::Unauthorized, "invalid token"),
        CloseReason::TokenExpired => (CloseCode::Unauthorized, "token expired"),
        CloseReason::KeyRemoved => (CloseCode::Unauthorized, "key removed"),
        CloseReason::ScopeMismatch => (CloseCode::NotAMember, "not authorized"),
        CloseReason::OriginRefused => (CloseCode::NotAMember, "origin not allowed"),
        CloseReason::AppSuspended => (CloseCode::NotAMember, "app suspended"),
        CloseReason::Kicked => (CloseCode::NotAMember, "removed by an administrator"),
        CloseReason::MembershipEnded => (CloseCode::NotAMember, "no longer a member"),
        CloseReason::RoomClosed => (CloseCode::RoomClosed, "room closed"),
        CloseReason::TakenOver => (CloseCode::TakenOver, "connected elsewhere"),
        CloseReason::DeviceAttached => (CloseCode::TakenOver, "connected elsewhere"),
        CloseReason::NotUnderstood => (CloseCode::PolicyViolation, "not understood"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_ascend_and_differ() {
        let codes: Vec<u16> = CloseCode::ALL.into_iter().map(CloseCode::as_u16).collect();
        assert!(codes.is_sorted_by(|a, b| a < b), "{codes:?}");
    }

    #[test]
    fn a_reason_text_fits_into_a_control_frame() {
        for reason in CloseReason::ALL {
            assert!(reason_text(reason).len() <= 123, "{reason}");
        }
    }

    #[test]
    fn every_reason_has_its_code_and_text() {
        let line = |reason| {
            let code = CloseCode::from(reason).as_u16();
            format!("{reason}: {code} {:?}", reason_text(reason))
        };
        let lines: Vec<String> = CloseReason::ALL.into_iter().map(line).collect();
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn every_code_has_a_reason() {
        for code in CloseCode::ALL {
            let has_reason = |reason| CloseCode::from(reason) == code;
            assert!(CloseReason::ALL.into_iter().any(has_reason), "{code:?}");
        }
    }
}
