//! What the cluster says reaches the lane's sessions.
//!
//! First everything is queued, in inbox order, with no system call; the loop then writes, one vectored write per mailbox.
//! A run of envelopes on one topic is rendered once per variant and shared by all its listeners.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;

use bytes::Bytes;
use cluster::receipts::ReceiptId;
use cluster::{Answer, Arrival, Delta, Envelope, Naming, News, Payload, Topic};
use protocol::PeerId;
use protocol::close::CloseReason;

use super::Lane;
use super::hub::LocalTopic;
use super::listeners::Listener;
use super::rendering::Run;
use super::roster::Applied;
use super::table::Fanout;
use crate::dialects::{Input, Snapshot, Variant};
use crate::metrics::FrameOut;
use crate::session::Session;
use crate::session::mailbox::{Content, Full, Segment};

/// Envelopes rendered into one piece at most.
const RUN_MAX: usize = 256;

impl Lane {
    /// Queues everything that arrived and leaves `arrivals` empty.
    pub(super) fn deliver(&mut self, arrivals: &mut VecDeque<Arrival>) {
        let mut run = mem::take(&mut self.run);
        let mut run_topic: Option<Topic> = None;
        // Answers to publishes may overtake deliveries (spec realtime §2.6), so they do not end a run.
        let mut published = mem::take(&mut self.published);
        for arrival in arrivals.drain(..) {
            match arrival {
                Arrival::Envelope(topic, envelope) => {
                    let continues = run_topic.as_ref() == Some(&topic)
                        && run.len() < RUN_MAX
                        && run.first().is_some_and(|first| joins(first, &envelope));
                    if !continues && let Some(topic) = run_topic.replace(topic) {
                        self.deliver_run(&topic, &mut run);
                    }
                    run.push(envelope);
                }
                Arrival::Answer(ticket, answer @ Answer::Published(..)) => {
                    published.push((ticket, answer))
                }
                Arrival::Answer(ticket, answer) => {
                    if let Some(topic) = run_topic.take() {
                        self.deliver_run(&topic, &mut run);
                    }
                    self.take_answer(&ticket, &answer);
                }
                Arrival::Evict(eviction) => self.evict(eviction.session, eviction.fence),
                Arrival::Outcome(session, outcome) => {
                    if let Some(topic) = run_topic.take() {
                        self.deliver_run(&topic, &mut run);
                    }
                    self.take_outcome(session, &outcome);
                }
            }
        }
        if let Some(topic) = run_topic {
            self.deliver_run(&topic, &mut run);
        }
        for (ticket, answer) in published.drain(..) {
            self.take_answer(&ticket, &answer);
        }
        self.run = run;
        self.published = published;
    }

    /// Delivers a run and leaves it empty.
    fn deliver_run(&mut self, topic: &Topic, run: &mut Vec<Arc<Envelope>>) {
        let Some(first) = run.first() else { return };
        match &first.payload {
            Payload::Message(message) => {
                let to = message.to.clone();
                self.deliver_said(topic, run, to.as_ref());
            }
            Payload::Push(_) => self.deliver_said(topic, run, None),
            Payload::News(news) => self.deliver_news(topic, news),
            Payload::Presence(delta) => self.deliver_delta(topic, first, delta),
            Payload::Kick => self.close_all(topic, None, CloseReason::Kicked, first.receipt),
            Payload::Expel(account) => {
                self.close_all(topic, Some(account), CloseReason::Kicked, first.receipt)
            }
            Payload::End => self.close_all(topic, None, CloseReason::RoomClosed, first.receipt),
        }
        run.clear();
    }

    /// What somebody said, to everybody in the topic or to the sessions of `to` there.
    fn deliver_said(&mut self, topic: &Topic, run: &mut Vec<Arc<Envelope>>, to: Option<&PeerId>) {
        let fanout = self.hub.get(topic).map(LocalTopic::fanout);
        let audience = match (to, fanout) {
            (None, Some(Fanout::Large)) => return self.begin_fanout(topic, mem::take(run)),
            (None, Some(Fanout::Small) | None) => Audience::All,
            (Some(peer), _) => Audience::Peer(peer),
        };
        let reached = self.queue(topic, run, audience, Content::Other);
        self.delivered(run, reached);
    }

