//! Apps, plans and keys as they stand in the file.
//!
//! Owns the form. Which keys go together, and what they allow, is judged where they are compiled
//! ([`Tenancy`](crate::tenancy::Tenancy)).

use protocol::device::Number;
use protocol::{AppId, ChannelPattern, KeyId, PeerId, Permissions};
use serde::{Deserialize, Serialize};

use super::{IssuerConfig, Secret};

/// One `[[apps]]` entry: a tenant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppConfig {
    /// The app's name, unique in the file.
    pub id: AppId,
    /// A suspended app admits nobody and its live sessions are closed.
    #[serde(default)]
    pub suspended: bool,
    /// Further names under which a device path or a `tenant` claim may call this app.
    #[serde(default)]
    pub tenants: Vec<String>,
    /// Numbers under which users are called (device dialect).
    #[serde(default)]
    pub numbers: Vec<NumberConfig>,
    /// What the app has paid for.
    #[serde(default)]
    pub plan: PlanConfig,
    /// The app's keys.
    #[serde(default)]
    pub keys: Vec<KeyConfig>,
    /// Other people's services whose tokens admit to the app.
    #[serde(default)]
    pub issuers: Vec<IssuerConfig>,
}

/// One `[[apps.numbers]]` entry: whom a number calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumberConfig {
    /// The number, unique in its app.
    pub number: Number,
    /// The user: the `sub` of its tokens.
    pub user: PeerId,
    /// How the user is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// What an app has paid for; a number that is absent or 0 is unlimited.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlanConfig {
    /// The plan's name, only reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Sessions at the same time, over all edges.
    pub max_sessions: u64,
    /// Messages in one period, over all edges.
    pub max_messages: u64,
    /// The period in which messages are counted.
    pub period: PlanPeriod,
    /// Whether a limit that is reached is only counted instead of enforced.
    pub overage: bool,
}

/// The period in which messages are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlanPeriod {
    /// A calendar month, UTC.
    #[default]
    Month,
}

/// One `[[apps.keys]]` entry (spec realtime §1.4).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyConfig {
    /// The key's name, unique in the file: `pk_…` is publishable, anything else is a secret key.
    pub id: KeyId,
    /// The secret of a secret key; a publishable key has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Secret>,
    /// Channels that the key reaches (spec realtime §1.6).
    pub channel_patterns: Vec<ChannelPattern>,
    /// What the key may do there (spec realtime §1.7).
    pub actions: Permissions,
    /// Origins of the web pages that may connect; empty means all.
    #[serde(default)]
    pub allowed_origins: Vec<String>,
    /// Whether `welcome` advertises the TURN servers.
    #[serde(default = "switched_on")]
    pub inject_turn: bool,
    /// Whether a peer's newer session takes over from its older one.
    #[serde(default)]
    pub one_session_per_peer: bool,
}

const fn switched_on() -> bool {
    true
}
