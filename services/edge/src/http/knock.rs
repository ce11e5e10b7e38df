//! What every WebSocket door asks before it speaks its own language: may this address connect, does the edge take
//! newcomers, and is it an upgrade at all.
//!
//! Refuses to know credentials. Whoever is refused here gets an HTTP answer, since there is no WebSocket yet.

use std::net::IpAddr;
use std::time::Instant;

use axum::http::request::Parts as Head;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::connection::Connection;
use super::rest::{ErrorBody, RestError};
use super::upgrade::{Upgrade, UpgradeError};
use crate::limit::client_address;
use crate::metrics::{DialectMetrics, Outcome, Refusal};
use crate::parts::Parts;

/// The upgrade that the request asks for, or the answer that refuses it; a refusal counts at the door of `dialect`.
#[expect(
    clippy::result_large_err,
    reason = "an answer is sent at once, it travels no further"
)]
pub(super) fn knock(
    parts: &Parts,
    connection: &Connection,
    head: &Head,
    dialect: &DialectMetrics,
) -> Result<Upgrade, Response> {
    let address = address_of(parts, connection, &head.headers);
    if let Err(refused) = parts.connects.admit(address, Instant::now()) {
        dialect.handshakes.count(Outcome::TooManyConnects);
        parts.metrics.quota_refusals.count(Refusal::Connects);
        let retry_after = refused.retry_after.as_secs() + 1;
        let error = RestError::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_requests",
            "too many connects from this address",
        );
        return Err(([(header::RETRY_AFTER, retry_after.to_string())], error).into_response());
    }
    if parts.drain.is_cancelled() {
        dialect.handshakes.count(Outcome::Draining);
        let error = RestError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "internal_error",
            "the edge is leaving",
        );
        return Err(error.into_response());
    }
    Upgrade::from_head(head).map_err(|error| {
        dialect.handshakes.count(Outcome::BadUpgrade);
        not_an_upgrade(error)
    })
}

/// The client's own address. A header line that is no text still counts as a line: skipping it would let a client choose
/// which line a proxy's entry is read from.
pub(super) fn address_of(parts: &Parts, connection: &Connection, headers: &HeaderMap) -> IpAddr {
    let lines = headers.get_all("x-forwarded-for").iter();
    let lines: Vec<_> = lines
        .map(|line| String::from_utf8_lossy(line.as_bytes()))
        .collect();
    let forwarded = lines.iter().map(AsRef::as_ref);
    client_address(connection.peer, forwarded, &parts.config.trusted_proxies)
}

fn not_an_upgrade(error: UpgradeError) -> Response {
    let status = match error {
        UpgradeError::NotAnUpgrade => StatusCode::BAD_REQUEST,
        UpgradeError::Version => StatusCode::UPGRADE_REQUIRED,
    };
    let body = ErrorBody {
        error: "invalid_request",
        message: error.to_string(),
    };
    let headers = [
        (header::UPGRADE, "websocket"),
        (header::SEC_WEBSOCKET_VERSION, "13"),
    ];
    (status, headers, axum::Json(body)).into_response()
}
