//! The cluster's own list of members, kept over the administrator's REST calls.
//!
//! A typed view of records: what one edge writes every edge reads at its next connect, and hears of at once.

use cluster::records::{Change, Changed, Expected, Kind, RecordsError, Shelf};
use cluster::{Records, Unavailable};
use protocol::room::{RoomId, account_id};
use protocol::{AppId, PeerId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{MembershipError, Shown, Word};

/// Members of rooms.
#[derive(Clone, Debug)]
pub(crate) struct Registry(Records);

/// One member, as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) role: i32,
    pub(crate) standing: Standing,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) nick: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) profile: Option<Box<RawValue>>,
    pub(crate) updated_at: String,
}

/// How far a membership has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Standing {
    /// Asked to join, and has not accepted.
    Invited,
    /// A member.
    Active,
    /// No longer one.
    Left,
}

impl Standing {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Invited => "invited",
            Self::Active => "active",
            Self::Left => "left",
        }
    }
}

impl Registry {
    pub(super) fn new(records: Records) -> Self {
        Self(records)
    }

    pub(super) fn records(&self) -> &Records {
        &self.0
    }

    /// Writes one member.
    pub(crate) async fn put(
        &self,
        app: &AppId,
        room: RoomId,
        account: &PeerId,
        entry: &Entry,
    ) -> Result<(), RecordsError> {
        let value = serde_json::to_string(entry).expect("strings and JSON can be written as JSON");
        let change = Change::Put {
            value: value.into(),
            expires_in: None,
        };
        self.change(app, room, account, change).await
    }

    /// Removes one member; that it was none is no error.
    pub(crate) async fn remove(
        &self,
        app: &AppId,
        room: RoomId,
        account: &PeerId,
    ) -> Result<(), RecordsError> {
        self.change(app, room, account, Change::Remove).await
    }

    /// Everybody on the list of a room, whatever their standing.
    pub(crate) async fn list(
        &self,
        app: &AppId,
        room: RoomId,
    ) -> Result<Vec<(PeerId, Entry)>, Unavailable> {
        let listed = self.0.list(&shelf(app, room)).await?;
        // What does not read as a member was written by nobody here, and admits nobody.
        let entry = |(name, record): (cluster::records::RecordName, cluster::records::Record)| {
            let account = account_id(name.as_str()).ok()?;
            Some((account, serde_json::from_str(&record.value).ok()?))
        };
        Ok(listed.into_iter().filter_map(entry).collect())
    }

    /// Empties the list of a room. Returns how many were on it.
    pub(crate) async fn clear(&self, app: &AppId, room: RoomId) -> Result<usize, Unavailable> {
        self.0.clear(&shelf(app, room)).await
    }

    pub(super) async fn word(
        &self,
        app: &AppId,
        room: RoomId,
        account: &PeerId,
    ) -> Result<Word, MembershipError> {
        let Some(record) = self.0.read(&shelf(app, room), &account.into()).await? else {
            return Ok(Word::Nothing);
        };
        let entry: Option<Entry> = serde_json::from_str(&record.value).ok();
        Ok(match entry {
            Some(entry) if entry.role >= 0 && entry.standing == Standing::Active => {
                Word::Member(Shown {
                    name: entry.name,
                    nick: entry.nick,
                    profile: entry.profile,
                    updated_at: Some(entry.updated_at),
                })
            }
            Some(_) | None => Word::Stranger,
        })
    }

    async fn change(
        &self,
        app: &AppId,
        room: RoomId,
        account: &PeerId,
        change: Change,
    ) -> Result<(), RecordsError> {
        let shelf = shelf(app, room);
        let name = account.into();
        match self
            .0
            .change(&shelf, &name, change, Expected::Anything)
            .await?
        {
            // Nothing was expected, so nothing conflicts.
            Changed::Done(_) | Changed::Conflict(_) => Ok(()),
        }
    }
}

fn shelf(app: &AppId, room: RoomId) -> Shelf {
    Shelf::of_room(app, Kind::Membership, room)
}
