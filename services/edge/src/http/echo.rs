//! The door of the echo dialect: `GET /echo`, open to anybody, where the configuration says so.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;

use super::connection::Connection;
use super::knock::knock;
use crate::dialects::Dialect;
use crate::dialects::echo::Echo;
use crate::lane::{Admission, Upgraded};
use crate::metrics::Outcome;
use crate::parts::Parts;

/// Admits a client, or says why not.
pub(super) async fn connect(
    State(parts): State<Arc<Parts>>,
    Extension(connection): Extension<Arc<Connection>>,
    request: Request,
) -> Response {
    let (head, _) = request.into_parts();
    let upgrade = match knock(&parts, &connection, &head, &parts.metrics.echo) {
        Ok(upgrade) => upgrade,
        Err(refused) => return refused,
    };
    upgrade.accept(&connection, move |upgraded| async move {
        enter(&parts, upgraded).await;
    })
}

/// From the upgrade to the lane: there is nothing to ask.
async fn enter(parts: &Parts, upgraded: Upgraded) {
    let lane = parts.lanes.next(());
    let admission = Admission {
        id: lane.new_session_id(),
        upgraded,
        expires_at: None,
        dialect: Dialect::Echo(Echo),
        guards: None,
        tracked: parts.tasks.token(),
    };
    if lane.admit(admission).await.is_err() {
        parts.metrics.echo.handshakes.count(Outcome::Draining);
    }
}
