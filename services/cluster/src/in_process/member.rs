//! One edge's place in the world.
//!
//! Every operation of the contract, as calls on the world's tables; an answer goes to the inbox of the lane that asked.
//! Gives everything back when it is dropped.

use std::sync::Arc;

use protocol::{AppId, PeerId};

use super::record::Route;
use super::records::RecordTable;
use super::usage::AppUsage;
use super::world::World;
use crate::answer::{Answer, Ticket};
use crate::envelope::{Envelope, News, Payload};
use crate::gatherings::Gatherings;
use crate::inbox::{Arrival, Eviction, InboxHandle};
use crate::leases::{Attach, Fence, Holder, LeaseKey, Turn};
use crate::origin::{Incarnation, LaneId, Origin, SessionId};
use crate::peer::Peer;
use crate::presence::{Known, Roster};
use crate::quotas::{Allowance, SlotError};
use crate::receipts::{GATHER_TIMEOUT, ReceiptId, Receipts};
use crate::topic::Topic;

/// One edge in a [`World`].
#[derive(Debug)]
pub struct Member {
    world: Arc<World>,
    incarnation: Incarnation,
    inboxes: Vec<InboxHandle>,
    gatherings: Arc<Gatherings>,
}

impl Member {
    pub(super) fn new(
        world: Arc<World>,
        incarnation: Incarnation,
        inboxes: Vec<InboxHandle>,
    ) -> Self {
        Self {
            world,
            incarnation,
            inboxes,
            gatherings: Arc::default(),
        }
    }

    pub(crate) fn subscribe(&self, topic: &Topic, lane: LaneId, ticket: Ticket) {
        if let Some(inbox) = self.inbox(lane) {
            self.world.topics.subscribe(
                topic,
                Route {
                    incarnation: self.incarnation,
                    inbox: inbox.clone(),
                },
            );
        }
        self.answer(ticket, Answer::Subscribed(topic.clone(), Ok(())));
    }

    pub(crate) fn unsubscribe(&self, topic: &Topic, lane: LaneId) {
        self.world.topics.unsubscribe(topic, self.incarnation, lane);
    }

    pub(crate) fn depart(&self, topic: &Topic, lane: LaneId, ticket: Ticket) {
        self.unsubscribe(topic, lane);
        self.answer(ticket, Answer::Departed(topic.clone()));
    }

    pub(crate) fn publish(&self, topic: &Topic, envelope: Envelope, ticket: Ticket) {
        let taken = Ok(self.world.topics.publish(topic, envelope));
        if ticket.is_told(topic, taken) {
            self.answer(ticket, Answer::Published(topic.clone(), taken));
        }
    }

    pub(crate) fn tell(&self, topic: &Topic, news: News) -> usize {
        let envelope = Envelope {
            origin: self.origin(SessionId::NONE),
            received: None,
            receipt: None,
            payload: Payload::News(news),
        };
        self.world.topics.publish(topic, envelope)
    }

    pub(crate) async fn ask(&self, topic: &Topic, payload: Payload) -> Receipts {
        let gathering = self.gatherings.open();
        let envelope = Envelope {
            origin: Origin {
                incarnation: self.incarnation,
                session: SessionId::NONE,
                lease: None,
            },
            received: None,
            receipt: Some(ReceiptId {
                incarnation: self.incarnation,
                number: gathering.number(),
            }),
            payload,
        };
        let lanes = self.world.topics.publish(topic, envelope);
        gathering.collect(lanes, GATHER_TIMEOUT).await
    }

    pub(crate) fn report(&self, receipt: ReceiptId, sessions: u64) {
        if let Some(asker) = self.world.member(receipt.incarnation) {
            let report = Receipts {
                sessions,
                missing: 0,
            };
            asker.gatherings.report(receipt.number, report);
        }
    }

