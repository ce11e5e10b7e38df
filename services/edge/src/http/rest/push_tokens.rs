//! How a device is woken when it has no session: its push tokens, which the device itself hands in (spec device §6.6).
//!
//! Not a call of the control plane: the credential is the token with which the device connects.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawPathParams, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use protocol::device::Claims;
use serde::Deserialize;
use utoipa::ToSchema;

use super::error::ErrorBody;
use super::{RestError, call};
use crate::auth::Verified;
use crate::calls::push::{PushKind, PushToken, TOKEN_BYTES_MAX};
use crate::calls::{Party, StoreError};
use crate::http::device::{identify, party_of};
use crate::parts::Parts;

/// A push token.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct PushTokenRequest {
    /// `fcm`, `hms`, `apns` or `apkvoip`.
    #[serde(rename = "type")]
    kind: String,
    /// What the push service calls the app on this device.
    value: String,
}

#[utoipa::path(
    post, path = "/api/v1/app/push-tokens", operation_id = "put_push_token", tag = "devices", security(("session_token" = [])),
    request_body = PushTokenRequest,
    responses(
        (status = 204, description = "The device stays reachable without a session; a former token of the type is forgotten"),
        (status = 400, description = "Bad type, value or body", body = ErrorBody),
        (status = 401, description = "Missing or wrong token", body = ErrorBody),
        (status = 403, description = "The app is suspended", body = ErrorBody),
        (status = 413, description = "The body is larger than 32 KB", body = ErrorBody),
        (status = 503, description = "The backend cannot be reached", body = ErrorBody),
    ),
)]
pub(in crate::http) async fn put(
    State(parts): State<Arc<Parts>>,
    path: RawPathParams,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, RestError> {
    let party = bearer(&parts, &path, &headers).await?;
    let request: PushTokenRequest = call::body(body).await?;
    let kind = kind_of(&request.kind)?;
    if !(1..=TOKEN_BYTES_MAX).contains(&request.value.len()) {
        let reason = format!("value: must have 1 to {TOKEN_BYTES_MAX} bytes");
        return Err(RestError::invalid(reason));
    }
    let token = PushToken {
        kind,
        value: request.value,
    };
    let kept = parts.exchange.board().put_push_token(&party, token).await;
    kept.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(
    delete, path = "/api/v1/app/push-tokens", operation_id = "remove_push_token", tag = "devices", security(("session_token" = [])),
    params(("type" = Option<String>, Query, description = "Of this type only; without it all of them")),
    responses(
        (status = 204, description = "The device is not woken by it any more; that there was none is no error"),
        (status = 400, description = "Bad type", body = ErrorBody),
        (status = 401, description = "Missing or wrong token", body = ErrorBody),
        (status = 403, description = "The app is suspended", body = ErrorBody),
        (status = 503, description = "The backend cannot be reached", body = ErrorBody),
    ),
)]
pub(in crate::http) async fn remove(
    State(parts): State<Arc<Parts>>,
    path: RawPathParams,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<StatusCode, RestError> {
    let party = bearer(&parts, &path, &headers).await?;
    let query = query.unwrap_or_default();
    let kind = query.split('&').find_map(|pair| pair.strip_prefix("type="));
    let kind = kind.map(kind_of).transpose()?;
    let removed = parts.exchange.board().remove_push_token(&party, kind).await;
    removed.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

/// The device whose token this is.
async fn bearer(
    parts: &Parts,
    path: &RawPathParams,
    headers: &HeaderMap,
) -> Result<Party, RestError> {
    let header = headers.get(header::AUTHORIZATION);
    let token = header
        .and_then(|header| header.to_str().ok())
        .and_then(|header| header.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .ok_or_else(RestError::unauthorized)?;
    let tenant = path.iter().find(|(name, _)| *name == "tenant");
    let tenant = tenant.map(|(_, tenant)| tenant.to_owned());
    let (verified, claims): (Verified, Claims) = identify(parts, token, tenant).await?;
    Ok(party_of(&verified, claims, token))
}

fn kind_of(text: &str) -> Result<PushKind, RestError> {
    let kind = PushKind::ALL.into_iter().find(|kind| kind.as_str() == text);
    kind.ok_or_else(|| RestError::invalid("type: must be fcm, hms, apns or apkvoip"))
}

fn refused(error: StoreError) -> RestError {
    match error {
        StoreError::Unavailable => RestError::unavailable(),
        StoreError::Full => RestError::invalid("too many devices, or too large to be kept"),
    }
}
