//! Frames that may be written, in order.

use std::collections::VecDeque;
use std::mem;

use bytes::Bytes;

/// Some whole frames, in one piece, or what comes before all frames.
#[derive(Debug)]
pub(crate) enum Segment {
    /// Framed once for many sessions.
    Shared(Bytes),
    /// This session's own.
    Own(Vec<u8>),
}

impl Segment {
    /// Whether it is the response to the session's upgrade. No frame of ours begins with this letter: as a first byte it names
    /// an extension (RFC 6455 §5.2), and none is ever selected.
    pub(super) fn is_response(&self) -> bool {
        self.as_ref().first() == Some(&b'H')
    }
}

/// A queue whose first segment lies inline: an idle mailbox that gets one frame needs no heap for its queue.
#[derive(Debug, Default)]
pub(super) struct Segments {
    first: Option<Segment>,
    rest: VecDeque<Segment>,
}

impl Segments {
    pub(super) const fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// The one segment, if there is one and no more.
    pub(super) fn only(&self) -> Option<&Segment> {
        self.first.as_ref().filter(|_| self.rest.is_empty())
    }

    pub(super) fn first(&self) -> Option<&Segment> {
        self.first.as_ref()
    }

    /// Appends a segment, unless it is empty: nothing to write must not look like something.
    pub(super) fn push(&mut self, segment: Segment) {
        if segment.as_ref().is_empty() {
            return;
        }
        match &mut self.first {
            None => self.first = Some(segment),
            Some(_) => self.rest.push_back(segment),
        }
    }

    pub(super) fn pop(&mut self) -> Option<Segment> {
        let next = self.rest.pop_front();
        if next.is_none() {
            // What is empty again owns nothing.
            self.rest = VecDeque::new();
        }
        mem::replace(&mut self.first, next)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Segment> {
        self.first.iter().chain(&self.rest)
    }

    #[cfg(test)]
    pub(super) fn owns_heap(&self) -> bool {
        self.rest.capacity() > 0
    }
}

impl AsRef<[u8]> for Segment {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Shared(bytes) => bytes,
            Self::Own(bytes) => bytes,
        }
    }
}
