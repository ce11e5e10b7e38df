//! Messages on their way to very many listeners.
//!
//! Queueing a message for ten thousand mailboxes in one turn would make everybody else wait for it. So a large fan-out is
//! worked off listener by listener, each queued and written at once, between what is small. Invariant: order in a mailbox
//! is still inbox order, for whatever is queued for a session is queued behind what the fan-outs under way still owe it
//! ([`Lane::catch_up`]).

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;

use cluster::{Envelope, Topic};

use super::Lane;
use super::rendering::{Rendering, Run};
use crate::dialects::Variant;
use crate::session::mailbox::{Content, Segment};

/// Fan-outs under way, at most, before the inbox waits for them.
const UNDER_WAY_MAX: usize = 32;
/// Their envelopes, at most, in bytes, before the inbox waits for them.
const UNDER_WAY_BYTES: usize = 1024 * 1024;

/// The fan-outs under way, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Fanouts {
    under_way: VecDeque<Fanout>,
    size_bytes: usize,
}

#[derive(Debug)]
struct Fanout {
    /// Of all fan-outs of this lane, in their order.
    number: u64,
    topic: Topic,
    envelopes: Vec<Arc<Envelope>>,
    rendering: Rendering,
    /// The place in the topic from which on listeners may not have heard it.
    next_slot: usize,
    reached: u64,
}

impl Fanouts {
    pub(super) fn is_empty(&self) -> bool {
        self.under_way.is_empty()
    }

    /// Whether nothing more is to be begun: what waits meanwhile counts against the inbox's bound.
    pub(super) fn is_full(&self) -> bool {
        self.under_way.len() >= UNDER_WAY_MAX || self.size_bytes >= UNDER_WAY_BYTES
    }
}

impl Fanout {
    fn size_bytes(&self) -> usize {
        self.envelopes
            .iter()
            .map(|envelope| envelope.size_bytes())
            .sum()
    }
}

impl Lane {
    /// Begins a fan-out to everybody who listens to the topic now.
    pub(super) fn begin_fanout(&mut self, topic: &Topic, envelopes: Vec<Arc<Envelope>>) {
        let mut fanout = Fanout {
            number: self.hub.begin_fanout(),
            topic: topic.clone(),
            envelopes,
            rendering: Rendering::default(),
            next_slot: 0,
            reached: 0,
        };
        let run = Run {
            topic,
            envelopes: &fanout.envelopes,
        };
        fanout.rendering.begin(run, self.cluster.incarnation);
        self.fanouts.size_bytes += fanout.size_bytes();
        self.fanouts.under_way.push_back(fanout);
    }

    /// Queues what is due to the next listener of the oldest fan-out, and returns it: it is to be flushed.
    pub(super) fn step_fanout(&mut self) -> Option<usize> {
        while !self.fanouts.is_empty() {
            let mut under_way = mem::take(&mut self.fanouts.under_way);
            let next = under_way
                .front_mut()
                .and_then(|oldest| self.serve_next(oldest));
            if let Some(key) = next {
                for later in under_way.iter_mut().skip(1) {
                    self.serve(later, key);
                }
            }
            self.fanouts.under_way = under_way;
            if let Some(key) = next {
                self.sessions.spare(key);
                return next;
            }
            self.finish_fanout();
        }
        None
    }

    /// Queues for a session what the fan-outs under way still owe it. Before anything else is queued for it.
    pub(super) fn catch_up(&mut self, key: usize) {
        if self.fanouts.is_empty() {
            return;
        }
        // Out of the way meanwhile: a mailbox that overflows closes its session, which owes it nothing more.
        let mut under_way = mem::take(&mut self.fanouts.under_way);
        for fanout in &mut under_way {
            self.serve(fanout, key);
        }
        self.fanouts.under_way = under_way;
    }

    /// Queues a fan-out for the next listener that has not heard it.
    fn serve_next(&mut self, fanout: &mut Fanout) -> Option<usize> {
        let of_topic = self.hub.get_mut(&fanout.topic)?;
        let (slot, listener) = of_topic
            .listeners
            .next_unheard(fanout.next_slot, fanout.number)?;
        listener.heard = fanout.number;
        fanout.next_slot = slot + 1;
        let (key, variant) = (listener.session, listener.variant);
        self.queue_fanout(fanout, key, variant);
        Some(key)
    }

    /// Queues a fan-out for one session, if it listens and has not heard it.
    fn serve(&mut self, fanout: &mut Fanout, key: usize) {
        let listener = self
            .sessions
            .get(key)
            .and_then(|session| session.slot(&fanout.topic))
            .and_then(|slot| self.hub.listener_mut(&fanout.topic, slot))
            .filter(|listener| listener.heard < fanout.number);
        if let Some(listener) = listener {
            listener.heard = fanout.number;
            let variant = listener.variant;
            self.queue_fanout(fanout, key, variant);
        }
    }

