//! Which sessions of this edge are in which room, and on whose word.
//!
//! Only those whose word can change are on it. A place is a guard: it goes with its session.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use protocol::room::RoomId;
use protocol::{AppId, PeerId};

use super::Asked;
use crate::config::MembershipSource;

/// The roll of one edge; clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Roll(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    rooms: Mutex<HashMap<(AppId, RoomId), HashMap<u64, Entry>>>,
    numbers: AtomicU64,
}

/// Somebody who is in on a source's word.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) by: MembershipSource,
    pub(crate) asked: Arc<Asked>,
}

/// A place on the roll, given back by being dropped.
#[derive(Debug)]
pub(crate) struct Enrolled {
    shared: Arc<Shared>,
    room: (AppId, RoomId),
    number: u64,
}

impl Roll {
    pub(crate) fn enrol(&self, by: MembershipSource, asked: Arc<Asked>) -> Enrolled {
        let number = self.0.numbers.fetch_add(1, Ordering::Relaxed);
        let room = (asked.app.clone(), asked.room);
        self.0
            .rooms()
            .entry(room.clone())
            .or_default()
            .insert(number, Entry { by, asked });
        Enrolled {
            shared: Arc::clone(&self.0),
            room,
            number,
        }
    }

    /// Who is in a room on the word of `by`, each account once.
    pub(super) fn of_room(&self, app: &AppId, room: RoomId, by: MembershipSource) -> Vec<Entry> {
        let rooms = self.0.rooms();
        let entries = rooms.get(&(app.clone(), room)).into_iter().flatten();
        let of_source = entries.filter(|(_, entry)| entry.by == by);
        let by_account: HashMap<&PeerId, &Entry> = of_source
            .map(|(_, entry)| (&entry.asked.account, entry))
            .collect();
        by_account.into_values().cloned().collect()
    }

    /// Who is in on the word of `by`, each account once in each room.
    pub(super) fn of_source(&self, by: MembershipSource) -> Vec<Entry> {
        let rooms = self.rooms();
        let of_room = |(app, room): &(AppId, RoomId)| self.of_room(app, *room, by);
        rooms.iter().flat_map(of_room).collect()
    }

    /// Every room in which somebody is.
    pub(super) fn rooms(&self) -> Vec<(AppId, RoomId)> {
        self.0.rooms().keys().cloned().collect()
    }
}

impl Shared {
    fn rooms(&self) -> MutexGuard<'_, HashMap<(AppId, RoomId), HashMap<u64, Entry>>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Enrolled {
    fn drop(&mut self) {
        let mut rooms = self.shared.rooms();
        if let Some(room) = rooms.get_mut(&self.room) {
            room.remove(&self.number);
            if room.is_empty() {
                rooms.remove(&self.room);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_goes_with_its_guard_and_an_account_counts_once() {
        let asked = Arc::new(Asked {
            app: "app".parse().unwrap(),
            room: "0f8fad5b-d9cb-469f-a165-70867728950e".parse().unwrap(),
            account: "alice".parse().unwrap(),
            device: None,
            claims: protocol::room::empty_object(),
            remote_ip: [127, 0, 0, 1].into(),
        });
        let roll = Roll::default();
        let one = roll.enrol(MembershipSource::Registry, Arc::clone(&asked));
        let two = roll.enrol(MembershipSource::Registry, Arc::clone(&asked));
        let of = |by| roll.of_room(&asked.app, asked.room, by).len();
        assert_eq!(of(MembershipSource::Registry), 1);
        assert_eq!(of(MembershipSource::Webhook), 0);
        assert_eq!(roll.of_source(MembershipSource::Registry).len(), 1);
        drop(one);
        assert_eq!(of(MembershipSource::Registry), 1);
        drop(two);
        assert!(roll.rooms().is_empty());
    }
}
