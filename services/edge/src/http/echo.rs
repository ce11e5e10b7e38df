//! The door of the echo dialect: `GET /echo`, open to anybody, where the configuration says so.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;

use super::Connection;
use super::knock::{knock, let_in};
use super::upgrade::Upgraded;
use crate::dialects::Dialect;
use crate::dialects::echo::Echo;
use crate::lane::Admission;
use crate::metrics::{DialectMetrics, Metrics, Outcome};
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
    let_in(
        parts,
        connection,
        upgrade,
        metrics_of,
        |parts, upgraded| async move {
            enter(&parts, upgraded).await;
        },
    )
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

fn metrics_of(metrics: &Metrics) -> &DialectMetrics {
    &metrics.echo
}
