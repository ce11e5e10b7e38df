//! What an entry asks of Redis, and what the answers do to it.

use std::sync::Arc;
use std::time::Duration;

use fred::bytes_utils::Str;
use protocol::PeerId;
use tokio::time::Instant;

use super::members::Calling;
use super::{Entry, Teller};
use crate::Unavailable;
use crate::peer::Peer;
use crate::presence::{Naming, Roster, Version};
use crate::redis::roster::{Followed, Heard};

/// How long a join waits for its own delta before the topic is read again.
const DELTA_WAIT: Duration = Duration::from_secs(1);

/// What Redis is to be told of a topic, and asked.
#[derive(Debug)]
pub(in crate::redis) struct HoldCall {
    pub(in crate::redis) channel: Str,
    pub(in crate::redis) joins: Vec<Arc<Peer>>,
    pub(in crate::redis) leaves: Vec<PeerId>,
    pub(in crate::redis) extent: Extent,
    pub(in crate::redis) wants_roster: bool,
}

/// Whether a call's joins are all that the edge holds, so that whatever else Redis has of it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::redis) enum Extent {
    Some,
    All,
}

/// What Redis answered.
#[derive(Debug)]
pub(in crate::redis) struct Holding {
    pub(in crate::redis) version: Version,
    pub(in crate::redis) naming: Naming,
    /// The call raised the version and published a delta.
    pub(in crate::redis) changed: bool,
    pub(in crate::redis) roster: Option<Vec<Arc<Peer>>>,
}

impl Entry {
    /// What Redis has to be told or asked now; nothing while a call is under way.
    pub(in crate::redis) fn call(&mut self) -> Option<HoldCall> {
        // Who joins has to hear what that leads to, so nobody joins a topic that is not heard.
        let is_heard = self.standing;
        let members = self.members.as_mut()?;
        if members.calling != Calling::No {
            return None;
        }
        let reads_first = members.followed.is_none()
            && members.awaited.is_none()
            && !(members.joins.is_empty() && members.resyncs.is_empty());
        let wants_roster = is_heard && (members.stale || reads_first);
        let extent = if members.offers && is_heard {
            Extent::All
        } else {
            Extent::Some
        };
        let (joins, leaves) = match extent {
            Extent::All => (members.all_held(), Vec::new()),
            Extent::Some => members.take_changes(is_heard),
        };
        if extent == Extent::Some && joins.is_empty() && leaves.is_empty() && !wants_roster {
            return None;
        }
        members.calling = Calling::Telling;
        if extent == Extent::All {
            members.offers = false;
            members.changed.clear();
        }
        if wants_roster {
            members.calling = Calling::Reading;
            members.stale = false;
        }
        Some(HoldCall {
            channel: self.channel.clone(),
            joins,
            leaves,
            extent,
            wants_roster,
        })
    }

    /// Redis may have lost what this edge holds here.
    pub(in crate::redis) fn must_offer(&mut self) {
        if let Some(members) = &mut self.members {
            members.offers = !members.held.is_empty();
        }
    }

    /// News of the topic was lost.
    pub(in crate::redis) fn must_reread(&mut self) {
        if let Some(members) = &mut self.members {
            members.stale |= members.followed.is_some();
        }
    }

    /// A call was answered.
    pub(in crate::redis) fn settle(
        &mut self,
        call: &HoldCall,
        result: Result<Holding, Unavailable>,
        teller: &Teller<'_>,
    ) {
        let Some(members) = self.members.as_mut() else {
            return;
        };
        members.calling = Calling::No;
        match result {
            Ok(holding) => {
                members.told_redis(call, holding.version);
                if let Some(roster) = holding.roster {
                    let roster = Roster {
                        version: holding.version,
                        members: roster,
                        naming: holding.naming,
                    };
                    self.take_roster(roster, holding.changed, teller);
                }
            }
            Err(Unavailable) => {
                members.stale |= call.wants_roster;
                members.changed.extend(call.leaves.iter().cloned());
                members
                    .changed
                    .extend(call.joins.iter().map(|peer| peer.id.clone()));
                members.offers |= call.extent == Extent::All;
                self.refuse_joins(teller.inboxes, |join| join.until.is_none());
            }
        }
        self.answer_joins(teller);
        self.drop_empty_members();
    }

    pub(super) fn take_roster(&mut self, roster: Roster, changed: bool, teller: &Teller<'_>) {
        let Some(members) = self.members.as_mut() else {
            return;
        };
        if !self.standing {
            members.ahead.clear();
            return;
        }
        let Some(followed) = members.followed.as_mut() else {
            let version = roster.version;
            let is_heard = !changed || members.ahead.iter().any(|delta| delta.version == version);
            members.awaited = Some((roster, Instant::now() + DELTA_WAIT));
            if is_heard {
                self.install_awaited();
            }
            return;
        };
        let mut change = followed.replace(roster, Instant::now());
        for delta in std::mem::take(&mut members.ahead) {
            match followed.hear(&delta) {
                Heard::Changed(later) => change.then(later),
                Heard::Nothing => {}
                Heard::Lost => members.stale = true,
            }
        }
        let naming = followed.naming();
        if !change.is_nothing() {
            self.tell(change, naming, teller);
        }
    }

    /// The first roster takes effect, brought up to what has been heard since.
    pub(super) fn install_awaited(&mut self) {
        let Some(members) = self.members.as_mut() else {
            return;
        };
        let Some((roster, _)) = members.awaited.take() else {
            return;
        };
        let mut followed = Followed::new(roster);
        for delta in std::mem::take(&mut members.ahead) {
            // Older ones are in the roster already.
            members.stale |= matches!(followed.hear(&delta), Heard::Lost);
        }
        members.followed = Some(followed);
    }

    pub(super) fn drop_empty_members(&mut self) {
        let is_empty = self.members.as_ref().is_some_and(|members| {
            members.held.is_empty() && members.followed.is_none() && members.calling == Calling::No
        });
        if is_empty && self.lanes.is_empty() {
            self.members = None;
        }
    }
}
