//! What one key allows.

use std::sync::Arc;

use protocol::{ChannelPattern, KeyId, Permissions};

use super::error::KeyError;
use super::{App, OriginList};
use crate::config::{KeyConfig, Secret};

/// A key of an app (spec realtime §1.4).
#[derive(Debug, PartialEq, Eq)]
pub struct Key {
    /// The key's name; of a publishable key it is the whole credential.
    pub id: KeyId,
    /// The app to which everything belongs that is done with this key.
    pub app: Arc<App>,
    /// What signs and authorises; a publishable key has none.
    pub secret: Option<Secret>,
    /// Channels that the key reaches.
    pub patterns: Box<[ChannelPattern]>,
    /// What the key may do there.
    pub permissions: Permissions,
    /// Web pages that may connect.
    pub origins: OriginList,
    /// Whether `welcome` advertises the TURN servers.
    pub inject_turn: bool,
    /// Whether a peer's newer session takes over from its older one.
    pub one_session_per_peer: bool,
}

impl Key {
    /// The prefix of publishable keys; everything else is a secret key.
    pub const PUBLISHABLE_PREFIX: &'static str = "pk_";

    pub(super) fn compile(config: &KeyConfig, app: Arc<App>) -> Result<Self, KeyError> {
        check_secret(config)?;
        Ok(Self {
            id: config.id.clone(),
            app,
            secret: config.secret.clone(),
            patterns: config.channel_patterns.clone().into_boxed_slice(),
            permissions: config.actions,
            origins: OriginList::new(&config.allowed_origins)?,
            inject_turn: config.inject_turn,
            one_session_per_peer: config.one_session_per_peer,
        })
    }

    /// Whether the id alone is the credential.
    #[must_use]
    pub fn is_publishable(&self) -> bool {
        self.secret.is_none()
    }
}

fn check_secret(config: &KeyConfig) -> Result<(), KeyError> {
    let is_publishable = config.id.as_str().starts_with(Key::PUBLISHABLE_PREFIX);
    match (&config.secret, is_publishable) {
        (Some(_), true) => Err(KeyError::SecretOfPublishable),
        (None, false) => Err(KeyError::SecretMissing),
        (Some(secret), false)
            if secret.expose().is_empty() || secret.matches(config.id.as_str()) =>
        {
            Err(KeyError::SecretUnfit)
        }
        (Some(_), false) | (None, true) => Ok(()),
    }
}
