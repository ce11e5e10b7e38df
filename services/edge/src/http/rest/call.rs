//! What every call has to pass: a credential, and a body of bounded size that comes in time.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use percent_encoding::percent_decode_str;
use protocol::realtime::limits::REST_BODY_BYTES;
use protocol::{ChannelName, Permission};
use serde::de::DeserializeOwned;

use super::RestError;
use crate::auth::authorize;
use crate::parts::Parts;
use crate::tenancy::{Key, Scope};

/// Time for a body to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The key that a call brings.
pub(super) fn key(parts: &Parts, headers: &HeaderMap) -> Result<Arc<Key>, RestError> {
    let header = headers
        .get(header::AUTHORIZATION)
        .and_then(|header| header.to_str().ok());
    let key = authorize(&parts.tenancy.load(), header).map_err(|_| RestError::unauthorized())?;
    if key.app.suspended {
        return Err(RestError::suspended());
    }
    Ok(key)
}

/// Reads a JSON body: an object. A list would be read as one, member by member.
pub(super) async fn body<T: DeserializeOwned>(body: Body) -> Result<T, RestError> {
    let read = axum::body::to_bytes(body, REST_BODY_BYTES);
    let bytes = match tokio::time::timeout(BODY_TIMEOUT, read).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(_)) => return Err(RestError::too_large()),
        Err(_) => return Err(RestError::invalid("the body did not arrive in time")),
    };
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(RestError::invalid("the body is not a JSON object"));
    }
    serde_json::from_slice(&bytes)
        .map_err(|error| RestError::invalid(format!("the body cannot be read: {error}")))
}

/// A part of a path, percent-decoded once.
pub(super) fn decoded(encoded: &str) -> Result<String, RestError> {
    match percent_decode_str(encoded).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err(RestError::invalid("the path is not UTF-8")),
    }
}

/// A channel that the key may do something with.
pub(super) fn channel(
    key: &Arc<Key>,
    permission: Permission,
    name: &str,
) -> Result<ChannelName, RestError> {
    let scope = Scope::of_key(Arc::clone(key));
    if !scope.permits(permission) {
        return Err(RestError::not_permitted());
    }
    let channel: ChannelName = name
        .parse()
        .map_err(|error| RestError::invalid(format!("channel: {error}")))?;
    if channel.is_reserved() {
        return Err(RestError::reserved());
    }
    if !scope.covers(&channel) {
        return Err(RestError::out_of_scope());
    }
    Ok(channel)
}
