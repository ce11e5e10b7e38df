//! The newest fence of each device that this edge has heard of.
//!
//! A session that lost its device and does not know it yet may still speak; whoever has heard its successor drops what it
//! says. What was heard longest ago is forgotten: then the audit alone ends such a session.

use std::sync::{Mutex, PoisonError};

use hashbrown::HashMap;

use crate::leases::Fence;
use crate::origin::{Fenced, Origin};

/// Devices in one generation; two are kept.
const DEVICES_MAX: usize = 32_768;

/// The fences heard.
#[derive(Debug, Default)]
pub(super) struct Fences(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<u64, Fence>,
    old: HashMap<u64, Fence>,
}

impl Fences {
    /// Whether whoever says this has lost its device; a newer fence than any known is noted.
    pub(super) fn is_stale(&self, origin: &Origin) -> bool {
        origin
            .lease
            .is_some_and(|lease| self.note(lease) > lease.fence)
    }

    /// The newest known fence of a device.
    pub(super) fn known(&self, device: u64) -> Fence {
        self.note(Fenced {
            device,
            fence: Fence::NONE,
        })
    }

    /// Notes a fence and returns the newest known one of its device.
    pub(super) fn note(&self, lease: Fenced) -> Fence {
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Generations { young, old } = &mut *generations;
        let known = young.get(&lease.device).or_else(|| old.get(&lease.device));
        let newest = known.copied().unwrap_or(Fence::NONE).max(lease.fence);
        if young.insert(lease.device, newest).is_none() && young.len() >= DEVICES_MAX {
            *old = std::mem::take(young);
        }
        newest
    }
}
