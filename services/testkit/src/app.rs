//! An app and its keys as the configuration file writes them.

use serde::Serialize;
use toml::{Table, Value};

/// One `[[apps]]` entry.
#[derive(Debug, Clone, Serialize)]
pub struct App {
    id: String,
    suspended: bool,
    tenants: Vec<String>,
    #[serde(skip_serializing_if = "Table::is_empty")]
    plan: Table,
    numbers: Vec<Table>,
    keys: Vec<Key>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    issuers: Vec<Table>,
}

impl App {
    /// An app without keys, issuers, plan or suspension.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            suspended: false,
            tenants: Vec::new(),
            plan: Table::new(),
            numbers: Vec::new(),
            keys: Vec::new(),
            issuers: Vec::new(),
        }
    }

    /// The app that most tests use: `pk_live_demo` and `sk_id_demo`, both allowed everything.
    #[must_use]
    pub fn demo() -> Self {
        Self::new("demo")
            .key(Key::publishable("pk_live_demo"))
            .key(Key::secret("sk_id_demo", "sk_secret_demo"))
    }

    /// A neighbour of [`App::demo`] with keys of its own, for tests on what tenants must not see of each other.
    #[must_use]
    pub fn other() -> Self {
        Self::new("other")
            .key(Key::publishable("pk_live_other"))
            .key(Key::secret("sk_id_other", "sk_secret_other"))
    }

    /// Adds a key.
    #[must_use]
    pub fn key(mut self, key: Key) -> Self {
        self.keys.push(key);
        self
    }

    /// Adds an `[[apps.issuers]]` entry, such as [`Issuer::entry`](crate::Issuer::entry).
    #[must_use]
    pub fn issuer(mut self, entry: Table) -> Self {
        self.issuers.push(entry);
        self
    }

    /// The same app, suspended.
    #[must_use]
    pub fn suspended(mut self) -> Self {
        self.suspended = true;
        self
    }

    /// Gives the app one more name, by which a device path or a token's `tenant` may call it.
    #[must_use]
    pub fn called(mut self, tenant: &str) -> Self {
        self.tenants.push(tenant.to_owned());
        self
    }

    /// Lists a number that calls this user.
    #[must_use]
    pub fn number(mut self, number: &str, user: &str) -> Self {
        let entry = [("number", number), ("user", user)];
        let entry = entry.map(|(name, value)| (name.to_owned(), Value::from(value)));
        self.numbers.push(entry.into_iter().collect());
        self
    }

    /// Sets one member of the plan, such as `max_sessions`.
    #[must_use]
    pub fn plan(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.plan.insert(name.to_owned(), value.into());
        self
    }
}

/// One `[[apps.keys]]` entry; every channel and every action unless told otherwise.
#[derive(Debug, Clone, Serialize)]
pub struct Key {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    channel_patterns: Vec<String>,
    actions: Vec<String>,
    #[serde(flatten)]
    more: Table,
}

impl Key {
    /// A key whose id is the whole credential.
    #[must_use]
    pub fn publishable(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            secret: None,
            channel_patterns: vec!["**".to_owned()],
            actions: ["publish", "subscribe", "presence", "send"]
                .map(str::to_owned)
                .into(),
            more: Table::new(),
        }
    }

    /// A key that signs tokens and authorises REST calls.
    #[must_use]
    pub fn secret(id: &str, secret: &str) -> Self {
        Self {
            secret: Some(secret.to_owned()),
            ..Self::publishable(id)
        }
    }

    /// Replaces the channel patterns.
    #[must_use]
    pub fn patterns<const N: usize>(mut self, patterns: [&str; N]) -> Self {
        self.channel_patterns = patterns.map(str::to_owned).into();
        self
    }

    /// Replaces the actions.
    #[must_use]
    pub fn actions<const N: usize>(mut self, actions: [&str; N]) -> Self {
        self.actions = actions.map(str::to_owned).into();
        self
    }

    /// Sets another member, such as `allowed_origins`.
    #[must_use]
    pub fn set(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.more.insert(name.to_owned(), value.into());
        self
    }
}
