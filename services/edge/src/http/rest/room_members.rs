//! The cluster's list of a room's members.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use cluster::records::RecordsError;
use protocol::PeerId;
use protocol::room::limits::NAME_BYTES;
use protocol::room::{RoomId, account_id, checked_profile, timestamp};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::error::ErrorBody;
use super::{RestError, call};
use crate::lane::unix_now;
use crate::membership::registry::{Entry, Standing};
use crate::parts::Parts;

/// A member to be written. A backend may hand its own row through: whoever has no join time has not accepted, whoever has
/// a leave time has left.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct MemberRequest {
    /// 0 a member, 50 a moderator, 100 the owner; below 0 not a member.
    #[serde(default)]
    role: i32,
    /// The account's name.
    #[serde(default)]
    name: Option<String>,
    /// What it is called on a screen.
    #[serde(default)]
    nick: Option<String>,
    /// An object that other members see.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    profile: Option<Box<RawValue>>,
    /// When it joined; `null` is invited, absent is now.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    joined_at: Option<Value>,
    /// When it left, if it has.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    left_at: Option<Value>,
}

/// A member as it is kept.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MemberEntry {
    /// The account.
    account_id: String,
    /// Its role.
    role: i32,
    /// `invited`, `active` or `left`; only the second may come in.
    standing: String,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// What it is called on a screen.
    #[serde(skip_serializing_if = "Option::is_none")]
    nick: Option<String>,
    /// What other members see.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    profile: Option<Box<RawValue>>,
    /// When that was written.
    updated_at: String,
}

/// Everybody on a room's list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MemberList {
    /// The room.
    room_id: String,
    /// Its members, by account.
    members: Vec<MemberEntry>,
}

