//! One edge's place in a cluster over Redis: every operation of the contract.
//!
//! Operations of sessions return at once; what they ask of Redis happens where the link's [`Work`](super::Work) is run, and the answer goes to
//! the inbox of the lane that asked.

use std::sync::Arc;
use std::time::Duration;

use protocol::{AppId, PeerId};
use tokio::sync::{broadcast, oneshot};
use tokio::time::{Instant, timeout};

use super::holds;
use super::keys::TopicKey;
use super::leases::LeaseTable;
use super::outbox::{AnswerTo, Outgoing};
use super::quotas::App;
use super::records;
use super::scripts::lease::Manners;
use super::shared::Shared;
use super::{heartbeat, publisher};
use crate::Unavailable;
use crate::answer::{Answer, Ticket};
use crate::envelope::{Envelope, News, Payload};
use crate::leases::{Attach, Fence, Holder, LeaseKey, Turn};
use crate::origin::{LaneId, Origin, SessionId};
use crate::peer::Peer;
use crate::presence::{Known, Roster};
use crate::quotas::{Allowance, SlotError, Usage};
use crate::receipts::{GATHER_TIMEOUT, ReceiptId, Receipts};
use crate::records::{
    Change, Changed, Expected, Kind, Notice, Record, RecordName, RecordsError, Shelf,
};
use crate::topic::{Address, Topic};

/// Time that an orderly leave takes at most.
const LEAVE_WITHIN: Duration = Duration::from_secs(3);

/// One edge in a cluster.
#[derive(Debug)]
pub(crate) struct Member {
    pub(super) shared: Arc<Shared>,
}

impl Member {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    pub(crate) fn subscribe(&self, topic: &Topic, lane: LaneId, ticket: Ticket) {
        let shared = &self.shared;
        let Some(inbox) = shared.inboxes.get(usize::from(lane.0)) else {
            return;
        };
        let key = TopicKey::of(topic);
        let deadline = shared.deadline();
        let (is_first, waits) = shared.table.with(topic, |entry| {
            let is_first = entry.listen(inbox, ticket, deadline);
            (is_first, entry.is_waited_for())
        });
        if is_first {
            shared.subscriptions.note(key);
        }
        if waits {
            shared.table.watch(key);
        }
    }

    pub(crate) fn unsubscribe(&self, topic: &Topic, lane: LaneId) {
        let key = TopicKey::of(topic);
        let was_last = self
            .shared
            .table
            .with_known(key, |entry| entry.unlisten(lane));
        if was_last == Some(true) {
            self.shared.subscriptions.note(key);
        }
    }

    pub(crate) fn depart(&self, topic: &Topic, lane: LaneId, ticket: Ticket) {
        let shared = &self.shared;
        let (key, deadline) = (TopicKey::of(topic), shared.deadline());
        let departure = shared.table.with_known(key, |entry| {
            let was_last = entry.depart(lane, ticket.clone(), deadline);
            (was_last, entry.is_waited_for())
        });
        let Some((was_last, waits)) = departure else {
            return shared.answer(ticket, Answer::Departed(topic.clone()));
        };
        if was_last {
            shared.subscriptions.note(key);
        }
        if waits {
            shared.table.watch(key);
        }
    }

    pub(crate) fn publish(&self, topic: &Topic, envelope: Envelope, ticket: Ticket) {
        let causes = match (&self.shared.causes, topic.address()) {
            (Some(causes), Address::Peer(_)) => causes.of(envelope.origin.session),
            (
                Some(_),
                Address::Channel(_) | Address::Room(_) | Address::Account(_) | Address::Device(..),
            )
            | (None, _) => Vec::new(),
        };
        let outgoing = Outgoing {
            topic: topic.clone(),
            envelope,
            causes,
            answer: AnswerTo::Session(ticket),
            since: Instant::now(),
        };
        if let Err(AnswerTo::Session(ticket)) = self.shared.outbox.push(outgoing) {
            self.shared.status.add(|counts| &counts.unpublished, 1);
            self.shared
                .answer(ticket, Answer::Published(topic.clone(), Err(Unavailable)));
        }
    }

    pub(crate) async fn tell(&self, topic: &Topic, news: News) -> Result<usize, Unavailable> {
        let envelope = Envelope {
            origin: self.nobody(),
            received: None,
            receipt: None,
            payload: Payload::News(news),
        };
        self.deposit(topic, envelope).await
    }

    /// Who speaks when no session does.
    fn nobody(&self) -> Origin {
        Origin {
            incarnation: self.shared.incarnation,
            session: SessionId::NONE,
            lease: None,
        }
    }

    /// Publishes for a caller outside the lanes. Returns how many edges heard it.
    async fn deposit(&self, topic: &Topic, envelope: Envelope) -> Result<usize, Unavailable> {
        let (caller, answer) = oneshot::channel();
        let outgoing = Outgoing {
            topic: topic.clone(),
            envelope,
            causes: Vec::new(),
            answer: AnswerTo::Caller(caller),
            since: Instant::now(),
        };
        let pushed = self.shared.outbox.push(outgoing);
        pushed.map_err(|_| Unavailable)?;
        // The publisher answers within its own time; the rest covers an edge that is leaving.
        let answer = timeout(2 * publisher::SEND_WITHIN, answer).await;
        let edges = answer
            .ok()
            .and_then(Result::ok)
            .flatten()
            .ok_or(Unavailable)?;
        Ok(usize::try_from(edges).unwrap_or(usize::MAX))
    }

