//! A room as it is now: who is in it, putting somebody out, asking again who belongs to it, ending it.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use cluster::receipts::Receipts;
use cluster::{Payload, Topic};
use protocol::room::Participant;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::error::ErrorBody;
use super::room_members::{account_of, room_of};
use super::{RestError, call};
use crate::parts::Parts;

/// What an order did.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Closed {
    /// The room.
    room_id: String,
    /// Sessions that were closed.
    closed: u64,
    /// False if some part of the cluster did not report in time; then more may have been closed.
    complete: bool,
}

/// What was forgotten.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Refreshed {
    /// The room.
    room_id: String,
    /// Answers of the webhook that no longer count.
    forgotten: usize,
}

/// Who is in a room now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Participants {
    /// The room.
    room_id: String,
    /// One entry for each account.
    participants: Vec<ParticipantEntry>,
}

/// An account in a room.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ParticipantEntry {
    /// Its id.
    account_id: String,
    /// What the others are shown of it.
    #[schema(value_type = Object)]
    account: Box<RawValue>,
    /// When its first session came.
    joined_at: String,
}

#[utoipa::path(
    get, path = "/admin/rooms/{room}/participants", tag = "rooms", security(("secret_key" = [])),
    params(("room" = String, Path, description = "The room, a GUID")),
    responses(
        (status = 200, description = "Who is there, on all nodes", body = Participants),
        (status = 400, description = "Bad room", body = ErrorBody),
        (status = 401, description = "Missing or wrong credential", body = ErrorBody),
        (status = 403, description = "The app is suspended", body = ErrorBody),
        (status = 503, description = "The backend cannot be reached", body = ErrorBody),
    ),
)]
pub(in crate::http) async fn participants(
    State(parts): State<Arc<Parts>>,
    Path(room): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Participants>, RestError> {
    let key = call::key(&parts, &headers)?;
    let room = room_of(&room)?;
    let topic = Topic::room(&key.app.id, room);
    let roster = parts.cluster.presence.roster(&topic).await?;
    let entries = roster.members.iter().filter_map(|peer| {
        let shown = Participant::from_metadata(peer.metadata.as_deref()?)?;
        Some(ParticipantEntry {
            account_id: peer.id.to_string(),
            account: shown.account.to_owned(),
            joined_at: shown.joined_at.into_owned(),
        })
    });
    Ok(Json(Participants {
        room_id: room.to_string(),
        participants: entries.collect(),
    }))
}

#[utoipa::path(
    post, path = "/admin/rooms/{room}/kick/{account}", operation_id = "kick_account", tag = "rooms", security(("secret_key" = [])),
    params(("room" = String, Path, description = "The room, a GUID"), ("account" = String, Path, description = "The account, percent-encoded")),
    responses(
        (status = 200, description = "Its sessions there are closed with 4403; none is no error", body = Closed),
        (status = 400, description = "Bad room or account", body = ErrorBody),
        (status = 401, description = "Missing or wrong credential", body = ErrorBody),
        (status = 403, description = "The app is suspended", body = ErrorBody),
        (status = 503, description = "The backend cannot be reached", body = ErrorBody),
    ),
)]
pub(in crate::http) async fn kick(
    State(parts): State<Arc<Parts>>,
    Path((room, account)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Closed>, RestError> {
    let key = call::key(&parts, &headers)?;
    let (room, account) = (room_of(&room)?, account_of(&account)?);
    let topic = Topic::room(&key.app.id, room);
    let receipts = parts
        .cluster
        .bus
        .ask(&topic, Payload::Expel(account))
        .await?;
    tracing::info!(app = %key.app.id, key = %key.id, room = %room, closed = receipts.sessions, "an account was kicked from a room");
    Ok(Json(Closed::new(room.to_string(), receipts)))
}

#[utoipa::path(
    post, path = "/admin/rooms/{room}/refresh", tag = "rooms", security(("secret_key" = [])),
    params(("room" = String, Path, description = "The room, a GUID")),
    responses(
        (status = 200, description = "The webhook is asked again about everybody in the room, and about whoever comes", body = Refreshed),
        (status = 400, description = "Bad room", body = ErrorBody),
        (status = 401, description = "Missing or wrong credential", body = ErrorBody),
        (status = 403, description = "The app is suspended", body = ErrorBody),
        (status = 503, description = "The backend cannot be reached", body = ErrorBody),
    ),
)]
pub(in crate::http) async fn refresh(
    State(parts): State<Arc<Parts>>,
    Path(room): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Refreshed>, RestError> {
    let key = call::key(&parts, &headers)?;
    let room = room_of(&room)?;
    let forgotten = parts.membership.refresh(&key.app.id, room).await?;
    Ok(Json(Refreshed {
        room_id: room.to_string(),
        forgotten,
    }))
}

#[utoipa::path(
    delete, path = "/admin/rooms/{room}", tag = "rooms", security(("secret_key" = [])),
    params(("room" = String, Path, description = "The room, a GUID")),
    responses(
        (status = 200, description = "Everybody there hears that the room has ended and is closed with 4404; its list is empty", body = Closed),
        (status = 400, description = "Bad room", body = ErrorBody),
        (status = 401, description = "Missing or wrong credential", body = ErrorBody),
        (status = 403, description = "The app is suspended", body = ErrorBody),
        (status = 503, description = "The backend cannot be reached", body = ErrorBody),
    ),
)]
pub(in crate::http) async fn end(
    State(parts): State<Arc<Parts>>,
    Path(room): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Closed>, RestError> {
    let key = call::key(&parts, &headers)?;
    let room = room_of(&room)?;
    let topic = Topic::room(&key.app.id, room);
    // Before the list is emptied, which would close them too, but with another word.
    let receipts = parts.cluster.bus.ask(&topic, Payload::End).await?;
    parts.membership.registry.clear(&key.app.id, room).await?;
    parts.membership.refresh(&key.app.id, room).await?;
    tracing::info!(app = %key.app.id, key = %key.id, room = %room, closed = receipts.sessions, "a room was ended");
    Ok(Json(Closed::new(room.to_string(), receipts)))
}

impl Closed {
    fn new(room_id: String, receipts: Receipts) -> Self {
        Self {
            room_id,
            closed: receipts.sessions,
            complete: receipts.missing == 0,
        }
    }
}
