//! The close codes of the dialect, and the one place where a reason becomes a code and a text (spec device-session §4).

use crate::CloseReason;
use crate::close_codes::close_codes;

close_codes! {
    /// A close code as this dialect uses it. A client comes back after each of them: at once after 4441, else after 3 s.
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
        /// 1008: too many requests, or too many that make no sense.
        PolicyViolation = 1008,
        /// 1009: a frame over the cap.
        TooBig = 1009,
        /// 1011: our own fault.
        InternalError = 1011,
        /// 4201: the token is unknown, has expired or no longer holds. The client asks over REST, and logs out.
        SessionMissed = 4201,
        /// 4400: the session cannot be served for now, or no longer.
        ControllerUnknown = 4400,
        /// 4402: an administrator ended the session.
        ControllerExit = 4402,
        /// 4411: the app is suspended.
        SubscriberMissed = 4411,
        /// 4431: another session of the device is attached, and this one did not force.
        Attached = 4431,
        /// 4441: a newer session of the device forced its way.
        ForceAttach = 4441,
        /// 4501: a frame that is none.
        SignalingMessage = 4501,
        /// 4502: silent for too long.
        KeepaliveTimeout = 4502,
    }
}

/// What a reason becomes on the wire. What passes within seconds is 4400, which clients retry without a report.
const fn farewell(reason: CloseReason) -> (CloseCode, &'static str) {
    match reason {
        CloseReason::ClientClosed => (CloseCode::Normal, ""),
        CloseReason::ConnectionLost => (CloseCode::Abnormal, ""),
        CloseReason::GoingAway => (CloseCode::GoingAway, "going away"),
        CloseReason::ProtocolViolation => (CloseCode::ProtocolError, "protocol error"),
        CloseReason::InvalidUtf8 => (CloseCode::InvalidPayload, "invalid utf-8"),
        CloseReason::PolicyViolation => (CloseCode::PolicyViolation, "policy violation"),
        CloseReason::OverMessageRate => (CloseCode::PolicyViolation, "over request rate"),
        CloseReason::TooBig => (CloseCode::TooBig, "message too big"),
        CloseReason::InternalError => (CloseCode::InternalError, "internal error"),
        CloseReason::InvalidToken => (CloseCode::SessionMissed, "session missed"),
        CloseReason::TokenExpired => (CloseCode::SessionMissed, "session expired"),
        CloseReason::KeyRemoved => (CloseCode::SessionMissed, "session revoked"),
        CloseReason::ScopeMismatch => (CloseCode::SessionMissed, "session of another tenant"),
        CloseReason::OriginRefused => (CloseCode::SessionMissed, "origin not allowed"),
        CloseReason::SlowConsumer => (CloseCode::ControllerUnknown, "slow consumer"),
        CloseReason::HandshakeTimeout => (CloseCode::ControllerUnknown, "no state in time"),
        CloseReason::OverConcurrentLimit => (CloseCode::ControllerUnknown, "over concurrent limit"),
        CloseReason::BackendUnavailable => (CloseCode::ControllerUnknown, "backend unavailable"),
        CloseReason::Kicked => (CloseCode::ControllerExit, "ended by an administrator"),
        CloseReason::MembershipEnded => (CloseCode::ControllerExit, "no longer a member"),
        CloseReason::RoomClosed => (CloseCode::ControllerExit, "room closed"),
        CloseReason::AppSuspended => (CloseCode::SubscriberMissed, "app suspended"),
        CloseReason::DeviceAttached => (CloseCode::Attached, "controller attached"),
        CloseReason::TakenOver => (CloseCode::ForceAttach, "controller force attach close"),
        CloseReason::NotUnderstood => (CloseCode::SignalingMessage, "not a signaling message"),
        CloseReason::PongTimeout => (CloseCode::KeepaliveTimeout, "keepalive timeout"),
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
    fn every_reason_has_its_code_and_text() {
        let line = |reason| {
            let code = CloseCode::from(reason).as_u16();
            assert!(reason_text(reason).len() <= 123, "{reason}");
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
