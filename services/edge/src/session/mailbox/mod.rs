//! The bounded outbox of one session.
//!
//! It holds frames that are already framed and mostly shared, and owns no heap while nothing waits. Appending makes no
//! system call; [`Mailbox::flush`] writes everything that may go in one vectored write. What the wire does not take stays,
//! in order, up to a bound in bytes.
//!
//! The **gate** keeps an ack and the snapshot that follows it apart (spec realtime §2.6, §7.5). A subscribe closes a gate
//! before its join is sent. From then on everything queues behind it, in order; only acks of subscribes skip ahead. When
//! the gate's time has come, the snapshot is made and takes the gate's place. So no frame overtakes a snapshot, a burst of
//! subscribes costs one delay and not the sum, and a client that does not read makes no snapshots pile up.

mod gates;
mod segments;
#[cfg(test)]
mod tests;

use std::io::{self, IoSlice};
use std::time::Instant;

use cluster::Topic;

use super::wire::Wire;
use gates::{GATE_BYTES, Gates};
pub(crate) use segments::Segment;
use segments::Segments;

/// How many pieces one vectored write carries at most.
const SLICES: usize = 64;
/// How much more than its bound a mailbox holds while nothing but a gate keeps it from being written.
const GATED_FACTOR: usize = 4;

/// Frames on their way to one client.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    ready: Segments,
    /// Bytes of the first ready segment that the wire has taken already.
    written: usize,
    gates: Gates,
    /// Everything that waits: ready, gated, and the gates themselves.
    size_bytes: usize,
}

/// What a segment carries, as far as the gate has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content<'a> {
    /// Presence frames of this topic: a new snapshot makes them stale.
    Presence(&'a Topic),
    /// Anything else.
    Other,
}

/// The mailbox is at its bound; here is what did not fit.
#[derive(Debug)]
pub(crate) struct Full<T = ()>(pub(crate) T);

/// What a flush left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flushed {
    /// Everything that may be written is written.
    All,
    /// The wire is full.
    Backlog,
}

/// What to do with frames that are still waiting when a session closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backlog {
    /// The client may still read them.
    Keep,
    /// The client does not read.
    Discard,
}

impl Mailbox {
    /// A mailbox that has the response to the client's upgrade to write before any frame.
    pub(crate) fn beginning_with(response: Vec<u8>) -> Self {
        let mut mailbox = Self {
            size_bytes: response.len(),
            ..Self::default()
        };
        mailbox.ready.push(Segment::Own(response));
        mailbox
    }

    /// Appends whole frames, behind the gates if there are any.
    pub(crate) fn append(
        &mut self,
        segment: Segment,
        content: Content<'_>,
        bound_bytes: usize,
    ) -> Result<(), Full<Segment>> {
        if self.grow(segment.as_ref().len(), bound_bytes).is_err() {
            return Err(Full(segment));
        }
        if self.gates.is_empty() {
            self.ready.push(segment);
        } else {
            let presence_of = match content {
                Content::Presence(topic) => Some(topic.clone()),
                Content::Other => None,
            };
            self.gates.push(segment, presence_of);
        }
        Ok(())
    }

    /// Appends a reply that no gate holds back: the ack of a subscribe.
    pub(crate) fn append_ahead(&mut self, frames: &[u8], bound_bytes: usize) -> Result<(), Full> {
        self.grow(frames.len(), bound_bytes)?;
        self.ready.push(Segment::Own(frames.to_vec()));
        Ok(())
    }

    /// Closes a gate for `topic`: whatever is appended from now on waits for its snapshot.
    pub(crate) fn close_gate(&mut self, topic: &Topic, bound_bytes: usize) -> Result<(), Full> {
        self.grow(GATE_BYTES, bound_bytes)?;
        self.gates.close(topic);
        Ok(())
    }

    /// The oldest closed gate of `topic` has its ack and may open at `due`. Queued presence frames of the topic are dropped:
    /// the snapshot will tell all that they could.
    pub(crate) fn answer_gate(&mut self, topic: &Topic, due: Instant) {
        self.size_bytes -= self.gates.answer(topic, due);
    }

    /// No snapshot will come for the oldest closed gate of `topic`.
    pub(crate) fn void_gate(&mut self, topic: &Topic) {
        self.gates.void(topic);
        self.release();
    }

