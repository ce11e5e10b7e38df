//! What a session holds: each is given back by being dropped, so that no exit path can forget one.

use cluster::{Fence, LeaseKey, Leases, SessionId, SessionSlot};

/// Everything that an admitted session holds.
#[derive(Debug)]
pub(crate) struct Guards {
    /// One of the app's concurrent sessions.
    #[expect(dead_code, reason = "held, and given back by being dropped")]
    pub(crate) slot: SessionSlot,
    /// The right to be the device's one session, where the dialect and the token ask for it.
    pub(crate) lease: Option<LeaseGuard>,
}

/// A held lease.
#[derive(Debug)]
pub(crate) struct LeaseGuard {
    leases: Leases,
    key: LeaseKey,
    session: SessionId,
    fence: Fence,
}

impl LeaseGuard {
    pub(crate) const fn new(
        leases: Leases,
        key: LeaseKey,
        session: SessionId,
        fence: Fence,
    ) -> Self {
        Self {
            leases,
            key,
            session,
            fence,
        }
    }

    /// Whether somebody holds the device with a newer fence. Stale news cannot evict the newer session.
    pub(crate) fn is_older_than(&self, fence: Fence) -> bool {
        self.fence < fence
    }
}

impl Drop for LeaseGuard {
    fn drop(&mut self) {
        self.leases.release(&self.key, self.session, self.fence);
    }
}
