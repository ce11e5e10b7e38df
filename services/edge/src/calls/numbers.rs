//! Who has which number: the directory of an app.
//!
//! Three sources, the first that knows counts: the configuration, what the administrator wrote over REST, what a user's own
//! token claims. A user without any number is reached by the user's id. Two records for each entry, by number and by user;
//! the number alone decides who is called, so a crash between the two costs no more than the number that others are shown.

use cluster::records::{Change, Changed, Expected, Kind, RecordName, RecordsError, Shelf};
use cluster::{Records, Unavailable};
use protocol::device::Number;
use protocol::{AppId, PeerId};
use serde::{Deserialize, Serialize};

use crate::config::NumberConfig;
use crate::tenancy::TenancyHandle;

/// The directories of all apps.
#[derive(Clone, Debug)]
pub(crate) struct Numbers {
    records: Records,
    tenancy: TenancyHandle,
}

/// Whose a number is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// The user.
    pub(crate) user: PeerId,
    /// How the user is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// Who said so.
    pub(crate) by: Author,
}

/// Who wrote an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Author {
    /// The configuration.
    Config,
    /// The administrator.
    Rest,
    /// The user's token.
    Token,
}

/// How others see a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shown {
    /// What they dial.
    pub(crate) number: Number,
    /// What they read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
}

impl Numbers {
    pub(crate) const fn new(records: Records, tenancy: TenancyHandle) -> Self {
        Self { records, tenancy }
    }

    /// Who is reached by a number; `None` if nobody is known to have it.
    ///
    /// # Errors
    /// The directory could not be asked.
    pub(crate) async fn holder(
        &self,
        app: &AppId,
        number: &Number,
    ) -> Result<Option<Entry>, Unavailable> {
        let tenancy = self.tenancy.load();
        let listed = tenancy
            .app(app.as_str())
            .and_then(|app| app.numbers.holder(number));
        if let Some(listed) = listed {
            return Ok(Some(Entry::from(listed)));
        }
        let shelf = Shelf::of_app(app, Kind::Number);
        let record = self.records.read(&shelf, &number.into()).await?;
        Ok(record.and_then(|record| serde_json::from_str(&record.value).ok()))
    }

    /// How others see a user; `None` if the directory does not know it.
    ///
    /// # Errors
    /// The directory could not be asked.
    pub(crate) async fn shown(
        &self,
        app: &AppId,
        user: &PeerId,
    ) -> Result<Option<Shown>, Unavailable> {
        let tenancy = self.tenancy.load();
        let listed = tenancy
            .app(app.as_str())
            .and_then(|app| app.numbers.of_user(user));
        if let Some(listed) = listed {
            return Ok(Some(Shown::from(listed)));
        }
        let shelf = Shelf::of_app(app, Kind::User);
        let record = self.records.read(&shelf, &user.into()).await?;
        Ok(record.and_then(|record| serde_json::from_str(&record.value).ok()))
    }

    /// Every entry of an app, by number.
    ///
    /// # Errors
    /// The directory could not be asked.
    pub(crate) async fn list(&self, app: &AppId) -> Result<Vec<(Number, Entry)>, Unavailable> {
        let listed = self.records.list(&Shelf::of_app(app, Kind::Number)).await?;
        let kept = listed.into_iter().filter_map(|(name, record)| {
            let number: Number = name.as_str().parse().ok()?;
            Some((number, serde_json::from_str(&record.value).ok()?))
        });
        let mut entries: std::collections::BTreeMap<Number, Entry> = kept.collect();
        if let Some(app) = self.tenancy.load().app(app.as_str()) {
            let listed = app.numbers.all();
            entries.extend(listed.map(|listed| (listed.number.clone(), Entry::from(listed))));
        }
        Ok(entries.into_iter().collect())
    }

    /// Writes an entry for the administrator.
    ///
    /// # Errors
    /// The directory is full or could not be asked.
    pub(crate) async fn put(
        &self,
        app: &AppId,
        number: &Number,
        user: &PeerId,
        name: Option<String>,
    ) -> Result<(), RecordsError> {
        let shown = Shown {
            number: number.clone(),
            name: name.clone(),
        };
        let entry = Entry {
            user: user.clone(),
            name,
            by: Author::Rest,
        };
        self.write(app, number, &entry, &shown, Expected::Anything)
            .await
    }

