//! Small versioned values that all edges share: who belongs to a room, what a backend's verdict was, which calls there are,
//! which tokens count no longer.
//!
//! A record lies on a [`Shelf`]; one shelf is one place in any backend, so it is read, changed and cleared as a whole.
//! Promises: what was changed is what every edge reads from then on; a change that expects a version is made at that
//! version or not at all; versions of one record grow, also across its removal; a record outlives the edge that wrote it,
//! and an expired one is absent. Most changes are announced ([`Notices`]), but the announcement is at most once and never the
//! only carrier of a truth: whoever acts on it also looks from time to time.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use protocol::device::{CallId, Number};
use protocol::room::RoomId;
use protocol::{AppId, DeviceId, PeerId};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::Unavailable;
use crate::in_process;
use crate::redis;

/// Most records on one shelf.
pub const SHELF_RECORDS_MAX: usize = 100_000;

/// The handle of one edge.
#[derive(Clone, Debug)]
pub struct Records(Backend);

#[derive(Clone, Debug)]
enum Backend {
    InProcess(Arc<in_process::Member>),
    Redis(Arc<redis::Member>),
}

/// What a shelf holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Members of a room, by account.
    Membership,
    /// What an app's own backend said about members of a room, by account.
    Verdict,
    /// A call, and what belongs to it until it ends.
    Call,
    /// The devices of a user.
    Device,
    /// The numbers of an app, each with its user.
    Number,
    /// The users of an app, each with the number that others see.
    User,
    /// What the devices of a user say of it.
    Presence,
    /// The numbers that a user watches.
    Watch,
    /// The users that watch a number.
    Watcher,
    /// Tokens of an app that count no longer.
    Revocation,
}

/// Where records of one kind that belong together lie.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Shelf {
    /// The tenant.
    pub app: AppId,
    /// What it holds.
    pub kind: Kind,
    /// What its records have in common.
    pub name: RecordName,
}

/// The name of a shelf or a record. Made from checked names only, so that nothing a client wrote gets here unchecked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordName(Arc<str>);

/// The number of one state of a record: max(stored + 1, the backend's clock in µs). Stays below 2^53.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordVersion(pub u64);

/// A value and its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Which state this is.
    pub version: RecordVersion,
    /// At most [`Kind::value_bytes_max`] bytes; its kind says what they mean.
    pub value: Arc<str>,
}

/// What is to happen to a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It has this value, for as long as `expires_in` if that is given.
    Put {
        /// The value.
        value: Arc<str>,
        /// After what time the record is absent again.
        expires_in: Option<Duration>,
    },
    /// It is absent.
    Remove,
}

/// In which state a record has to be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// In whichever.
    Anything,
    /// There must be none.
    Absent,
    /// It must be at this version.
    At(RecordVersion),
}

/// How a change went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Changed {
    /// It is made; the record, or its absence, has this version.
    Done(RecordVersion),
    /// The record was in another state, whose version this is; `None` is absent. Nothing was changed.
    Conflict(Option<RecordVersion>),
}

/// Why records could not be read or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordsError {
    /// The value is larger than its kind may be.
    #[error("the value is too large")]
    TooLarge,
    /// The shelf has [`SHELF_RECORDS_MAX`] records already.
    #[error("the shelf holds {SHELF_RECORDS_MAX} records already")]
    Full,
    /// The backend could not be asked.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// News of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// One record was put or removed. An expiry is not announced.
    Changed(Shelf, RecordName),
    /// A shelf was cleared.
    Cleared(Shelf),
    /// News was lost: any record may have changed.
    Missed,
}

/// The news of one kind, from the moment it was asked for.
#[derive(Debug)]
pub struct Notices(broadcast::Receiver<Notice>);

impl Records {
    pub(crate) fn in_process(member: Arc<in_process::Member>) -> Self {
        Self(Backend::InProcess(member))
    }

    pub(crate) fn redis(member: Arc<redis::Member>) -> Self {
        Self(Backend::Redis(member))
    }

    /// One record; `None` if it is absent.
    ///
    /// # Errors
    /// The backend could not be asked.
    pub async fn read(
        &self,
        shelf: &Shelf,
        name: &RecordName,
    ) -> Result<Option<Record>, Unavailable> {
        match &self.0 {
            Backend::InProcess(member) => Ok(member.records().read(shelf, name)),
            Backend::Redis(member) => {
                let found = member.read_records(shelf, Some(name)).await?.pop();
                Ok(found.map(|(_, record)| record))
            }
        }
    }

    /// Every record of a shelf, by name.
    ///
    /// # Errors
    /// The backend could not be asked.
    pub async fn list(&self, shelf: &Shelf) -> Result<Vec<(RecordName, Record)>, Unavailable> {
        match &self.0 {
            Backend::InProcess(member) => Ok(member.records().list(shelf)),
            Backend::Redis(member) => member.read_records(shelf, None).await,
        }
    }

    /// Changes one record, if it is in the expected state. Removing what is absent changes nothing and is no conflict.
    ///
    /// # Errors
    /// The value or the shelf is too large, or the backend could not be asked.
    pub async fn change(
        &self,
        shelf: &Shelf,
        name: &RecordName,
        change: Change,
        expected: Expected,
    ) -> Result<Changed, RecordsError> {
        if let Change::Put { value, .. } = &change
            && value.len() > shelf.kind.value_bytes_max()
        {
            return Err(RecordsError::TooLarge);
        }
        match &self.0 {
            Backend::InProcess(member) => member.records().change(shelf, name, change, expected),
            Backend::Redis(member) => member.change_record(shelf, name, change, expected).await,
        }
    }

