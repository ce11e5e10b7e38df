//! Who is in a channel, and saying something there.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse as _, Response};
use cluster::quotas::Spend;
use cluster::{Message, Payload, Peer, Topic};
use protocol::realtime::limits::FRAME_DEPTH;
use protocol::realtime::{Claims, MintedClaims, is_deeper_than};
use protocol::{ChannelName, PeerId, Permission};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::error::ErrorBody;
use super::{RestError, call, not_found};
use crate::lane::unix_now;
use crate::metrics::Refusal;
use crate::parts::Parts;

/// Who is in a channel.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChannelPeers {
    /// The channel.
    channel: String,
    /// Everybody in it, also in a channel that is too large for presence frames.
    peers: Vec<PeerEntry>,
}

/// One peer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PeerEntry {
    /// Its id.
    #[serde(rename = "peerId")]
    peer_id: String,
    /// Its `peerMetadata`, if its token had one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    metadata: Option<Box<RawValue>>,
}

/// A message from a backend.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Publish {
    /// Any JSON value.
    #[schema(value_type = Value)]
    data: Box<RawValue>,
    /// The sender that receivers see.
    #[serde(default)]
    #[schema(default = "system")]
    from: Option<String>,
    /// Shown to subscriptions that asked for their senders' metadata.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    peer_metadata: Option<Box<RawValue>>,
}

/// What became of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Published {
    /// The channel.
    channel: String,
    /// Sessions that it was handed to.
    delivered: u64,
    /// False if some part of the cluster did not report in time; then more may have got it.
    complete: bool,
}

/// `GET /v1/channels/<name>/<what>`.
pub(super) async fn get(state: State<Arc<Parts>>, headers: HeaderMap, uri: Uri) -> Response {
    match name_before(&uri, "/peers") {
        Some(name) => peers(state, headers, name).await.into_response(),
        None => not_found().await.into_response(),
    }
}

/// `POST /v1/channels/<name>/<what>`.
pub(super) async fn post(
    state: State<Arc<Parts>>,
    headers: HeaderMap,
    uri: Uri,
    body: Body,
) -> Response {
    match name_before(&uri, "/publish") {
        Some(name) => publish(state, headers, name, body).await.into_response(),
        None => not_found().await.into_response(),
    }
}

#[utoipa::path(
    get, path = "/v1/channels/{channel}/peers", tag = "channels", security(("secret_key" = [])),
    params(("channel" = String, Path, description = "The channel's name, percent-encoded")),
    responses(
        (status = 200, description = "Everybody in the channel", body = ChannelPeers),
        (status = 400, description = "Bad or reserved channel name", body = ErrorBody),
        (status = 401, description = "Missing or wrong credential", body = ErrorBody),
        (status = 403, description = "Outside the key's scope, or the app is suspended", body = ErrorBody),
        (status = 503, description = "The backend cannot be reached", body = ErrorBody),
    ),
)]
pub(in crate::http) async fn peers(
    State(parts): State<Arc<Parts>>,
    headers: HeaderMap,
    encoded: String,
) -> Result<Json<ChannelPeers>, RestError> {
    let key = call::key(&parts, &headers)?;
    let name = call::decoded(&encoded)?;
    let channel = call::channel(&key, Permission::Presence, &name)?;
    let roster = parts
        .cluster
        .presence
        .roster(&Topic::channel(&key.app.id, channel))
        .await?;
    let entry = |peer: &Arc<Peer>| PeerEntry {
        peer_id: peer.id.to_string(),
        metadata: peer.metadata.as_deref().map(ToOwned::to_owned),
    };
    Ok(Json(ChannelPeers {
        channel: name,
        peers: roster.members.iter().map(entry).collect(),
    }))
}

#[utoipa::path(
    post, path = "/v1/channels/{channel}/publish", tag = "channels", security(("secret_key" = [])),
    params(("channel" = String, Path, description = "The channel's name, percent-encoded")),
    request_body = Publish,
    responses(
        (status = 200, description = "Handed to the channel's subscribers", body = Published),
        (status = 400, description = "Bad body or channel name", body = ErrorBody),
        (status = 401, description = "Missing or wrong credential", body = ErrorBody),
        (status = 403, description = "Outside the key's scope, or the app is suspended", body = ErrorBody),
        (status = 413, description = "The body is larger than 32 KB", body = ErrorBody),
        (status = 429, description = "The messages of this period are used up", body = ErrorBody),
        (status = 503, description = "The backend cannot be reached", body = ErrorBody),
    ),
)]
pub(in crate::http) async fn publish(
    State(parts): State<Arc<Parts>>,
    headers: HeaderMap,
    encoded: String,
    body: Body,
) -> Result<Json<Published>, RestError> {
    let key = call::key(&parts, &headers)?;
    let name = call::decoded(&encoded)?;
    let channel: ChannelName = call::channel(&key, Permission::Publish, &name)?;
    let publish: Publish = call::body(body).await?;
    let from = sender(&publish)?;
    // As deep as it could be inside a client's frame.
    if is_deeper_than(publish.data.get(), FRAME_DEPTH - 1) {
        return Err(RestError::invalid("data: nested too deep"));
    }
    let meter = parts.cluster.quotas.meter(&key.app.id);
    if meter.spend(key.app.plan.allowance(), unix_now().as_secs()) == Spend::Refused {
        parts.metrics.quota_refusals.count(Refusal::Messages);
        return Err(RestError::over_quota());
    }
    let topic = Topic::channel(&key.app.id, channel);
    let message = Message {
        from: Arc::new(from),
        to: None,
        data: publish.data,
    };
    let receipts = parts
        .cluster
        .bus
        .ask(&topic, Payload::Message(message))
        .await?;
    Ok(Json(Published {
        channel: name,
        delivered: receipts.sessions,
        complete: receipts.missing == 0,
    }))
}

/// Whom receivers see. The rules are those of a token's subject and peerMetadata, so one place judges both.
fn sender(publish: &Publish) -> Result<Peer, RestError> {
    let id = publish.from.as_deref().unwrap_or("system");
    let id: PeerId = id
        .parse()
        .map_err(|error| RestError::invalid(format!("from: {error}")))?;
    let metadata = publish
        .peer_metadata
        .as_deref()
        .filter(|metadata| metadata.get() != "null");
    let claims = MintedClaims {
        peer_metadata: metadata,
        ..MintedClaims::new(&id, 0, 0)
    };
    let claims = Claims::from_json(&claims.to_json());
    let claims = claims.map_err(|error| RestError::invalid(error.to_string()))?;
    Ok(Peer {
        id,
        metadata: claims.peer_metadata.map(Arc::from),
    })
}

/// Everything between `/v1/channels/` and the last `suffix`, still encoded (spec §5.2).
fn name_before(uri: &Uri, suffix: &str) -> Option<String> {
    let path = uri.path().strip_prefix("/v1/channels/")?;
    path.strip_suffix(suffix).map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_name_may_hold_slashes_encoded_or_not() {
        let name = |path: &'static str| {
            let encoded = name_before(&Uri::from_static(path), "/peers")?;
            Some(call::decoded(&encoded).unwrap())
        };
        assert_eq!(name("/v1/channels/a%2Fb/peers").as_deref(), Some("a/b"));
        assert_eq!(name("/v1/channels/a/b/peers").as_deref(), Some("a/b"));
        assert_eq!(
            name("/v1/channels/a/peers/peers").as_deref(),
            Some("a/peers")
        );
        assert_eq!(name("/v1/channels/a%252Fb/peers").as_deref(), Some("a%2Fb"));
        assert_eq!(name("/v1/channels/a/publish"), None);
    }
}
