//! Signing a token for a client.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use protocol::realtime::limits::{
    CLAIM_CHANNELS, CLAIM_PERMISSIONS, TOKEN_LIFETIME_DEFAULT_S, TOKEN_LIFETIME_MAX_S,
};
use protocol::realtime::{Claims, MintedClaims};
use protocol::room::Rooms;
use protocol::{ChannelPattern, DeviceId, PeerId, Permission, Permissions};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::error::ErrorBody;
use super::{RestError, call};
use crate::auth::mint;
use crate::lane::unix_now;
use crate::parts::Parts;
use crate::tenancy::Key;

/// What the token is to say.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TokenRequest {
    /// Who the client will be: 1 to 128 printable ASCII characters.
    #[schema(value_type = String)]
    peer_id: PeerId,
    /// Channels or patterns, inside the key's; at most 100. Absent: the key's.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    channels: Option<Vec<ChannelPattern>>,
    /// Some of publish, subscribe, presence, send. Absent: the key's.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    permissions: Option<Vec<Permission>>,
    /// Lifetime in seconds, 1 to 86400.
    #[serde(default)]
    #[schema(default = 3600)]
    expires_in_sec: Option<u64>,
    /// Told to the client itself in its welcome; at most 8 KB.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    metadata: Option<Box<RawValue>>,
    /// Shown to other peers; at most 4 KB.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    peer_metadata: Option<Box<RawValue>>,
    /// Binds the token to a device, which holds one session at a time.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    device: Option<DeviceId>,
    /// Copied into the token for the room dialect.
    #[serde(default)]
    #[schema(value_type = Option<Value>)]
    rooms: Option<Box<RawValue>>,
    /// Copied into the token for the device dialect.
    #[serde(default)]
    #[schema(value_type = Option<Value>)]
    number: Option<Box<RawValue>>,
}

/// A signed token.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TokenGrant {
    /// The JWT, signed with the calling key.
    token: String,
    /// Its end, in Unix seconds.
    expires_at: u64,
}

#[utoipa::path(
    post, path = "/v1/tokens", tag = "tokens", security(("secret_key" = [])),
    request_body = TokenRequest,
    responses(
        (status = 200, description = "The signed token", body = TokenGrant),
        (status = 400, description = "Bad body or field", body = ErrorBody),
        (status = 401, description = "Missing or wrong credential", body = ErrorBody),
        (status = 403, description = "More than the key has, or the app is suspended", body = ErrorBody),
        (status = 413, description = "The body is larger than 32 KB", body = ErrorBody),
    ),
)]
pub(in crate::http) async fn mint_token(
    State(parts): State<Arc<Parts>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<TokenGrant>, RestError> {
    let key = call::key(&parts, &headers)?;
    let request: TokenRequest = call::body(body).await?;
    let lifetime_s = request.expires_in_sec.unwrap_or(TOKEN_LIFETIME_DEFAULT_S);
    if lifetime_s == 0 || lifetime_s > TOKEN_LIFETIME_MAX_S {
        return Err(RestError::invalid("expiresInSec: between 1 and 86400"));
    }
    let permissions = permissions_within(&key, request.permissions.as_deref())?;
    let channels = channels_within(&key, request.channels.as_deref())?;
    // As the room's door would judge it.
    Rooms::from_claim(request.rooms.as_deref())
        .map_err(|error| RestError::invalid(error.to_string()))?;
    let now_s = unix_now().as_secs();
    let expires_at = now_s + lifetime_s;
    let claims = MintedClaims {
        channels,
        permissions,
        metadata: request.metadata.as_deref(),
        peer_metadata: request.peer_metadata.as_deref(),
        device: request.device.as_ref(),
        rooms: request.rooms.as_deref(),
        number: request.number.as_deref(),
        ..MintedClaims::new(&request.peer_id, now_s, expires_at)
    };
    // What the door would refuse is not signed: one place judges sizes and names.
    Claims::from_json(&claims.to_json()).map_err(|error| RestError::invalid(error.to_string()))?;
    let token = mint(&key, &claims).map_err(|error| {
        tracing::error!(%error, key = %key.id, "a token could not be signed");
        RestError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "internal_error",
            "the token could not be signed",
        )
    })?;
    Ok(Json(TokenGrant { token, expires_at }))
}

fn permissions_within(
    key: &Key,
    asked: Option<&[Permission]>,
) -> Result<Option<Permissions>, RestError> {
    let Some(asked) = asked else { return Ok(None) };
    if asked.len() > CLAIM_PERMISSIONS {
        return Err(RestError::invalid("permissions: more than 16 entries"));
    }
    let permissions: Permissions = asked.iter().copied().collect();
    if !permissions.is_subset_of(key.permissions) {
        return Err(RestError::not_permitted());
    }
    Ok(Some(permissions))
}

fn channels_within<'a>(
    key: &Key,
    asked: Option<&'a [ChannelPattern]>,
) -> Result<Option<&'a [ChannelPattern]>, RestError> {
    let Some(asked) = asked else { return Ok(None) };
    if asked.len() > CLAIM_CHANNELS {
        return Err(RestError::invalid("channels: more than 100 entries"));
    }
    if !asked
        .iter()
        .all(|pattern| pattern.is_covered_by(&key.patterns))
    {
        return Err(RestError::out_of_scope());
    }
    Ok(Some(asked))
}
