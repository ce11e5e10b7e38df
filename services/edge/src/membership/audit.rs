//! Closing those who no longer belong.
//!
//! News of a change makes it fast; that everybody on the roll is looked at again within an interval makes it certain. A
//! source that cannot be asked closes nobody: members do not lose their call because a list is out of reach. The list and the
//! backend have a task each: a backend may take its time, and whoever was taken off the list has to go at once.

use std::sync::Arc;
use std::time::Duration;

use cluster::Topic;
use cluster::records::{Kind, Notice, Shelf};
use protocol::AppId;
use protocol::room::RoomId;
use tokio::time::{Instant, sleep_until};

use super::Asked;
use super::roll::Entry;
use crate::config::MembershipSource;
use crate::parts::Parts;

/// After a question that was not answered the next one waits at least so long.
const UNANSWERED_PAUSE: Duration = Duration::from_secs(1);

/// Follows the list of every room's members, until the edge leaves.
pub(crate) async fn follow_members(parts: Arc<Parts>) {
    let mut members = parts.cluster.records.watch(Kind::Membership);
    let interval = parts.config.timing.lease_audit;
    let mut audit_at = Instant::now() + interval;
    loop {
        tokio::select! {
            () = parts.drain.cancelled() => return,
            notice = members.next() => {
                hear(&parts, notice, MembershipSource::Registry).await;
            }
            () = sleep_until(audit_at), if !interval.is_zero() => {
                audit_all(&parts).await;
                audit_at = Instant::now() + interval;
            }
        }
    }
}

/// Asks the backend again, until the edge leaves: about a room when it is told to, and about everybody in turn.
pub(crate) async fn follow_verdicts(parts: Arc<Parts>) {
    // Also amid a question: an edge that leaves does not wait for a backend.
    parts.drain.run_until_cancelled(ask_again(&parts)).await;
}

async fn ask_again(parts: &Parts) {
    let mut verdicts = parts.cluster.records.watch(Kind::Verdict);
    let mut round = Round::begin(parts);
    loop {
        tokio::select! {
            notice = verdicts.next() => {
                if let Notice::Cleared(shelf) = notice {
                    audit_shelf(parts, &shelf, MembershipSource::Webhook).await;
                }
            }
            () = sleep_until(round.next_at), if round.is_wanted => round.step(parts).await,
        }
    }
}

/// Everybody who is in on the backend's word, asked about one after the other and spread over the interval.
struct Round {
    is_wanted: bool,
    entries: Vec<Entry>,
    pace: Duration,
    next_at: Instant,
}

impl Round {
    fn begin(parts: &Parts) -> Self {
        let interval = parts.config.room.webhook_recheck;
        let entries = parts.membership.roll.of_source(MembershipSource::Webhook);
        let pace = interval / u32::try_from(entries.len()).unwrap_or(u32::MAX).max(1);
        Self {
            is_wanted: !interval.is_zero(),
            entries,
            pace,
            next_at: Instant::now() + pace,
        }
    }

    async fn step(&mut self, parts: &Parts) {
        // Not from now on: a backend that answers slowly is caught up with.
        self.next_at += self.pace;
        if let Some(entry) = self.entries.pop() {
            match parts.membership.still_allowed(&entry.asked).await {
                Ok(true) => {}
                Ok(false) => end_membership(parts, &entry.asked).await,
                Err(_) => self.next_at = self.next_at.max(Instant::now() + UNANSWERED_PAUSE),
            }
        }
        if self.entries.is_empty() {
            *self = Self::begin(parts);
        }
    }
}

async fn hear(parts: &Parts, notice: Notice, by: MembershipSource) {
    match notice {
        Notice::Changed(shelf, name) => {
            let Some(room) = room_of(&shelf) else { return };
            let entries = parts.membership.roll.of_room(&shelf.app, room, by);
            let changed = entries
                .into_iter()
                .filter(|entry| entry.asked.account.as_str() == name.as_str());
            for entry in changed {
                audit_one(parts, &entry).await;
            }
        }
        Notice::Cleared(shelf) => audit_shelf(parts, &shelf, by).await,
        Notice::Missed => audit_all(parts).await,
    }
}

async fn audit_shelf(parts: &Parts, shelf: &Shelf, by: MembershipSource) {
    if let Some(room) = room_of(shelf) {
        audit_room(parts, &shelf.app, room, by).await;
    }
}

/// Everybody in on the registry's word.
async fn audit_all(parts: &Parts) {
    for (app, room) in parts.membership.roll.rooms() {
        audit_room(parts, &app, room, MembershipSource::Registry).await;
    }
}

async fn audit_room(parts: &Parts, app: &AppId, room: RoomId, by: MembershipSource) {
    for entry in parts.membership.roll.of_room(app, room, by) {
        audit_one(parts, &entry).await;
    }
}

/// Looks at one account again.
async fn audit_one(parts: &Parts, entry: &Entry) {
    look_again(parts, entry.by, &entry.asked).await;
}

/// Asks the source that admitted an account again, and closes its sessions in the room if it is no member any more.
pub(crate) async fn look_again(parts: &Parts, by: MembershipSource, asked: &Asked) {
    let holds = parts.membership.still_holds(by, asked).await;
    if holds == Ok(false) {
        end_membership(parts, asked).await;
    }
}

/// Closes the sessions of an account in a room on this edge.
async fn end_membership(parts: &Parts, asked: &Asked) {
    tracing::info!(app = %asked.app, room = %asked.room, "a membership has ended");
    let topic = Topic::room(&asked.app, asked.room);
    for lane in parts.lanes.all() {
        let told = lane
            .end_membership(topic.clone(), asked.account.clone())
            .await;
        if told.is_err() {
            return;
        }
    }
}

fn room_of(shelf: &Shelf) -> Option<RoomId> {
    shelf.name.as_str().parse().ok()
}
