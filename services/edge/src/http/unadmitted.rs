//! Places for connections that nobody has admitted yet.
//!
//! Bounds what strangers can hold open: so many per address, so many in all. A place is a guard; an admitted session has
//! given its place back.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::config::LimitsConfig;
use crate::limit::network;

/// The caps, shared by all who accept.
#[derive(Clone, Debug)]
pub(super) struct Unadmitted(Arc<Shared>);

/// A place that is taken until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    shared: Arc<Shared>,
    address: IpAddr,
}

#[derive(Debug)]
struct Shared {
    per_address: u32,
    total: u32,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    by_address: HashMap<IpAddr, u32>,
    total: u32,
}

impl Unadmitted {
    /// A limit of 0 is off.
    pub(super) fn new(limits: &LimitsConfig) -> Self {
        let unlimited_or = |limit: u32| if limit == 0 { u32::MAX } else { limit };
        Self(Arc::new(Shared {
            per_address: unlimited_or(limits.unauthenticated_per_address),
            total: unlimited_or(limits.unauthenticated_total),
            taken: Mutex::default(),
        }))
    }

    /// Takes a place for a client's connection; `None` if there is none left.
    pub(super) fn take(&self, address: IpAddr) -> Option<Place> {
        self.take_at_most(self.0.per_address, address)
    }

    /// Takes a place for a connection of a trusted proxy: it carries many clients, so only the total holds.
    pub(super) fn take_for_proxy(&self, address: IpAddr) -> Option<Place> {
        self.take_at_most(u32::MAX, address)
    }

    fn take_at_most(&self, per_address: u32, address: IpAddr) -> Option<Place> {
        let address = network(address);
        let mut taken = self.0.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.total >= self.0.total
            || taken
                .by_address
                .get(&address)
                .is_some_and(|count| *count >= per_address)
        {
            return None;
        }
        *taken.by_address.entry(address).or_default() += 1;
        taken.total += 1;
        Some(Place {
            shared: Arc::clone(&self.0),
            address,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self
            .shared
            .taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        taken.total -= 1;
        if let Some(of_address) = taken.by_address.get_mut(&self.address) {
            *of_address -= 1;
            if *of_address == 0 {
                taken.by_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_per_address_and_in_all_and_come_back() {
        let limits = LimitsConfig {
            unauthenticated_per_address: 2,
            unauthenticated_total: 3,
            ..LimitsConfig::default()
        };
        let unadmitted = Unadmitted::new(&limits);
        let (one, two): (IpAddr, IpAddr) = ([127, 0, 0, 1].into(), [127, 0, 0, 2].into());
        let first = unadmitted.take(one).unwrap();
        let _second = unadmitted.take(one).unwrap();
        assert!(unadmitted.take(one).is_none(), "per address");
        let third = unadmitted.take_for_proxy(one).unwrap();
        assert!(unadmitted.take(two).is_none(), "in all");
        drop((first, third));
        assert!(unadmitted.take(two).is_some());
        assert!(unadmitted.take(one).is_some());
    }
}
