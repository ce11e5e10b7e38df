//! What a refused call looks like: `{"error":"<code>","message":"<text>"}`.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// Why a call was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RestError {
    status: StatusCode,
    code: &'static str,
    message: String,
}

/// The body of a refusal.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    /// For programs.
    pub(crate) error: &'static str,
    /// For people.
    pub(crate) message: String,
}

impl RestError {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }

    /// 400: a field or the body cannot be used.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", message)
    }

    /// 400: the channel's prefix is reserved.
    pub(super) fn reserved() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "channel_reserved",
            "the channel's prefix is reserved",
        )
    }

    /// 401: one answer for every bad credential.
    pub(in crate::http) fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "missing or wrong credential",
        )
    }

    /// 403: the key does not reach the channel.
    pub(super) fn out_of_scope() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "channel_not_authorized",
            "the key does not reach this channel",
        )
    }

    /// 403: the key lacks the permission.
    pub(super) fn not_permitted() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "action_not_permitted",
            "the key does not have this permission",
        )
    }

    /// 403: the app is suspended.
    pub(in crate::http) fn suspended() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "account_suspended",
            "the app is suspended",
        )
    }

    /// 409: a list has no place left.
    pub(super) fn full() -> Self {
        Self::new(StatusCode::CONFLICT, "list_full", "the room's list is full")
    }

    /// 409: the list of revocations has no place left.
    pub(super) fn revocations_full(entries: usize) -> Self {
        let message = format!("the app has {entries} revocations already");
        Self::new(StatusCode::CONFLICT, "list_full", message)
    }

    /// 413: the body is over 32 KB.
    pub(super) fn too_large() -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "invalid_request",
            "the body is larger than 32 KB",
        )
    }

    /// 429: the app's messages are used up.
    pub(super) fn over_quota() -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "over_message_quota",
            "the messages of this period are used up",
        )
    }

    /// 503: the cluster cannot be asked.
    pub(in crate::http) fn unavailable() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "internal_error",
            "the backend cannot be reached, try again",
        )
    }
}

impl From<cluster::Unavailable> for RestError {
    fn from(_: cluster::Unavailable) -> Self {
        Self::unavailable()
    }
}

impl IntoResponse for RestError {
    fn into_response(self) -> Response {
        (
            self.status,
            Json(ErrorBody {
                error: self.code,
                message: self.message,
            }),
        )
            .into_response()
    }
}

/// 404: there is no such endpoint.
pub(crate) async fn not_found() -> RestError {
    RestError::new(
        StatusCode::NOT_FOUND,
        "not_found",
        "there is no such endpoint",
    )
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn every_refusal_has_its_status_its_code_and_a_text() {
        let refusals = [
            RestError::invalid("data: nested too deep"),
            RestError::reserved(),
            RestError::unauthorized(),
            RestError::out_of_scope(),
            RestError::not_permitted(),
            RestError::suspended(),
            not_found().await,
            RestError::full(),
            RestError::too_large(),
            RestError::over_quota(),
            RestError::from(cluster::Unavailable),
        ];
        let mut lines = Vec::new();
        for refusal in refusals {
            let response = refusal.into_response();
            let status = response.status().as_u16();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            lines.push(format!("{status} {}", String::from_utf8_lossy(&body)));
        }
        insta::assert_snapshot!(lines.join("\n"));
    }
}
