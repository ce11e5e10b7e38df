//! The operator's door: health and metrics, on a listener of their own.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use prometheus::TextEncoder;
use serde::Serialize;

use crate::parts::Parts;

/// The admin routes.
pub(super) fn router() -> Router<Arc<Parts>> {
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
}

/// Whether the process is alive: it answers.
async fn livez() -> &'static str {
    "ok\n"
}

#[derive(Debug, Serialize)]
struct Ready {
    ready: bool,
    edge: String,
    region: String,
    /// Why not; empty when ready.
    reasons: Vec<&'static str>,
}

/// Whether the edge should get new clients, and if not, why.
async fn readyz(State(parts): State<Arc<Parts>>) -> Response {
    let reasons = parts.readiness.reasons();
    let ready = reasons.is_empty();
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let body = Ready {
        ready,
        edge: parts.edge_id.to_string(),
        region: parts.config.region.clone(),
        reasons,
    };
    (status, Json(body)).into_response()
}

/// Everything counted, in Prometheus' text format.
async fn metrics(State(parts): State<Arc<Parts>>) -> Response {
    // Two scrapes at once would reset each other's series.
    let _alone = parts.scrape.lock().await;
    count_apps(&parts).await;
    if let Some(status) = &parts.cluster.link {
        parts.metrics.link.read(status);
    }
    match TextEncoder::new().encode_to_string(&parts.registry.gather()) {
        Ok(text) => (
            [(
                header::CONTENT_TYPE,
                "text/plain; version=0.0.4; charset=utf-8",
            )],
            text,
        )
            .into_response(),
        Err(error) => {
            tracing::error!(%error, "metrics cannot be encoded");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Reads the quotas of the configured apps; apps that are gone lose their series.
async fn count_apps(parts: &Parts) {
    let metrics = &parts.metrics;
    metrics.quota_sessions.reset();
    metrics.quota_messages.reset();
    for app in parts.tenancy.load().apps() {
        let Ok(usage) = parts
            .cluster
            .quotas
            .usage(&app.id, crate::lane::unix_now().as_secs())
            .await
        else {
            continue;
        };
        let gauge = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        metrics
            .quota_sessions
            .with_label_values(&[app.id.as_str()])
            .set(gauge(usage.sessions));
        metrics
            .quota_messages
            .with_label_values(&[app.id.as_str()])
            .set(gauge(usage.messages));
    }
}