    pub(crate) async fn ask(
        &self,
        topic: &Topic,
        payload: Payload,
    ) -> Result<Receipts, Unavailable> {
        let shared = &self.shared;
        let gathering = shared.gatherings.open();
        let envelope = Envelope {
            origin: self.nobody(),
            received: None,
            receipt: Some(ReceiptId {
                incarnation: shared.edges.registration(),
                number: gathering.number(),
            }),
            payload,
        };
        let edges = self.deposit(topic, envelope).await?;
        Ok(gathering.collect(edges, GATHER_TIMEOUT).await)
    }

    pub(crate) fn report(&self, receipt: ReceiptId, sessions: u64) {
        let report = Receipts {
            sessions,
            missing: 0,
        };
        self.shared.gatherings.report(receipt.number, report);
    }

    pub(crate) fn join(&self, topic: &Topic, peer: &Arc<Peer>, known: Known, ticket: Ticket) {
        let shared = &self.shared;
        let (teller, deadline) = (shared.teller(), shared.deadline());
        shared.table.with(topic, |entry| {
            entry.join(peer, known, ticket, deadline, &teller);
        });
        let key = TopicKey::of(topic);
        shared.table.watch(key);
        holds::call(shared, key);
    }

    pub(crate) fn leave(&self, topic: &Topic, peer: &PeerId, session: SessionId) {
        let key = TopicKey::of(topic);
        self.shared
            .table
            .with_known(key, |entry| entry.leave(peer, session));
        holds::call(&self.shared, key);
    }

    pub(crate) fn resync(&self, topic: &Topic, lane: LaneId) {
        let teller = self.shared.teller();
        let key = TopicKey::of(topic);
        self.shared
            .table
            .with_known(key, |entry| entry.resync(lane, &teller));
        holds::call(&self.shared, key);
    }

    pub(crate) async fn roster(&self, topic: &Topic) -> Result<Roster, Unavailable> {
        holds::roster(&self.shared, TopicKey::of(topic)).await
    }

    pub(crate) async fn edges_on(&self, topic: &Topic) -> Result<usize, Unavailable> {
        let shared = &self.shared;
        let link = shared
            .links
            .by(shared.deadline())
            .await
            .ok_or(Unavailable)?;
        let channel = shared.names.channel(TopicKey::of(topic));
        match link.listeners(channel).await {
            Ok(edges) => Ok(usize::try_from(edges).unwrap_or(usize::MAX)),
            Err(error) => {
                shared.doubt(link.generation, &error);
                Err(Unavailable)
            }
        }
    }

    pub(crate) async fn attach_lease(
        &self,
        key: &LeaseKey,
        session: SessionId,
        floor: Fence,
        turn: Turn,
    ) -> Result<Attach, Unavailable> {
        LeaseTable::attach(&self.shared, key, session, floor, turn, Manners::Evict).await
    }

    pub(crate) async fn attach_free_lease(
        &self,
        key: &LeaseKey,
        session: SessionId,
        floor: Fence,
    ) -> Result<Attach, Unavailable> {
        let manners = Manners::Refuse;
        LeaseTable::attach(&self.shared, key, session, floor, Turn::First, manners).await
    }

    pub(crate) fn release_lease(&self, key: &LeaseKey, session: SessionId, fence: Fence) {
        LeaseTable::release(&self.shared, key, session, fence);
    }

    pub(crate) async fn lease_holder(&self, key: &LeaseKey) -> Result<Option<Holder>, Unavailable> {
        LeaseTable::holder(&self.shared, key).await
    }

    pub(crate) async fn open_session(
        &self,
        app: &AppId,
        allowance: Allowance,
        now_s: u64,
    ) -> Result<Arc<App>, SlotError> {
        let app = self.shared.quotas.app(app);
        app.open_session(&self.shared, allowance, now_s).await?;
        Ok(app)
    }

    pub(crate) fn close_session(&self, app: &Arc<App>) {
        app.close_session(&self.shared);
    }

    pub(crate) fn app(&self, app: &AppId) -> Arc<App> {
        self.shared.quotas.app(app)
    }

    pub(crate) async fn usage(&self, app: &AppId, now_s: u64) -> Result<Usage, Unavailable> {
        self.app(app).usage(&self.shared, now_s).await
    }

    pub(crate) async fn read_records(
        &self,
        shelf: &Shelf,
        name: Option<&RecordName>,
    ) -> Result<Vec<(RecordName, Record)>, Unavailable> {
        records::read(&self.shared, shelf, name).await
    }

    pub(crate) async fn change_record(
        &self,
        shelf: &Shelf,
        name: &RecordName,
        change: Change,
        expected: Expected,
    ) -> Result<Changed, RecordsError> {
        records::change(&self.shared, shelf, name, change, expected).await
    }

    pub(crate) async fn clear_records(&self, shelf: &Shelf) -> Result<usize, Unavailable> {
        records::clear(&self.shared, shelf).await
    }

    pub(crate) fn watch_records(&self, kind: Kind) -> broadcast::Receiver<Notice> {
        self.shared.watchers.watch(kind)
    }

    /// Gives everything back, and ends.
    pub(crate) async fn withdraw(&self) {
        if self.shared.ended.is_cancelled() {
            return;
        }
        let leave = async {
            self.shared.leases.release_all(&self.shared).await;
            self.shared.quotas.give_back(&self.shared).await;
            super::sweep::forget(&self.shared, self.shared.edges.registration()).await;
            heartbeat::end(&self.shared).await;
        };
        if timeout(LEAVE_WITHIN, leave).await.is_err() {
            tracing::warn!(
                "Redis did not take back everything in time; another edge will clean up"
            );
        }
        self.end();
    }

    /// Ends without a word, as a crash would.
    pub(crate) fn end(&self) {
        self.shared.ended.cancel();
        self.shared.tasks.close();
    }
}

/// The link ends with its edge.
impl Drop for Member {
    fn drop(&mut self) {
        self.end();
    }
}
