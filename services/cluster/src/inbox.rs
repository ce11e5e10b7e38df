//! The bounded queue through which the cluster speaks to one lane.
//!
//! Many writers, one reader that takes everything at once. The bound is in bytes and holds for envelopes: past it they
//! are dropped and counted (lag), never queued without limit. Answers are not dropped: each belongs to a request that a
//! client already paid for. [`Pressure`] tells sessions to stop reading well before the bound, so that an edge's own
//! clients cannot push their edge into lag.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::answer::{Answer, Ticket};
use crate::envelope::Envelope;
use crate::leases::Fence;
use crate::origin::{LaneId, SessionId};
use crate::outcome::Outcome;
use crate::pressure::Pressure;
use crate::topic::Topic;

/// The reading end, owned by the lane.
#[derive(Debug)]
pub struct Inbox(Arc<Shared>);

/// The writing end, cloned by the backend.
#[derive(Clone, Debug)]
pub struct InboxHandle(Arc<Shared>);

/// One thing that reached a lane.
#[derive(Debug)]
pub enum Arrival {
    /// An envelope on a topic that the lane subscribed to.
    Envelope(Topic, Arc<Envelope>),
    /// The answer to an operation of one of its sessions.
    Answer(Ticket, Answer),
    /// A session of the lane lost its device to a newer one.
    Evict(Eviction),
    /// What the edge itself has found out for one of its sessions.
    Outcome(SessionId, Outcome),
}

/// News of a takeover: whoever holds an older fence than this has to go. The attach that granted the older fence is
/// answered on another path, so this may come before the lane has met the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Eviction {
    /// The session that held the lease.
    pub session: SessionId,
    /// The fence of the newer holder.
    pub fence: Fence,
}

#[derive(Debug)]
struct Shared {
    lane: LaneId,
    bound_bytes: usize,
    queue: Mutex<Queue>,
    filled: Notify,
    pressure: Pressure,
}

#[derive(Debug, Default)]
struct Queue {
    arrivals: VecDeque<Arrival>,
    envelope_bytes: usize,
    lagged: u64,
    pressing: bool,
    /// The reader is gone: nobody will ever take what is pushed.
    closed: bool,
}

impl Inbox {
    /// An inbox of `lane` that holds at most `bound_bytes` of envelopes; its fill level is reported to `pressure`.
    #[must_use]
    pub fn new(lane: LaneId, bound_bytes: usize, pressure: Pressure) -> Self {
        Self(Arc::new(Shared {
            lane,
            bound_bytes,
            queue: Mutex::default(),
            filled: Notify::new(),
            pressure,
        }))
    }

    /// The end to write to.
    #[must_use]
    pub fn handle(&self) -> InboxHandle {
        InboxHandle(Arc::clone(&self.0))
    }

    /// Waits until something is there to be taken. Cancel-safe: what has arrived is never announced only once.
    pub async fn filled(&self) {
        while self.is_empty() {
            // A push since the look above has left a permit, so this returns at once.
            self.0.filled.notified().await;
        }
    }

    /// Swaps everything that arrived into `arrivals`, which must be empty, and returns how many envelopes were dropped
    /// since the last call.
    pub fn take(&self, arrivals: &mut VecDeque<Arrival>) -> u64 {
        debug_assert!(
            arrivals.is_empty(),
            "taking over unread arrivals would lose them"
        );
        let mut queue = self.0.queue.lock().unwrap_or_else(PoisonError::into_inner);
        mem::swap(&mut queue.arrivals, arrivals);
        queue.envelope_bytes = 0;
        if mem::take(&mut queue.pressing) {
            self.0.pressure.fall();
        }
        mem::take(&mut queue.lagged)
    }

    /// True while nothing waits to be taken, news of dropped envelopes included.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0
            .queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_empty()
    }
}

/// What nobody will read is neither kept nor counted as pressure: other lanes must not wait for a reader that is gone.
impl Drop for Inbox {
    fn drop(&mut self) {
        let mut queue = self.0.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.closed = true;
        let unread = mem::take(&mut queue.arrivals);
        if mem::take(&mut queue.pressing) {
            self.0.pressure.fall();
        }
        drop(queue);
        drop(unread);
    }
}

impl InboxHandle {
    /// The lane behind it.
    #[must_use]
    pub fn lane(&self) -> LaneId {
        self.0.lane
    }

