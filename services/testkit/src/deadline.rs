//! Waiting with an end: no test waits for ever, and no test sleeps for a time it has guessed.

use std::{future::Future, time::Duration};

use tokio::time::{Instant, sleep, timeout};

use crate::Place;

/// How long a test waits for something that should happen at once. Generous, since suites run in parallel on few
/// cores; only a failing test ever waits this long.
pub const DEADLINE: Duration = Duration::from_secs(15);

/// The output of `work`; panics with the place of the caller and `what` once [`DEADLINE`] has passed.
#[track_caller]
pub fn within<F: Future>(what: &str, work: F) -> impl Future<Output = F::Output> {
    let place = Place::here();
    async move {
        match timeout(DEADLINE, work).await {
            Ok(output) => output,
            Err(_elapsed) => panic!("{place}: {what}: nothing within {DEADLINE:?}"),
        }
    }
}

/// Asks `probe` again and again until it answers `Some`; panics once [`DEADLINE`] has passed.
#[track_caller]
pub fn until<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> impl Future<Output = T> {
    let place = Place::here();
    async move {
        let end = Instant::now() + DEADLINE;
        loop {
            if let Some(found) = probe().await {
                return found;
            }
            assert!(
                Instant::now() < end,
                "{place}: {what}: not within {DEADLINE:?}"
            );
            sleep(PROBE_INTERVAL).await;
        }
    }
}

const PROBE_INTERVAL: Duration = Duration::from_millis(10);
