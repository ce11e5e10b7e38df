//! All apps, keys and issuers at one moment.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use protocol::realtime::limits;
use protocol::{AppId, KeyId};

use super::error::TenancyError;
use super::{App, Issuer, Key, Signer};
use crate::config::AppConfig;

/// All apps, keys and issuers at one moment.
#[derive(Debug, Default)]
pub struct Tenancy {
    apps: HashMap<AppId, Arc<App>>,
    keys: HashMap<KeyId, Arc<Key>>,
    issuers: HashMap<String, Arc<Issuer>>,
    key_files: Vec<PathBuf>,
}

impl Tenancy {
    /// Keys that one app may have (spec realtime §1.4).
    pub const KEYS_PER_APP: usize = limits::KEYS_PER_APP;
    /// Issuers that one app may have: each may be a task and a connection now and then.
    pub const ISSUERS_PER_APP: usize = 20;

    /// Compiles what the file says, and reads the key files that it names.
    ///
    /// # Errors
    /// Names the app and the key or issuer that are wrong, or that two of them share a name.
    pub fn new(configs: &[AppConfig]) -> Result<Self, TenancyError> {
        let mut tenancy = Self::default();
        let mut tenants = HashSet::new();
        for config in configs {
            let app = Arc::new(App::compile(config)?);
            if tenancy
                .apps
                .insert(app.id.clone(), Arc::clone(&app))
                .is_some()
            {
                return Err(TenancyError::DuplicateApp(app.id.clone()));
            }
            tenancy.add_keys(config, &app)?;
            tenancy.add_issuers(config, &app)?;
        }
        // After all ids are known: a further name must not be another app's id either.
        for config in configs {
            for tenant in &config.tenants {
                let is_taken =
                    tenancy.apps.contains_key(tenant.as_str()) && tenant != config.id.as_str();
                if tenant.is_empty() || is_taken || !tenants.insert(tenant) {
                    return Err(TenancyError::Tenant {
                        app: config.id.clone(),
                        tenant: tenant.clone(),
                    });
                }
            }
        }
        Ok(tenancy)
    }

    /// The key of this id.
    #[must_use]
    pub fn key(&self, id: &str) -> Option<&Arc<Key>> {
        self.keys.get(id)
    }

    /// The app of this id.
    #[must_use]
    pub fn app(&self, id: &str) -> Option<&Arc<App>> {
        self.apps.get(id)
    }

    /// All keys, in no order.
    pub fn keys(&self) -> impl Iterator<Item = &Arc<Key>> {
        self.keys.values()
    }

    /// All apps, in no order.
    pub fn apps(&self) -> impl Iterator<Item = &Arc<App>> {
        self.apps.values()
    }

    /// The issuer that calls itself so.
    #[must_use]
    pub fn issuer(&self, iss: &str) -> Option<&Arc<Issuer>> {
        self.issuers.get(iss)
    }

    /// All issuers, in no order.
    pub fn issuers(&self) -> impl Iterator<Item = &Arc<Issuer>> {
        self.issuers.values()
    }

    /// Whether a page of this origin may use a cookie of somebody whose token `signer` has signed: the key's list must name it,
    /// for another signer the list of some key of the app.
    #[must_use]
    pub fn trusts_cookie(&self, signer: &Signer, origin: &str) -> bool {
        match signer {
            Signer::Key(key) => key.origins.names(origin),
            Signer::Issuer(issuer) => self
                .keys()
                .any(|key| key.app.id == issuer.app.id && key.origins.names(origin)),
        }
    }

    /// The files that issuers' keys were read from.
    pub(super) fn key_files(&self) -> &[PathBuf] {
        &self.key_files
    }

    /// Goes on with the keys that the issuers of `older` have fetched.
    #[must_use]
    pub(super) fn succeeding(mut self, older: &Self) -> Self {
        for issuer in self.issuers.values_mut() {
            if let Some(before) = older.issuer(&issuer.iss) {
                *issuer = Arc::clone(issuer).succeeding(before);
            }
        }
        self
    }

    fn add_issuers(&mut self, config: &AppConfig, app: &Arc<App>) -> Result<(), TenancyError> {
        let count = config.issuers.len();
        if count > Self::ISSUERS_PER_APP {
            return Err(TenancyError::TooManyIssuers {
                app: app.id.clone(),
                count,
            });
        }
        for config in &config.issuers {
            let issuer = Issuer::compile(config, Arc::clone(app)).map_err(|reason| {
                TenancyError::Issuer {
                    app: app.id.clone(),
                    iss: config.iss.clone(),
                    reason,
                }
            })?;
            self.key_files.extend(config.key_file.clone());
            let issuer = Arc::new(issuer);
            if self.issuers.insert(config.iss.clone(), issuer).is_some() {
                return Err(TenancyError::DuplicateIssuer(config.iss.clone()));
            }
        }
        Ok(())
    }

