//! A client that is read all the time, so that a crowd of them can be watched while a test does something else.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use serde_json::Value;
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

use crate::{Client, Closed};

/// One client, its frames and its end. Dropping it hangs up.
#[derive(Debug)]
pub struct Recorder {
    name: String,
    orders: mpsc::Sender<Value>,
    heard: Arc<Mutex<Vec<Heard>>>,
    closed: watch::Receiver<Option<(Instant, Closed)>>,
    _task: JoinSet<()>,
}

/// One frame.
#[derive(Debug, Clone)]
pub struct Heard {
    /// When it was read.
    pub at: Instant,
    /// What it said.
    pub frame: Value,
}

impl Recorder {
    /// Reads a welcomed client from now on.
    #[must_use]
    pub fn of(client: Client) -> Self {
        let name = client.peer().to_owned();
        let (orders, queue) = mpsc::channel(ORDERS);
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (end, closed) = watch::channel(None);
        let mut task = JoinSet::new();
        task.spawn(record(client, queue, Arc::clone(&heard), end));
        Self {
            name,
            orders,
            heard,
            closed,
            _task: task,
        }
    }

    /// The peer id.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sends a frame, unless the connection has ended.
    pub async fn send(&self, frame: Value) {
        // A client that was closed has no task any more.
        drop(self.orders.send(frame).await);
    }

    /// How many frames came so far.
    #[must_use]
    pub fn count(&self) -> usize {
        self.frames().len()
    }

    /// The frames from this one on.
    #[must_use]
    pub fn heard_from(&self, first: usize) -> Vec<Heard> {
        self.frames().get(first..).unwrap_or_default().to_vec()
    }

    /// Everything so far.
    #[must_use]
    pub fn heard(&self) -> Vec<Heard> {
        self.heard_from(0)
    }

    /// How it ended, if it has.
    #[must_use]
    pub fn closed(&self) -> Option<(Instant, Closed)> {
        self.closed.borrow().clone()
    }

    /// Waits for the end, however long it takes.
    pub async fn end(&self) -> (Instant, Closed) {
        let mut closed = self.closed.clone();
        let end = closed.wait_for(Option::is_some).await;
        let end = end.expect("the task tells the end before it ends");
        end.clone().expect("that is what was waited for")
    }

    fn frames(&self) -> std::sync::MutexGuard<'_, Vec<Heard>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn record(
    mut client: Client,
    mut orders: mpsc::Receiver<Value>,
    heard: Arc<Mutex<Vec<Heard>>>,
    end: watch::Sender<Option<(Instant, Closed)>>,
) {
    loop {
        tokio::select! {
            frame = client.patient_frame() => match frame {
                Ok(frame) => {
                    let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
                    heard.push(Heard { at: Instant::now(), frame });
                }
                Err(closed) => {
                    end.send_replace(Some((Instant::now(), closed)));
                    return;
                }
            },
            Some(frame) = orders.recv() => {
                if !client.offer(&frame).await {
                    // The end is read next.
                    orders.close();
                }
            }
        }
    }
}

const ORDERS: usize = 256;
