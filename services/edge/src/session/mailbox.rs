//! The bounded outbox of one session.
//!
//! It holds frames that are already framed and mostly shared, and owns no heap while nothing waits. Appending makes no
//! system call; [`Mailbox::flush`] writes everything that may go in one vectored write. What the wire does not take stays,
//! in order, up to a bound in bytes.
//!
//! The **gate** keeps an ack and the snapshot that follows it apart (spec realtime §2.6, §7.5). A subscribe closes a gate
//! before its join is sent. From then on everything queues behind it, in order; only acks of subscribes skip ahead. Once
//! the join is answered the gate carries the snapshot and a time before which it stays closed. So no frame overtakes a
//! snapshot, and a burst of subscribes costs one delay, not the sum.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::mem;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cluster::Topic;

use super::wire::Wire;

/// What has to lie between a subscribe's ack and its snapshot: less, and a client that reads both at once misses the
/// snapshot (spec realtime §7.5).
pub(crate) const GATE_DELAY: Duration = Duration::from_millis(10);

/// How many pieces one vectored write carries at most.
const SLICES: usize = 64;

/// Frames on their way to one client.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    ready: Segments,
    /// Bytes of the first ready segment that the wire has taken already.
    written: usize,
    /// Begins with a gate that is not open yet, or is empty.
    gated: VecDeque<Gated>,
    size_bytes: usize,
}

/// Some whole frames, in one piece.
#[derive(Debug)]
pub(crate) enum Segment {
    /// Framed once for many sessions.
    Shared(Bytes),
    /// This session's own replies.
    Own(Vec<u8>),
}

/// What a segment carries, as far as the gate has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content<'a> {
    /// Presence frames of this topic: a new snapshot makes them stale.
    Presence(&'a Topic),
    /// Anything else.
    Other,
}

/// The mailbox is at its bound: this client does not read what it asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// What a flush left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flushed {
    /// Everything that may be written is written.
    All,
    /// The wire is full.
    Backlog,
}

#[derive(Debug)]
enum Gated {
    Frames {
        segment: Segment,
        presence_of: Option<Topic>,
    },
    Gate(Gate),
}

#[derive(Debug)]
struct Gate {
    topic: Topic,
    state: GateState,
}

#[derive(Debug)]
enum GateState {
    /// The join has not been answered.
    Closed,
    /// The snapshot follows its ack at this time.
    Due {
        snapshot: Vec<u8>,
        not_before: Instant,
    },
    /// Nothing follows.
    Open,
}

/// The first segment lies inline: an idle mailbox that gets one frame needs no heap for its queue.
#[derive(Debug, Default)]
struct Segments {
    first: Option<Segment>,
    rest: VecDeque<Segment>,
}

impl Mailbox {
    /// Appends whole frames, behind a gate if one is closed.
    pub(crate) fn append(
        &mut self,
        segment: Segment,
        content: Content<'_>,
        bound_bytes: usize,
    ) -> Result<(), Full> {
        let added = segment.as_ref().len();
        // An empty mailbox takes anything: what it is handed in one piece has a bound of its own.
        if self.size_bytes > 0 && self.size_bytes + added > bound_bytes {
            return Err(Full);
        }
        self.size_bytes += added;
        if self.gated.is_empty() {
            self.ready.push(segment);
        } else {
            let presence_of = match content {
                Content::Presence(topic) => Some(topic.clone()),
                Content::Other => None,
            };
            self.gated.push_back(Gated::Frames {
                segment,
                presence_of,
            });
        }
        Ok(())
    }

    /// Appends a reply that no gate holds back: the ack of a subscribe.
    pub(crate) fn append_ahead(&mut self, frames: &[u8]) {
        self.size_bytes += frames.len();
        self.ready.push(Segment::Own(frames.to_vec()));
    }

    /// Closes a gate for `topic`: whatever is appended from now on waits for its snapshot.
    pub(crate) fn close_gate(&mut self, topic: &Topic) {
        self.gated.push_back(Gated::Gate(Gate {
            topic: topic.clone(),
            state: GateState::Closed,
        }));
    }

    /// Hands the oldest closed gate of `topic` its snapshot, which contains all that queued presence frames of the topic
    /// could tell: they are dropped. Returns when to look again.
    pub(crate) fn fill_gate(
        &mut self,
        topic: &Topic,
        snapshot: Vec<u8>,
        acked: Instant,
    ) -> Option<Instant> {
        let not_before = acked + GATE_DELAY;
        let mut dropped_bytes = 0;
        self.gated.retain(|entry| match entry {
            Gated::Frames {
                segment,
                presence_of,
            } if presence_of.as_ref() == Some(topic) => {
                dropped_bytes += segment.as_ref().len();
                false
            }
            Gated::Frames { .. } | Gated::Gate(_) => true,
        });
        self.size_bytes -= dropped_bytes;
        let gate = self.closed_gate(topic)?;
        let added = snapshot.len();
        gate.state = GateState::Due {
            snapshot,
            not_before,
        };
        self.size_bytes += added;
        Some(not_before)
    }