    /// Removes every record of a shelf. Returns how many there were.
    ///
    /// # Errors
    /// The backend could not be asked.
    pub async fn clear(&self, shelf: &Shelf) -> Result<usize, Unavailable> {
        match &self.0 {
            Backend::InProcess(member) => Ok(member.records().clear(shelf)),
            Backend::Redis(member) => member.clear_records(shelf).await,
        }
    }

    /// News of every change to a shelf of `kind`, of all apps, made from now on; of a kind that is not announced, nothing but
    /// that news was lost.
    #[must_use]
    pub fn watch(&self, kind: Kind) -> Notices {
        match &self.0 {
            Backend::InProcess(member) => Notices(member.records().watch(kind)),
            Backend::Redis(member) => Notices(member.watch_records(kind)),
        }
    }
}

impl Notices {
    /// The next piece of news. Cancel-safe.
    pub async fn next(&mut self) -> Notice {
        match self.0.recv().await {
            Ok(notice) => notice,
            Err(RecvError::Lagged(_)) => Notice::Missed,
            // The backend is gone, and with it whatever could be news.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

impl Kind {
    /// Every kind, in the order of declaration: `ALL[kind as usize] == kind`.
    pub const ALL: [Self; 10] = [
        Self::Membership,
        Self::Verdict,
        Self::Call,
        Self::Device,
        Self::Number,
        Self::User,
        Self::Presence,
        Self::Watch,
        Self::Watcher,
        Self::Revocation,
    ];

    /// The kind in the names of a backend.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Membership => "membership",
            Self::Verdict => "verdict",
            Self::Call => "call",
            Self::Device => "device",
            Self::Number => "number",
            Self::User => "user",
            Self::Presence => "presence",
            Self::Watch => "watch",
            Self::Watcher => "watcher",
            Self::Revocation => "revocation",
        }
    }

    /// Largest value, in bytes.
    #[must_use]
    pub const fn value_bytes_max(self) -> usize {
        match self {
            Self::Membership
            | Self::Verdict
            | Self::Device
            | Self::Number
            | Self::User
            | Self::Presence
            | Self::Watch
            | Self::Watcher
            | Self::Revocation => 16 * 1024,
            // Two session descriptions of a video call and the candidates between them, several times over.
            Self::Call => 256 * 1024,
        }
    }

    /// Whether changes are announced. What changes with every call is not: a message to each edge would be most of its cost,
    /// and whoever has to know is told by name.
    #[must_use]
    pub const fn is_announced(self) -> bool {
        match self {
            Self::Membership | Self::Verdict | Self::Revocation => true,
            Self::Call
            | Self::Device
            | Self::Number
            | Self::User
            | Self::Presence
            | Self::Watch
            | Self::Watcher => false,
        }
    }
}

impl Shelf {
    /// What is kept of one kind about an app as a whole.
    #[must_use]
    pub fn of_app(app: &AppId, kind: Kind) -> Self {
        Self {
            app: app.clone(),
            kind,
            name: RecordName("all".into()),
        }
    }

    /// What is kept of one kind about a room.
    #[must_use]
    pub fn of_room(app: &AppId, kind: Kind, room: RoomId) -> Self {
        Self {
            app: app.clone(),
            kind,
            name: RecordName(room.to_string().into()),
        }
    }
}

impl Shelf {
    /// All that is kept of one call.
    #[must_use]
    pub fn of_call(app: &AppId, call: &CallId) -> Self {
        Self {
            app: app.clone(),
            kind: Kind::Call,
            name: RecordName(call.as_str().into()),
        }
    }

    /// What is kept of one kind about a user.
    #[must_use]
    pub fn of_user(app: &AppId, kind: Kind, user: &PeerId) -> Self {
        Self {
            app: app.clone(),
            kind,
            name: user.into(),
        }
    }

    /// Who watches a number.
    #[must_use]
    pub fn of_number(app: &AppId, number: &Number) -> Self {
        Self {
            app: app.clone(),
            kind: Kind::Watcher,
            name: number.into(),
        }
    }
}

impl RecordName {
    /// A name that we chose.
    #[must_use]
    pub fn word(word: &'static str) -> Self {
        Self(word.into())
    }

    /// One of several of a name.
    #[must_use]
    pub fn numbered(word: &'static str, number: usize) -> Self {
        Self(format!("{word}.{number}").into())
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl RecordName {
    /// A name that stands for `parts`, whatever is in them.
    #[must_use]
    pub fn hashed(parts: &[&str]) -> Self {
        let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
        Self(format!("{:032x}", redis::hash(&parts)).into())
    }

    /// A name as a backend has kept it.
    pub(crate) fn stored(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<&PeerId> for RecordName {
    fn from(peer: &PeerId) -> Self {
        Self(peer.as_str().into())
    }
}

impl From<&DeviceId> for RecordName {
    fn from(device: &DeviceId) -> Self {
        Self(device.as_str().into())
    }
}

impl From<&Number> for RecordName {
    fn from(number: &Number) -> Self {
        Self(number.as_str().into())
    }
}

impl fmt::Display for RecordName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
