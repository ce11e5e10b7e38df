//! What an app has used of its plan.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Serialize;
use utoipa::ToSchema;

use super::error::ErrorBody;
use super::{RestError, call};
use crate::lane::unix_now;
use crate::parts::Parts;

/// What the app has used.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UsageReport {
    /// The app.
    app_id: String,
    /// First second of the period, Unix time.
    period_start_unix: Option<u64>,
    /// First second of the next one.
    period_end_unix: Option<u64>,
    /// Sessions open now, over all edges.
    concurrent_now: u64,
    /// The most at once in this period.
    peak_concurrent: u64,
    /// Attempts to publish or send, refused ones included.
    messages_used: u64,
    /// Messages let through above the limit.
    overage_messages: u64,
    /// Sessions opened above the limit.
    overage_connections: u64,
    /// The app's plan.
    plan: PlanReport,
}

/// What the app's plan allows; `null` is no limit.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PlanReport {
    /// The plan's name.
    name: Option<String>,
    /// Sessions at once.
    max_concurrent_connections: Option<u64>,
    /// Messages per period.
    max_messages_per_period: Option<u64>,
    /// Whether the plan knows overage.
    overages_allowed: bool,
    /// Whether overage is switched on.
    overages_enabled: bool,
}

#[utoipa::path(
    get, path = "/v1/usage", tag = "usage", security(("secret_key" = [])),
    responses(
        (status = 200, description = "What the app has used", body = UsageReport),
        (status = 401, description = "Missing or wrong credential", body = ErrorBody),
        (status = 403, description = "The app is suspended", body = ErrorBody),
        (status = 503, description = "The backend cannot be reached", body = ErrorBody),
    ),
)]
pub(in crate::http) async fn read_usage(
    State(parts): State<Arc<Parts>>,
    headers: HeaderMap,
) -> Result<Json<UsageReport>, RestError> {
    let key = call::key(&parts, &headers)?;
    let plan = &key.app.plan;
    let usage = parts
        .cluster
        .quotas
        .usage(&key.app.id, unix_now().as_secs())
        .await?;
    Ok(Json(UsageReport {
        app_id: key.app.id.to_string(),
        period_start_unix: Some(usage.period.start_s),
        period_end_unix: Some(usage.period.end_s),
        concurrent_now: usage.sessions,
        peak_concurrent: usage.sessions_peak,
        messages_used: usage.messages,
        overage_messages: usage.messages_overage,
        overage_connections: usage.sessions_overage,
        plan: PlanReport {
            name: plan.name.clone(),
            max_concurrent_connections: plan.max_sessions.map(Into::into),
            max_messages_per_period: plan.max_messages.map(Into::into),
            overages_allowed: plan.overage,
            overages_enabled: plan.overage,
        },
    }))
}
