//! What is compared: everything that has been revoked, by app.

use hashbrown::{HashMap, HashSet};
use protocol::room::account_id;
use protocol::{AppId, DeviceId, PeerId};
use serde::{Deserialize, Serialize};

use crate::auth::Bearer;

/// Which tokens no longer count.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Target {
    /// The one with this `jti`.
    Token(String),
    /// Those of this subject.
    Subject(PeerId),
    /// Those of this subject's device.
    Device(PeerId, DeviceId),
    /// All of the app.
    All,
}

/// One entry of an app's list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Revocation {
    pub(crate) target: Target,
    /// Those that were made before this time count no longer, in Unix seconds. Of no meaning for a single token.
    pub(crate) issued_before: u64,
    /// When the entry is forgotten, in Unix seconds.
    pub(crate) ends_at: u64,
}

/// The lists of all apps that have been read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RevocationList(HashMap<AppId, OfApp>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct OfApp {
    entries: Vec<Revocation>,
    everybody: u64,
    subjects: HashMap<PeerId, u64>,
    devices: HashMap<(PeerId, DeviceId), u64>,
    tokens: HashSet<Box<str>>,
}

impl RevocationList {
    pub(super) fn knows(&self, app: &AppId) -> bool {
        self.0.contains_key(app)
    }

    pub(super) fn apps(&self) -> Vec<AppId> {
        self.0.keys().cloned().collect()
    }

    pub(super) fn entries(&self, app: &AppId) -> &[Revocation] {
        self.0.get(app).map_or(&[], |of_app| &of_app.entries)
    }

    /// What is known of an app and not over, and is not among `entries`. Nothing leaves a list before its time: what is missing
    /// was lost.
    pub(super) fn lost(&self, app: &AppId, entries: &[Revocation], now_s: u64) -> Vec<Revocation> {
        let found: HashSet<&Target> = entries.iter().map(|entry| &entry.target).collect();
        let known = self.entries(app).iter();
        known
            .filter(|entry| entry.ends_at > now_s && !found.contains(&entry.target))
            .cloned()
            .collect()
    }

    /// The same with another list of one app.
    pub(super) fn with(&self, app: &AppId, entries: Vec<Revocation>) -> Self {
        let mut list = self.clone();
        list.0.insert(app.clone(), OfApp::new(entries));
        list
    }

    /// Whether the bearer's token has been revoked.
    pub(crate) fn has(&self, bearer: Bearer<'_>) -> bool {
        self.0
            .get(bearer.app)
            .is_some_and(|of_app| of_app.has(bearer))
    }
}

impl OfApp {
    fn new(entries: Vec<Revocation>) -> Self {
        let mut list = Self::default();
        for entry in &entries {
            let before = entry.issued_before;
            match &entry.target {
                Target::All => list.everybody = list.everybody.max(before),
                Target::Token(token) => {
                    list.tokens.insert(token.as_str().into());
                }
                Target::Subject(subject) => {
                    for subject in spellings(subject) {
                        let known = list.subjects.entry(subject).or_default();
                        *known = before.max(*known);
                    }
                }
                Target::Device(subject, device) => {
                    for subject in spellings(subject) {
                        let known = list.devices.entry((subject, device.clone())).or_default();
                        *known = before.max(*known);
                    }
                }
            }
        }
        list.entries = entries;
        list
    }

    fn has(&self, bearer: Bearer<'_>) -> bool {
        let Bearer { subject, stamp, .. } = bearer;
        let of_subject = self.subjects.get(subject).copied();
        let of_device = stamp
            .device
            .as_ref()
            .filter(|_| !self.devices.is_empty())
            .and_then(|device| self.devices.get(&(subject.clone(), device.clone())))
            .copied();
        let dates = [Some(self.everybody), of_subject, of_device];
        let of_token = |token: &str| self.tokens.contains(token);
        dates
            .into_iter()
            .flatten()
            .any(|before| stamp.issued_at < before)
            || stamp.token.as_deref().is_some_and(of_token)
    }
}

/// A subject as it was written, and as the room dialect writes it, where the case of a GUID means nothing.
fn spellings(subject: &PeerId) -> impl Iterator<Item = PeerId> {
    let account = account_id(subject.as_str()).ok();
    let account = account.filter(|account| account != subject);
    [subject.clone()].into_iter().chain(account)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Stamp;

    fn app(name: &str) -> AppId {
        name.parse().unwrap()
    }

    fn entry(target: Target) -> Revocation {
        Revocation {
            target,
            issued_before: 100,
            ends_at: 1_000,
        }
    }

    fn list(target: Target) -> RevocationList {
        RevocationList::default().with(&app("app"), vec![entry(target)])
    }

    #[test]
    fn what_is_missing_before_its_time_was_lost() {
        let list = list(Target::All);
        let app = app("app");
        let other = entry(Target::Token("x".to_owned()));
        assert_eq!(list.lost(&app, &[other], 999), [entry(Target::All)]);
        assert!(list.lost(&app, &[entry(Target::All)], 999).is_empty());
        assert!(list.lost(&app, &[], 1_000).is_empty());
    }

    fn is_revoked(
        list: &RevocationList,
        subject: &str,
        device: &str,
        token: &str,
        iat: u64,
    ) -> bool {
        let stamp = Stamp {
            device: device.parse().ok(),
            token: Some(token.into()),
            issued_at: iat,
        };
        let bearer = |name| (app(name), subject.parse().unwrap());
        let (other, subject) = bearer("other");
        let elsewhere = Bearer {
            app: &other,
            subject: &subject,
            stamp: &stamp,
        };
        assert!(!list.has(elsewhere), "another app's tokens count");
        list.has(Bearer {
            app: &app("app"),
            ..elsewhere
        })
    }

    #[test]
    fn each_target_meets_its_own_and_a_date_spares_what_is_newer() {
        let alice = || "alice".parse().unwrap();
        let all = list(Target::All);
        assert!(is_revoked(&all, "bob", "tablet", "x", 99));
        assert!(!is_revoked(&all, "bob", "tablet", "x", 100));
        let subject = list(Target::Subject(alice()));
        assert!(is_revoked(&subject, "alice", "tablet", "x", 0));
        assert!(!is_revoked(&subject, "alice", "tablet", "x", 100));
        assert!(!is_revoked(&subject, "bob", "tablet", "x", 0));
        let device = list(Target::Device(alice(), "phone".parse().unwrap()));
        assert!(is_revoked(&device, "alice", "phone", "x", 99));
        assert!(!is_revoked(&device, "alice", "tablet", "x", 99));
        assert!(!is_revoked(&device, "bob", "phone", "x", 99));
        let token = list(Target::Token("x".to_owned()));
        assert!(is_revoked(&token, "alice", "phone", "x", 500));
        assert!(!is_revoked(&token, "alice", "phone", "y", 0));
    }

    #[test]
    fn a_guid_is_one_subject_in_either_case() {
        let lower = "6f9619ff-8b86-d011-b42d-00c04fc964ff";
        let list = list(Target::Subject(lower.to_uppercase().parse().unwrap()));
        for subject in [lower.to_owned(), lower.to_uppercase()] {
            assert!(is_revoked(&list, &subject, "phone", "x", 0), "{subject}");
        }
    }
}
