//! An app for a first try without any configuration.
//!
//! Its keys are random and new at each start, so that a forgotten trial is not an open door.

use protocol::Permissions;
use uuid::Uuid;

use crate::config::{AppConfig, KeyConfig, PlanConfig, Secret};

/// The app `dev` with a publishable key `pk_live_dev_…` and a secret key `sk_id_dev_…`, in this order, both of which
/// may do everything everywhere.
#[must_use]
pub fn development_app() -> AppConfig {
    let secret = Secret::new(&format!("sk_secret_{}", random_hex()));
    AppConfig {
        id: "dev".parse().expect("three letters are an app id"),
        suspended: false,
        tenants: Vec::new(),
        numbers: Vec::new(),
        plan: PlanConfig::default(),
        keys: vec![
            unlimited_key("pk_live_dev", None),
            unlimited_key("sk_id_dev", Some(secret)),
        ],
        issuers: Vec::new(),
    }
}

fn unlimited_key(prefix: &str, secret: Option<Secret>) -> KeyConfig {
    let id = format!("{prefix}_{}", random_hex());
    KeyConfig {
        id: id
            .parse()
            .expect("letters, digits and underscores are a key id"),
        secret,
        channel_patterns: vec!["**".parse().expect("two stars are a pattern")],
        actions: Permissions::all(),
        allowed_origins: Vec::new(),
        inject_turn: true,
        one_session_per_peer: false,
    }
}

/// 32 hexadecimal digits, 122 of their 128 bits random.
fn random_hex() -> String {
    Uuid::new_v4().simple().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tenancy::Tenancy;

    #[test]
    fn the_development_app_is_valid_and_new_each_time() {
        let (one, two) = (development_app(), development_app());
        assert!(Tenancy::new(std::slice::from_ref(&one)).is_ok());
        assert!(
            one.keys[0].id.as_str().starts_with("pk_live_dev_") && one.keys[0].secret.is_none()
        );
        assert!(one.keys[1].id.as_str().starts_with("sk_id_dev_"));
        assert!(
            one.keys[1]
                .secret
                .as_ref()
                .unwrap()
                .expose()
                .starts_with("sk_secret_")
        );
        assert_ne!(one.keys[0].id, two.keys[0].id);
        assert_ne!(one.keys[1].secret, two.keys[1].secret);
    }
}