    /// A run of messages has reached so many sessions.
    pub(super) fn delivered(&self, run: &[Arc<Envelope>], reached: u64) {
        for envelope in run {
            if let Some(received) = envelope.received {
                self.metrics
                    .fanout_seconds
                    .observe(received.elapsed().as_secs_f64());
            }
            self.report(envelope.receipt, reached);
        }
    }

    /// What a device is told, to its session; while the device changes hands there may be two, and each judges by itself.
    fn deliver_news(&mut self, topic: &Topic, news: &News) {
        let now = self.now();
        let listeners = self.hub.listeners(topic);
        let keys: Vec<usize> = listeners.map(|listener| listener.session).collect();
        for key in keys {
            if self.sessions.get(key).is_some_and(Session::hears) {
                self.decide(key, Input::News(news), now);
                self.answer(key);
            }
        }
    }

    /// Renders a run once per variant and queues it for every listener that is to hear it. Returns how many sessions were
    /// reached.
    pub(super) fn queue(
        &mut self,
        topic: &Topic,
        run: &[Arc<Envelope>],
        audience: Audience<'_>,
        content: Content<'_>,
    ) -> u64 {
        self.catch_up_all(topic);
        let Some(of_topic) = self.hub.get(topic) else {
            return 0;
        };
        let fanout = of_topic.fanout();
        let run = Run {
            topic,
            envelopes: run,
        };
        let mut rendering = mem::take(&mut self.rendering);
        rendering.begin(run, self.cluster.incarnation);
        let mut reached = 0;
        let mut full = Vec::new();
        for listener in of_topic.listeners.iter() {
            let Some(session) = self
                .sessions
                .get(listener.session)
                .filter(|session| session.hears() && audience.has(&listener, session))
            else {
                continue;
            };
            reached += 1;
            let frames = rendering.frames_for(run, listener.variant, session.id);
            if frames.is_empty() {
                continue;
            }
            let frames = Segment::Shared(frames);
            let appended = self
                .sessions
                .append(listener.session, frames, content, fanout);
            full.extend(
                appended
                    .err()
                    .map(|Full(frames)| (listener.session, frames)),
            );
        }
        rendering.count(&self.metrics);
        self.rendering = rendering;
        for (key, frames) in full {
            self.append(key, frames, content);
        }
        reached
    }

    /// Nothing that is queued for the topic's listeners overtakes a fan-out under way.
    fn catch_up_all(&mut self, topic: &Topic) {
        if self.fanouts.is_empty() {
            return;
        }
        let listeners = self.hub.listeners(topic);
        let keys: Vec<usize> = listeners.map(|listener| listener.session).collect();
        for key in keys {
            self.catch_up(key);
        }
    }

    /// A change of members: the lane's roster follows, then those who have their snapshot are told.
    fn deliver_delta(&mut self, topic: &Topic, envelope: &Arc<Envelope>, delta: &Delta) {
        let Some(of_topic) = self.hub.get_mut(topic) else {
            return;
        };
        // Before the first join is answered nobody here has a snapshot to keep true.
        let Some(roster) = &mut of_topic.roster else {
            return;
        };
        match roster.apply(delta) {
            Applied::Changed if delta.naming == Naming::Named => {
                let run = std::slice::from_ref(envelope);
                self.queue(topic, run, Audience::Followers, Content::Presence(topic));
            }
            Applied::Changed | Applied::Known => {}
            Applied::NamedAgain => self.snapshot_all(topic),
            Applied::Gap => self.resync(topic),
        }
    }

    /// Sends every follower of a topic who is in it: once made and shared, so each finds itself in it too.
    fn snapshot_all(&mut self, topic: &Topic) {
        let Some(of_topic) = self.hub.get(topic) else {
            return;
        };
        let mut snapshots: Vec<(Variant, Bytes)> = Vec::new();
        let mut followers = Vec::new();
        for listener in of_topic.listeners.iter().filter(Listener::follows_presence) {
            let made = snapshots
                .iter()
                .find(|(variant, _)| *variant == listener.variant);
            let snapshot = match made {
                Some((_, snapshot)) => snapshot.clone(),
                None => {
                    let made = listener.variant.snapshot(topic, of_topic.named());
                    let snapshot = Bytes::from(made.frames);
                    snapshots.push((listener.variant, snapshot.clone()));
                    snapshot
                }
            };
            followers.push((listener, snapshot));
        }
        for (listener, snapshot) in followers {
            listener
                .variant
                .metrics(&self.metrics)
                .frames_out
                .count(FrameOut::Presence);
            self.append(
                listener.session,
                Segment::Shared(snapshot),
                Content::Presence(topic),
            );
        }
    }

