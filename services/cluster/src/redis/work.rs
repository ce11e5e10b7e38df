//! The link's tasks and the runtime that they run on, for whichever thread has time for them.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What a member does with Redis. Nothing of it happens before a thread runs it.
#[derive(Debug)]
#[must_use = "an edge whose link nobody runs never reaches Redis"]
pub struct Work {
    pub(super) runtime: Runtime,
    /// The edge has left.
    pub(super) ended: CancellationToken,
    pub(super) tasks: TaskTracker,
}

impl Work {
    /// Runs on a thread of its own until the edge has left.
    ///
    /// # Errors
    /// The thread could not be made.
    pub fn spawn(self) -> io::Result<()> {
        // Not joined: the last handle of the member may be dropped on that very thread.
        let thread = thread::Builder::new().name("link".to_owned());
        thread.spawn(move || self.finish()).map(drop)
    }

    /// Runs on the calling thread, beside `main`, which has to block on the runtime; then alone, until the edge has left.
    /// A message between the two wakes no other thread.
    pub fn run_beside(self, main: impl FnOnce(&Runtime)) {
        let done = catch_unwind(AssertUnwindSafe(|| main(&self.runtime)));
        // What the edge holds is given back even then.
        self.finish();
        if let Err(panic) = done {
            resume_unwind(panic);
        }
    }

    fn finish(self) {
        let Self {
            runtime,
            ended,
            tasks,
        } = self;
        runtime.block_on(async {
            ended.cancelled().await;
            tasks.wait().await;
        });
    }
}
