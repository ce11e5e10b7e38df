//! What a refused client gets: a status and a plain text (spec room §1.4).
//!
//! Browsers show neither; whoever looks for the reason finds it with any HTTP tool.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::close::CloseReason;

use crate::http::upgrade::UpgradeError;
use crate::metrics::Outcome;

/// Why a client was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the path names no room")]
    NotFound,
    #[error("too many connects from this address")]
    TooManyConnects(Duration),
    #[error("the edge is leaving")]
    Draining,
    #[error("no token, or one that does not hold")]
    Unauthorized,
    #[error("a cookie from a page that is not trusted")]
    ForeignOrigin,
    #[error("not a member of the room")]
    NotAMember,
    #[error("the app is suspended")]
    Suspended,
    #[error(transparent)]
    NotAnUpgrade(UpgradeError),
    #[error("the app's concurrent sessions are used up")]
    OverSessions,
    #[error("the device changes hands too often")]
    DeviceBusy,
    #[error("it cannot be found out whether the client may come in")]
    Unavailable,
}

/// When whoever found no place may come again, in seconds.
const RETRY_SESSIONS_S: u64 = 30;
/// The same for a device that changes hands too often: when the oldest takeover no longer counts.
const RETRY_DEVICE_S: u64 = 10;
/// The same for what should be over soon.
const RETRY_SOON_S: u64 = 1;

impl Refusal {
    /// Why a newcomer did not get what it has to hold.
    pub(super) const fn of_guards(reason: CloseReason) -> Self {
        match reason {
            CloseReason::TakenOver | CloseReason::DeviceAttached => Self::DeviceBusy,
            CloseReason::OverConcurrentLimit => Self::OverSessions,
            CloseReason::AppSuspended => Self::Suspended,
            CloseReason::KeyRemoved => Self::Unauthorized,
            CloseReason::GoingAway => Self::Draining,
            CloseReason::BackendUnavailable
            | CloseReason::ClientClosed
            | CloseReason::ConnectionLost
            | CloseReason::ProtocolViolation
            | CloseReason::InvalidUtf8
            | CloseReason::PolicyViolation
            | CloseReason::TooBig
            | CloseReason::SlowConsumer
            | CloseReason::PongTimeout
            | CloseReason::HandshakeTimeout
            | CloseReason::InvalidToken
            | CloseReason::TokenExpired
            | CloseReason::ScopeMismatch
            | CloseReason::OriginRefused
            | CloseReason::OverMessageRate
            | CloseReason::Kicked
            | CloseReason::InternalError
            | CloseReason::MembershipEnded
            | CloseReason::RoomClosed
            | CloseReason::NotUnderstood => Self::Unavailable,
        }
    }

    /// How it counts.
    pub(super) const fn outcome(self) -> Outcome {
        match self {
            Self::NotFound | Self::NotAnUpgrade(_) => Outcome::BadUpgrade,
            Self::TooManyConnects(_) => Outcome::TooManyConnects,
            Self::Draining => Outcome::Draining,
            Self::Unauthorized => Outcome::Unauthorized,
            Self::ForeignOrigin | Self::NotAMember => Outcome::NotMember,
            Self::Suspended => Outcome::Suspended,
            Self::OverSessions => Outcome::OverConcurrentLimit,
            Self::DeviceBusy => Outcome::TakenOver,
            Self::Unavailable => Outcome::BackendUnavailable,
        }
    }

    const fn answer(self) -> (StatusCode, &'static str) {
        match self {
            Self::NotFound => (StatusCode::NOT_FOUND, "Not Found"),
            Self::TooManyConnects(_) => (StatusCode::TOO_MANY_REQUESTS, "Too Many Requests"),
            Self::Draining => (
                StatusCode::SERVICE_UNAVAILABLE,
                "Service Unavailable: The node is leaving",
            ),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "Unauthorized"),
            Self::ForeignOrigin => (StatusCode::FORBIDDEN, "Forbidden: Origin not allowed"),
            Self::NotAMember => (
                StatusCode::FORBIDDEN,
                "Forbidden: Not a member of this chat room",
            ),
            Self::Suspended => (StatusCode::FORBIDDEN, "Forbidden: App suspended"),
            Self::NotAnUpgrade(UpgradeError::NotAnUpgrade) => (
                StatusCode::BAD_REQUEST,
                "Bad Request: WebSocket connection expected",
            ),
            Self::NotAnUpgrade(UpgradeError::Version) => (
                StatusCode::UPGRADE_REQUIRED,
                "Upgrade Required: WebSocket version 13 expected",
            ),
            Self::OverSessions => (
                StatusCode::TOO_MANY_REQUESTS,
                "Too Many Requests: No session left",
            ),
            Self::DeviceBusy => (
                StatusCode::TOO_MANY_REQUESTS,
                "Too Many Requests: The device connects too often",
            ),
            Self::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "Service Unavailable: Try again",
            ),
        }
    }

    const fn retry_after_s(self) -> Option<u64> {
        match self {
            Self::TooManyConnects(after) => Some(after.as_secs() + 1),
            Self::OverSessions => Some(RETRY_SESSIONS_S),
            Self::DeviceBusy => Some(RETRY_DEVICE_S),
            Self::Draining | Self::Unavailable => Some(RETRY_SOON_S),
            Self::NotFound
            | Self::Unauthorized
            | Self::ForeignOrigin
            | Self::NotAMember
            | Self::Suspended
            | Self::NotAnUpgrade(_) => None,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.answer().into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after_s() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Self::NotAnUpgrade(_) = self {
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(
                header::SEC_WEBSOCKET_VERSION,
                HeaderValue::from_static("13"),
            );
        }
        response
    }
}
