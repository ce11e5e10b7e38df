//! Closing those who no longer belong.
//!
//! News of a change makes it fast; that everybody on the roll is looked at again within an interval makes it certain. A
//! source that cannot be asked closes nobody: members do not lose their call because a list is out of reach.

use std::sync::Arc;

use cluster::Topic;
use cluster::records::{Kind, Notice, Shelf};
use protocol::AppId;
use protocol::room::RoomId;
use tokio::time::{Instant, sleep_until};

use super::Asked;
use super::roll::Entry;
use crate::config::MembershipSource;
use crate::parts::Parts;

/// Follows the members of every room, until the edge leaves.
pub(crate) async fn follow_members(parts: Arc<Parts>) {
    let records = &parts.cluster.records;
    let mut members = records.watch(Kind::Membership);
    let mut verdicts = records.watch(Kind::Verdict);
    let interval = parts.config.timing.lease_audit;
    let mut audit_at = Instant::now() + interval;
    loop {
        tokio::select! {
            () = parts.drain.cancelled() => return,
            notice = members.next() => {
                hear(&parts, notice, MembershipSource::Registry).await;
            }
            notice = verdicts.next() => {
                if let Notice::Cleared(shelf) = notice {
                    audit_shelf(&parts, &shelf, MembershipSource::Webhook).await;
                }
            }
            () = sleep_until(audit_at) => {
                audit_all(&parts).await;
                audit_at = Instant::now() + interval;
            }
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

/// Everybody in on the registry's word. Verdicts are left alone: the backend is asked again only when somebody says so.
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
    if holds != Ok(false) {
        return;
    }
    tracing::info!(app = %asked.app, room = %asked.room, "a membership has ended");
    let topic = Topic::room(&asked.app, asked.room);
    for lane in &parts.lanes {
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