    /// What a subscriber is told first: who else is in the topic. Nothing, if it has left meanwhile. From here on deltas mean
    /// something to it.
    pub(super) fn first_snapshot(&mut self, key: usize, topic: &Topic) -> Vec<u8> {
        let session = &self.sessions[key];
        let Some(slot) = session.subscriptions.slot(topic) else {
            return Vec::new();
        };
        let Some(of_topic) = self.hub.get_mut(topic) else {
            return Vec::new();
        };
        let Some(listener) = of_topic.listeners.get_mut(slot) else {
            return Vec::new();
        };
        listener.snapshotted = true;
        let own = session.dialect.peer().map(|peer| &peer.id);
        let others = of_topic.named().filter(|peer| Some(&peer.id) != own);
        let Snapshot { kind, frames } = session.dialect.snapshot(topic, others);
        session
            .dialect
            .metrics(&self.metrics)
            .frames_out
            .count(kind);
        frames
    }

    /// Reads a topic's members again: news of them was lost.
    fn resync(&mut self, topic: &Topic) {
        if let Some(of_topic) = self.hub.get_mut(topic)
            && !of_topic.resyncing
        {
            of_topic.resyncing = true;
            self.cluster.presence.resync(topic, self.id);
        }
    }

    pub(super) fn resync_all(&mut self) {
        for topic in self.hub.followed() {
            self.resync(&topic);
        }
    }

    /// Closes every session in a topic, or those of one peer there.
    fn close_all(
        &mut self,
        topic: &Topic,
        peer: Option<&PeerId>,
        reason: CloseReason,
        receipt: Option<ReceiptId>,
    ) {
        let meant = |session: &Session| {
            session.is_serving() && peer.is_none_or(|peer| session.dialect.is_peer(peer))
        };
        let closing: Vec<usize> = self
            .hub
            .listeners(topic)
            .map(|listener| listener.session)
            .filter(|key| self.sessions.get(*key).is_some_and(meant))
            .collect();
        for key in &closing {
            self.close(*key, reason);
        }
        self.report(receipt, closing.len() as u64);
    }

    /// An account is no longer a member of a room: its sessions there close.
    pub(super) fn end_membership(&mut self, topic: &Topic, account: &PeerId) {
        self.close_all(topic, Some(account), CloseReason::MembershipEnded, None);
    }

    fn report(&self, receipt: Option<ReceiptId>, sessions: u64) {
        if let Some(receipt) = receipt {
            self.cluster.bus.report(receipt, sessions);
        }
    }
}

/// Envelopes that may be rendered into one piece: for the same receivers. The gate tells presence from the rest, and a kick
/// is no frame.
fn joins(first: &Envelope, next: &Envelope) -> bool {
    match (&first.payload, &next.payload) {
        (Payload::Message(first), Payload::Message(next)) => first.to == next.to,
        (
            Payload::Message(_)
            | Payload::Presence(_)
            | Payload::Kick
            | Payload::Expel(_)
            | Payload::End
            | Payload::Push(_)
            | Payload::News(_),
            _,
        ) => false,
    }
}

/// Who among a topic's listeners is to hear something.
#[derive(Clone, Copy, Debug)]
pub(super) enum Audience<'a> {
    /// Everybody.
    All,
    /// The sessions of one peer.
    Peer(&'a PeerId),
    /// Those who follow presence and have their snapshot.
    Followers,
}

impl Audience<'_> {
    fn has(self, listener: &Listener, session: &Session) -> bool {
        match self {
            Self::All => true,
            Self::Peer(peer) => session.dialect.is_peer(peer),
            Self::Followers => listener.follows_presence(),
        }
    }
}