    /// Appends one arrival; drops and counts an envelope that does not fit. After the reader is gone it does nothing.
    pub fn push(&self, arrival: Arrival) {
        let size_bytes = match &arrival {
            Arrival::Envelope(topic, envelope) => envelope.size_bytes() + topic.size_bytes(),
            Arrival::Answer(..) | Arrival::Evict(_) | Arrival::Outcome(..) => 0,
        };
        let mut queue = self.0.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.closed {
            return;
        }
        let was_empty = queue.is_empty();
        if size_bytes > 0 && queue.envelope_bytes + size_bytes > self.0.bound_bytes {
            queue.lagged += 1;
        } else {
            queue.envelope_bytes += size_bytes;
            queue.arrivals.push_back(arrival);
            if !queue.pressing && queue.envelope_bytes > self.0.bound_bytes / 2 {
                queue.pressing = true;
                self.0.pressure.rise();
            }
        }
        drop(queue);
        if was_empty {
            self.0.filled.notify_one();
        }
    }
}

impl Queue {
    fn is_empty(&self) -> bool {
        self.arrivals.is_empty() && self.lagged == 0
    }
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;
    use crate::envelope::{Message, Payload};
    use crate::origin::{Incarnation, Origin};
    use crate::peer::Peer;

    fn envelope(bytes: usize) -> Arrival {
        let app = "app".parse().unwrap();
        let from = Arc::new(Peer {
            id: "alice".parse().unwrap(),
            metadata: None,
        });
        let data = RawValue::from_string(format!("\"{}\"", "x".repeat(bytes))).unwrap();
        Arrival::Envelope(
            Topic::channel(&app, "room".parse().unwrap()),
            Arc::new(Envelope {
                origin: Origin {
                    incarnation: Incarnation::random(),
                    session: SessionId::NONE,
                    lease: None,
                },
                received: None,
                receipt: None,
                payload: Payload::Message(Message {
                    from,
                    to: None,
                    data,
                }),
            }),
        )
    }

    #[test]
    fn what_does_not_fit_is_counted_and_the_rest_arrives_in_order() {
        let inbox = Inbox::new(LaneId(0), 2_000, Pressure::default());
        let handle = inbox.handle();
        for _ in 0..5 {
            handle.push(envelope(600));
        }
        handle.push(Arrival::Evict(Eviction {
            session: SessionId::NONE,
            fence: Fence::NONE,
        }));
        let mut arrivals = VecDeque::new();
        assert_eq!(inbox.take(&mut arrivals), 3);
        assert_eq!(arrivals.len(), 3);
        assert!(
            matches!(arrivals[2], Arrival::Evict(_)),
            "what is no envelope is never dropped"
        );
        arrivals.clear();
        assert_eq!(inbox.take(&mut arrivals), 0, "lag is reported once");
    }

    #[tokio::test]
    async fn pressure_rises_at_half_and_eases_when_taken() {
        let pressure = Pressure::default();
        let inbox = Inbox::new(LaneId(0), 2_000, pressure.clone());
        inbox.handle().push(envelope(600));
        assert!(!pressure.is_high());
        inbox.handle().push(envelope(600));
        assert!(pressure.is_high());
        let waiter = pressure.eased();
        tokio::pin!(waiter);
        assert!(futures_pending(waiter.as_mut()).await);
        inbox.take(&mut VecDeque::new());
        waiter.await;
        assert!(!pressure.is_high());
    }

    #[tokio::test]
    async fn an_envelope_larger_than_the_bound_is_told_as_lag_at_once() {
        let inbox = Inbox::new(LaneId(0), 500, Pressure::default());
        inbox.handle().push(envelope(600));
        inbox.filled().await;
        assert_eq!(inbox.take(&mut VecDeque::new()), 1);
    }

    #[tokio::test]
    async fn a_wait_that_was_given_up_loses_nothing() {
        let inbox = Inbox::new(LaneId(0), 2_000, Pressure::default());
        let mut waiter = Box::pin(inbox.filled());
        assert!(futures_pending(waiter.as_mut()).await);
        inbox.handle().push(envelope(1));
        drop(waiter);
        inbox.filled().await;
        inbox.filled().await;
        let mut arrivals = VecDeque::new();
        inbox.take(&mut arrivals);
        assert_eq!(arrivals.len(), 1);
    }

    #[test]
    fn an_inbox_without_a_reader_presses_nobody() {
        let pressure = Pressure::default();
        let inbox = Inbox::new(LaneId(0), 2_000, pressure.clone());
        let handle = inbox.handle();
        handle.push(envelope(1_500));
        assert!(pressure.is_high());
        drop(inbox);
        assert!(!pressure.is_high());
        handle.push(envelope(1_500));
        assert!(!pressure.is_high());
    }

    async fn futures_pending<F: Future<Output = ()> + Unpin>(mut future: F) -> bool {
        std::future::poll_fn(|context| {
            std::task::Poll::Ready(std::pin::Pin::new(&mut future).poll(context).is_pending())
        })
        .await
    }
}
