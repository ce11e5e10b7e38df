//! The control plane: REST under `/v1` (spec realtime §5), and under `/admin` for the room dialect (spec room §1.5, §3). Beside
//! it, under `/api/v1`, what devices themselves hand in.
//!
//! Every call brings a secret key, `Authorization: Bearer <sk_id>:<sk_secret>`, and reaches that key's app alone. One
//! file per noun; `error` says what a refusal looks like, `call` what every call has to pass.

pub(super) mod accounts;
mod call;
pub(super) mod channels;
mod error;
pub(super) mod numbers;
pub(super) mod peers;
pub(super) mod push_tokens;
pub(super) mod revocations;
pub(super) mod room_members;
pub(super) mod rooms;
pub(super) mod tokens;
pub(super) mod usage;
pub(super) mod watches;

use std::sync::Arc;

use axum::Router;
use axum::routing::{delete, get, post, put};

pub(super) use error::{ErrorBody, RestError, not_found};

use crate::parts::Parts;

/// The REST routes. A channel's name may hold slashes, so what follows it is told apart by hand.
pub(super) fn router() -> Router<Arc<Parts>> {
    Router::new()
        .route("/v1/tokens", post(tokens::mint_token))
        .route(
            "/v1/channels/{*path}",
            get(channels::get).post(channels::post),
        )
        .route("/v1/peers/{*peer}", delete(peers::kick))
        .route("/v1/usage", get(usage::read_usage))
        .route("/v1/openapi.json", get(super::openapi::serve))
        .route("/admin/rooms/{room}", delete(rooms::end))
        .route("/admin/rooms/{room}/participants", get(rooms::participants))
        .route("/admin/rooms/{room}/kick/{account}", post(rooms::kick))
        .route("/admin/rooms/{room}/refresh", post(rooms::refresh))
        .route("/admin/rooms/{room}/members", get(room_members::list))
        .route(
            "/admin/rooms/{room}/members/{account}",
            put(room_members::put).delete(room_members::remove),
        )
        .route("/admin/accounts/{account}/push", post(accounts::push))
        .route("/v1/apps/{app}/numbers", get(numbers::list))
        .route(
            "/v1/apps/{app}/numbers/{number}",
            put(numbers::put).delete(numbers::remove),
        )
        .route("/v1/apps/{app}/users/{user}/watches", get(watches::list))
        .route(
            "/v1/apps/{app}/users/{user}/watches/{number}",
            put(watches::put).delete(watches::remove),
        )
        .route(
            "/api/v1/app/push-tokens",
            post(push_tokens::put).delete(push_tokens::remove),
        )
        .route(
            "/tenant/{tenant}/api/v1/app/push-tokens",
            post(push_tokens::put).delete(push_tokens::remove),
        )
        .route(
            "/admin/revocations",
            get(revocations::list).post(revocations::revoke),
        )
}
