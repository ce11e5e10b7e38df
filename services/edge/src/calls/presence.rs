//! What watchers see of a user: whether it is available, and which calls it has (spec device §3.4).
//!
//! Who watches which number is a matter of the administrator. Kept in two records for each pair, by watcher and by number,
//! so that either side is found at once; the one by number decides who is told. What is told is always everything that there
//! is to see of the number, read anew, with the version of what has changed, so that nobody takes an older picture for a
//! newer one.

use std::time::Duration;

use cluster::records::{
    Change, Changed, Expected, Kind, RecordName, RecordVersion, RecordsError, Shelf,
};
use cluster::{Moment, Unavailable};
use protocol::device::{About, ErrorCode, Event, Json, Number, PresenceInfo, What};
use protocol::room::timestamp;
use protocol::{AppId, PeerId};
use serde::{Deserialize, Serialize};

use super::board::{Board, Denied, Replies};
use super::call::{Call, Leg, Role, Stage};
use super::store::StoreError;
use super::tell::event;
use super::who::Who;
use crate::lane::unix_now;

/// Numbers that one user may watch.
pub(crate) const WATCHES_MAX: usize = 256;
/// Watchers of one number that are told.
const WATCHERS_MAX: usize = 1_000;
/// How long what a device says holds, if it says nothing else and never leaves.
const SAID_HOLDS: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Largest settings, in bytes.
const SETTINGS_BYTES_MAX: usize = 4 * 1024;

/// What a client says of its user; what it does not know of is not looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Settings {
    #[serde(default)]
    available: bool,
    #[serde(default)]
    note: Option<String>,
    #[serde(default)]
    status_icon: Option<String>,
    #[serde(default)]
    device: Option<String>,
    #[serde(default)]
    time_offset_min: Option<i64>,
    #[serde(default)]
    timestamp: Option<String>,
    #[serde(default)]
    activity: Option<String>,
}

/// The settings as they are kept, for each device of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Said {
    number: Number,
    settings: Settings,
    at: String,
}

/// A call as watchers see it.
#[derive(Serialize)]
struct Dialog<'a> {
    id: &'a str,
    entity_number: &'a Number,
    state: &'static str,
    call_id: &'a str,
    direction: &'static str,
    local_number: &'a Number,
    remote_number: &'a Number,
    arrival_version: String,
    arrival_time: String,
}

impl Board {
    /// Takes what a device says of its user, and tells whoever watches.
    pub(super) async fn publish_presence(
        &self,
        who: &Who,
        settings: &Json,
        replies: &mut Replies<'_>,
    ) -> Result<(), Denied> {
        let readable = settings.as_str().len() <= SETTINGS_BYTES_MAX;
        let settings = readable.then(|| serde_json::from_str(settings.as_str()).ok());
        let settings: Settings = settings.flatten().ok_or(Denied {
            code: ErrorCode::InvalidElement,
            reason: "settings has a member of another type, or is too large",
        })?;
        let said = Said {
            number: who.number.clone(),
            settings,
            at: timestamp(unix_now()),
        };
        let shelf = Shelf::of_user(&who.app, Kind::Presence, &who.user);
        let value = serde_json::to_string(&said).expect("settings are plain JSON");
        let change = Change::Put {
            value: value.into(),
            expires_in: Some(SAID_HOLDS),
        };
        let version = self.note(&shelf, &(&who.device).into(), change).await?;
        replies.ack();
        self.tell_presence(&who.app, &who.user, &who.number, version)
            .await?;
        Ok(())
    }

    /// A device is gone, and with it what it said.
    pub(super) async fn withdraw_presence(&self, who: &Who) -> Result<(), StoreError> {
        let shelf = Shelf::of_user(&who.app, Kind::Presence, &who.user);
        let name = RecordName::from(&who.device);
        if self.0.store.read::<Said>(&shelf, &name).await?.is_none() {
            return Ok(());
        }
        let version = self.note(&shelf, &name, Change::Remove).await?;
        self.tell_presence(&who.app, &who.user, &who.number, version)
            .await
    }

    /// What a user sees of those whom it watches, at its connect.
    pub(super) async fn watched_by(&self, who: &Who) -> Result<Vec<Event>, StoreError> {
        let mut seen = Vec::new();
        for number in self.watches(&who.app, &who.user).await? {
            let holder = self.0.numbers.holder(&who.app, &number).await?;
            let Some(entry) = holder else { continue };
            let infos = self.presence_of(&who.app, &entry.user, &number).await?;
            if !infos.is_empty() {
                seen.push(presence_event(&number, infos));
            }
            let dialogs = self
                .dialogs_of(&who.app, &entry.user, &number, None)
                .await?;
            if !dialogs.is_empty() {
                seen.push(dialogs_event(&number, dialogs));
            }
        }
        Ok(seen)
    }

