//! The directory of an app: which number calls whom (device dialect).

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use cluster::records::RecordsError;
use protocol::PeerId;
use protocol::device::Number;
use protocol::device::limits::NAME_BYTES;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::ErrorBody;
use super::{RestError, call};
use crate::calls::numbers::{Author, Entry, Numbers};
use crate::parts::Parts;
use crate::tenancy::Key;

/// Whom a number is to call.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NumberRequest {
    /// The user: `sub` of its tokens.
    user: String,
    /// How the user is shown to those whom it calls.
    #[serde(default)]
    name: Option<String>,
}

/// Whom a number calls.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NumberEntry {
    /// The number.
    number: String,
    /// The user.
    user: String,
    /// How the user is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Who says so: `config`, `rest` or `token`.
    by: &'static str,
}

/// All numbers of an app.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NumberDirectory {
    /// By number.
    numbers: Vec<NumberEntry>,
}

#[utoipa::path(
    put, path = "/v1/apps/{app}/numbers/{number}", operation_id = "put_number", tag = "numbers", security(("secret_key" = [])),
    params(("app" = String, Path, description = "The key's own app"), ("number" = String, Path, description = "The number, percent-encoded")),
    request_body = NumberRequest,
    responses(
        (status = 200, description = "Written; whoever calls the number from now on reaches the user", body = NumberEntry),
        (status = 400, description = "Bad number, user or body", body = ErrorBody),
        (status = 401, description = "Missing or wrong credential", body = ErrorBody),
        (status = 403, description = "Another app, or the app is suspended", body = ErrorBody),
        (status = 409, description = "The configuration lists the number, or the directory is full", body = ErrorBody),
        (status = 413, description = "The body is larger than 32 KB", body = ErrorBody),
        (status = 503, description = "The backend cannot be reached", body = ErrorBody),
    ),
)]
pub(in crate::http) async fn put(
    State(parts): State<Arc<Parts>>,
    Path((app, number)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<NumberEntry>, RestError> {
    let key = key_of(&parts, &headers, &app)?;
    let number = changeable(&key, &number)?;
    let request: NumberRequest = call::body(body).await?;
    let user: PeerId = request
        .user
        .parse()
        .map_err(|error| RestError::invalid(format!("user: {error}")))?;
    let is_name = |name: &String| (1..=NAME_BYTES).contains(&name.len());
    if !request.name.as_ref().is_none_or(is_name) {
        let reason = format!("name: must have 1 to {NAME_BYTES} bytes");
        return Err(RestError::invalid(reason));
    }
    let put = numbers(&parts).put(&key.app.id, &number, &user, request.name.clone());
    put.await.map_err(refused)?;
    Ok(Json(NumberEntry {
        number: number.to_string(),
        user: user.to_string(),
        name: request.name,
        by: by(Author::Rest),
    }))
}

#[utoipa::path(
    delete, path = "/v1/apps/{app}/numbers/{number}", operation_id = "remove_number", tag = "numbers", security(("secret_key" = [])),
    params(("app" = String, Path, description = "The key's own app"), ("number" = String, Path, description = "The number, percent-encoded")),
    responses(
        (status = 204, description = "Nobody is reached by it any more; calls go on"),
        (status = 400, description = "Bad number", body = ErrorBody),
        (status = 401, description = "Missing or wrong credential", body = ErrorBody),
        (status = 403, description = "Another app, or the app is suspended", body = ErrorBody),
        (status = 409, description = "The configuration lists the number", body = ErrorBody),
        (status = 503, description = "The backend cannot be reached", body = ErrorBody),
    ),
)]
pub(in crate::http) async fn remove(
    State(parts): State<Arc<Parts>>,
    Path((app, number)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<StatusCode, RestError> {
    let key = key_of(&parts, &headers, &app)?;
    let number = changeable(&key, &number)?;
    let removed = numbers(&parts).remove(&key.app.id, &number).await;
    removed.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(
    get, path = "/v1/apps/{app}/numbers", operation_id = "list_numbers", tag = "numbers", security(("secret_key" = [])),
    params(("app" = String, Path, description = "The key's own app")),
    responses(
        (status = 200, description = "Every number that calls somebody", body = NumberDirectory),
        (status = 401, description = "Missing or wrong credential", body = ErrorBody),
        (status = 403, description = "Another app, or the app is suspended", body = ErrorBody),
        (status = 503, description = "The backend cannot be reached", body = ErrorBody),
    ),
)]
pub(in crate::http) async fn list(
    State(parts): State<Arc<Parts>>,
    Path(app): Path<String>,
    headers: HeaderMap,
) -> Result<Json<NumberDirectory>, RestError> {
    let key = key_of(&parts, &headers, &app)?;
    let listed = numbers(&parts).list(&key.app.id).await?;
    let entry = |(number, entry): (Number, Entry)| NumberEntry {
        number: number.to_string(),
        user: entry.user.to_string(),
        name: entry.name,
        by: by(entry.by),
    };
    Ok(Json(NumberDirectory {
        numbers: listed.into_iter().map(entry).collect(),
    }))
}

/// The key that a call brings, which reaches its own app alone.
pub(super) fn key_of(parts: &Parts, headers: &HeaderMap, app: &str) -> Result<Arc<Key>, RestError> {
    let key = call::key(parts, headers)?;
    if key.app.id.as_str() == app {
        Ok(key)
    } else {
        let message = "the key belongs to another app";
        Err(RestError::new(StatusCode::FORBIDDEN, "wrong_app", message))
    }
}

/// A number that the configuration leaves to the directory.
fn changeable(key: &Key, number: &str) -> Result<Number, RestError> {
    let number = number_of(number)?;
    if key.app.numbers.holder(&number).is_some() {
        let message = "the number is listed in the configuration";
        return Err(RestError::new(StatusCode::CONFLICT, "configured", message));
    }
    Ok(number)
}

/// A number from a path that has been decoded once.
pub(super) fn number_of(text: &str) -> Result<Number, RestError> {
    text.parse()
        .map_err(|error| RestError::invalid(format!("number: {error}")))
}

fn numbers(parts: &Parts) -> &Numbers {
    parts.exchange.board().numbers()
}

pub(super) fn refused(error: RecordsError) -> RestError {
    match error {
        RecordsError::Unavailable(_) => RestError::unavailable(),
        RecordsError::TooLarge => RestError::invalid("the entry is too large to be kept"),
        RecordsError::Full => {
            RestError::new(StatusCode::CONFLICT, "list_full", "the directory is full")
        }
    }
}

const fn by(author: Author) -> &'static str {
    match author {
        Author::Config => "config",
        Author::Rest => "rest",
        Author::Token => "token",
    }
}
