//! Small versioned values in Redis: a hash for each shelf.
//!
//! A change is one script; its announcement is a message of its own to every edge, and may be lost: then, and with every
//! new link, watchers are told that any record may have changed.

use std::sync::{Arc, LazyLock};

use fred::prelude::Value;
use fred::types::scripts::Script;
use tokio::sync::broadcast;

use super::parcel;
use super::shared::Shared;
use crate::Unavailable;
use crate::records::{
    Change, Changed, Expected, Kind, Notice, Record, RecordName, RecordVersion, RecordsError,
    SHELF_RECORDS_MAX, Shelf,
};

static CHANGE: LazyLock<Script> =
    LazyLock::new(|| Script::from_lua(include_str!("lua/record_change.lua")));
static READ: LazyLock<Script> =
    LazyLock::new(|| Script::from_lua(include_str!("lua/record_read.lua")));

/// News kept for a watcher that is busy; one that falls further behind is told so.
const NOTICES_MAX: usize = 4_096;

/// Who waits for news of changes on this edge.
#[derive(Debug)]
pub(super) struct Watchers([broadcast::Sender<Notice>; Kind::ALL.len()]);

impl Default for Watchers {
    fn default() -> Self {
        Self(Kind::ALL.map(|_| broadcast::Sender::new(NOTICES_MAX)))
    }
}

impl Watchers {
    pub(super) fn watch(&self, kind: Kind) -> broadcast::Receiver<Notice> {
        self.0[kind as usize].subscribe()
    }

    pub(super) fn tell(&self, notice: &Notice) {
        let kinds = match notice {
            Notice::Changed(shelf, _) | Notice::Cleared(shelf) => vec![shelf.kind],
            Notice::Missed => Kind::ALL.to_vec(),
        };
        for kind in kinds {
            // An error only says that nobody listens.
            drop(self.0[kind as usize].send(notice.clone()));
        }
    }
}

/// The records of a shelf, or the one of a name.
pub(super) async fn read(
    shared: &Shared,
    shelf: &Shelf,
    name: Option<&RecordName>,
) -> Result<Vec<(RecordName, Record)>, Unavailable> {
    let link = shared
        .links
        .by(shared.deadline())
        .await
        .ok_or(Unavailable)?;
    let args = name
        .map(|name| Value::from(name.as_str()))
        .into_iter()
        .collect();
    let keys = vec![shared.names.shelf(shelf)];
    let reply = shared.run(&link, &READ, keys, args).await?;
    let mut words = reply.into_array().into_iter();
    let mut records = Vec::new();
    while let Some(name) = words.next() {
        let name = RecordName::stored(&text(Some(name))?);
        let version = text(words.next())?.parse().map_err(|_| Unavailable)?;
        let value = text(words.next())?.into();
        let version = RecordVersion(version);
        records.push((name, Record { version, value }));
    }
    records.sort_by(|(one, _), (next, _)| one.cmp(next));
    Ok(records)
}

pub(super) async fn change(
    shared: &Arc<Shared>,
    shelf: &Shelf,
    name: &RecordName,
    change: Change,
    expected: Expected,
) -> Result<Changed, RecordsError> {
    let link = shared
        .links
        .by(shared.deadline())
        .await
        .ok_or(Unavailable)?;
    let (what, value, life_us) = match change {
        Change::Put { value, expires_in } => {
            // A life that rounds to nothing is one that is over, not one without end.
            let life_us = expires_in.map_or(0, |life| life.as_micros().max(1));
            ("put", value, life_us)
        }
        Change::Remove => ("remove", "".into(), 0),
    };
    let expected: Value = match expected {
        Expected::Anything => "any".into(),
        Expected::Absent => "absent".into(),
        Expected::At(version) => version.0.to_string().into(),
    };
    let args: Vec<Value> = vec![
        name.as_str().into(),
        what.into(),
        (&*value).into(),
        life_us.to_string().into(),
        expected,
        SHELF_RECORDS_MAX.to_string().into(),
    ];
    let reply = shared
        .run(&link, &CHANGE, vec![shared.names.shelf(shelf)], args)
        .await?;
    let mut words = reply.into_array().into_iter();
    match &*text(words.next())? {
        "full" => Err(RecordsError::Full),
        "conflict" => {
            let found = text(words.next())?;
            let version = found.parse().ok().map(RecordVersion);
            Ok(Changed::Conflict(version))
        }
        _ => {
            let version = text(words.next())?.parse().map_err(|_| Unavailable)?;
            if words.next().and_then(|changed| changed.as_u64()) == Some(1) {
                announce(shared, &Notice::Changed(shelf.clone(), name.clone())).await;
            }
            Ok(Changed::Done(RecordVersion(version)))
        }
    }
}

/// Returns how many records there were.
pub(super) async fn clear(shared: &Arc<Shared>, shelf: &Shelf) -> Result<usize, Unavailable> {
    let records = read(shared, shelf, None).await?.len();
    let link = shared
        .links
        .by(shared.deadline())
        .await
        .ok_or(Unavailable)?;
    let cleared = link
        .command::<Value>("DEL", vec![shared.names.shelf(shelf).into()])
        .await;
    cleared.map_err(|error| {
        shared.doubt(link.generation, &error);
        Unavailable
    })?;
    // Also when it was empty: whoever clears a shelf wants everybody to look again.
    announce(shared, &Notice::Cleared(shelf.clone())).await;
    Ok(records)
}

/// Every edge hears it, this one included, if it is of a kind that anybody waits for.
async fn announce(shared: &Shared, notice: &Notice) {
    let (Notice::Changed(Shelf { kind, .. }, _) | Notice::Cleared(Shelf { kind, .. })) = notice
    else {
        return;
    };
    if !kind.is_announced() {
        return;
    }
    if let (Some(link), Some(payload)) = (shared.links.current(), parcel::notice(notice)) {
        // Whoever watches also looks from time to time.
        let _ = link.publish(shared.names.notices(), payload).await;
    }
}

fn text(value: Option<Value>) -> Result<String, Unavailable> {
    value.and_then(Value::into_string).ok_or(Unavailable)
}
