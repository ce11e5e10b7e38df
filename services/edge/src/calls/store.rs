//! Calls and devices as records that all edges share, changed by compare-and-set.
//!
//! A change reads, decides and writes at the version that was read; who loses reads again, a bounded number of times. A call
//! that has ended is kept for a while, so that whoever asks late is told so.

use std::time::Duration;

use cluster::records::{
    Change, Changed, Expected, Kind, RecordName, RecordVersion, RecordsError, Shelf,
};
use cluster::{Records, Unavailable};
use protocol::device::{CallId, Json};
use protocol::{AppId, DeviceId, PeerId};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::call::{Call, Role};
use super::device::Device;

/// How long a call is known after its end: longer than a client may repeat a request (spec device §2.5).
const ENDED_STAYS: Duration = Duration::from_secs(60);
/// How long a call is kept that nothing happens to.
const CALL_STAYS: Duration = Duration::from_secs(24 * 60 * 60);
/// Attempts at one change: more than this many others at once is not a call.
const ATTEMPTS: usize = 16;
/// Candidates of one side that are kept for whoever comes back.
const CANDIDATES_MAX: usize = 64;

/// The records.
#[derive(Clone, Debug)]
pub(super) struct Store(pub(super) Records);

/// Why the shared state could not be read or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StoreError {
    /// The backend could not be asked, or too many others changed the same.
    #[error("the shared state cannot be changed now")]
    Unavailable,
    /// More than one record holds.
    #[error("more than can be kept")]
    Full,
}

/// A value that was read, and at which version.
#[derive(Clone, Debug)]
pub(super) struct Read<T> {
    pub(super) value: T,
    pub(super) version: RecordVersion,
}

impl Store {
    /// A call; `None` if it is gone.
    pub(super) async fn call(
        &self,
        app: &AppId,
        call: &CallId,
    ) -> Result<Option<Read<Call>>, StoreError> {
        self.read(&Shelf::of_call(app, call), &call_name()).await
    }

    /// Writes a call that is not there yet. `None` if there is one of that name.
    pub(super) async fn create_call(
        &self,
        app: &AppId,
        call: &Call,
    ) -> Result<Option<RecordVersion>, StoreError> {
        self.put_call(app, call, Expected::Absent).await
    }

    /// Changes a call if it is still at `version`; `None` if it is not.
    pub(super) async fn replace_call(
        &self,
        app: &AppId,
        call: &Call,
        version: RecordVersion,
    ) -> Result<Option<RecordVersion>, StoreError> {
        self.put_call(app, call, Expected::At(version)).await
    }

    async fn put_call(
        &self,
        app: &AppId,
        call: &Call,
        expected: Expected,
    ) -> Result<Option<RecordVersion>, StoreError> {
        let stays = if call.has_ended() {
            ENDED_STAYS
        } else {
            CALL_STAYS
        };
        let shelf = Shelf::of_call(app, &call.id);
        let change = put(call, Some(stays));
        self.change(&shelf, &call_name(), change, expected).await
    }

    /// Keeps one more candidate of a side. The oldest give way.
    pub(super) async fn add_candidate(
        &self,
        app: &AppId,
        call: &CallId,
        role: Role,
        candidate: &Json,
    ) -> Result<(), StoreError> {
        let (shelf, name) = (Shelf::of_call(app, call), candidates_name(role));
        // Only the device's one session writes it, so a second attempt is for a session that has just been taken over.
        for _ in 0..ATTEMPTS {
            let read: Option<Read<Vec<Json>>> = self.read(&shelf, &name).await?;
            let (mut candidates, expected) = match read {
                Some(read) => (read.value, Expected::At(read.version)),
                None => (Vec::new(), Expected::Absent),
            };
            if candidates.len() >= CANDIDATES_MAX {
                candidates.remove(0);
            }
            candidates.push(candidate.clone());
            let change = put(&candidates, Some(CALL_STAYS));
            if self
                .change(&shelf, &name, change, expected)
                .await?
                .is_some()
            {
                return Ok(());
            }
        }
        Err(StoreError::Unavailable)
    }

    /// The candidates of a side, in the order in which they came.
    pub(super) async fn candidates(
        &self,
        app: &AppId,
        call: &CallId,
        role: Role,
    ) -> Result<Vec<Json>, StoreError> {
        let shelf = Shelf::of_call(app, call);
        let read = self.read(&shelf, &candidates_name(role)).await?;
        Ok(read.map(|read| read.value).unwrap_or_default())
    }

    /// Says that a device is woken for a call. False if it was said before, by whichever edge.
    pub(super) async fn begin_wake(
        &self,
        app: &AppId,
        call: &CallId,
        role: Role,
    ) -> Result<bool, StoreError> {
        let shelf = Shelf::of_call(app, call);
        let change = put(&true, Some(CALL_STAYS));
        let name = RecordName::numbered("wake", place(role));
        let begun = self.change(&shelf, &name, change, Expected::Absent).await?;
        Ok(begun.is_some())
    }

