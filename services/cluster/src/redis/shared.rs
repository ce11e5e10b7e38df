//! What all tasks of the backend share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fred::bytes_utils::Str;
use fred::error::Error;
use fred::prelude::Value;
use fred::types::scripts::Script;
use tokio::runtime::Handle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::causes::Causes;
use super::config::RedisConfig;
use super::edges::Edges;
use super::entry::Teller;
use super::fences::Fences;
use super::keys::Names;
use super::leases::LeaseTable;
use super::link::{Doubt, Link, reason_of, refuses_writes};
use super::links::Links;
use super::outbox::Outbox;
use super::parcel;
use super::pulse::Pulse;
use super::quotas::QuotaTable;
use super::records::Watchers;
use super::status::{LinkState, LinkStatus, Reason};
use super::subscriptions::Subscriptions;
use super::table::Table;
use crate::Unavailable;
use crate::answer::{Answer, Ticket};
use crate::gatherings::Gatherings;
use crate::inbox::{Arrival, InboxHandle};
use crate::origin::Incarnation;
use crate::receipts::ReceiptId;

/// Once Redis has been away for this long nobody waits for it any more.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long an edge gathers its lanes' reports before it passes them on: less than whoever asked waits.
const RELAY_WITHIN: Duration = Duration::from_millis(400);

/// One edge's part of a cluster over Redis.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) incarnation: Incarnation,
    pub(super) config: RedisConfig,
    pub(super) names: Names,
    pub(super) inboxes: Vec<InboxHandle>,
    pub(super) table: Table,
    pub(super) outbox: Outbox,
    pub(super) links: Links,
    pub(super) pulse: Pulse,
    pub(super) status: LinkStatus,
    pub(super) subscriptions: Subscriptions,
    pub(super) edges: Edges,
    pub(super) fences: Fences,
    /// `None` where one connection carries everything in order.
    pub(super) causes: Option<Causes>,
    pub(super) leases: LeaseTable,
    pub(super) quotas: QuotaTable,
    pub(super) watchers: Watchers,
    pub(super) gatherings: Arc<Gatherings>,
    pub(super) began: std::time::Instant,
    /// Source of the epochs that lanes are told.
    pub(super) epochs: AtomicU64,
    /// The edge has left.
    pub(super) ended: CancellationToken,
    pub(super) tasks: TaskTracker,
    /// The link's own thread.
    pub(super) runtime: Handle,
}

impl Shared {
    /// Runs a task on the link's thread.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn_on(task, &self.runtime);
    }

    pub(super) fn answer(&self, ticket: Ticket, answer: Answer) {
        if let Some(inbox) = self.inboxes.get(usize::from(ticket.session.lane().0)) {
            inbox.push(Arrival::Answer(ticket, answer));
        }
    }

    pub(super) fn teller(&self) -> Teller<'_> {
        Teller {
            incarnation: self.incarnation,
            inboxes: &self.inboxes,
            causes: self.causes.as_ref(),
            epoch: self.epochs.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// Judges an error of a link, and tells the keeper if it is the link's.
    pub(super) fn doubt(&self, generation: u64, error: &Error) -> Doubt {
        match reason_of(error) {
            Some(reason) => {
                tracing::debug!(%error, reason = reason.as_str(), "the link is in doubt");
                self.links.doubt(generation, reason);
                Doubt::Link
            }
            // Told once, by the heartbeat, and not for every command.
            None if refuses_writes(error) => {
                tracing::debug!(%error, "Redis refused to write");
                Doubt::Command
            }
            None => {
                tracing::error!(%error, "Redis refused a command");
                Doubt::Command
            }
        }
    }

    /// Runs a script; an error that is the link's ends the link.
    pub(super) async fn run(
        &self,
        link: &Link,
        script: &Script,
        keys: Vec<Str>,
        args: Vec<Value>,
    ) -> Result<Value, Unavailable> {
        link.script(script, keys, args).await.map_err(|error| {
            self.doubt(link.generation, &error);
            Unavailable
        })
    }

    /// Whether waiting for Redis has no point any more.
    pub(super) fn is_down_for_long(&self) -> bool {
        match self.status.state() {
            LinkState::Up | LinkState::Unwritable => false,
            LinkState::Down { since, reason } => {
                reason != Reason::Starting && since.elapsed() > PATIENCE
            }
        }
    }

    /// This edge's own clock, for stamps that nobody else reads; 0 for none.
    pub(super) fn clock_us(&self, at: Option<std::time::Instant>) -> u64 {
        at.map_or(0, |at| {
            u64::try_from(at.duration_since(self.began).as_micros()).unwrap_or(0)
        })
    }

    /// The moment that [`Shared::clock_us`] stamped.
    pub(super) fn moment(&self, stamp_us: u64) -> Option<std::time::Instant> {
        (stamp_us > 0)
            .then(|| self.began.checked_add(Duration::from_micros(stamp_us)))
            .flatten()
    }

    /// Has this edge's lanes report to it, and their sum to whoever asks. Returns what the lanes are to report to.
    pub(super) fn relay_receipt(self: &Arc<Self>, receipt: ReceiptId, lanes: usize) -> ReceiptId {
        let gathering = self.gatherings.open();
        let local = ReceiptId {
            incarnation: self.incarnation,
            number: gathering.number(),
        };
        let task = Arc::clone(self);
        self.spawn(async move {
            let receipts = gathering.collect(lanes, RELAY_WITHIN).await;
            if let Some(link) = task.links.current() {
                let channel = task.names.edge_channel(receipt.incarnation);
                // Whoever asks counts a report that does not come as missing.
                let _ = link
                    .publish(channel, parcel::report(receipt.number, receipts))
                    .await;
            }
        });
        local
    }

    /// Until when an operation that begins now may wait for Redis.
    pub(super) fn deadline(&self) -> Instant {
        if self.is_down_for_long() {
            Instant::now()
        } else {
            Instant::now() + PATIENCE
        }
    }
}
