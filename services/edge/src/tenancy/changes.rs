//! In what two tenancies differ, for the log.

use std::collections::{BTreeMap, BTreeSet};

use super::{App, Issuer, Key, Tenancy};

/// Names only, `app …`, `key …` or `issuer …`: a log must not hold what a key is worth.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    pub(super) added: BTreeSet<String>,
    pub(super) removed: BTreeSet<String>,
    pub(super) changed: BTreeSet<String>,
    pub(super) suspended: BTreeSet<String>,
    pub(super) resumed: BTreeSet<String>,
}

impl Changes {
    pub(super) fn between(before: &Tenancy, after: &Tenancy) -> Self {
        let mut changes = Self::default();
        changes.compare(&apps(before), &apps(after));
        changes.compare(&keys(before), &keys(after));
        changes.compare(&issuers(before), &issuers(after));
        for app in after.apps() {
            let was_suspended = before
                .app(app.id.as_str())
                .is_some_and(|before| before.suspended);
            match (was_suspended, app.suspended) {
                (false, true) => changes.suspended.insert(format!("app {}", app.id)),
                (true, false) => changes.resumed.insert(format!("app {}", app.id)),
                (true, true) | (false, false) => false,
            };
        }
        changes
    }

    fn compare<T: PartialEq>(&mut self, before: &BTreeMap<String, T>, after: &BTreeMap<String, T>) {
        for (name, new) in after {
            match before.get(name) {
                None => self.added.insert(name.clone()),
                Some(old) if old != new => self.changed.insert(name.clone()),
                Some(_) => false,
            };
        }
        let is_gone = |name: &&String| !after.contains_key(*name);
        self.removed.extend(before.keys().filter(is_gone).cloned());
    }
}

fn apps(tenancy: &Tenancy) -> BTreeMap<String, &App> {
    tenancy
        .apps()
        .map(|app| (format!("app {}", app.id), &**app))
        .collect()
}

fn keys(tenancy: &Tenancy) -> BTreeMap<String, &Key> {
    tenancy
        .keys()
        .map(|key| (format!("key {}", key.id), &**key))
        .collect()
}

fn issuers(tenancy: &Tenancy) -> BTreeMap<String, &Issuer> {
    tenancy
        .issuers()
        .map(|issuer| (format!("issuer {}", issuer.iss), &**issuer))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tenancy::sample::{app, key, tenancy};

    #[test]
    fn changes_are_told_by_name() {
        let before = tenancy(&[
            ("a", &[key("pk_1", &["**"], &[]), key("pk_2", &["**"], &[])]),
            ("b", &[]),
        ]);
        let mut suspended = app("a", &[key("pk_2", &["x"], &[]), key("pk_3", &["**"], &[])]);
        suspended.suspended = true;
        let after = Tenancy::new(&[suspended, app("c", &[])]).unwrap();
        let changes = Changes::between(&before, &after);
        let names = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>();
        assert_eq!(names(&changes.added), ["app c", "key pk_3"]);
        assert_eq!(names(&changes.removed), ["app b", "key pk_1"]);
        assert_eq!(names(&changes.changed), ["app a", "key pk_2"]);
        assert_eq!(names(&changes.suspended), ["app a"]);
        assert!(changes.resumed.is_empty());
    }
}
