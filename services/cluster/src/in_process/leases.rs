//! Who holds which lease.
//!
//! A lease that nobody holds has no entry here: fences come from a clock that never repeats itself, so there is nothing
//! to remember of a device that left.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashbrown::HashMap;

use super::clock::Clock;
use super::fights::{Fights, Verdict};
use crate::leases::{Attach, Fence, Holder, LeaseKey, Turn};
use crate::origin::{Incarnation, Origin};

#[derive(Debug)]
pub(super) struct LeaseTable {
    table: Mutex<Table>,
    clock: Arc<Clock>,
}

#[derive(Debug, Default)]
struct Table {
    holders: HashMap<LeaseKey, Holder>,
    fights: Fights,
}

impl LeaseTable {
    pub(super) fn new(clock: Arc<Clock>) -> Self {
        Self {
            table: Mutex::default(),
            clock,
        }
    }

    pub(super) fn attach(
        &self,
        key: &LeaseKey,
        claimant: Origin,
        floor: Fence,
        turn: Turn,
    ) -> Attach {
        self.claim(&mut self.lock(), key, claimant, floor, turn)
    }

    pub(super) fn attach_if_free(&self, key: &LeaseKey, claimant: Origin, floor: Fence) -> Attach {
        let mut table = self.lock();
        match table.holders.get(key) {
            Some(holder) if !holder.is(claimant) => Attach::Refused(*holder),
            Some(_) | None => self.claim(&mut table, key, claimant, floor, Turn::First),
        }
    }

    fn claim(
        &self,
        table: &mut Table,
        key: &LeaseKey,
        claimant: Origin,
        floor: Fence,
        turn: Turn,
    ) -> Attach {
        let holder = table.holders.get(key).copied();
        // A session that claims what it holds only renews its fence: it fights nobody and is nobody's newcomer.
        let previous = holder.filter(|holder| !holder.is(claimant));
        let verdict = match (holder, previous) {
            (None, _) => table.fights.meet_nobody(key, turn),
            (Some(_), Some(_)) => table.fights.meet_holder(key, turn),
            (Some(_), None) => Verdict::Attach,
        };
        match verdict {
            Verdict::Wait(place) => return Attach::Wait(place),
            Verdict::Superseded => return Attach::Superseded,
            Verdict::Attach => {}
        }
        let stored = holder.map_or(Fence::NONE, |holder| holder.fence);
        let fence = Fence(self.clock.next_above(stored.max(floor).0));
        let granted = Holder {
            incarnation: claimant.incarnation,
            session: claimant.session,
            fence,
        };
        table.holders.insert(key.clone(), granted);
        Attach::Granted { fence, previous }
    }

    pub(super) fn release(&self, key: &LeaseKey, claimant: Origin, fence: Fence) {
        let mut table = self.lock();
        if table
            .holders
            .get(key)
            .is_some_and(|holder| holder.is(claimant) && holder.fence == fence)
        {
            table.holders.remove(key);
        }
    }

    pub(super) fn holder(&self, key: &LeaseKey) -> Option<Holder> {
        self.lock().holders.get(key).copied()
    }

    /// Frees what an edge holds. Fights go on: its devices may come back elsewhere and still be two.
    pub(super) fn forget(&self, incarnation: Incarnation) {
        self.lock()
            .holders
            .retain(|_, holder| holder.incarnation != incarnation);
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Holder {
    fn is(&self, claimant: Origin) -> bool {
        self.incarnation == claimant.incarnation && self.session == claimant.session
    }
}
