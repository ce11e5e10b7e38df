//! The close codes of the dialect, and the one place where a reason becomes a code and a text (spec §4.2).

use crate::CloseReason;
use crate::close_codes::close_codes;

close_codes! {
    /// A close code as this dialect uses it. 4000 is absent: only clients send it.
    pub enum CloseCode {
        /// 1000: the client asked for it.
        Normal = 1000,
        /// 1001: the edge drains.
        GoingAway = 1001,
        /// 1002: broken framing.
        ProtocolError = 1002,
        /// 1006: cut. Stands for "no close frame" in counts and logs; RFC 6455 §7.4.1 forbids sending it.
        Abnormal = 1006,
        /// 1007: text that is not UTF-8.
        InvalidPayload = 1007,
        /// 1008: traffic that is not allowed.
        PolicyViolation = 1008,
        /// 1009: frame or message over the cap.
        TooBig = 1009,
        /// 1011: our own fault.
        InternalError = 1011,
        /// 1013: come back later.
        TryAgainLater = 1013,
        /// 4001: credential refused. Terminal: the SDKs do not come back.
        InvalidToken = 4001,
        /// 4002: token expired. The SDKs come back with a fresh one.
        TokenExpired = 4002,
        /// 4003: the token's channels are outside its key's patterns. Terminal.
        ChannelNotAuthorized = 4003,
        /// 4010: the app's cap on concurrent sessions. The SDKs wait at least 30 s.
        OverConcurrentLimit = 4010,
        /// 4011: message bucket empty.
        OverMessageRate = 4011,
        /// 4012: app suspended. Terminal.
        AccountSuspended = 4012,
        /// 4020: ended by an administrator. Terminal.
        AdminDisconnect = 4020,
        /// 4441: a newer session holds the device.
        TakenOver = 4441,
    }
}

impl CloseCode {
    /// The code's name in docs, logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::GoingAway => "going_away",
            Self::ProtocolError => "protocol_error",
            Self::Abnormal => "abnormal",
            Self::InvalidPayload => "invalid_payload",
            Self::PolicyViolation => "policy_violation",
            Self::TooBig => "too_big",
            Self::InternalError => "internal_error",
            Self::TryAgainLater => "try_again_later",
            Self::InvalidToken => "invalid_token",
            Self::TokenExpired => "token_expired",
            Self::ChannelNotAuthorized => "channel_not_authorized",
            Self::OverConcurrentLimit => "over_concurrent_limit",
            Self::OverMessageRate => "over_message_rate",
            Self::AccountSuspended => "account_suspended",
            Self::AdminDisconnect => "admin_disconnect",
            Self::TakenOver => "taken_over",
        }
    }
}

/// What a reason becomes on the wire.
///
/// A lost connection has nobody to tell; its code serves counts and logs only. A peer that owes a pong broke RFC 6455
/// §5.5.3, hence 1008: should it still be there, its SDK comes back after a pause.
const fn farewell(reason: CloseReason) -> (CloseCode, &'static str) {
    match reason {
        CloseReason::ClientClosed => (CloseCode::Normal, ""),
        CloseReason::ConnectionLost => (CloseCode::Abnormal, ""),
        CloseReason::GoingAway => (CloseCode::GoingAway, "going away"),
        CloseReason::ProtocolViolation => (CloseCode::ProtocolError, "protocol error"),
        CloseReason::InvalidUtf8 => (CloseCode::InvalidPayload, "invalid utf-8"),
        CloseReason::PolicyViolation => (CloseCode::PolicyViolation, "policy violation"),
        CloseReason::TooBig => (CloseCode::TooBig, "message too big"),
        CloseReason::SlowConsumer => (CloseCode::TryAgainLater, "slow consumer"),
        CloseReason::PongTimeout => (CloseCode::PolicyViolation, "no pong in time"),
        CloseReason::HandshakeTimeout => (CloseCode::TryAgainLater, "handshake timeout"),
        CloseReason::InvalidToken => (CloseCode::InvalidToken, "invalid token"),
        CloseReason::TokenExpired => (CloseCode::TokenExpired, "token expired"),
        CloseReason::ScopeMismatch => (CloseCode::ChannelNotAuthorized, "channel not authorized"),
        CloseReason::OriginRefused => (CloseCode::InvalidToken, "origin not allowed"),
        CloseReason::OverConcurrentLimit => {
            (CloseCode::OverConcurrentLimit, "over concurrent limit")
        }
        CloseReason::OverMessageRate => (CloseCode::OverMessageRate, "over message rate"),
        CloseReason::AppSuspended => (CloseCode::AccountSuspended, "account suspended"),
        CloseReason::Kicked => (
            CloseCode::AdminDisconnect,
            "disconnected by an administrator",
        ),
        CloseReason::TakenOver => (CloseCode::TakenOver, "taken over by a newer session"),
        CloseReason::KeyRemoved => (CloseCode::InvalidToken, "key removed"),
        CloseReason::BackendUnavailable => (CloseCode::TryAgainLater, "backend unavailable"),
        // All but the first end sessions of other dialects only; here they would be an error of ours.
        CloseReason::InternalError
        | CloseReason::MembershipEnded
        | CloseReason::RoomClosed
        | CloseReason::DeviceAttached
        | CloseReason::NotUnderstood => (CloseCode::InternalError, "internal error"),
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
            let code = CloseCode::from(reason);
            format!(
                "{reason}: {} {} {:?}",
                code.as_u16(),
                code.name(),
                reason_text(reason)
            )
        };
        let lines: Vec<String> = CloseReason::ALL.into_iter().map(line).collect();
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn every_code_has_a_reason() {
        for code in CloseCode::ALL {
            assert!(
                CloseReason::ALL
                    .into_iter()
                    .any(|reason| CloseCode::from(reason) == code),
                "{code:?}"
            );
        }
    }
}