    /// The session has left `topic`: no snapshot of it is wanted any more.
    pub(crate) fn void_due_gates(&mut self, topic: &Topic) {
        self.gates.void_due(topic);
        self.release();
    }

    /// When the first gate may open, if its join is answered.
    pub(crate) fn gate_due(&self) -> Option<Instant> {
        self.gates.due().map(|(_, at)| at)
    }

    /// The topic whose snapshot is to be made now.
    pub(crate) fn due_topic(&self, now: Instant) -> Option<Topic> {
        self.gates
            .due()
            .filter(|(_, at)| *at <= now)
            .map(|(topic, _)| topic.clone())
    }

    /// Opens the first gate, which is due: its snapshot goes out, and what waited behind it. Always fits: a gate is opened
    /// only when nothing else waits to be written.
    pub(crate) fn open_gate(&mut self, snapshot: Vec<u8>) {
        self.size_bytes += snapshot.len();
        self.ready.push(Segment::Own(snapshot));
        self.gates.open_first();
        self.release();
    }

    /// Writes what may go.
    pub(crate) fn flush(&mut self, wire: &mut Wire) -> io::Result<Flushed> {
        while !self.ready.is_empty() {
            match self.write_once(wire) {
                Ok(taken) => self.advance(taken),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(Flushed::Backlog);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Flushed::All)
    }

    /// Forgets what no longer matters, and puts `close` at the end of the rest. A segment that is partly written has to be
    /// finished, or the close frame would be read as its payload, and without the response it would be no frame at all.
    /// Returns how many bytes were forgotten.
    pub(crate) fn close_with(&mut self, close: Vec<u8>, backlog: Backlog) -> usize {
        let before_bytes = self.size_bytes;
        self.gates = Gates::default();
        match backlog {
            Backlog::Keep => {}
            Backlog::Discard => {
                let has_to_stay =
                    self.written > 0 || self.ready.first().is_some_and(Segment::is_response);
                let first = if has_to_stay { self.ready.pop() } else { None };
                self.ready = Segments::default();
                first
                    .into_iter()
                    .for_each(|segment| self.ready.push(segment));
            }
        }
        let ready_bytes: usize = self
            .ready
            .iter()
            .map(|segment| segment.as_ref().len())
            .sum();
        self.size_bytes = ready_bytes - self.written + close.len();
        self.ready.push(Segment::Own(close));
        before_bytes - (ready_bytes - self.written)
    }

    /// Bytes that wait.
    pub(crate) const fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    /// An empty mailbox takes anything: what it is handed in one piece has a bound of its own. What only a gate of ours holds
    /// back is no sign that the client does not read, so it has more room.
    fn grow(&mut self, added_bytes: usize, bound_bytes: usize) -> Result<(), Full> {
        let bound_bytes = if self.ready.is_empty() {
            bound_bytes.saturating_mul(GATED_FACTOR)
        } else {
            bound_bytes
        };
        if self.size_bytes > 0 && self.size_bytes + added_bytes > bound_bytes {
            return Err(Full(()));
        }
        self.size_bytes += added_bytes;
        Ok(())
    }

    /// Moves whatever no gate holds any more to the ready segments.
    fn release(&mut self) {
        while let Some(released) = self.gates.pop_released() {
            match released {
                Some(segment) => self.ready.push(segment),
                None => self.size_bytes -= GATE_BYTES,
            }
        }
    }

    fn write_once(&self, wire: &mut Wire) -> io::Result<usize> {
        if let Some(only) = self.ready.only() {
            return wire.try_write(&only.as_ref()[self.written..]);
        }
        let mut slices = [IoSlice::new(&[]); SLICES];
        let mut used = 0;
        for (slice, segment) in slices.iter_mut().zip(self.ready.iter()) {
            let skip = if used == 0 { self.written } else { 0 };
            *slice = IoSlice::new(&segment.as_ref()[skip..]);
            used += 1;
        }
        wire.try_write_vectored(&slices[..used])
    }

    /// Drops what the wire took.
    fn advance(&mut self, taken: usize) {
        self.size_bytes -= taken;
        self.written += taken;
        while let Some(length) = self.ready.first().map(|first| first.as_ref().len())
            && self.written >= length
        {
            self.written -= length;
            drop(self.ready.pop());
        }
    }

    #[cfg(test)]
    fn is_empty(&self) -> bool {
        self.size_bytes == 0
            && self.gates.is_empty()
            && self.ready.is_empty()
            && !self.ready.owns_heap()
    }
}
