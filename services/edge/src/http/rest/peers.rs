//! Ending the sessions of a peer.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use cluster::{Payload, Topic};
use protocol::PeerId;
use serde::Serialize;
use utoipa::ToSchema;

use super::error::ErrorBody;
use super::{RestError, call};
use crate::parts::Parts;

/// What a kick did.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Kicked {
    /// The peer.
    peer_id: String,
    /// Its sessions that were closed, with 4020.
    closed: u64,
    /// False if some part of the cluster did not report in time; then more may have been closed.
    complete: bool,
}

#[utoipa::path(
    delete, path = "/v1/peers/{peer}", tag = "peers", security(("secret_key" = [])),
    params(("peer" = String, Path, description = "The peer's id, percent-encoded")),
    responses(
        (status = 200, description = "Its sessions are closed; none is no error", body = Kicked),
        (status = 400, description = "Bad peer id", body = ErrorBody),
        (status = 401, description = "Missing or wrong credential", body = ErrorBody),
        (status = 403, description = "The app is suspended", body = ErrorBody),
        (status = 503, description = "The backend cannot be reached", body = ErrorBody),
    ),
)]
pub(in crate::http) async fn kick(
    State(parts): State<Arc<Parts>>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Json<Kicked>, RestError> {
    let key = call::key(&parts, &headers)?;
    let id = uri.path().strip_prefix("/v1/peers/").unwrap_or_default();
    let id = call::decoded(id)?;
    let peer: PeerId = id
        .parse()
        .map_err(|error| RestError::invalid(format!("peer: {error}")))?;
    let peer_id = peer.to_string();
    if parts
        .cluster
        .directory
        .edges_holding(&key.app.id, &peer)
        .await?
        == 0
    {
        return Ok(Json(Kicked {
            peer_id,
            closed: 0,
            complete: true,
        }));
    }
    let topic = Topic::peer(&key.app.id, peer);
    let receipts = parts.cluster.bus.ask(&topic, Payload::Kick).await?;
    tracing::info!(app = %key.app.id, key = %key.id, closed = receipts.sessions, "a peer was kicked");
    Ok(Json(Kicked {
        peer_id,
        closed: receipts.sessions,
        complete: receipts.missing == 0,
    }))
}
