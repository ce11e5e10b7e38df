//! Why a session ends.
//!
//! The core knows only the reason; each dialect turns it into its own close code in one exhaustive match, because one
//! number means different things in two dialects. Invariant: every way in which a session can end stands here once.

use std::fmt;

/// Why a session (or a newcomer that was never admitted) is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// The client sent a close frame; ours is the answer.
    ClientClosed,
    /// The transport ended without a close frame: there is nobody left to tell.
    ConnectionLost,
    /// The edge drains.
    GoingAway,
    /// The client broke RFC 6455 framing.
    ProtocolViolation,
    /// A text frame was not UTF-8.
    InvalidUtf8,
    /// Well-framed traffic that the dialect forbids altogether.
    PolicyViolation,
    /// A frame or message over the size cap.
    TooBig,
    /// The client does not read: its mailbox is full.
    SlowConsumer,
    /// No pong in time: the peer is taken for dead.
    PongTimeout,
    /// The upgrade succeeded but admission did not finish in time.
    HandshakeTimeout,
    /// No credential, or one that does not hold.
    InvalidToken,
    /// A good token whose time is over or about to be.
    TokenExpired,
    /// A good token that claims channels outside its key's patterns.
    ScopeMismatch,
    /// The `Origin` is not one that the key allows.
    OriginRefused,
    /// The app's cap on concurrent sessions is reached.
    OverConcurrentLimit,
    /// The session's message bucket is empty.
    OverMessageRate,
    /// The app is suspended.
    AppSuspended,
    /// An administrator ended the session.
    Kicked,
    /// A newer session holds the device.
    TakenOver,
    /// The key that admitted the session has been removed.
    KeyRemoved,
    /// A newcomer needs the backend and it cannot be reached.
    BackendUnavailable,
    /// Our own fault.
    InternalError,
    /// The account is no longer a member of its room.
    MembershipEnded,
    /// The room was closed for everybody.
    RoomClosed,
    /// A newcomer that would take nobody's place, and another session holds its device.
    DeviceAttached,
    /// A message that is no frame of the dialect.
    NotUnderstood,
}

impl CloseReason {
    /// Every reason, in the order of declaration: `ALL[reason as usize] == reason`.
    pub const ALL: [Self; 26] = [
        Self::ClientClosed,
        Self::ConnectionLost,
        Self::GoingAway,
        Self::ProtocolViolation,
        Self::InvalidUtf8,
        Self::PolicyViolation,
        Self::TooBig,
        Self::SlowConsumer,
        Self::PongTimeout,
        Self::HandshakeTimeout,
        Self::InvalidToken,
        Self::TokenExpired,
        Self::ScopeMismatch,
        Self::OriginRefused,
        Self::OverConcurrentLimit,
        Self::OverMessageRate,
        Self::AppSuspended,
        Self::Kicked,
        Self::TakenOver,
        Self::KeyRemoved,
        Self::BackendUnavailable,
        Self::InternalError,
        Self::MembershipEnded,
        Self::RoomClosed,
        Self::DeviceAttached,
        Self::NotUnderstood,
    ];

    /// The reason in snake case: the metric label and the log field.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientClosed => "client_closed",
            Self::ConnectionLost => "connection_lost",
            Self::GoingAway => "going_away",
            Self::ProtocolViolation => "protocol_violation",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::PolicyViolation => "policy_violation",
            Self::TooBig => "too_big",
            Self::SlowConsumer => "slow_consumer",
            Self::PongTimeout => "pong_timeout",
            Self::HandshakeTimeout => "handshake_timeout",
            Self::InvalidToken => "invalid_token",
            Self::TokenExpired => "token_expired",
            Self::ScopeMismatch => "scope_mismatch",
            Self::OriginRefused => "origin_refused",
            Self::OverConcurrentLimit => "over_concurrent_limit",
            Self::OverMessageRate => "over_message_rate",
            Self::AppSuspended => "app_suspended",
            Self::Kicked => "kicked",
            Self::TakenOver => "taken_over",
            Self::KeyRemoved => "key_removed",
            Self::BackendUnavailable => "backend_unavailable",
            Self::InternalError => "internal_error",
            Self::MembershipEnded => "membership_ended",
            Self::RoomClosed => "room_closed",
            Self::DeviceAttached => "device_attached",
            Self::NotUnderstood => "not_understood",
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_list_is_in_the_order_of_declaration() {
        for (index, reason) in CloseReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index, "{reason}");
        }
    }

    #[test]
    fn every_reason_has_its_own_label() {
        let labels: HashSet<_> = CloseReason::ALL
            .into_iter()
            .map(CloseReason::as_str)
            .collect();
        assert_eq!(labels.len(), CloseReason::ALL.len());
        assert!(labels.iter().all(|label| {
            label
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b == b'_' || b == b'8')
        }));
    }
}