    pub(crate) fn join(&self, topic: &Topic, peer: &Arc<Peer>, known: Known, ticket: Ticket) {
        let holder = Origin {
            incarnation: self.incarnation,
            session: ticket.session,
            lease: None,
        };
        let inbox = self.inbox(ticket.session.lane());
        self.world
            .topics
            .join(topic, peer, holder, known, |joined| {
                if let Some(inbox) = inbox {
                    inbox.push(Arrival::Answer(
                        ticket,
                        Answer::Joined(topic.clone(), Ok(joined)),
                    ));
                }
            });
    }

    pub(crate) fn leave(&self, topic: &Topic, peer: &PeerId, session: SessionId) {
        self.world.topics.leave(
            topic,
            peer,
            Origin {
                incarnation: self.incarnation,
                session,
                lease: None,
            },
        );
    }

    pub(crate) fn resync(&self, topic: &Topic, lane: LaneId) {
        self.world.topics.read_roster(topic, |roster| {
            let ticket = Ticket {
                session: SessionId::lane_itself(lane),
                request: None,
            };
            self.answer(ticket, Answer::Roster(topic.clone(), Ok(roster)));
        });
    }

    pub(crate) fn roster(&self, topic: &Topic) -> Roster {
        self.world.topics.read_roster(topic, |roster| roster)
    }

    pub(crate) fn edges_on(&self, topic: &Topic) -> usize {
        self.world.topics.edges_on(topic)
    }

    pub(crate) fn attach_lease(
        &self,
        key: &LeaseKey,
        session: SessionId,
        floor: Fence,
        turn: Turn,
    ) -> Attach {
        let claimant = self.origin(session);
        let attach = self.world.leases.attach(key, claimant, floor, turn);
        if let Attach::Granted {
            fence,
            previous: Some(previous),
        } = attach
            && let Some(owner) = self.world.member(previous.incarnation)
            && let Some(inbox) = owner.inbox(previous.session.lane())
        {
            inbox.push(Arrival::Evict(Eviction {
                session: previous.session,
                fence,
            }));
        }
        attach
    }

    pub(crate) fn attach_free_lease(
        &self,
        key: &LeaseKey,
        session: SessionId,
        floor: Fence,
    ) -> Attach {
        let leases = &self.world.leases;
        leases.attach_if_free(key, self.origin(session), floor)
    }

    pub(crate) fn release_lease(&self, key: &LeaseKey, session: SessionId, fence: Fence) {
        let leases = &self.world.leases;
        leases.release(key, self.origin(session), fence);
    }

    fn origin(&self, session: SessionId) -> Origin {
        Origin {
            incarnation: self.incarnation,
            session,
            lease: None,
        }
    }

    pub(crate) fn lease_holder(&self, key: &LeaseKey) -> Option<Holder> {
        self.world.leases.holder(key)
    }

    pub(crate) fn open_session(
        &self,
        app: &AppId,
        allowance: Allowance,
        now_s: u64,
    ) -> Result<(), SlotError> {
        self.world
            .apps
            .usage(app)
            .open_session(self.incarnation, allowance, now_s)
    }

    pub(crate) fn close_session(&self, app: &AppId) {
        self.world.apps.usage(app).close_session(self.incarnation);
    }

    pub(crate) fn app_usage(&self, app: &AppId) -> Arc<AppUsage> {
        self.world.apps.usage(app)
    }

    pub(crate) fn records(&self) -> &RecordTable {
        &self.world.records
    }

    pub(crate) fn withdraw(&self) {
        self.world.forget(self.incarnation);
    }

    fn answer(&self, ticket: Ticket, answer: Answer) {
        if let Some(inbox) = self.inbox(ticket.session.lane()) {
            inbox.push(Arrival::Answer(ticket, answer));
        }
    }

    fn inbox(&self, lane: LaneId) -> Option<&InboxHandle> {
        self.inboxes.get(usize::from(lane.0))
    }
}

/// An edge that ends without a word leaves nothing behind either.
impl Drop for Member {
    fn drop(&mut self) {
        self.withdraw();
    }
}
