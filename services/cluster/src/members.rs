//! The members of one topic, by peer.
//!
//! Most topics have one or two members and there are as many topics as sessions, so few members are a short list that takes
//! no more room than they do; only many are a map. Knows nothing of versions and of who is told.

use std::mem;
use std::slice;
use std::sync::Arc;

use hashbrown::{HashMap, hash_map};
use protocol::PeerId;

use crate::peer::Peer;

/// Up to so many members a search from the front is as fast as a map.
const FEW: usize = 8;

/// What is kept about a member; it knows whose it is.
pub trait OfPeer {
    /// The member.
    fn peer(&self) -> &Arc<Peer>;
}

/// One entry per peer, in no order.
#[derive(Debug)]
pub struct Members<T>(Kept<T>);

#[derive(Debug)]
enum Kept<T> {
    Few(Vec<T>),
    // Boxed, so that the many topics with few members do not pay for it.
    Many(Box<HashMap<PeerId, T>>),
}

impl OfPeer for Arc<Peer> {
    fn peer(&self) -> &Arc<Peer> {
        self
    }
}

impl<T> Default for Members<T> {
    fn default() -> Self {
        Self(Kept::Few(Vec::new()))
    }
}

impl<T: OfPeer> Members<T> {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.0 {
            Kept::Few(few) => few.len(),
            Kept::Many(many) => many.len(),
        }
    }

    /// True if there is nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entry of a peer.
    #[must_use]
    pub fn get(&self, peer: &PeerId) -> Option<&T> {
        match &self.0 {
            Kept::Few(few) => few.iter().find(|entry| entry.peer().id == *peer),
            Kept::Many(many) => many.get(peer),
        }
    }

    /// The entry of a peer, to be changed.
    pub fn get_mut(&mut self, peer: &PeerId) -> Option<&mut T> {
        match &mut self.0 {
            Kept::Few(few) => few.iter_mut().find(|entry| entry.peer().id == *peer),
            Kept::Many(many) => many.get_mut(peer),
        }
    }

    /// Puts an entry in the place of the peer's older one, if there is any.
    pub fn insert(&mut self, entry: T) {
        if let Some(older) = self.get_mut(&entry.peer().id) {
            *older = entry;
            return;
        }
        match &mut self.0 {
            Kept::Few(few) if few.len() < FEW => {
                if few.is_empty() {
                    few.reserve_exact(1);
                }
                few.push(entry);
            }
            Kept::Few(few) => {
                let all = mem::take(few).into_iter().chain([entry]);
                let many = all.map(|entry| (entry.peer().id.clone(), entry)).collect();
                self.0 = Kept::Many(Box::new(many));
            }
            Kept::Many(many) => {
                many.insert(entry.peer().id.clone(), entry);
            }
        }
    }

    /// Takes the entry of a peer out.
    pub fn remove(&mut self, peer: &PeerId) -> Option<T> {
        match &mut self.0 {
            Kept::Few(few) => {
                let at = few.iter().position(|entry| entry.peer().id == *peer)?;
                Some(few.swap_remove(at))
            }
            Kept::Many(many) => many.remove(peer),
        }
    }

    /// Keeps the entries that `keeps` says so of.
    pub fn retain(&mut self, mut keeps: impl FnMut(&mut T) -> bool) {
        match &mut self.0 {
            Kept::Few(few) => few.retain_mut(keeps),
            Kept::Many(many) => many.retain(|_, entry| keeps(entry)),
        }
    }

    /// All entries, in no order.
    pub fn iter(&self) -> Iter<'_, T> {
        match &self.0 {
            Kept::Few(few) => Iter::Few(few.iter()),
            Kept::Many(many) => Iter::Many(many.values()),
        }
    }
}

impl<T: OfPeer> FromIterator<T> for Members<T> {
    fn from_iter<I: IntoIterator<Item = T>>(entries: I) -> Self {
        let mut members = Self::default();
        for entry in entries {
            members.insert(entry);
        }
        members
    }
}

/// All entries of a [`Members`].
#[derive(Debug)]
pub enum Iter<'a, T> {
    /// From the list.
    Few(slice::Iter<'a, T>),
    /// From the map.
    Many(hash_map::Values<'a, PeerId, T>),
}

impl<'a, T> Iterator for Iter<'a, T> {
    type Item = &'a T;

    fn next(&mut self) -> Option<&'a T> {
        match self {
            Self::Few(few) => few.next(),
            Self::Many(many) => many.next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn peer(number: u8) -> Arc<Peer> {
        Arc::new(Peer {
            id: format!("peer-{number}").parse().unwrap(),
            metadata: None,
        })
    }

    fn names(members: &Members<Arc<Peer>>) -> BTreeSet<String> {
        members.iter().map(|peer| peer.id.to_string()).collect()
    }

    #[test]
    fn few_members_take_no_more_room_than_they_do() {
        assert!(size_of::<Members<Arc<Peer>>>() <= 24);
        let mut members = Members::default();
        members.insert(peer(1));
        let Kept::Few(few) = &members.0 else {
            panic!("one is few")
        };
        assert_eq!(few.capacity(), 1);
    }

    proptest! {
        #[test]
        fn it_does_what_a_set_does(steps in proptest::collection::vec((any::<bool>(), 0u8..24), 0..120)) {
            let (mut members, mut model) = (Members::default(), BTreeSet::new());
            for (comes, number) in steps {
                let peer = peer(number);
                if comes {
                    model.insert(peer.id.to_string());
                    members.insert(peer);
                } else {
                    prop_assert_eq!(members.remove(&peer.id).is_some(), model.remove(peer.id.as_str()));
                }
                prop_assert_eq!(members.len(), model.len());
            }
            prop_assert_eq!(names(&members), model.clone());
            members.retain(|peer| peer.id.as_str().ends_with('1'));
            model.retain(|name| name.ends_with('1'));
            prop_assert_eq!(names(&members), model);
        }
    }
}
