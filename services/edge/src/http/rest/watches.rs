//! Whom a user watches: whose presence and calls its devices are shown (device dialect).

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use protocol::PeerId;
use serde::Serialize;
use utoipa::ToSchema;

use super::RestError;
use super::error::ErrorBody;
use super::numbers::{key_of, number_of, refused};
use crate::calls::presence::WATCHES_MAX;
use crate::parts::Parts;

/// The numbers that a user watches.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WatchList {
    /// The user.
    user: String,
    /// In the order of their digits.
    numbers: Vec<String>,
}

#[utoipa::path(
    put, path = "/v1/apps/{app}/users/{user}/watches/{number}", operation_id = "watch", tag = "numbers", security(("secret_key" = [])),
    params(("app" = String, Path, description = "The key's own app"), ("user" = String, Path, description = "Who watches, percent-encoded"), ("number" = String, Path, description = "Whom, percent-encoded")),
    responses(
        (status = 204, description = "The user is told of the number's next change, and of its state at each connect"),
        (status = 400, description = "Bad user or number", body = ErrorBody),
        (status = 401, description = "Missing or wrong credential", body = ErrorBody),
        (status = 403, description = "Another app, or the app is suspended", body = ErrorBody),
        (status = 409, description = "The user watches as many numbers as it may", body = ErrorBody),
        (status = 503, description = "The backend cannot be reached", body = ErrorBody),
    ),
)]
pub(in crate::http) async fn put(
    State(parts): State<Arc<Parts>>,
    Path((app, user, number)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Result<StatusCode, RestError> {
    let key = key_of(&parts, &headers, &app)?;
    let (user, number) = (user_of(&user)?, number_of(&number)?);
    let watching = parts.exchange.board().watch(&key.app.id, &user, &number);
    if watching.await.map_err(refused)? {
        return Ok(StatusCode::NO_CONTENT);
    }
    let message = format!("a user may watch {WATCHES_MAX} numbers");
    Err(RestError::new(StatusCode::CONFLICT, "list_full", message))
}

#[utoipa::path(
    delete, path = "/v1/apps/{app}/users/{user}/watches/{number}", operation_id = "unwatch", tag = "numbers", security(("secret_key" = [])),
    params(("app" = String, Path, description = "The key's own app"), ("user" = String, Path, description = "Who watches, percent-encoded"), ("number" = String, Path, description = "Whom, percent-encoded")),
    responses(
        (status = 204, description = "It is told nothing of the number any more; that it was not is no error"),
        (status = 400, description = "Bad user or number", body = ErrorBody),
        (status = 401, description = "Missing or wrong credential", body = ErrorBody),
        (status = 403, description = "Another app, or the app is suspended", body = ErrorBody),
        (status = 503, description = "The backend cannot be reached", body = ErrorBody),
    ),
)]
pub(in crate::http) async fn remove(
    State(parts): State<Arc<Parts>>,
    Path((app, user, number)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Result<StatusCode, RestError> {
    let key = key_of(&parts, &headers, &app)?;
    let (user, number) = (user_of(&user)?, number_of(&number)?);
    let ended = parts.exchange.board().unwatch(&key.app.id, &user, &number);
    ended.await.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(
    get, path = "/v1/apps/{app}/users/{user}/watches", operation_id = "list_watches", tag = "numbers", security(("secret_key" = [])),
    params(("app" = String, Path, description = "The key's own app"), ("user" = String, Path, description = "Who watches, percent-encoded")),
    responses(
        (status = 200, description = "Whom the user watches", body = WatchList),
        (status = 400, description = "Bad user", body = ErrorBody),
        (status = 401, description = "Missing or wrong credential", body = ErrorBody),
        (status = 403, description = "Another app, or the app is suspended", body = ErrorBody),
        (status = 503, description = "The backend cannot be reached", body = ErrorBody),
    ),
)]
pub(in crate::http) async fn list(
    State(parts): State<Arc<Parts>>,
    Path((app, user)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<WatchList>, RestError> {
    let key = key_of(&parts, &headers, &app)?;
    let user = user_of(&user)?;
    let numbers = parts.exchange.board().watches(&key.app.id, &user).await?;
    Ok(Json(WatchList {
        user: user.to_string(),
        numbers: numbers.iter().map(ToString::to_string).collect(),
    }))
}

fn user_of(text: &str) -> Result<PeerId, RestError> {
    text.parse()
        .map_err(|error| RestError::invalid(format!("user: {error}")))
}
