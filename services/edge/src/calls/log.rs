//! What a line's log says: what a client needs to take a call up again, newest first (spec device §2.1, §3.5).
//!
//! Told from the call, never kept. Kept short on purpose: a phone takes a line for a ringing one if `incoming_call` is its
//! only entry, and for a call to be restored if `accepted` is the newest and `incoming_call` the oldest. So what is over
//! (an update that was answered, a hold) leaves no entry.

use protocol::device::What;

use super::call::{Call, Pending, Role, Stage};
use super::transitions::accepted;

impl Call {
    /// The entries for the device in this place, with their times in Unix milliseconds.
    pub(crate) fn log(&self, role: Role) -> Vec<(u64, What)> {
        let mut log = match role {
            Role::Caller => vec![
                (self.began_ms, What::Calling),
                (self.began_ms, What::Ringing),
            ],
            Role::Callee(_) => vec![(self.began_ms, self.incoming())],
        };
        if let Stage::Talking {
            answer,
            since_ms,
            pending,
            ..
        } = &self.stage
        {
            let accepted = match role {
                Role::Caller => self.accepted_with(answer.clone()),
                Role::Callee(_) => accepted(),
            };
            log.push((*since_ms, accepted));
            if let Some(pending) = pending.as_ref().filter(|pending| pending.by != role) {
                log.push((pending.since_ms, self.offered(pending, role)));
            }
        }
        log.reverse();
        log
    }

    /// The event that rings.
    pub(crate) fn incoming(&self) -> What {
        What::IncomingCall {
            callee: self.callee.clone(),
            caller: self.caller.number.clone(),
            caller_display_name: self.caller.name.clone(),
            jsep: Some(self.offer.clone()),
        }
    }

    /// An offer that still waits for an answer: whoever comes back has to give it.
    fn offered(&self, pending: &Pending, role: Role) -> What {
        let from = self.leg(pending.by);
        What::UpdatingCall {
            callee: self.leg(role).number.clone(),
            caller: from.number.clone(),
            caller_display_name: from.name.clone(),
            jsep: Some(pending.offer.clone()),
        }
    }
}
