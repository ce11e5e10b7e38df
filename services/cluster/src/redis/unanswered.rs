//! A claim of a lease between its question and its answer.
//!
//! Redis may have granted it although nobody hears so: the answer is lost with its link, or whoever asked gives up, as a door
//! does when its client hangs up. Such a lease has no session that would ever give it back, and whoever waits politely for
//! the device would wait for as long as it is remembered.

use std::sync::Arc;

use super::leases::LeaseTable;
use super::shared::Shared;
use crate::leases::LeaseKey;
use crate::origin::SessionId;

/// Gives the lease back when it is dropped without an answer.
#[derive(Debug)]
pub(super) struct Unanswered<'a> {
    shared: &'a Arc<Shared>,
    key: &'a LeaseKey,
    /// `None` once there is nothing to give back.
    session: Option<SessionId>,
}

impl<'a> Unanswered<'a> {
    /// A session that holds the lease already keeps it, whatever becomes of its claim.
    pub(super) fn new(shared: &'a Arc<Shared>, key: &'a LeaseKey, session: SessionId) -> Self {
        let holds = shared.leases.holds(key, session);
        Self {
            shared,
            key,
            session: (!holds).then_some(session),
        }
    }

    /// Whoever asked knows how it went.
    pub(super) fn answered(mut self) {
        self.session = None;
    }
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        if let Some(session) = self.session {
            LeaseTable::give_back(self.shared, self.key, session, None);
        }
    }
}
