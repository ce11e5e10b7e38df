//! The door of the echo dialect: `GET /echo`, open to anybody, where the configuration says so.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;

use super::Connection;
use super::knock::knock;
use super::upgrade::Upgraded;
use crate::dialects::Dialect;
use crate::dialects::echo::Echo;
use crate::lane::Admission;
use crate::metrics::Outcome;
use crate::parts::Parts;

/// Admits a client, or says why not.
pub(super) async fn connect(
    State(parts): State<Arc<Parts>>,
    Extension(connection): Extension<Connection>,
    mut request: Request,
) -> Response {
    let upgrade = match knock(&parts, &connection, &mut request, &parts.metrics.echo) {
        Ok(upgrade) => upgrade,
        Err(refused) => return refused,
    };
    let response = upgrade.response();
    let tasks = parts.tasks.clone();
    tasks.spawn(async move {
        match upgrade.upgraded().await {
            Some(upgraded) => enter(&parts, upgraded).await,
            None => parts.metrics.echo.handshakes.count(Outcome::Abandoned),
        }
        drop(connection);
    });
    response
}

/// From the upgrade to the lane: there is nothing to ask.
async fn enter(parts: &Parts, upgraded: Upgraded) {
    let Ok(stream) = upgraded.stream.into_std() else {
        return parts.metrics.echo.handshakes.count(Outcome::Abandoned);
    };
    let lane = parts.lane();
    let admission = Admission {
        id: lane.new_session_id(),
        stream,
        unread: upgraded.unread,
        expires_at: None,
        dialect: Dialect::Echo(Echo),
        guards: None,
        tracked: parts.tasks.token(),
    };
    if lane.admit(admission).await.is_err() {
        parts.metrics.echo.handshakes.count(Outcome::Draining);
    }
}