    fn queue_fanout(&mut self, fanout: &mut Fanout, key: usize, variant: Variant) {
        let Some(session) = self.sessions.get(key).filter(|session| session.hears()) else {
            return;
        };
        fanout.reached += 1;
        let run = Run {
            topic: &fanout.topic,
            envelopes: &fanout.envelopes,
        };
        let frames = fanout.rendering.frames_for(run, variant, session.id);
        if !frames.is_empty() {
            self.append(key, Segment::Shared(frames), Content::Other);
        }
    }

    /// The oldest fan-out has reached everybody.
    fn finish_fanout(&mut self) {
        if let Some(fanout) = self.fanouts.under_way.pop_front() {
            self.fanouts.size_bytes -= fanout.size_bytes();
            fanout.rendering.count(&self.metrics);
            self.delivered(&fanout.envelopes, fanout.reached);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::workbench::{Workbench, client_frame};

    const LISTENERS: usize = 200;

    /// A lane whose first session publishes and whose others listen. It writes a few mailboxes in a turn.
    fn crowd() -> Workbench {
        let mut bench = Workbench::new(1 + LISTENERS);
        let subscribe = client_frame(r#"{"type":"subscribe","channel":"room"}"#);
        for session in 1..=LISTENERS {
            bench.say(session, &subscribe);
        }
        bench.settle();
        bench.lane.config.slice = Duration::ZERO;
        bench
    }

    fn publish(bench: &mut Workbench) {
        bench.say(
            0,
            &client_frame(r#"{"type":"publish","channel":"room","data":1}"#),
        );
    }

    fn bytes(bench: &Workbench) -> Vec<u64> {
        (1..=LISTENERS)
            .map(|session| bench.written_to(session).bytes)
            .collect()
    }

    /// Bytes of one message on the wire.
    fn message_bytes() -> u64 {
        let mut bench = crowd();
        let before = bytes(&bench)[0];
        publish(&mut bench);
        bench.settle();
        bytes(&bench)[0] - before
    }

    #[test]
    fn everybody_hears_each_message_once_however_turns_and_messages_alternate() {
        let one = message_bytes();
        for turns in [0, 1, 7, 40] {
            let mut bench = crowd();
            let before = bytes(&bench);
            for _ in 0..5 {
                publish(&mut bench);
                for _ in 0..turns {
                    bench.turn();
                }
            }
            bench.settle();
            for (before, after) in before.iter().zip(bytes(&bench)) {
                assert_eq!(
                    after - before,
                    5 * one,
                    "{turns} turns between two messages"
                );
            }
            assert!(bench.lane.fanouts.is_empty() && bench.lane.fanouts.size_bytes == 0);
        }
    }

    #[test]
    fn messages_that_meet_under_way_leave_in_one_write() {
        let mut bench = crowd();
        let before = bench.written().writes;
        publish(&mut bench);
        bench.turn();
        publish(&mut bench);
        bench.settle();
        let writes = bench.written().writes - before;
        // Only those whom the first message had reached already are written to twice.
        assert!(
            (LISTENERS..LISTENERS + 20).contains(&(writes as usize)),
            "{writes}"
        );
    }

    #[test]
    fn who_comes_while_a_fan_out_is_under_way_does_not_hear_it() {
        let mut bench = crowd();
        let leave = client_frame(r#"{"type":"unsubscribe","channel":"room"}"#);
        let subscribe = client_frame(r#"{"type":"subscribe","channel":"room"}"#);
        bench.say(LISTENERS, &leave);
        bench.settle();
        let before = bytes(&bench)[LISTENERS - 1];
        publish(&mut bench);
        bench.turn();
        bench.say(LISTENERS, &subscribe);
        bench.settle();
        assert_eq!(bytes(&bench)[LISTENERS - 1], before);
    }

    #[test]
    fn who_leaves_hears_what_was_under_way_before() {
        let one = message_bytes();
        let mut bench = crowd();
        let before = bytes(&bench)[LISTENERS - 1];
        publish(&mut bench);
        bench.turn();
        bench.say(
            LISTENERS,
            &client_frame(r#"{"type":"unsubscribe","channel":"room"}"#),
        );
        bench.settle();
        assert_eq!(bytes(&bench)[LISTENERS - 1], before + one);
    }

    #[test]
    fn past_the_bound_the_inbox_waits_and_nothing_is_lost() {
        let one = message_bytes();
        let mut bench = crowd();
        let before = bytes(&bench);
        let mut most = 0;
        for _ in 0..100 {
            publish(&mut bench);
            bench.turn();
            most = most.max(bench.lane.fanouts.under_way.len());
        }
        assert!(most <= super::UNDER_WAY_MAX, "{most}");
        bench.settle();
        for (before, after) in before.iter().zip(bytes(&bench)) {
            assert_eq!(after - before, 100 * one);
        }
    }
}
