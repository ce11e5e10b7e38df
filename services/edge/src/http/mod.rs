//! The doors: whatever comes over HTTP. The only place that names axum and hyper.
//!
//! - `listener`: accepting, with deadlines and caps before anybody is known. `unadmitted`: those caps.
//! - `connection`, `stream`: a client until HTTP is over, and the bytes under it. `knock`: what every door asks first. `upgrade`: whether it is one. `refusal`: accepted only to be closed.
//! - `realtime`, `room`, `device`, `echo`: the doors of the dialects.
//! - `rest`: the control plane. `admin`: health and metrics, on a listener of their own. `openapi`: what `rest` promises.

mod admin;
mod connection;
mod device;
mod echo;
mod knock;
mod listener;
mod openapi;
mod realtime;
mod refusal;
mod rest;
mod room;
mod stream;
mod unadmitted;
mod upgrade;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;

use crate::config::Config;
use crate::parts::Parts;
use unadmitted::Unadmitted;

/// Serves clients. Goes on while the edge drains: whoever has not heard of it yet is told, not met with a closed port.
pub(crate) fn serve_clients(listener: TcpListener, parts: &Arc<Parts>) {
    let router = Router::new()
        .route("/v1", get(realtime::connect))
        .merge(room_doors())
        .merge(echo_door(&parts.config))
        .merge(rest::router())
        .fallback(device::connect_or_not_found)
        .method_not_allowed_fallback(rest::not_found)
        .with_state(Arc::clone(parts));
    let unadmitted = Unadmitted::new(&parts.config.limits);
    parts.latecomers.spawn(listener::serve(
        listener,
        router,
        unadmitted,
        Arc::clone(parts),
    ));
}

/// The paths under which rooms are known: an edge alone, behind a gateway that names its services, and both with the prefix
/// by which the guide's sample code asks for its own spelling.
fn room_doors() -> Router<Arc<Parts>> {
    Router::new()
        .route("/api/chat/realtime/{room}", get(room::connect))
        .route("/sphere/chat/realtime/{room}", get(room::connect))
        .route(
            "/compat/guide/api/chat/realtime/{room}",
            get(room::connect_guide),
        )
        .route(
            "/compat/guide/sphere/chat/realtime/{room}",
            get(room::connect_guide),
        )
}

/// The door for conformance tests, if there is to be one.
fn echo_door(config: &Config) -> Router<Arc<Parts>> {
    if config.echo_door {
        tracing::warn!("echo_door: GET /echo is open to anybody");
        Router::new().route("/echo", get(echo::connect))
    } else {
        Router::new()
    }
}

/// Serves the operator; goes on while the edge drains, so that its readiness can be read.
pub(crate) fn serve_operators(listener: TcpListener, parts: &Arc<Parts>) {
    let router = admin::router().with_state(Arc::clone(parts));
    parts.latecomers.spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "the admin listener has ended");
        }
    });
}
