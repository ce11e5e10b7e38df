//! Who listens to one topic, each in a slot that it keeps.
//!
//! Most topics have one listener and never a second: that one lies in the hub's table, and owns no heap.

use slab::Slab;

use crate::dialects::Variant;

/// One session's slot in a topic.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listener {
    /// Its key in the lane's session table.
    pub(super) session: usize,
    /// How it wants to be told.
    pub(super) variant: Variant,
    /// Whether it has its snapshot, so that deltas mean something to it.
    pub(super) snapshotted: bool,
    /// The last large fan-out that it has heard, or that was there before it.
    pub(super) heard: u64,
}

/// One listener at least.
#[derive(Debug)]
pub(super) enum Listeners {
    /// In slot 0.
    One(Listener),
    /// As many as there have been at once.
    Many(Box<Slab<Listener>>),
}

/// Whether a listener was the first or the last of its topic here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Boundary {
    /// The lane has to (un)subscribe on the bus.
    Outermost,
    /// Others listen too.
    Inner,
}

impl Listener {
    /// Deltas mean something only after a snapshot.
    pub(super) fn follows_presence(&self) -> bool {
        self.snapshotted && self.variant.sees_presence()
    }
}

impl Listeners {
    /// Takes one more in, and returns its slot.
    pub(super) fn insert(&mut self, listener: Listener) -> usize {
        match self {
            Self::One(first) => {
                let mut all = Slab::with_capacity(2);
                all.insert(*first);
                let slot = all.insert(listener);
                *self = Self::Many(Box::new(all));
                slot
            }
            Self::Many(all) => all.insert(listener),
        }
    }

    /// Frees a slot. Who frees the last forgets the topic.
    pub(super) fn remove(&mut self, slot: usize) -> Boundary {
        let is_last = match self {
            Self::One(_) => slot == 0,
            Self::Many(all) => {
                all.try_remove(slot);
                all.is_empty()
            }
        };
        if is_last {
            Boundary::Outermost
        } else {
            Boundary::Inner
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Many(all) => all.len(),
        }
    }

    pub(super) fn get_mut(&mut self, slot: usize) -> Option<&mut Listener> {
        match self {
            Self::One(only) => (slot == 0).then_some(only),
            Self::Many(all) => all.get_mut(slot),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Listener> + '_ {
        let (one, many) = match self {
            Self::One(only) => (Some(*only), None),
            Self::Many(all) => (None, Some(all)),
        };
        let many = many.into_iter().flat_map(|all| all.iter());
        one.into_iter().chain(many.map(|(_, listener)| *listener))
    }

    /// The first listener from `slot` on that has not heard a fan-out, with its slot.
    pub(super) fn next_unheard(
        &mut self,
        slot: usize,
        fanout: u64,
    ) -> Option<(usize, &mut Listener)> {
        match self {
            Self::One(only) => (slot == 0 && only.heard < fanout).then_some((0, only)),
            Self::Many(all) => {
                let slot = (slot..all.capacity()).find(|slot| {
                    all.get(*slot)
                        .is_some_and(|listener| listener.heard < fanout)
                })?;
                Some((slot, all.get_mut(slot)?))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener(session: usize) -> Listener {
        Listener {
            session,
            variant: Variant::Device,
            snapshotted: false,
            heard: 0,
        }
    }

    fn sessions(listeners: &Listeners) -> Vec<usize> {
        listeners.iter().map(|listener| listener.session).collect()
    }

    #[test]
    fn who_listens_keeps_its_place_while_others_come_and_go() {
        let mut listeners = Listeners::One(listener(7));
        assert_eq!(listeners.insert(listener(8)), 1);
        assert_eq!(listeners.insert(listener(9)), 2);
        assert_eq!(listeners.remove(1), Boundary::Inner);
        assert_eq!(sessions(&listeners), [7, 9]);
        assert_eq!(listeners.get_mut(0).unwrap().session, 7);
        assert_eq!(listeners.get_mut(2).unwrap().session, 9);
        assert_eq!(listeners.insert(listener(10)), 1);
        assert_eq!(listeners.len(), 3);
        for (slot, boundary) in [
            (0, Boundary::Inner),
            (1, Boundary::Inner),
            (2, Boundary::Outermost),
        ] {
            assert_eq!(listeners.remove(slot), boundary);
        }
    }

    #[test]
    fn the_only_one_is_in_slot_0() {
        let mut listeners = Listeners::One(listener(7));
        assert!(listeners.get_mut(1).is_none());
        assert_eq!(listeners.remove(1), Boundary::Inner);
        assert_eq!(sessions(&listeners), [7]);
        assert_eq!(listeners.remove(0), Boundary::Outermost);
    }

    #[test]
    fn those_who_have_heard_a_fanout_are_passed_over() {
        let mut listeners = Listeners::One(listener(7));
        assert_eq!(listeners.next_unheard(0, 1).unwrap().0, 0);
        listeners.insert(listener(8));
        listeners.next_unheard(0, 1).unwrap().1.heard = 1;
        assert_eq!(listeners.next_unheard(0, 1).unwrap().1.session, 8);
        assert!(listeners.next_unheard(2, 1).is_none());
    }
}
