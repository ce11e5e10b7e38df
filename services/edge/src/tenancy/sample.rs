//! Apps, keys and issuers for the unit tests of this crate.

use super::Tenancy;
use crate::config::{AppConfig, IssuerConfig, KeyConfig, PlanConfig, Secret};

/// A key; `sk_…` gets the secret `secret of <id>`.
pub(crate) fn key(id: &str, patterns: &[&str], actions: &[&str]) -> KeyConfig {
    let secret = format!("secret of {id}");
    KeyConfig {
        id: id.parse().unwrap(),
        secret: (!id.starts_with("pk_")).then(|| Secret::new(&secret)),
        channel_patterns: patterns
            .iter()
            .map(|pattern| pattern.parse().unwrap())
            .collect(),
        actions: actions
            .iter()
            .map(|action| action.parse().unwrap())
            .collect(),
        allowed_origins: Vec::new(),
        inject_turn: true,
        one_session_per_peer: false,
    }
}

pub(crate) fn app(id: &str, keys: &[KeyConfig]) -> AppConfig {
    AppConfig {
        id: id.parse().unwrap(),
        suspended: false,
        tenants: Vec::new(),
        numbers: Vec::new(),
        plan: PlanConfig::default(),
        keys: keys.to_vec(),
        issuers: Vec::new(),
    }
}

/// An issuer that has yet to be told where its keys are.
pub(crate) fn issuer(iss: &str) -> IssuerConfig {
    serde_json::from_value(serde_json::json!({ "iss": iss })).unwrap()
}

pub(crate) fn tenancy(apps: &[(&str, &[KeyConfig])]) -> Tenancy {
    let configs: Vec<_> = apps.iter().map(|(id, keys)| app(id, keys)).collect();
    Tenancy::new(&configs).unwrap()
}