    /// Tells the watchers of everybody in a call that it has changed.
    pub(super) fn announce(&self, app: &AppId, call: &Call, version: RecordVersion) {
        let (board, app, call) = (self.clone(), app.clone(), call.clone());
        self.0.tasks.spawn(async move {
            let legs = std::iter::once(&call.caller).chain(&call.callees);
            let mut told: Vec<(&PeerId, &Number)> = Vec::new();
            for leg in legs {
                if told.contains(&(&leg.user, &leg.number)) {
                    continue;
                }
                told.push((&leg.user, &leg.number));
                let telling = board.tell_dialogs(&app, leg, &call, version).await;
                if let Err(error) = telling {
                    tracing::debug!(%error, "watchers were not told of a call");
                }
            }
        });
    }

    async fn tell_dialogs(
        &self,
        app: &AppId,
        leg: &Leg,
        changed: &Call,
        version: RecordVersion,
    ) -> Result<(), StoreError> {
        let watchers = self.watchers(app, &leg.number).await?;
        if watchers.is_empty() {
            return Ok(());
        }
        let dialogs = self
            .dialogs_of(app, &leg.user, &leg.number, Some(changed))
            .await?;
        let event = dialogs_event(&leg.number, dialogs);
        let of = picture("dialogs", &leg.number, version);
        self.tell_watchers(app, &watchers, event, of).await
    }

    async fn tell_presence(
        &self,
        app: &AppId,
        user: &PeerId,
        number: &Number,
        version: RecordVersion,
    ) -> Result<(), StoreError> {
        let watchers = self.watchers(app, number).await?;
        if watchers.is_empty() {
            return Ok(());
        }
        let infos = self.presence_of(app, user, number).await?;
        let of = picture("presence", number, version);
        self.tell_watchers(app, &watchers, presence_event(number, infos), of)
            .await
    }

    async fn tell_watchers(
        &self,
        app: &AppId,
        watchers: &[PeerId],
        event: Event,
        of: Moment,
    ) -> Result<(), StoreError> {
        for watcher in watchers {
            for (device, _) in self.0.store.devices(app, watcher).await? {
                self.send_to(app, watcher, &device, &event, Some(of.clone()))
                    .await;
            }
        }
        Ok(())
    }

    async fn presence_of(
        &self,
        app: &AppId,
        user: &PeerId,
        number: &Number,
    ) -> Result<Vec<PresenceInfo>, StoreError> {
        let shelf = Shelf::of_user(app, Kind::Presence, user);
        let listed = self.0.store.0.list(&shelf).await?;
        let mut infos = Vec::new();
        for (name, record) in listed {
            let (Ok(device), Ok(said)) = (
                name.as_str().parse(),
                serde_json::from_str::<Said>(&record.value),
            ) else {
                continue;
            };
            // Its edge may have died before it could take back what the device had said.
            if !self.is_attached(app, user, &device).await? {
                continue;
            }
            infos.push(PresenceInfo {
                id: device.to_string(),
                number: number.clone(),
                available: said.settings.available,
                note: said.settings.note.unwrap_or_default(),
                status_icon: said.settings.status_icon,
                device: said.settings.device,
                time_offset_min: said.settings.time_offset_min,
                timestamp: said.settings.timestamp,
                activities: said.settings.activity.into_iter().collect(),
                arrival_time: said.at,
                source: "direct",
            });
        }
        Ok(infos)
    }

    /// The calls of a user, one that has just changed as it is now.
    async fn dialogs_of(
        &self,
        app: &AppId,
        user: &PeerId,
        number: &Number,
        changed: Option<&Call>,
    ) -> Result<Vec<Json>, StoreError> {
        let mut calls: Vec<Call> = changed.into_iter().cloned().collect();
        for (_, device) in self.0.store.devices(app, user).await? {
            for (_, hold) in device.value.holds() {
                if calls.iter().any(|call| call.id == hold.call) {
                    continue;
                }
                if let Some(read) = self.0.store.call(app, &hold.call).await?
                    && !read.value.has_ended()
                {
                    calls.push(read.value);
                }
            }
        }
        let at = timestamp(unix_now());
        let dialogs = calls
            .iter()
            .filter_map(|call| dialog(call, user, number, &at));
        Ok(dialogs.collect())
    }

    async fn note(
        &self,
        shelf: &Shelf,
        name: &RecordName,
        change: Change,
    ) -> Result<RecordVersion, StoreError> {
        let records = &self.0.store.0;
        match records
            .change(shelf, name, change, Expected::Anything)
            .await?
        {
            Changed::Done(version) => Ok(version),
            Changed::Conflict(_) => Err(StoreError::Unavailable),
        }
    }