    fn add_keys(&mut self, config: &AppConfig, app: &Arc<App>) -> Result<(), TenancyError> {
        let count = config.keys.len();
        if count > Self::KEYS_PER_APP {
            return Err(TenancyError::TooManyKeys {
                app: app.id.clone(),
                count,
            });
        }
        for config in &config.keys {
            let key =
                Key::compile(config, Arc::clone(app)).map_err(|reason| TenancyError::Key {
                    app: app.id.clone(),
                    key: config.id.clone(),
                    reason,
                })?;
            if self.keys.insert(config.id.clone(), Arc::new(key)).is_some() {
                return Err(TenancyError::DuplicateKey(config.id.clone()));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;
    use crate::tenancy::sample::{app, key, tenancy};

    fn refusal(configs: &[AppConfig]) -> String {
        Tenancy::new(configs).unwrap_err().to_string()
    }

    #[test]
    fn a_key_is_found_with_the_app_that_it_belongs_to() {
        let tenancy = tenancy(&[
            ("a", &[key("pk_a", &["**"], &[])]),
            ("b", &[key("sk_b", &["**"], &[])]),
        ]);
        assert_eq!(tenancy.key("pk_a").unwrap().app.id.as_str(), "a");
        assert_eq!(tenancy.key("sk_b").unwrap().app.id.as_str(), "b");
        assert!(
            tenancy.key("pk_a").unwrap().is_publishable()
                && !tenancy.key("sk_b").unwrap().is_publishable()
        );
        assert!(tenancy.key("PK_A").is_none() && tenancy.key("").is_none());
        assert_eq!((tenancy.apps().count(), tenancy.keys().count()), (2, 2));
        assert!(
            tenancy.app("a").unwrap().is_called("a") && !tenancy.app("a").unwrap().is_called("b")
        );
    }

    #[test]
    fn names_are_unique_over_all_apps() {
        let one = app("a", &[key("pk_a", &["**"], &[])]);
        assert_eq!(
            refusal(&[one.clone(), app("a", &[])]),
            "two apps are called a"
        );
        assert_eq!(
            refusal(&[one, app("b", &[key("pk_a", &["**"], &[])])]),
            "two keys are called pk_a"
        );
    }

    #[test]
    fn a_number_has_one_user() {
        let listed = |number: &str, user: &str| crate::config::NumberConfig {
            number: number.parse().unwrap(),
            user: user.parse().unwrap(),
            name: None,
        };
        let with = |numbers: Vec<crate::config::NumberConfig>| AppConfig {
            numbers,
            ..app("a", &[])
        };
        let numbers = vec![listed("1", "alice"), listed("2", "bob"), listed("3", "bob")];
        let tenancy = Tenancy::new(&[with(numbers)]).unwrap();
        let numbers = &tenancy.app("a").unwrap().numbers;
        let of_bob = numbers.of_user(&"bob".parse().unwrap()).unwrap();
        assert_eq!(of_bob.number.as_str(), "2");
        let holder = numbers.holder(&"3".parse().unwrap()).unwrap();
        assert_eq!(holder.user.as_str(), "bob");
        assert_eq!(
            refusal(&[with(vec![listed("1", "alice"), listed("1", "bob")])]),
            "app a: the number 1 is listed twice"
        );
    }

    #[test]
    fn a_tenant_name_means_one_app() {
        let with = |id: &str, tenants: &[&str]| AppConfig {
            tenants: tenants.iter().map(|&tenant| tenant.to_owned()).collect(),
            ..app(id, &[])
        };
        assert!(Tenancy::new(&[with("a", &["x", "a"]), with("b", &["y"])]).is_ok());
        for configs in [
            [with("a", &["x"]), with("b", &["x"])],
            [with("a", &["b"]), with("b", &[])],
            [with("a", &[""]), with("b", &[])],
        ] {
            assert!(refusal(&configs).contains("the tenant name"), "{configs:?}");
        }
    }

    #[test]
    fn publishable_keys_have_no_secret_and_secret_keys_have_one() {
        let refusal_of = |id: &str, secret: Option<&str>| {
            let secret = secret.map(Secret::new);
            refusal(&[app(
                "a",
                &[crate::config::KeyConfig {
                    secret,
                    ..key(id, &["**"], &[])
                }],
            )])
        };
        assert_eq!(
            refusal_of("pk_a", Some("s")),
            "app a, key pk_a: a publishable key (pk_…) must have no secret"
        );
        assert!(refusal_of("sk_a", None).contains("needs a secret"));
        assert!(refusal_of("sk_a", Some("")).contains("empty"));
        assert!(refusal_of("sk_a", Some("sk_a")).contains("id of the key"));
    }

    #[test]
    fn the_fifty_first_key_is_refused() {
        let keys: Vec<_> = (0..51)
            .map(|index| key(&format!("pk_{index}"), &["**"], &[]))
            .collect();
        assert!(Tenancy::new(&[app("a", &keys[..50])]).is_ok());
        assert_eq!(
            refusal(&[app("a", &keys)]),
            "app a has 51 keys, at most 50 are allowed"
        );
    }
}