    /// Opens the oldest closed gate of `topic`, for no snapshot will come.
    pub(crate) fn void_gate(&mut self, topic: &Topic) {
        if let Some(gate) = self.closed_gate(topic) {
            gate.state = GateState::Open;
            self.open_gates(None);
        }
    }

    /// Writes what may go. Opens gates that are due, except over a backlog: their snapshot would leave with the ack.
    pub(crate) fn flush(&mut self, wire: &mut Wire, now: Instant) -> io::Result<Flushed> {
        if self.ready.is_empty() {
            self.open_gates(Some(now));
        }
        while !self.ready.is_empty() {
            let taken = match self.write_once(wire) {
                Ok(taken) => taken,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(Flushed::Backlog);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            self.advance(taken);
        }
        Ok(Flushed::All)
    }

    /// When the first gate may open, if it has its snapshot.
    pub(crate) fn gate_due(&self) -> Option<Instant> {
        match self.gated.front()? {
            Gated::Gate(Gate {
                state: GateState::Due { not_before, .. },
                ..
            }) => Some(*not_before),
            Gated::Gate(_) | Gated::Frames { .. } => None,
        }
    }

    /// Forgets what has not begun to leave, and puts `close` at the end of what has. A frame that is partly written has to
    /// be finished, or the close frame would be read as its payload. Returns how many bytes were forgotten.
    pub(crate) fn close_with(&mut self, close: Vec<u8>, backlog: Backlog) -> usize {
        let before = self.size_bytes;
        for entry in mem::take(&mut self.gated) {
            match entry {
                Gated::Frames { segment, .. } => self.size_bytes -= segment.as_ref().len(),
                Gated::Gate(Gate {
                    state: GateState::Due { snapshot, .. },
                    ..
                }) => self.size_bytes -= snapshot.len(),
                Gated::Gate(Gate {
                    state: GateState::Closed | GateState::Open,
                    ..
                }) => {}
            }
        }
        match backlog {
            Backlog::Keep => {}
            Backlog::Discard => {
                let started = if self.written > 0 {
                    self.ready.pop()
                } else {
                    None
                };
                self.ready = Segments::default();
                self.size_bytes = started
                    .as_ref()
                    .map_or(0, |segment| segment.as_ref().len() - self.written);
                self.ready.first = started;
            }
        }
        let forgotten = before - self.size_bytes;
        self.size_bytes += close.len();
        self.ready.push(Segment::Own(close));
        forgotten
    }

    /// Bytes that wait.
    pub(crate) const fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    /// True while nothing waits.
    #[cfg(test)]
    fn is_empty(&self) -> bool {
        self.size_bytes == 0 && self.gated.is_empty()
    }

    /// Moves whatever no gate holds any more to the ready segments; without a time, snapshots stay where they are. Leaves a
    /// closed gate in front, or no gate at all.
    fn open_gates(&mut self, now: Option<Instant>) {
        while let Some(entry) = self.gated.pop_front() {
            match entry {
                Gated::Frames { segment, .. } => self.ready.push(segment),
                Gated::Gate(Gate {
                    state: GateState::Open,
                    ..
                }) => {}
                Gated::Gate(Gate {
                    state:
                        GateState::Due {
                            snapshot,
                            not_before,
                        },
                    ..
                }) if now.is_some_and(|now| not_before <= now) => {
                    self.ready.push(Segment::Own(snapshot));
                }
                Gated::Gate(gate) => {
                    self.gated.push_front(Gated::Gate(gate));
                    return;
                }
            }
        }
        // A mailbox that is empty again owns nothing.
        self.gated = VecDeque::new();
    }

    fn closed_gate(&mut self, topic: &Topic) -> Option<&mut Gate> {
        self.gated.iter_mut().find_map(|entry| match entry {
            Gated::Gate(gate)
                if matches!(gate.state, GateState::Closed) && gate.topic == *topic =>
            {
                Some(gate)
            }
            Gated::Gate(_) | Gated::Frames { .. } => None,
        })
    }

    fn write_once(&self, wire: &mut Wire) -> io::Result<usize> {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let mut used = 0;
        for (slice, segment) in slices.iter_mut().zip(self.ready.iter()) {
            let skip = if used == 0 { self.written } else { 0 };
            *slice = IoSlice::new(&segment.as_ref()[skip..]);
            used += 1;
        }
        wire.try_write(&slices[..used])
    }

    /// Drops what the wire took.
    fn advance(&mut self, taken: usize) {
        self.size_bytes -= taken;
        self.written += taken;
        while let Some(first) = &self.ready.first {
            let length = first.as_ref().len();
            if self.written < length {
                return;
            }
            self.written -= length;
            self.ready.pop();
        }
    }
}

/// What to do with frames that are still waiting when a session closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backlog {
    /// The client may still read them.
    Keep,
    /// The client does not read.
    Discard,
}

