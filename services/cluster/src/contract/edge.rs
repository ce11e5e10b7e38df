//! One edge of a cluster under contract.
//!
//! Owns the edge's handles and its lanes. Each `…ed` method lets a session act and returns once the answer has reached
//! the session's lane.

use std::sync::atomic::{AtomicU64, Ordering};

use super::lane::Lane;
use super::names;
use super::patience::eventually;
use super::session::Session;
use crate::Cluster;
use crate::answer::{Answer, Joined};
use crate::inbox::{Inbox, InboxHandle};
use crate::origin::{LaneId, SessionId};
use crate::presence::Known;
use crate::pressure::Pressure;
use crate::topic::Topic;

/// Lanes of every edge under contract.
pub const LANES: u8 = 2;

/// Larger than anything a point lets pile up: lag is not what is tested here.
const INBOX_BYTES: usize = 64 << 20;

/// An edge with what reads its inboxes.
#[derive(Debug)]
pub struct Edge {
    pub(super) cluster: Cluster,
    lanes: Vec<Lane>,
    sessions: AtomicU64,
}

impl Edge {
    /// Inboxes for an edge's lanes, to be handed to the backend through their handles and then to [`Edge::new`].
    #[must_use]
    pub fn inboxes() -> Vec<Inbox> {
        let pressure = Pressure::default();
        (0..LANES)
            .map(|lane| Inbox::new(LaneId(lane), INBOX_BYTES, pressure.clone()))
            .collect()
    }

    /// The writing ends of `inboxes`.
    #[must_use]
    pub fn handles(inboxes: &[Inbox]) -> Vec<InboxHandle> {
        inboxes.iter().map(Inbox::handle).collect()
    }

    /// An edge that has entered its cluster with the handles of `inboxes`.
    #[must_use]
    pub fn new(cluster: Cluster, inboxes: Vec<Inbox>) -> Self {
        let lanes = inboxes.into_iter().map(Lane::new).collect();
        Self {
            cluster,
            lanes,
            // Serial 0 is the lane itself.
            sessions: AtomicU64::new(1),
        }
    }

    /// The handles, for a [`Deployment`](super::Deployment) that has to find the edge it shall crash.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// A new session of `peer` on `lane`.
    pub(super) fn session(&self, lane: u8, peer: &str) -> Session {
        let serial = self.sessions.fetch_add(1, Ordering::Relaxed);
        Session::new(
            self.cluster.clone(),
            SessionId::new(LaneId(lane), serial),
            names::peer(peer),
        )
    }

    /// A new session of `peer` on `lane`, subscribed to `topic`.
    pub(super) async fn listener(&mut self, lane: u8, peer: &str, topic: &Topic) -> Session {
        let session = self.session(lane, peer);
        self.subscribed(&session, topic).await;
        session
    }

    /// A new session of `peer` on `lane`, subscribed to `topic` and joined as one that knows nothing.
    pub(super) async fn member(&mut self, lane: u8, peer: &str, topic: &Topic) -> Session {
        let session = self.listener(lane, peer, topic).await;
        self.joined(&session, topic, Known::Nothing).await;
        session
    }

    pub(super) fn lane(&mut self, lane: u8) -> &mut Lane {
        &mut self.lanes[usize::from(lane)]
    }

    pub(super) fn lane_of(&mut self, session: &Session) -> &mut Lane {
        self.lane(session.id.lane().0)
    }

    pub(super) async fn subscribed(&mut self, session: &Session, topic: &Topic) {
        let ticket = session.subscribe(topic);
        let answer = self.lane_of(session).answer(&ticket).await;
        assert!(matches!(answer, Answer::Subscribed(to, Ok(())) if to == *topic));
    }

    /// How many took it.
    pub(super) async fn published(
        &mut self,
        session: &Session,
        topic: &Topic,
        text: &str,
    ) -> usize {
        let ticket = session.publish(topic, text);
        match self.lane_of(session).answer(&ticket).await {
            Answer::Published(on, Ok(taken)) if on == *topic => taken,
            other @ (Answer::Published(..)
            | Answer::Subscribed(..)
            | Answer::Departed(_)
            | Answer::Joined(..)
            | Answer::Roster(..)) => {
                panic!("a publish on {topic:?} was answered with {other:?}")
            }
        }
    }

    pub(super) async fn joined(
        &mut self,
        session: &Session,
        topic: &Topic,
        known: Known,
    ) -> Joined {
        let ticket = session.join(topic, known);
        match self.lane_of(session).answer(&ticket).await {
            Answer::Joined(to, Ok(joined)) if to == *topic => joined,
            other @ (Answer::Published(..)
            | Answer::Subscribed(..)
            | Answer::Departed(_)
            | Answer::Joined(..)
            | Answer::Roster(..)) => {
                panic!("a join of {topic:?} was answered with {other:?}")
            }
        }
    }

    /// Has `lane` read the topic again.
    pub(super) fn resync(&self, topic: &Topic, lane: u8) {
        self.cluster.presence.resync(topic, LaneId(lane));
    }

    /// Waits until the backend's own roster is `members`, in alphabetic order.
    pub(super) async fn roster_becomes(&self, topic: &Topic, members: &[&str]) {
        eventually(
            &format!("the roster {members:?} of {topic:?}"),
            async || {
                let roster = self
                    .cluster
                    .presence
                    .roster(topic)
                    .await
                    .expect("the backend answers");
                let mut names: Vec<&str> =
                    roster.members.iter().map(|peer| peer.id.as_str()).collect();
                names.sort_unstable();
                (names == members).then_some(())
            },
        )
        .await;
    }
}
