//! Tokens that no longer count although they have not ended.
//!
//! One list per app in the cluster's records, mirrored here, since every newcomer and every session is compared with it. News
//! of a change makes it fast; reading the lists again within [`AUDIT`] makes it certain. `list`: what is compared. Invariants:
//! while an app's list has not been read nobody with a token of that app comes in; an entry stays in force until its time is
//! over, also where the records were lost, to which it is given back.

mod list;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use cluster::records::{Change, Changed, Expected, Kind, Notice, RecordName, RecordsError, Shelf};
use cluster::{Records, Unavailable};
use protocol::AppId;
use tokio::sync::Mutex;
use tokio::time::{MissedTickBehavior, interval};

use crate::auth::Bearer;
use crate::lane::unix_now;
use crate::parts::Parts;
pub(crate) use list::{Revocation, RevocationList, Target};

/// Within which time a change is in force on every edge, also if the news of it was lost.
const AUDIT: Duration = Duration::from_secs(30);
/// Times that a change is tried again after another one came between.
const TRIES: usize = 5;

/// The lists, as this edge knows them.
#[derive(Debug)]
pub(crate) struct Revocations {
    records: Records,
    list: ArcSwap<RevocationList>,
    /// Held while lists are read again, so that an older reading never replaces a newer one.
    reading: Mutex<()>,
}

impl Revocations {
    /// Entries that an app may have: each edge holds them all.
    pub(crate) const ENTRIES_MAX: usize = 10_000;

    pub(crate) fn new(records: Records) -> Self {
        Self {
            records,
            list: ArcSwap::default(),
            reading: Mutex::default(),
        }
    }

    /// Whether the bearer's token has been revoked.
    ///
    /// # Errors
    /// The app's list has never been read and cannot be read now.
    pub(crate) async fn has(&self, bearer: Bearer<'_>) -> Result<bool, Unavailable> {
        if !self.list.load().knows(bearer.app) {
            let entries = self.of(bearer.app).await?;
            self.list.rcu(|list| {
                // Whoever reads a list again is told of changes, and knows better than a newcomer.
                if list.knows(bearer.app) {
                    Arc::clone(list)
                } else {
                    Arc::new(list.with(bearer.app, entries.clone()))
                }
            });
        }
        Ok(self.list.load().has(bearer))
    }

    /// Puts an entry on an app's list. One that is there already never becomes weaker.
    ///
    /// # Errors
    /// The list is full, or cannot be written.
    pub(crate) async fn add(
        &self,
        app: &AppId,
        mut entry: Revocation,
        lasts: Duration,
    ) -> Result<Revocation, RecordsError> {
        if self.list.load().entries(app).len() >= Self::ENTRIES_MAX {
            return Err(RecordsError::Full);
        }
        let (shelf, name) = (shelf(app), entry.target.record_name());
        for _ in 0..TRIES {
            let found = self.records.read(&shelf, &name).await?;
            let known = found
                .as_ref()
                .and_then(|record| serde_json::from_str::<Revocation>(&record.value).ok());
            if let Some(known) = known {
                entry.issued_before = entry.issued_before.max(known.issued_before);
            }
            let value = serde_json::to_string(&entry).expect("names and numbers are JSON");
            let change = Change::Put {
                value: value.into(),
                expires_in: Some(lasts),
            };
            let expected = found.map_or(Expected::Absent, |record| Expected::At(record.version));
            match self.records.change(&shelf, &name, change, expected).await? {
                Changed::Done(_) => {
                    // Here at once; the other edges hear of it.
                    self.read_again(std::slice::from_ref(app)).await;
                    return Ok(entry);
                }
                Changed::Conflict(_) => {}
            }
        }
        Err(RecordsError::Unavailable(Unavailable))
    }

    /// An app's list.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) async fn of(&self, app: &AppId) -> Result<Vec<Revocation>, Unavailable> {
        let listed = self.records.list(&shelf(app)).await?;
        // What does not read as an entry was written by nobody here.
        let entries = listed
            .into_iter()
            .filter_map(|(_, record)| serde_json::from_str(&record.value).ok());
        Ok(entries.collect())
    }

    /// Reads the lists of these apps again.
    async fn read_again(&self, apps: &[AppId]) {
        let _reading = self.reading.lock().await;
        for app in apps {
            match self.of(app).await {
                Ok(mut entries) => {
                    let now_s = unix_now().as_secs();
                    let lost = self.list.load().lost(app, &entries, now_s);
                    self.give_back(app, &lost, now_s).await;
                    entries.extend(lost);
                    self.list
                        .rcu(|list| Arc::new(list.with(app, entries.clone())));
                }
                Err(error) => {
                    tracing::debug!(%error, app = %app, "a list of revocations was not read again");
                }
            }
        }
    }

    /// Writes entries again that the records have lost. What cannot be written is tried again at the next reading.
    async fn give_back(&self, app: &AppId, lost: &[Revocation], now_s: u64) {
        for entry in lost {
            let value = serde_json::to_string(entry).expect("names and numbers are JSON");
            let change = Change::Put {
                value: value.into(),
                expires_in: Some(Duration::from_secs(entry.ends_at.saturating_sub(now_s))),
            };
            let (shelf, name) = (shelf(app), entry.target.record_name());
            let given = self
                .records
                .change(&shelf, &name, change, Expected::Absent)
                .await;
            match given {
                // Another edge may have been faster.
                Ok(Changed::Done(_) | Changed::Conflict(_)) => {}
                Err(error) => {
                    tracing::debug!(%error, app = %app, "a revocation was not given back");
                    return;
                }
            }
        }
        if !lost.is_empty() {
            tracing::warn!(app = %app, entries = lost.len(), "the list of revocations had lost entries, they were written again");
        }
    }
}

/// Keeps the lists true and closes the sessions of revoked tokens, until the edge leaves.
pub(crate) async fn follow_revocations(parts: Arc<Parts>) {
    parts.drain.run_until_cancelled(follow(&parts)).await;
}

async fn follow(parts: &Parts) {
    let revocations = &parts.revocations;
    let mut news = revocations.records.watch(Kind::Revocation);
    let mut told = Arc::default();
    let mut audits = interval(AUDIT);
    audits.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let mut apps = tokio::select! {
            notice = news.next() => match notice {
                Notice::Changed(shelf, _) | Notice::Cleared(shelf) => vec![shelf.app],
                Notice::Missed => revocations.list.load().apps(),
            },
            _ = audits.tick() => revocations.list.load().apps(),
        };
        // What comes from the cluster's backend may name anything.
        let tenancy = parts.tenancy.load();
        apps.retain(|app| tenancy.app(app.as_str()).is_some());
        revocations.read_again(&apps).await;
        let list = revocations.list.load_full();
        if list == told {
            continue;
        }
        told = Arc::clone(&list);
        for lane in parts.lanes.all() {
            if lane.revoke(Arc::clone(&list)).await.is_err() {
                return;
            }
        }
    }
}

impl Target {
    /// Whatever a client calls itself stays out of the names.
    fn record_name(&self) -> RecordName {
        match self {
            Self::Token(token) => RecordName::hashed(&["token", token]),
            Self::Subject(subject) => RecordName::hashed(&["subject", subject.as_str()]),
            Self::Device(subject, device) => {
                RecordName::hashed(&["device", subject.as_str(), device.as_str()])
            }
            Self::All => RecordName::hashed(&["all"]),
        }
    }
}

fn shelf(app: &AppId) -> Shelf {
    Shelf::of_app(app, Kind::Revocation)
}
