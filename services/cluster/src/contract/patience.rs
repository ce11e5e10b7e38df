//! Waiting with an end. The only place of the contract that knows a clock.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

/// How long a point waits for what has to happen; a crash is found out within seconds. Only a broken point waits so long.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks at a state that nobody announces.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);

/// When whoever starts to wait now gives up.
pub(super) fn deadline() -> Instant {
    Instant::now() + PATIENCE
}

/// The output of `work`.
pub(super) async fn within<F: Future>(what: &str, work: F) -> F::Output {
    match timeout_at(deadline(), work).await {
        Ok(output) => output,
        Err(_elapsed) => panic!("{what}: not within {PATIENCE:?}"),
    }
}

/// Looks again and again until `look` finds something.
pub(super) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    within(what, async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            sleep(LOOK_INTERVAL).await;
        }
    })
    .await
}
