//! The tenancy in force.
//!
//! Invariant: whoever loads sees one whole [`Tenancy`], the old or the new; the version moves only after the new one
//! is in force.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::Tenancy;

/// The tenancy in force; clones share it.
#[derive(Clone, Debug)]
pub struct TenancyHandle(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    current: ArcSwap<Tenancy>,
    version: watch::Sender<u64>,
}

impl TenancyHandle {
    /// Puts the first tenancy in force, as version 0.
    #[must_use]
    pub fn new(tenancy: Tenancy) -> Self {
        Self(Arc::new(Shared {
            current: ArcSwap::from_pointee(tenancy),
            version: watch::Sender::new(0),
        }))
    }

    /// The tenancy in force. Waits for nobody.
    #[must_use]
    pub fn load(&self) -> Arc<Tenancy> {
        self.0.current.load_full()
    }

    /// Puts a newer tenancy in force and tells whoever watches. Keys that issuers have published are taken along.
    pub fn replace(&self, tenancy: Tenancy) {
        let tenancy = tenancy.succeeding(&self.load());
        self.0.current.store(Arc::new(tenancy));
        self.0.version.send_modify(|version| *version += 1);
    }

    /// Follows the version: each change means that [`TenancyHandle::load`] has something newer. Changes in quick
    /// succession may be seen as one.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.0.version.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tenancy::sample::{key, tenancy};

    #[test]
    fn a_change_is_announced_after_it_is_in_force() {
        let handle = TenancyHandle::new(Tenancy::default());
        let mut versions = handle.watch();
        assert!(!versions.has_changed().unwrap());
        handle
            .clone()
            .replace(tenancy(&[("a", &[key("pk_a", &["**"], &[])])]));
        assert!(versions.has_changed().unwrap());
        assert_eq!(*versions.borrow_and_update(), 1);
        assert!(handle.load().key("pk_a").is_some());
    }
}
