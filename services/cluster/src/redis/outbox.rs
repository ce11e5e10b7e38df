//! What this edge's lanes have published and Redis has not been given.
//!
//! Filled by lanes, emptied by the publisher, bounded in bytes: past the bound a message is refused at once, and from half
//! of it on the edge's sessions stop reading. A message counts until it is in a parcel, also while it waits behind another
//! one of its topic.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::causes::Cause;
use crate::answer::Ticket;
use crate::envelope::Envelope;
use crate::pressure::Pressure;
use crate::topic::Topic;

/// One envelope on its way out.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) topic: Topic,
    pub(super) envelope: Envelope,
    /// What its receivers have to hear before it.
    pub(super) causes: Vec<Cause>,
    pub(super) answer: AnswerTo,
    pub(super) since: Instant,
}

impl Outgoing {
    pub(super) fn size_bytes(&self) -> usize {
        self.envelope.size_bytes() + self.topic.size_bytes()
    }
}

/// Who is told how a publish went.
#[derive(Debug)]
pub(super) enum AnswerTo {
    /// A session, through its lane's inbox.
    Session(Ticket),
    /// A caller outside the lanes, who waits.
    Caller(tokio::sync::oneshot::Sender<Option<u64>>),
}

/// The queue.
#[derive(Debug)]
pub(super) struct Outbox {
    bound_bytes: usize,
    queue: Mutex<Queue>,
    filled: Notify,
    pressure: Pressure,
}

#[derive(Debug, Default)]
struct Queue {
    outgoing: VecDeque<Outgoing>,
    bytes: usize,
    pressing: bool,
}

impl Outbox {
    pub(super) fn new(bound_bytes: usize, pressure: Pressure) -> Self {
        Self {
            bound_bytes,
            queue: Mutex::default(),
            filled: Notify::new(),
            pressure,
        }
    }

    /// Appends, or hands back who would have been told if it had fitted.
    pub(super) fn push(&self, outgoing: Outgoing) -> Result<(), AnswerTo> {
        let size_bytes = outgoing.size_bytes();
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.bytes + size_bytes > self.bound_bytes {
            return Err(outgoing.answer);
        }
        queue.bytes += size_bytes;
        let was_empty = queue.outgoing.is_empty();
        queue.outgoing.push_back(outgoing);
        if !queue.pressing && queue.bytes > self.bound_bytes / 2 {
            queue.pressing = true;
            self.pressure.rise();
        }
        drop(queue);
        if was_empty {
            self.filled.notify_one();
        }
        Ok(())
    }

    /// Waits until something is there. Cancel-safe.
    pub(super) async fn filled(&self) {
        while self.is_empty() {
            self.filled.notified().await;
        }
    }

    /// Swaps everything into `outgoing`, which must be empty.
    pub(super) fn take(&self, outgoing: &mut VecDeque<Outgoing>) {
        debug_assert!(outgoing.is_empty(), "what is not sent yet would be lost");
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut queue.outgoing, outgoing);
    }

    /// So much of what was taken is in a parcel now, and counts no more.
    pub(super) fn settle(&self, bytes: usize) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.bytes -= bytes;
        if queue.pressing && queue.bytes <= self.bound_bytes / 2 {
            queue.pressing = false;
            self.pressure.fall();
        }
    }

    fn is_empty(&self) -> bool {
        self.queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .outgoing
            .is_empty()
    }
}
