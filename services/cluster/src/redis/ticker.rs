//! Looks at topics in which something waits for its time: an answer that is overdue, a member in doubt.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::holds;
use super::shared::Shared;

/// Between two looks, while there is anything to look at.
const EVERY: Duration = Duration::from_millis(100);

/// Runs until the edge leaves.
pub(super) async fn tick_all(shared: Arc<Shared>) {
    loop {
        tokio::select! {
            () = shared.table.watched() => sleep(EVERY).await,
            () = shared.ended.cancelled() => return,
        }
        let now = Instant::now();
        for key in shared.table.take_watched() {
            let teller = shared.teller();
            let ticked = shared
                .table
                .with_known(key, |entry| entry.tick(now, &teller));
            if ticked == Some(true) {
                shared.table.watch(key);
            }
            holds::call(&shared, key);
        }
    }
}