impl AsRef<[u8]> for Segment {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Shared(bytes) => bytes,
            Self::Own(bytes) => bytes,
        }
    }
}

impl Segments {
    fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    fn push(&mut self, segment: Segment) {
        if segment.as_ref().is_empty() {
            return;
        }
        match &mut self.first {
            None => self.first = Some(segment),
            Some(_) => self.rest.push_back(segment),
        }
    }

    fn pop(&mut self) -> Option<Segment> {
        let next = self.rest.pop_front();
        if next.is_none() {
            // A mailbox that is empty again owns nothing.
            self.rest = VecDeque::new();
        }
        mem::replace(&mut self.first, next)
    }

    fn iter(&self) -> impl Iterator<Item = &Segment> {
        self.first.iter().chain(&self.rest)
    }
}

#[cfg(test)]
mod tests {
    use super::super::memory::Memory;
    use super::*;

    const BOUND: usize = 1_000;

    fn topic(name: &str) -> Topic {
        Topic::channel(&"app".parse().unwrap(), name.parse().unwrap())
    }

    fn wire(room: Option<usize>) -> Wire {
        Wire::Memory(Memory {
            writes: Vec::new(),
            room,
        })
    }

    fn written(wire: &Wire) -> (String, usize) {
        let Wire::Memory(memory) = wire else {
            panic!("a memory wire")
        };
        (
            String::from_utf8(memory.written()).unwrap(),
            memory.writes.len(),
        )
    }

    fn give_room(wire: &mut Wire, bytes: usize) {
        let Wire::Memory(memory) = wire else {
            panic!("a memory wire")
        };
        memory.room = Some(bytes);
    }

    fn say(mailbox: &mut Mailbox, text: &'static str) {
        mailbox
            .append(
                Segment::Shared(Bytes::from_static(text.as_bytes())),
                Content::Other,
                BOUND,
            )
            .unwrap();
    }

    #[test]
    fn everything_that_waits_leaves_in_one_write_and_leaves_no_heap() {
        let (mut mailbox, mut wire) = (Mailbox::default(), wire(None));
        for text in ["a", "b", "c"] {
            say(&mut mailbox, text);
        }
        assert_eq!(
            mailbox.flush(&mut wire, Instant::now()).unwrap(),
            Flushed::All
        );
        assert_eq!(written(&wire), ("abc".into(), 1));
        assert!(mailbox.is_empty());
        assert_eq!(mailbox.ready.rest.capacity(), 0);
    }

    #[test]
    fn what_the_wire_does_not_take_stays_in_order() {
        let (mut mailbox, mut wire) = (Mailbox::default(), wire(Some(4)));
        say(&mut mailbox, "abc");
        say(&mut mailbox, "def");
        let now = Instant::now();
        assert_eq!(mailbox.flush(&mut wire, now).unwrap(), Flushed::Backlog);
        say(&mut mailbox, "ghi");
        give_room(&mut wire, 100);
        assert_eq!(mailbox.flush(&mut wire, now).unwrap(), Flushed::All);
        assert_eq!(written(&wire).0, "abcdefghi");
    }

    #[test]
    fn the_bound_counts_what_waits_and_frees_with_what_leaves() {
        let (mut mailbox, mut wire) = (Mailbox::default(), wire(Some(0)));
        say(&mut mailbox, "0123456789");
        let more = || Segment::Own(vec![b'x'; BOUND - 9]);
        assert_eq!(mailbox.append(more(), Content::Other, BOUND), Err(Full));
        give_room(&mut wire, 1);
        mailbox.flush(&mut wire, Instant::now()).unwrap();
        assert_eq!(mailbox.append(more(), Content::Other, BOUND), Ok(()));
    }

    #[test]
    fn a_gate_lets_the_ack_pass_and_holds_the_rest_until_its_time() {
        let (mut mailbox, mut wire) = (Mailbox::default(), wire(None));
        let room = topic("room");
        let now = Instant::now();
        mailbox.close_gate(&room);
        say(&mut mailbox, "<message>");
        mailbox.append_ahead(b"<ack>");
        mailbox.flush(&mut wire, now).unwrap();
        assert_eq!(written(&wire).0, "<ack>");

        let due = mailbox
            .fill_gate(&room, b"<snapshot>".to_vec(), now)
            .unwrap();
        assert_eq!(mailbox.gate_due(), Some(due));
        mailbox
            .flush(&mut wire, due - Duration::from_nanos(1))
            .unwrap();
        assert_eq!(written(&wire).0, "<ack>");
        mailbox.flush(&mut wire, due).unwrap();
        assert_eq!(written(&wire), ("<ack><snapshot><message>".into(), 2));
        assert!(mailbox.is_empty());
    }

