//! What waits for a snapshot.
//!
//! Invariant: the queue begins with a gate that is not open yet, or is empty.

use std::collections::VecDeque;
use std::time::Instant;

use cluster::Topic;

use super::segments::Segment;

/// What a gate counts against the mailbox's bound: about what it takes.
pub(super) const GATE_BYTES: usize = 64;

/// Gates, and the frames behind them.
#[derive(Debug, Default)]
pub(super) struct Gates(VecDeque<Gated>);

#[derive(Debug)]
enum Gated {
    Frames {
        segment: Segment,
        /// The topic, if these are presence frames: a new snapshot makes them stale.
        presence_of: Option<Topic>,
    },
    Gate {
        topic: Topic,
        state: GateState,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum GateState {
    /// The join has not been answered.
    Closed,
    /// The ack has been queued; the snapshot may follow from this time on.
    Due(Instant),
    /// Nothing follows.
    Open,
}

impl Gates {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a closed gate.
    pub(super) fn close(&mut self, topic: &Topic) {
        self.0.push_back(Gated::Gate {
            topic: topic.clone(),
            state: GateState::Closed,
        });
    }

    /// Puts frames behind the gates.
    pub(super) fn push(&mut self, segment: Segment, presence_of: Option<Topic>) {
        self.0.push_back(Gated::Frames {
            segment,
            presence_of,
        });
    }

    /// The oldest closed gate of `topic` has its ack. Returns the bytes of presence frames of the topic that are dropped: the
    /// snapshot will tell all that they could. So it has to come where the first of them stood, before any direct from
    /// somebody whose join they told.
    pub(super) fn answer(&mut self, topic: &Topic, not_before: Instant) -> usize {
        let Some(mut at) = self.0.iter().position(|entry| entry.is_closed_gate(topic)) else {
            return 0;
        };
        let gate = self.0.remove(at);
        let mut dropped_bytes = 0;
        let mut index = 0;
        self.0.retain(|entry| {
            let stale_bytes = entry.presence_bytes(topic);
            if stale_bytes.is_some() {
                at = at.min(index);
            }
            index += 1;
            dropped_bytes += stale_bytes.unwrap_or(0);
            stale_bytes.is_none()
        });
        if gate.is_some() {
            self.0.insert(
                at,
                Gated::Gate {
                    topic: topic.clone(),
                    state: GateState::Due(not_before),
                },
            );
        }
        dropped_bytes
    }

    /// No snapshot will come for the oldest closed gate of `topic`.
    pub(super) fn void(&mut self, topic: &Topic) {
        self.turn_first(topic, |state| state == GateState::Closed, GateState::Open);
    }

    /// No snapshot of `topic` is wanted any more where one is due.
    pub(super) fn void_due(&mut self, topic: &Topic) {
        while self.turn_first(
            topic,
            |state| matches!(state, GateState::Due(_)),
            GateState::Open,
        ) {}
    }

    /// The first gate's topic and the time from which it may be opened, if its join is answered.
    pub(super) fn due(&self) -> Option<(&Topic, Instant)> {
        match self.0.front()? {
            Gated::Gate {
                topic,
                state: GateState::Due(at),
            } => Some((topic, *at)),
            Gated::Gate { .. } | Gated::Frames { .. } => None,
        }
    }

    /// Removes the first gate, which is due.
    pub(super) fn open_first(&mut self) {
        if let Some(Gated::Gate { state, .. }) = self.0.front_mut() {
            *state = GateState::Open;
        }
    }

    /// The next thing that no gate holds any more: frames, or an open gate (`None`).
    pub(super) fn pop_released(&mut self) -> Option<Option<Segment>> {
        match self.0.front()? {
            Gated::Gate {
                state: GateState::Closed | GateState::Due(_),
                ..
            } => return None,
            Gated::Gate {
                state: GateState::Open,
                ..
            }
            | Gated::Frames { .. } => {}
        }
        let released = self.0.pop_front()?;
        if self.0.is_empty() {
            // What is empty again owns nothing.
            self.0 = VecDeque::new();
        }
        match released {
            Gated::Frames { segment, .. } => Some(Some(segment)),
            Gated::Gate { .. } => Some(None),
        }
    }

    fn turn_first(&mut self, of: &Topic, from: impl Fn(GateState) -> bool, to: GateState) -> bool {
        let found = self.0.iter_mut().find_map(|entry| match entry {
            Gated::Gate { topic, state } if topic == of && from(*state) => Some(state),
            Gated::Gate { .. } | Gated::Frames { .. } => None,
        });
        found.map(|state| *state = to).is_some()
    }
}

impl Gated {
    fn is_closed_gate(&self, of: &Topic) -> bool {
        match self {
            Self::Gate { topic, state } => topic == of && *state == GateState::Closed,
            Self::Frames { .. } => false,
        }
    }

    /// The size of presence frames of a topic; `None` for anything else.
    fn presence_bytes(&self, of: &Topic) -> Option<usize> {
        match self {
            Self::Frames {
                segment,
                presence_of,
            } if presence_of.as_ref() == Some(of) => Some(segment.as_ref().len()),
            Self::Frames { .. } | Self::Gate { .. } => None,
        }
    }
}
