//! What the control plane promises, as an OpenAPI document.

use axum::Json;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::rest::{
    accounts, channels, numbers, peers, push_tokens, revocations, room_members, rooms, tokens,
    usage, watches,
};

/// Every REST call.
#[derive(Debug, OpenApi)]
#[openapi(
    info(title = "Switchboard control plane", description = "Tokens, channels, peers, rooms, numbers and usage of one app."),
    paths(
        tokens::mint_token, revocations::revoke, revocations::list, channels::peers, channels::publish, peers::kick, usage::read_usage,
        room_members::put, room_members::remove, room_members::list,
        rooms::participants, rooms::kick, rooms::refresh, rooms::end, accounts::push,
        numbers::put, numbers::remove, numbers::list, watches::put, watches::remove, watches::list,
        push_tokens::put, push_tokens::remove,
    ),
    modifiers(&SecretKey),
)]
struct Document;

/// How a call proves itself.
#[derive(Debug)]
struct SecretKey;

impl Modify for SecretKey {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("<sk_id>:<sk_secret>")
            .description(Some("A secret key's id and secret, joined by a colon."))
            .build();
        document
            .components
            .get_or_insert_default()
            .add_security_scheme("secret_key", SecurityScheme::Http(scheme));
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some("The token with which a device connects."))
            .build();
        document
            .components
            .get_or_insert_default()
            .add_security_scheme("session_token", SecurityScheme::Http(scheme));
    }
}

/// `GET /v1/openapi.json`.
pub(super) async fn serve() -> Json<utoipa::openapi::OpenApi> {
    Json(Document::openapi())
}