    async fn watchers(&self, app: &AppId, number: &Number) -> Result<Vec<PeerId>, Unavailable> {
        let listed = self.0.store.0.list(&Shelf::of_number(app, number)).await?;
        let names = listed.iter().map(|(name, _)| name.as_str().parse());
        Ok(names.filter_map(Result::ok).take(WATCHERS_MAX).collect())
    }

    /// The numbers that a user watches.
    ///
    /// # Errors
    /// The shared state could not be read.
    pub(crate) async fn watches(
        &self,
        app: &AppId,
        user: &PeerId,
    ) -> Result<Vec<Number>, Unavailable> {
        let shelf = Shelf::of_user(app, Kind::Watch, user);
        let listed = self.0.store.0.list(&shelf).await?;
        let names = listed.iter().map(|(name, _)| name.as_str().parse());
        Ok(names.filter_map(Result::ok).take(WATCHES_MAX).collect())
    }

    /// Lets a user watch a number, from its next connect and the number's next change on. False if it watches too many.
    ///
    /// # Errors
    /// The shared state could not be changed.
    pub(crate) async fn watch(
        &self,
        app: &AppId,
        user: &PeerId,
        number: &Number,
    ) -> Result<bool, RecordsError> {
        let watched = self.watches(app, user).await?;
        if watched.len() >= WATCHES_MAX && !watched.contains(number) {
            return Ok(false);
        }
        let put = || Change::Put {
            value: "{}".into(),
            expires_in: None,
        };
        self.watch_change(app, user, number, put).await?;
        Ok(true)
    }

    /// Ends that; that there was nothing is no error.
    ///
    /// # Errors
    /// The shared state could not be changed.
    pub(crate) async fn unwatch(
        &self,
        app: &AppId,
        user: &PeerId,
        number: &Number,
    ) -> Result<(), RecordsError> {
        self.watch_change(app, user, number, || Change::Remove)
            .await
    }

    async fn watch_change(
        &self,
        app: &AppId,
        user: &PeerId,
        number: &Number,
        change: impl Fn() -> Change,
    ) -> Result<(), RecordsError> {
        let records = &self.0.store.0;
        let by_watcher = Shelf::of_user(app, Kind::Watch, user);
        let by_number = Shelf::of_number(app, number);
        for (shelf, name) in [
            (&by_watcher, RecordName::from(number)),
            (&by_number, RecordName::from(user)),
        ] {
            // Whatever is expected there is no conflict.
            let _: Changed = records
                .change(shelf, &name, change(), Expected::Anything)
                .await?;
        }
        Ok(())
    }
}

fn presence_event(number: &Number, presence_info: Vec<PresenceInfo>) -> Event {
    let what = What::NumberPresenceUpdate {
        number: number.clone(),
        presence_info,
    };
    event(About::default(), what)
}

fn dialogs_event(number: &Number, dialog_infos: Vec<Json>) -> Event {
    let what = What::NumberDialogsUpdate {
        number: number.clone(),
        dialog_infos,
    };
    event(About::default(), what)
}

/// One state of what there is to see of a number.
fn picture(what: &str, number: &Number, version: RecordVersion) -> Moment {
    Moment {
        // The tab keeps it apart from every call, whose name has none.
        record: format!("{what}\t{number}").into(),
        version,
    }
}

/// A call as those see it who watch one of its users.
fn dialog(call: &Call, user: &PeerId, number: &Number, at: &str) -> Option<Json> {
    let role = role_in(call, user)?;
    let (direction, remote) = match role {
        Role::Caller => ("initiator", &call.callee),
        Role::Callee(_) => ("recipient", &call.caller.number),
    };
    // Older clients know no other words than these.
    let state = match (&call.stage, role) {
        (Stage::Ringing, _) => "early",
        (Stage::Talking { callee, .. }, Role::Callee(of_user)) if *callee != of_user => {
            "terminated"
        }
        (Stage::Talking { .. }, _) => "confirmed",
        (Stage::Ended(_), _) => "terminated",
    };
    Some(Json::of(&Dialog {
        id: call.id.as_str(),
        entity_number: number,
        state,
        call_id: call.id.as_str(),
        direction,
        local_number: number,
        remote_number: remote,
        arrival_version: call.began_ms.to_string(),
        arrival_time: at.to_owned(),
    }))
}

/// The user's place in a call; of several devices the one that has it.
fn role_in(call: &Call, user: &PeerId) -> Option<Role> {
    if call.caller.user == *user {
        return Some(Role::Caller);
    }
    if let Stage::Talking { callee, .. } = call.stage
        && call.callees[callee].user == *user
    {
        return Some(Role::Callee(callee));
    }
    let callee = call.callees.iter().position(|leg| leg.user == *user);
    callee.map(Role::Callee)
}
