//! The lane's sessions, and which of their mailboxes wait to be flushed.

use std::collections::VecDeque;
use std::ops::{Index, IndexMut};

use cluster::SessionId;
use hashbrown::HashMap;

use super::chunked_slab::ChunkedSlab;
use crate::session::Session;
use crate::session::mailbox::{Content, Full, Segment};

/// Sessions by key. A key is used again once its session is gone; an id never is.
#[derive(Debug)]
pub(super) struct Sessions {
    table: ChunkedSlab<Session>,
    /// Sessions that serve; one that closes can no longer be found by its id.
    serving: HashMap<SessionId, usize>,
    /// Mailboxes that wait to be flushed: those of small deliveries, and those of large fan-outs.
    small: VecDeque<usize>,
    large: VecDeque<usize>,
    mailbox_bytes: usize,
}

/// How many others a delivery goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fanout {
    /// So few that they are written at once.
    Small,
    /// So many that others need not wait for them.
    Large,
}

impl Sessions {
    /// An empty table, whose mailboxes hold at most `mailbox_bytes` each.
    pub(super) fn new(mailbox_bytes: usize) -> Self {
        Self {
            table: ChunkedSlab::new(),
            serving: HashMap::new(),
            small: VecDeque::new(),
            large: VecDeque::new(),
            mailbox_bytes,
        }
    }

    /// Takes a session in, and remembers to flush what its mailbox begins with.
    pub(super) fn insert(&mut self, mut session: Session) -> usize {
        let id = session.id;
        let is_dirty = session.mailbox.size_bytes() > 0;
        session.dirty = is_dirty;
        let key = self.table.insert(session);
        if is_dirty {
            self.small.push_back(key);
        }
        self.serving.insert(id, key);
        key
    }

    pub(super) fn get(&self, key: usize) -> Option<&Session> {
        self.table.get(key)
    }

    pub(super) fn get_mut(&mut self, key: usize) -> Option<&mut Session> {
        self.table.get_mut(key)
    }

    pub(super) fn serving(&self, id: SessionId) -> Option<usize> {
        self.serving.get(&id).copied()
    }

    /// Every session that serves.
    pub(super) fn all_serving(&self) -> Vec<usize> {
        self.serving.values().copied().collect()
    }

    /// The session can no longer be found by its id.
    pub(super) fn retire(&mut self, id: SessionId) {
        self.serving.remove(&id);
    }

    pub(super) fn remove(&mut self, key: usize) {
        self.table.remove(key);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Appends frames to a session's mailbox and remembers to flush it. Nothing reaches a session before its welcome or after
    /// its close.
    pub(super) fn append(
        &mut self,
        key: usize,
        segment: Segment,
        content: Content<'_>,
        fanout: Fanout,
    ) -> Result<(), Full<Segment>> {
        let Some(session) = self.table.get_mut(key).filter(|session| session.hears()) else {
            return Ok(());
        };
        session
            .mailbox
            .append(segment, content, self.mailbox_bytes)?;
        if !session.dirty {
            session.dirty = true;
            match fanout {
                Fanout::Small => self.small.push_back(key),
                Fanout::Large => self.large.push_back(key),
            }
        }
        Ok(())
    }

    pub(super) fn has_small(&self) -> bool {
        !self.small.is_empty()
    }

    pub(super) fn has_dirty(&self) -> bool {
        !self.small.is_empty() || !self.large.is_empty()
    }

    /// Takes the next mailbox of small deliveries to flush.
    pub(super) fn take_small(&mut self) -> Option<usize> {
        take(&mut self.small, &mut self.table)
    }

    /// Takes the next mailbox of a large fan-out to flush.
    pub(super) fn take_large(&mut self) -> Option<usize> {
        take(&mut self.large, &mut self.table)
    }

    /// The mailbox is flushed at once: it need not wait for that as well, if it was the last to begin to.
    pub(super) fn spare(&mut self, key: usize) {
        if self.small.back() == Some(&key) {
            self.small.pop_back();
            if let Some(session) = self.table.get_mut(key) {
                session.dirty = false;
            }
        }
    }
}

fn take(queue: &mut VecDeque<usize>, table: &mut ChunkedSlab<Session>) -> Option<usize> {
    loop {
        let key = queue.pop_front()?;
        if let Some(session) = table.get_mut(key) {
            session.dirty = false;
            return Some(key);
        }
    }
}

impl Index<usize> for Sessions {
    type Output = Session;

    fn index(&self, key: usize) -> &Session {
        &self.table[key]
    }
}

impl IndexMut<usize> for Sessions {
    fn index_mut(&mut self, key: usize) -> &mut Session {
        &mut self.table[key]
    }
}