    /// Removes an entry; that there is none is no error. The user may be shown under it no longer.
    ///
    /// # Errors
    /// The directory could not be asked.
    pub(crate) async fn remove(&self, app: &AppId, number: &Number) -> Result<(), RecordsError> {
        let (numbers, users) = (
            Shelf::of_app(app, Kind::Number),
            Shelf::of_app(app, Kind::User),
        );
        let name = RecordName::from(number);
        if let Some(record) = self.records.read(&numbers, &name).await?
            && let Ok(entry) = serde_json::from_str::<Entry>(&record.value)
        {
            let user = RecordName::from(&entry.user);
            if let Some(shown) = self.records.read(&users, &user).await?
                && serde_json::from_str::<Shown>(&shown.value)
                    .is_ok_and(|shown| shown.number == *number)
            {
                let expected = Expected::At(shown.version);
                forget(&self.records, &users, &user, expected).await?;
            }
        }
        forget(&self.records, &numbers, &name, Expected::Anything).await
    }

    /// How others see whoever comes with this claim. Where neither configuration nor administrator say, the claim is written
    /// down, so that others can call it; a number that somebody else has stays theirs.
    ///
    /// # Errors
    /// The directory is full or could not be asked.
    pub(crate) async fn introduce(
        &self,
        app: &AppId,
        user: &PeerId,
        claimed: Option<&Number>,
        name: Option<&str>,
    ) -> Result<Shown, RecordsError> {
        let known = self.shown(app, user).await?;
        if let Some(known) = known {
            let is_held = self.holder(app, &known.number).await?;
            // A number that the token alone had given follows the token.
            let stays = is_held.is_some_and(|entry| {
                entry.user == *user && (entry.by != Author::Token || claimed == Some(&known.number))
            });
            if stays {
                let name = known.name.or_else(|| name.map(str::to_owned));
                return Ok(Shown { name, ..known });
            }
        }
        let id = || {
            let id = user.as_str().parse();
            id.expect("a user is 1 to 128 printable characters, and so is a number")
        };
        let shown = Shown {
            number: claimed.cloned().unwrap_or_else(id),
            name: name.map(str::to_owned),
        };
        let holder = self.holder(app, &shown.number).await?;
        let is_ours = |holder: &Entry| {
            holder.by == Author::Token && (holder.user == *user || claimed.is_some())
        };
        if holder.as_ref().is_none_or(is_ours) {
            let entry = Entry {
                user: user.clone(),
                name: shown.name.clone(),
                by: Author::Token,
            };
            if holder.as_ref() != Some(&entry) {
                let written = self.write(app, &shown.number, &entry, &shown, Expected::Anything);
                match written.await {
                    // Whoever cannot be called can still call.
                    Err(RecordsError::Full) => {
                        tracing::warn!(app = %app, "the directory is full, a user cannot be called");
                    }
                    written => written?,
                }
            }
        }
        Ok(shown)
    }

    /// The user first: a number without its user could not be called.
    async fn write(
        &self,
        app: &AppId,
        number: &Number,
        entry: &Entry,
        shown: &Shown,
        expected: Expected,
    ) -> Result<(), RecordsError> {
        let put = |value: String| Change::Put {
            value: value.into(),
            expires_in: None,
        };
        let (entry_json, shown_json) = (
            serde_json::to_string(entry).expect("names are plain JSON"),
            serde_json::to_string(shown).expect("names are plain JSON"),
        );
        let user = RecordName::from(&entry.user);
        let users = Shelf::of_app(app, Kind::User);
        let numbers = Shelf::of_app(app, Kind::Number);
        made(
            self.records
                .change(&users, &user, put(shown_json), Expected::Anything)
                .await?,
        );
        made(
            self.records
                .change(&numbers, &number.into(), put(entry_json), expected)
                .await?,
        );
        Ok(())
    }
}

impl From<&NumberConfig> for Entry {
    fn from(listed: &NumberConfig) -> Self {
        Self {
            user: listed.user.clone(),
            name: listed.name.clone(),
            by: Author::Config,
        }
    }
}

impl From<&NumberConfig> for Shown {
    fn from(listed: &NumberConfig) -> Self {
        Self {
            number: listed.number.clone(),
            name: listed.name.clone(),
        }
    }
}

async fn forget(
    records: &Records,
    shelf: &Shelf,
    name: &RecordName,
    expected: Expected,
) -> Result<(), RecordsError> {
    made(
        records
            .change(shelf, name, Change::Remove, expected)
            .await?,
    );
    Ok(())
}

/// Whoever changed the same entry later was right.
const fn made(changed: Changed) {
    match changed {
        Changed::Done(_) | Changed::Conflict(_) => {}
    }
}