    /// A device; `None` if it is not known.
    pub(super) async fn device(
        &self,
        app: &AppId,
        user: &PeerId,
        device: &DeviceId,
    ) -> Result<Option<Read<Device>>, StoreError> {
        let shelf = Shelf::of_user(app, Kind::Device, user);
        self.read(&shelf, &device.into()).await
    }

    /// Every device of a user.
    pub(super) async fn devices(
        &self,
        app: &AppId,
        user: &PeerId,
    ) -> Result<Vec<(DeviceId, Read<Device>)>, StoreError> {
        let shelf = Shelf::of_user(app, Kind::Device, user);
        let listed = self.0.list(&shelf).await?;
        let devices = listed.into_iter().filter_map(|(name, record)| {
            let value = serde_json::from_str(&record.value).ok()?;
            let version = record.version;
            Some((name.as_str().parse().ok()?, Read { value, version }))
        });
        Ok(devices.collect())
    }

    /// Changes a device if it is still as it was read (`None`: not known); returns whether it was.
    pub(super) async fn replace_device(
        &self,
        app: &AppId,
        user: &PeerId,
        device: &DeviceId,
        value: &Device,
        read: Option<RecordVersion>,
    ) -> Result<bool, StoreError> {
        let shelf = Shelf::of_user(app, Kind::Device, user);
        let expected = read.map_or(Expected::Absent, Expected::At);
        let change = put(value, None);
        let done = self
            .change(&shelf, &device.into(), change, expected)
            .await?;
        Ok(done.is_some())
    }

    /// Changes a device, whatever others do to it meanwhile. What `change` makes of it is written, if it is another.
    pub(super) async fn change_device(
        &self,
        app: &AppId,
        user: &PeerId,
        device: &DeviceId,
        change: impl Fn(&mut Device) + Send + Sync,
    ) -> Result<Device, StoreError> {
        for _ in 0..ATTEMPTS {
            let read = self.device(app, user, device).await?;
            let version = read.as_ref().map(|read| read.version);
            let before = read.map(|read| read.value);
            let mut value = before.clone().unwrap_or_default();
            change(&mut value);
            if before.as_ref() == Some(&value)
                || self
                    .replace_device(app, user, device, &value, version)
                    .await?
            {
                return Ok(value);
            }
        }
        Err(StoreError::Unavailable)
    }

    /// Forgets a device that is still as it was read.
    pub(super) async fn forget_device(
        &self,
        app: &AppId,
        user: &PeerId,
        device: &DeviceId,
        version: RecordVersion,
    ) -> Result<(), StoreError> {
        let shelf = Shelf::of_user(app, Kind::Device, user);
        let expected = Expected::At(version);
        self.change(&shelf, &device.into(), Change::Remove, expected)
            .await?;
        Ok(())
    }

    /// What does not read as it should was written by nobody here, and is as good as absent.
    pub(super) async fn read<T: DeserializeOwned>(
        &self,
        shelf: &Shelf,
        name: &RecordName,
    ) -> Result<Option<Read<T>>, StoreError> {
        let Some(record) = self.0.read(shelf, name).await? else {
            return Ok(None);
        };
        let version = record.version;
        let value = serde_json::from_str(&record.value).ok();
        Ok(value.map(|value| Read { value, version }))
    }

    async fn change(
        &self,
        shelf: &Shelf,
        name: &RecordName,
        change: Change,
        expected: Expected,
    ) -> Result<Option<RecordVersion>, StoreError> {
        match self.0.change(shelf, name, change, expected).await? {
            Changed::Done(version) => Ok(Some(version)),
            Changed::Conflict(_) => Ok(None),
        }
    }
}

/// Attempts at a change that somebody else may spoil.
pub(super) const fn attempts() -> std::ops::Range<usize> {
    0..ATTEMPTS
}

fn put<T: Serialize>(value: &T, expires_in: Option<Duration>) -> Change {
    let value = serde_json::to_string(value).expect("calls and devices are plain JSON");
    Change::Put {
        value: value.into(),
        expires_in,
    }
}

fn call_name() -> RecordName {
    RecordName::word("call")
}

fn candidates_name(role: Role) -> RecordName {
    RecordName::numbered("candidates", place(role))
}

const fn place(role: Role) -> usize {
    match role {
        Role::Caller => 0,
        Role::Callee(callee) => callee + 1,
    }
}

impl From<Unavailable> for StoreError {
    fn from(_: Unavailable) -> Self {
        Self::Unavailable
    }
}

impl From<RecordsError> for StoreError {
    fn from(error: RecordsError) -> Self {
        match error {
            RecordsError::Unavailable(_) => Self::Unavailable,
            RecordsError::TooLarge | RecordsError::Full => Self::Full,
        }
    }
}
