//! A lane on a bench: its code and its sessions, but no thread, no socket and no clock that cuts its work into slices.
//!
//! What benchmarks, the instruction count and the allocation test drive, so that they measure what serves clients and not a
//! copy of it. The edge itself uses none of this. Everything here is the lane's own: what is said is decoded, decided,
//! published, delivered and written as anywhere else, to wires that count.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use cluster::{
    Arrival, Envelope, Inbox, LaneId, Message, Origin, Payload, Peer, Pressure, SessionId, Topic,
    in_process,
};
use prometheus::Registry;
use protocol::Permission;
use protocol::realtime::SenderMetadata;
use serde_json::value::RawValue;
use tokio_util::task::TaskTracker;

use super::admit::Newcomer;
use super::rendering::Run;
use super::{Lane, LaneConfig, LaneShare};
use crate::dialects::realtime::{self, Limits, Opening, Realtime};
use crate::dialects::{Dialect, Input, Variant};
use crate::limit::Rate;
use crate::metrics::Metrics;
use crate::session::wire::Wire;
use crate::tenancy::{Key, Scope, Tenancy, development_app};

/// Long enough for anything that is measured.
const NEVER: Duration = Duration::from_secs(24 * 3_600);
const INBOX_BYTES: usize = 32 * 1024 * 1024;
/// How every listener on the bench wants to be told.
const VARIANT: Variant = Variant::Realtime(realtime::Variant::Channel {
    sender_metadata: SenderMetadata::Omit,
    sees_presence: false,
});

/// A lane whose sessions are the peers `peer-0`, `peer-1` and so on. They may do everything but see who is there.
#[derive(Debug)]
pub struct Workbench {
    pub(super) lane: Lane,
    inbox: Inbox,
    arrivals: VecDeque<Arrival>,
}

/// A message that can be rendered.
#[derive(Debug)]
pub struct Sample {
    topic: Topic,
    envelopes: [Arc<Envelope>; 1],
}

/// What the wires have taken so far, all together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Bytes, framing included.
    pub bytes: u64,
    /// Calls.
    pub writes: u64,
}

impl Workbench {
    /// A lane with so many sessions, all in service, their welcomes written.
    #[must_use]
    pub fn new(sessions: usize) -> Self {
        let inbox = Inbox::new(LaneId(0), INBOX_BYTES, Pressure::default());
        let cluster = in_process::World::new(0).enter(vec![inbox.handle()]);
        let config = LaneConfig {
            mailbox_bytes: 1024 * 1024,
            ping: NEVER,
            pong: NEVER,
            handshake: NEVER,
            slice: NEVER,
            presence_grace: Duration::ZERO,
        };
        let metrics =
            Metrics::register(&Registry::new()).expect("an empty registry takes every metric");
        let share = LaneShare {
            cluster,
            exchange: None,
            pressure: Pressure::default(),
            metrics,
            serials: Arc::default(),
            tasks: TaskTracker::new(),
        };
        let lane = Lane::new(LaneId(0), share, config);
        let mut bench = Self {
            lane,
            inbox,
            arrivals: VecDeque::new(),
        };
        let (key, tracker) = (key(), TaskTracker::new());
        for serial in 0..sessions {
            bench.admit(serial, &key, &tracker);
        }
        bench.settle();
        bench
    }

    /// Lets a session hear bytes of its client, all of which come in one read.
    pub fn say(&mut self, session: usize, bytes: &[u8]) {
        self.lane.read_buffer[..bytes.len()].copy_from_slice(bytes);
        self.lane.hear(session, bytes.len());
    }

    /// Works until nothing is left to deliver or to write.
    pub fn settle(&mut self) {
        while self.turn() {}
    }

    /// One turn of the lane's loop; whether there is more to do.
    pub(super) fn turn(&mut self) -> bool {
        self.lane.turn(&self.inbox, &mut self.arrivals);
        self.lane.has_to_write() || !self.inbox.is_empty()
    }

    /// What one session's wire has taken.
    #[must_use]
    pub(super) fn written_to(&self, session: usize) -> Written {
        match &self.lane.sessions[session].wire {
            Wire::Counter(counter) => Written {
                bytes: counter.bytes,
                writes: counter.writes,
            },
            Wire::Tcp(_) => Written::default(),
            #[cfg(test)]
            Wire::Memory(_) => Written::default(),
        }
    }

