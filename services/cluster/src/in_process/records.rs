//! The records of a world.
//!
//! One table under one lock: records are read once per connect and changed by hand or by another backend, never on the
//! path of a message. A change and its announcement happen under the lock, so they have one order.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashbrown::HashMap;
use tokio::sync::broadcast;
use tokio::time::Instant;

use super::clock::Clock;
use crate::records::{
    Change, Changed, Expected, Kind, Notice, Record, RecordName, RecordVersion, RecordsError,
    SHELF_RECORDS_MAX, Shelf,
};

/// News kept for a watcher that is busy; one that falls further behind is told so.
const NOTICES_MAX: usize = 4_096;

#[derive(Debug)]
pub(crate) struct RecordTable {
    table: Mutex<Table>,
    notices: [broadcast::Sender<Notice>; Kind::ALL.len()],
    clock: Arc<Clock>,
}

#[derive(Debug, Default)]
struct Table {
    shelves: HashMap<Shelf, BTreeMap<RecordName, Stored>>,
    /// What expires, soonest first. An entry may be out of date; the record itself says when it ends.
    due: BTreeMap<(Instant, u64), (Shelf, RecordName)>,
}

#[derive(Debug)]
struct Stored {
    record: Record,
    expires_at: Option<Instant>,
}

impl RecordTable {
    pub(super) fn new(clock: Arc<Clock>) -> Self {
        Self {
            table: Mutex::default(),
            notices: Kind::ALL.map(|_| broadcast::Sender::new(NOTICES_MAX)),
            clock,
        }
    }

    pub(crate) fn read(&self, shelf: &Shelf, name: &RecordName) -> Option<Record> {
        let table = self.table();
        table.find(shelf, name).map(|stored| stored.record.clone())
    }

    pub(crate) fn list(&self, shelf: &Shelf) -> Vec<(RecordName, Record)> {
        let table = self.table();
        let records = table.shelves.get(shelf).into_iter().flatten();
        records
            .map(|(name, stored)| (name.clone(), stored.record.clone()))
            .collect()
    }

    pub(crate) fn change(
        &self,
        shelf: &Shelf,
        name: &RecordName,
        change: Change,
        expected: Expected,
    ) -> Result<Changed, RecordsError> {
        let mut table = self.table();
        let found = table.find(shelf, name).map(|stored| stored.record.version);
        let is_expected = match (expected, &change) {
            (Expected::Anything, _) => true,
            (Expected::Absent, _) => found.is_none(),
            (Expected::At(_), Change::Remove) if found.is_none() => true,
            (Expected::At(version), _) => found == Some(version),
        };
        if !is_expected {
            return Ok(Changed::Conflict(found));
        }
        let version = RecordVersion(self.clock.next_above(found.map_or(0, |found| found.0)));
        match change {
            Change::Put { value, expires_in } => {
                let expires_at = expires_in.map(|expires_in| Instant::now() + expires_in);
                let record = Record { version, value };
                table.put(shelf, name, Stored { record, expires_at })?;
            }
            Change::Remove if found.is_none() => return Ok(Changed::Done(version)),
            Change::Remove => table.remove(shelf, name),
        }
        self.announce(shelf.kind, Notice::Changed(shelf.clone(), name.clone()));
        Ok(Changed::Done(version))
    }

    pub(crate) fn clear(&self, shelf: &Shelf) -> usize {
        let mut table = self.table();
        let cleared = table.shelves.remove(shelf).map_or(0, |shelf| shelf.len());
        // Also when it was empty: whoever clears a shelf wants everybody to look again.
        self.announce(shelf.kind, Notice::Cleared(shelf.clone()));
        cleared
    }

    pub(crate) fn watch(&self, kind: Kind) -> broadcast::Receiver<Notice> {
        self.notices[kind as usize].subscribe()
    }

    fn announce(&self, kind: Kind, notice: Notice) {
        if kind.is_announced() {
            // An error only says that nobody listens.
            drop(self.notices[kind as usize].send(notice));
        }
    }

    /// The table without whatever has expired by now.
    fn table(&self) -> MutexGuard<'_, Table> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.expire(Instant::now());
        table
    }
}

impl Table {
    fn find(&self, shelf: &Shelf, name: &RecordName) -> Option<&Stored> {
        self.shelves.get(shelf)?.get(name)
    }

    fn put(
        &mut self,
        shelf: &Shelf,
        name: &RecordName,
        stored: Stored,
    ) -> Result<(), RecordsError> {
        let records = self.shelves.entry(shelf.clone()).or_default();
        if records.len() >= SHELF_RECORDS_MAX && !records.contains_key(name) {
            return Err(RecordsError::Full);
        }
        if let Some(expires_at) = stored.expires_at {
            let due = (expires_at, stored.record.version.0);
            self.due.insert(due, (shelf.clone(), name.clone()));
        }
        records.insert(name.clone(), stored);
        Ok(())
    }

    fn remove(&mut self, shelf: &Shelf, name: &RecordName) {
        if let Some(records) = self.shelves.get_mut(shelf) {
            records.remove(name);
            if records.is_empty() {
                self.shelves.remove(shelf);
            }
        }
    }

    fn expire(&mut self, now: Instant) {
        while let Some(entry) = self.due.first_entry() {
            if entry.key().0 > now {
                return;
            }
            let (shelf, name) = entry.remove();
            let is_over = self
                .find(&shelf, &name)
                .is_some_and(|stored| stored.expires_at.is_some_and(|at| at <= now));
            if is_over {
                self.remove(&shelf, &name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;

    fn shelf() -> Shelf {
        let room = "0f8fad5b-d9cb-469f-a165-70867728950e".parse().unwrap();
        Shelf::of_room(&"app".parse().unwrap(), Kind::Verdict, room)
    }

    fn put(value: &str, expires_in: Option<Duration>) -> Change {
        Change::Put {
            value: value.into(),
            expires_in,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_expired_leaves_nothing_behind_and_a_newer_value_stays() {
        let records = RecordTable::new(Arc::default());
        let second = Duration::from_secs(1);
        let names: Vec<RecordName> = ["a", "b", "c"]
            .map(|name| (&name.parse::<protocol::PeerId>().unwrap()).into())
            .into();
        for name in &names {
            let change = put("1", Some(second));
            let _ = records.change(&shelf(), name, change, Expected::Anything);
        }
        let _ = records.change(&shelf(), &names[1], put("2", None), Expected::Anything);
        let _ = records.change(
            &shelf(),
            &names[2],
            put("3", Some(3 * second)),
            Expected::Anything,
        );
        advance(second).await;
        let left: Vec<_> = records
            .list(&shelf())
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(left, names[1..]);
        advance(2 * second).await;
        assert_eq!(records.list(&shelf()).len(), 1);
        let _ = records.change(&shelf(), &names[1], Change::Remove, Expected::Anything);
        let table = records.table();
        assert!(table.shelves.is_empty() && table.due.is_empty());
    }
}