#[utoipa::path(
    put, path = "/admin/rooms/{room}/members/{account}", tag = "rooms", security(("secret_key" = [])),
    params(("room" = String, Path, description = "The room, a GUID"), ("account" = String, Path, description = "The account, percent-encoded")),
    request_body = MemberRequest,
    responses(
        (status = 200, description = "Written; whoever is no member by it is closed with 4403", body = MemberEntry),
        (status = 400, description = "Bad room, account or body", body = ErrorBody),
        (status = 401, description = "Missing or wrong credential", body = ErrorBody),
        (status = 403, description = "The app is suspended", body = ErrorBody),
        (status = 409, description = "The room's list is full", body = ErrorBody),
        (status = 413, description = "The body is larger than 32 KB", body = ErrorBody),
        (status = 503, description = "The backend cannot be reached", body = ErrorBody),
    ),
)]
pub(in crate::http) async fn put(
    State(parts): State<Arc<Parts>>,
    Path((room, account)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<MemberEntry>, RestError> {
    let key = call::key(&parts, &headers)?;
    let (room, account) = (room_of(&room)?, account_of(&account)?);
    let request: MemberRequest = call::body(body).await?;
    let entry = request.into_entry()?;
    let registry = &parts.membership.registry;
    registry.put(&key.app.id, room, &account, &entry).await?;
    Ok(Json(MemberEntry::new(&account, entry)))
}

#[utoipa::path(
    delete, path = "/admin/rooms/{room}/members/{account}", tag = "rooms", security(("secret_key" = [])),
    params(("room" = String, Path, description = "The room, a GUID"), ("account" = String, Path, description = "The account, percent-encoded")),
    responses(
        (status = 204, description = "No longer on the list; its sessions close with 4403"),
        (status = 400, description = "Bad room or account", body = ErrorBody),
        (status = 401, description = "Missing or wrong credential", body = ErrorBody),
        (status = 403, description = "The app is suspended", body = ErrorBody),
        (status = 503, description = "The backend cannot be reached", body = ErrorBody),
    ),
)]
pub(in crate::http) async fn remove(
    State(parts): State<Arc<Parts>>,
    Path((room, account)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<StatusCode, RestError> {
    let key = call::key(&parts, &headers)?;
    let (room, account) = (room_of(&room)?, account_of(&account)?);
    let registry = &parts.membership.registry;
    registry.remove(&key.app.id, room, &account).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(
    get, path = "/admin/rooms/{room}/members", tag = "rooms", security(("secret_key" = [])),
    params(("room" = String, Path, description = "The room, a GUID")),
    responses(
        (status = 200, description = "Everybody on the list", body = MemberList),
        (status = 400, description = "Bad room", body = ErrorBody),
        (status = 401, description = "Missing or wrong credential", body = ErrorBody),
        (status = 403, description = "The app is suspended", body = ErrorBody),
        (status = 503, description = "The backend cannot be reached", body = ErrorBody),
    ),
)]
pub(in crate::http) async fn list(
    State(parts): State<Arc<Parts>>,
    Path(room): Path<String>,
    headers: HeaderMap,
) -> Result<Json<MemberList>, RestError> {
    let key = call::key(&parts, &headers)?;
    let room = room_of(&room)?;
    let listed = parts.membership.registry.list(&key.app.id, room).await?;
    let members = listed
        .into_iter()
        .map(|(account, entry)| MemberEntry::new(&account, entry))
        .collect();
    Ok(Json(MemberList {
        room_id: room.to_string(),
        members,
    }))
}

impl MemberRequest {
    fn into_entry(self) -> Result<Entry, RestError> {
        let is_name = |name: &String| (1..=NAME_BYTES).contains(&name.len());
        for (field, name) in [("name", &self.name), ("nick", &self.nick)] {
            if !name.as_ref().is_none_or(is_name) {
                let reason = format!("{field}: must have 1 to {NAME_BYTES} bytes");
                return Err(RestError::invalid(reason));
            }
        }
        let profile = self
            .profile
            .as_deref()
            .filter(|profile| profile.get() != "null");
        let profile = profile.map(checked_profile).transpose();
        let profile = profile.map_err(|error| RestError::invalid(error.to_string()))?;
        let standing = match (&self.joined_at, &self.left_at) {
            (_, Some(_)) => Standing::Left,
            (Some(Value::Null), None) => Standing::Invited,
            (None | Some(_), None) => Standing::Active,
        };
        Ok(Entry {
            role: self.role,
            standing,
            name: self.name,
            nick: self.nick,
            profile,
            updated_at: timestamp(unix_now()),
        })
    }
}

impl MemberEntry {
    fn new(account: &PeerId, entry: Entry) -> Self {
        Self {
            account_id: account.to_string(),
            role: entry.role,
            standing: entry.standing.as_str().to_owned(),
            name: entry.name,
            nick: entry.nick,
            profile: entry.profile,
            updated_at: entry.updated_at,
        }
    }
}

impl From<RecordsError> for RestError {
    fn from(error: RecordsError) -> Self {
        match error {
            RecordsError::Unavailable(_) => Self::unavailable(),
            RecordsError::TooLarge => Self::invalid("the member is too large to be kept"),
            RecordsError::Full => Self::full(),
        }
    }
}

/// A room from a path that has been decoded once.
pub(super) fn room_of(text: &str) -> Result<RoomId, RestError> {
    text.parse()
        .map_err(|error| RestError::invalid(format!("room: {error}")))
}

/// An account from a path that has been decoded once.
pub(super) fn account_of(text: &str) -> Result<PeerId, RestError> {
    account_id(text).map_err(|error| RestError::invalid(format!("account: {error}")))
}

/// A member that is there is `Some`, even if it is `null`.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(json: &str) -> Result<Entry, RestError> {
        serde_json::from_str::<MemberRequest>(json)
            .unwrap()
            .into_entry()
    }

    #[test]
    fn a_row_of_another_database_says_how_far_a_membership_has_come() {
        for (json, standing) in [
            ("{}", Standing::Active),
            (
                r#"{"joined_at":"2026-01-01T00:00:00Z","left_at":null}"#,
                Standing::Active,
            ),
            (r#"{"joined_at":null}"#, Standing::Invited),
            (
                r#"{"joined_at":"2026-01-01T00:00:00Z","left_at":"2026-02-01T00:00:00Z"}"#,
                Standing::Left,
            ),
            (
                r#"{"joined_at":null,"left_at":"2026-02-01T00:00:00Z"}"#,
                Standing::Left,
            ),
        ] {
            assert_eq!(entry(json).unwrap().standing, standing, "{json}");
        }
    }

    #[test]
    fn what_others_could_not_be_shown_is_refused() {
        for json in [
            r#"{"name":""}"#.to_owned(),
            format!(r#"{{"nick":"{}"}}"#, "x".repeat(257)),
            r#"{"profile":[]}"#.to_owned(),
            format!(r#"{{"profile":{{"a":"{}"}}}}"#, "x".repeat(5_000)),
        ] {
            assert!(entry(&json).is_err(), "{json}");
        }
        assert!(entry(r#"{"profile":null,"name":null}"#).is_ok());
    }
}
