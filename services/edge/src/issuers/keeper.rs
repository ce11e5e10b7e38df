//! Keeping every issuer's keys fresh: one task per endpoint, so that a slow one holds up no other.
//!
//! Owns when a fetch begins. Invariants: one fetch at a time per issuer; after a failure the keys before stay in force and
//! the next attempt comes later each time, up to the refresh interval.

use std::sync::Arc;
use std::time::Duration;

use rand::Rng as _;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet, spawn_blocking};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use super::fetch::{FetchError, Fetcher, Roots};
use super::jwks_source::Pace;
use super::{JwksSource, KeyRing};
use crate::metrics::{Fetch, IssuerMetrics, StaleIssuer};

/// Fetches for all rings that `rings` names, and asks for them again whenever `versions` moves, until `cancel` is
/// cancelled.
pub async fn keep_fresh(
    rings: impl Fn() -> Vec<Arc<KeyRing>>,
    mut versions: watch::Receiver<u64>,
    metrics: IssuerMetrics,
    cancel: CancellationToken,
) {
    let mut tasks = JoinSet::new();
    let mut kept: Vec<(Arc<KeyRing>, AbortHandle)> = Vec::new();
    loop {
        versions.borrow_and_update();
        let wanted = rings();
        let is_wanted = |ring: &Arc<KeyRing>| wanted.iter().any(|other| Arc::ptr_eq(ring, other));
        kept.retain(|(ring, task)| {
            let stays = is_wanted(ring);
            if !stays {
                task.abort();
            }
            stays
        });
        for ring in wanted {
            let is_new = !kept.iter().any(|(kept, _)| Arc::ptr_eq(kept, &ring));
            if let (true, Some(source)) = (is_new, ring.source().cloned()) {
                let task = tasks.spawn(keep(Arc::clone(&ring), source, metrics.clone()));
                kept.push((ring, task));
            }
        }
        tokio::select! {
            () = cancel.cancelled() => return,
            changed = versions.changed() => if changed.is_err() { return },
            // What was aborted is reaped, so that the set does not grow with every reload.
            Some(Err(ended)) = tasks.join_next(), if !tasks.is_empty() => {
                if ended.is_panic() {
                    // The next round starts it again; the cool-down keeps that from being often.
                    error!("fetching an issuer's keys has failed inside");
                    kept.retain(|(_, task)| task.id() != ended.id());
                }
            }
        }
    }
}

async fn keep(ring: Arc<KeyRing>, source: JwksSource, metrics: IssuerMetrics) {
    let build = {
        let source = source.clone();
        spawn_blocking(move || Fetcher::new(source, Roots::OfSystem)).await
    };
    match build {
        Ok(Ok(fetcher)) => fetch_for_ever(&ring, &fetcher, &source, &metrics).await,
        Ok(Err(reason)) => {
            let _stale = metrics.stale();
            error!(%source, "keys cannot be fetched from {source}: {reason}");
            std::future::pending().await
        }
        // Only if the runtime shuts down.
        Err(_) => {}
    }
}

pub(super) async fn fetch_for_ever(
    ring: &KeyRing,
    fetcher: &Fetcher,
    source: &JwksSource,
    metrics: &IssuerMetrics,
) {
    let mut failures = 0;
    let mut stale: Option<StaleIssuer> = None;
    let mut due = Instant::now();
    loop {
        tokio::select! {
            () = sleep_until(due) => {}
            () = ring.wished() => {}
        }
        sleep_until(ring.rested_at(Instant::now())).await;
        let began = Instant::now();
        ring.begin(began);
        let fetched = fetcher.fetch().await;
        metrics.fetches.count(match &fetched {
            Ok(_) => Fetch::Ok,
            Err(error) => error.label(),
        });
        match fetched {
            Ok(keys) => {
                let count = keys.count();
                if ring.end(Some(keys)) {
                    info!(%source, keys = count, "the keys of {source} have changed");
                } else {
                    debug!(%source, keys = count, "the keys of {source} are the same");
                }
                if stale.take().is_some() {
                    info!(%source, "the keys of {source} can be fetched again");
                }
                failures = 0;
            }
            Err(reason) => {
                ring.end(None);
                failures += 1;
                stale.get_or_insert_with(|| metrics.stale());
                complain(ring, source, &reason);
            }
        }
        due = began + until_next(&source.pace, failures);
    }
}

fn complain(ring: &KeyRing, source: &JwksSource, reason: &FetchError) {
    if ring.keys().is_some() {
        warn!(%source, "keys were not fetched from {source}, those before stay in force: {reason}");
    } else {
        error!(%source, "keys were not fetched from {source}, nobody with its tokens gets in: {reason}");
    }
}

/// Spread by a tenth to both sides, so that the edges of a cluster do not ask together.
fn until_next(pace: &Pace, failures: u32) -> Duration {
    let base = match failures {
        0 => pace.refresh,
        failures => {
            let factor = 2_u32.saturating_pow(failures - 1);
            pace.cool_down.saturating_mul(factor).min(pace.refresh)
        }
    };
    base.mul_f64(rand::rng().random_range(0.9..1.1))
}

#[cfg(test)]
mod tests;
