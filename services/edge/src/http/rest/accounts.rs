//! Saying something to an account, whatever room it is in.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use cluster::{Payload, Topic};
use protocol::realtime::is_deeper_than;
use protocol::room::limits::FRAME_DEPTH;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::error::ErrorBody;
use super::room_members::account_of;
use super::{RestError, call};
use crate::parts::Parts;

/// What became of a push.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Pushed {
    /// The account.
    account_id: String,
    /// Sessions that it was handed to.
    delivered: u64,
    /// False if some part of the cluster did not report in time; then more may have got it.
    complete: bool,
}

/// What every packet has.
#[derive(Deserialize)]
struct Packet<'a> {
    #[serde(rename = "type", borrow)]
    _kind: std::borrow::Cow<'a, str>,
}

#[utoipa::path(
    post, path = "/admin/accounts/{account}/push", tag = "rooms", security(("secret_key" = [])),
    params(("account" = String, Path, description = "The account, percent-encoded")),
    request_body(content = Object, description = "Any packet: an object with a string `type`, such as `call.invited`. It is sent as it is."),
    responses(
        (status = 200, description = "Handed to every session of the account in any room, on all nodes", body = Pushed),
        (status = 400, description = "Bad account or packet", body = ErrorBody),
        (status = 401, description = "Missing or wrong credential", body = ErrorBody),
        (status = 403, description = "The app is suspended", body = ErrorBody),
        (status = 413, description = "The body is larger than 32 KB", body = ErrorBody),
        (status = 503, description = "The backend cannot be reached", body = ErrorBody),
    ),
)]
pub(in crate::http) async fn push(
    State(parts): State<Arc<Parts>>,
    Path(account): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Pushed>, RestError> {
    let key = call::key(&parts, &headers)?;
    let account = account_of(&account)?;
    let packet: Box<RawValue> = call::body(body).await?;
    check(packet.get())?;
    let account_id = account.to_string();
    let topic = Topic::account(&key.app.id, account);
    let receipts = parts.cluster.bus.ask(&topic, Payload::Push(packet)).await?;
    Ok(Json(Pushed {
        account_id,
        delivered: receipts.sessions,
        complete: receipts.missing == 0,
    }))
}

fn check(packet: &str) -> Result<(), RestError> {
    if is_deeper_than(packet, FRAME_DEPTH) {
        return Err(RestError::invalid("the packet is nested too deep"));
    }
    let is_packet = packet.starts_with('{') && serde_json::from_str::<Packet<'_>>(packet).is_ok();
    if is_packet {
        Ok(())
    } else {
        Err(RestError::invalid(
            "a packet is an object with a string type",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_an_object_with_a_type() {
        assert!(check(r#"{"type":"call.invited","data":{"room_id":"r"}}"#).is_ok());
        for packet in ["[]", "\"x\"", "{}", "{\"type\":1}", "[\"type\"]"] {
            assert!(check(packet).is_err(), "{packet}");
        }
    }
}