    #[test]
    fn many_gates_open_together() {
        let (mut mailbox, mut wire) = (Mailbox::default(), wire(None));
        let topics: Vec<Topic> = (0..100).map(|n| topic(&format!("room-{n}"))).collect();
        topics.iter().for_each(|topic| mailbox.close_gate(topic));
        let now = Instant::now();
        for topic in &topics {
            mailbox.append_ahead(b"a");
            mailbox.fill_gate(topic, b"s".to_vec(), now);
        }
        mailbox.flush(&mut wire, now).unwrap();
        mailbox.flush(&mut wire, now + GATE_DELAY).unwrap();
        assert_eq!(written(&wire).0, "a".repeat(100) + &"s".repeat(100));
    }

    #[test]
    fn a_new_snapshot_replaces_queued_presence_of_its_topic_alone() {
        let (mut mailbox, mut wire) = (Mailbox::default(), wire(None));
        let (room, other) = (topic("room"), topic("other"));
        let now = Instant::now();
        mailbox.close_gate(&room);
        let delta = |text: &'static str| Segment::Shared(Bytes::from_static(text.as_bytes()));
        mailbox
            .append(delta("<old>"), Content::Presence(&room), BOUND)
            .unwrap();
        mailbox
            .append(delta("<other>"), Content::Presence(&other), BOUND)
            .unwrap();
        let due = mailbox
            .fill_gate(&room, b"<snapshot>".to_vec(), now)
            .unwrap();
        mailbox
            .append(delta("<new>"), Content::Presence(&room), BOUND)
            .unwrap();
        mailbox.flush(&mut wire, due).unwrap();
        assert_eq!(written(&wire).0, "<snapshot><other><new>");
    }

    #[test]
    fn a_gate_does_not_open_over_a_backlog() {
        let (mut mailbox, mut wire) = (Mailbox::default(), wire(Some(2)));
        let room = topic("room");
        let now = Instant::now();
        mailbox.close_gate(&room);
        mailbox.append_ahead(b"<ack>");
        let due = mailbox
            .fill_gate(&room, b"<snapshot>".to_vec(), now)
            .unwrap();
        assert_eq!(mailbox.flush(&mut wire, due).unwrap(), Flushed::Backlog);
        give_room(&mut wire, 100);
        mailbox.flush(&mut wire, due).unwrap();
        assert_eq!(written(&wire).0, "<ack>");
    }

    #[test]
    fn a_gate_without_a_snapshot_lets_everything_through_in_order() {
        let (mut mailbox, mut wire) = (Mailbox::default(), wire(Some(0)));
        let room = topic("room");
        say(&mut mailbox, "<before>");
        mailbox.close_gate(&room);
        say(&mut mailbox, "<behind>");
        assert_eq!(
            mailbox.flush(&mut wire, Instant::now()).unwrap(),
            Flushed::Backlog
        );
        mailbox.void_gate(&room);
        give_room(&mut wire, 100);
        mailbox.flush(&mut wire, Instant::now()).unwrap();
        assert_eq!(written(&wire).0, "<before><behind>");
    }

    #[test]
    fn a_close_finishes_the_frame_that_has_begun_and_forgets_the_rest() {
        let (mut mailbox, mut wire) = (Mailbox::default(), wire(Some(2)));
        say(&mut mailbox, "abc");
        say(&mut mailbox, "def");
        mailbox.close_gate(&topic("room"));
        say(&mut mailbox, "ghi");
        mailbox.flush(&mut wire, Instant::now()).unwrap();
        assert_eq!(mailbox.close_with(b"!".to_vec(), Backlog::Discard), 6);
        give_room(&mut wire, 100);
        assert_eq!(
            mailbox.flush(&mut wire, Instant::now()).unwrap(),
            Flushed::All
        );
        assert_eq!(written(&wire).0, "abc!");
        assert!(mailbox.is_empty());
    }

    #[test]
    fn a_polite_close_keeps_the_backlog_and_passes_the_gate() {
        let (mut mailbox, mut wire) = (Mailbox::default(), wire(Some(0)));
        say(&mut mailbox, "abc");
        mailbox.close_gate(&topic("room"));
        say(&mut mailbox, "def");
        assert_eq!(mailbox.close_with(b"!".to_vec(), Backlog::Keep), 3);
        give_room(&mut wire, 100);
        mailbox.flush(&mut wire, Instant::now()).unwrap();
        assert_eq!(written(&wire).0, "abc!");
    }
}