    /// Lets a session's dialect decide about one message of its client, and does nothing of what it wants.
    pub fn decide(&mut self, session: usize, text: &str) {
        let now = self.lane.now();
        let Lane {
            sessions, actions, ..
        } = &mut self.lane;
        let session = &mut sessions[session];
        session
            .dialect
            .decide(Input::Text(text), &session.subscriptions, now, actions);
        actions.list.clear();
        actions.replies.clear();
    }

    /// A message to a channel with `data_bytes` of `data`.
    #[must_use]
    pub fn sample(&self, channel: &str, data_bytes: usize) -> Sample {
        let app = "bench".parse().expect("five letters are an app id");
        let channel = channel.parse().expect("a bench names its channels well");
        let text = format!("\"{}\"", "x".repeat(data_bytes.saturating_sub(2)));
        let message = Message {
            from: peer("sender"),
            to: None,
            data: RawValue::from_string(text).expect("a string of x is JSON"),
        };
        let origin = Origin {
            incarnation: self.lane.cluster.incarnation,
            session: SessionId::NONE,
            lease: None,
        };
        Sample {
            topic: Topic::channel(&app, channel),
            envelopes: [Arc::new(Envelope {
                origin,
                received: None,
                receipt: None,
                payload: Payload::Message(message),
            })],
        }
    }

    /// Renders a message for a first listener and shares it with a second; returns the bytes of its frame.
    pub fn render(&mut self, sample: &Sample) -> usize {
        let run = Run {
            topic: &sample.topic,
            envelopes: &sample.envelopes,
        };
        let Lane {
            rendering, cluster, ..
        } = &mut self.lane;
        rendering.begin(run, cluster.incarnation);
        let first = rendering.frames_for(run, VARIANT, SessionId::new(LaneId(0), 1));
        let second = rendering.frames_for(run, VARIANT, SessionId::new(LaneId(0), 2));
        first.len().min(second.len())
    }

    /// A listener comes to a message's topic, is found there and goes again; returns how many there were.
    pub fn listen(&mut self, sample: &Sample) -> usize {
        let hub = &mut self.lane.hub;
        let (slot, _) = hub.add(&sample.topic, 0, VARIANT);
        let found = hub.listeners(&sample.topic).count();
        hub.remove(&sample.topic, slot);
        found
    }

    /// What the wires have taken.
    #[must_use]
    pub fn written(&self) -> Written {
        let mut all = Written::default();
        for key in self.lane.sessions.all_serving() {
            let one = self.written_to(key);
            all.bytes += one.bytes;
            all.writes += one.writes;
        }
        all
    }

    fn admit(&mut self, serial: usize, key: &Arc<Key>, tracker: &TaskTracker) {
        let limits = Limits {
            messages: Rate {
                per_second: 0,
                burst: 0,
            },
            channels: 0,
        };
        let opening = Opening {
            expires_at: None,
            metadata: None,
        };
        let realtime = Realtime::new(
            Scope::of_key(Arc::clone(key)),
            peer(&format!("peer-{serial}")),
            self.lane.cluster.quotas.meter(&key.app.id),
            limits,
            opening,
            None,
        );
        self.lane.settle_in(Newcomer {
            id: SessionId::new(LaneId(0), serial as u64 + 1),
            wire: Wire::Counter(Default::default()),
            response: Vec::new(),
            dialect: Dialect::Realtime(realtime),
            expires_at: None,
            guards: None,
            tracked: tracker.token(),
        });
    }
}

/// A text message as a client sends it: one final frame with a masking key of zero (RFC 6455 §5.2).
///
/// # Panics
/// It has 64 KiB or more.
#[must_use]
pub fn client_frame(text: &str) -> Vec<u8> {
    let mut frame = vec![0x81];
    match u16::try_from(text.len()).expect("less than 64 KiB") {
        length @ 0..=125 => frame.push(0x80 | length.to_be_bytes()[1]),
        length => {
            frame.push(0x80 | 126);
            frame.extend(length.to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    frame
}

fn key() -> Arc<Key> {
    let mut app = development_app();
    for key in &mut app.keys {
        key.actions = [Permission::Publish, Permission::Subscribe, Permission::Send]
            .into_iter()
            .collect();
    }
    let tenancy = Tenancy::new(std::slice::from_ref(&app)).expect("the app is valid");
    let key = tenancy.key(app.keys[0].id.as_str());
    Arc::clone(key.expect("the app has this key"))
}

fn peer(name: &str) -> Arc<Peer> {
    Arc::new(Peer {
        id: name.parse().expect("printable ASCII is a peer id"),
        metadata: None,
    })
}
