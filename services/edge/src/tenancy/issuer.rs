//! A token service of somebody else's that an app trusts.

use std::sync::Arc;
use std::time::Duration;

use super::App;
use super::error::IssuerError;
use crate::config::IssuerConfig;
use crate::issuers::{JwksSource, KeyRing, Pace, Reach, Transport, read_key_file};

/// A token service whose tokens admit to one app.
#[derive(Debug, PartialEq, Eq)]
pub struct Issuer {
    /// What its tokens call it.
    pub iss: String,
    /// The app to which everybody belongs who brings such a token.
    pub app: Arc<App>,
    /// What its tokens have to be meant for, if that matters.
    pub audience: Option<String>,
    /// The longest life of a token in seconds, if there is a limit.
    pub max_lifetime_s: Option<u64>,
    /// The keys that sign them.
    pub keys: Arc<KeyRing>,
}

impl Issuer {
    /// The longest name that is matched.
    pub const MAX_ISS_BYTES: usize = 512;
    /// The shortest interval between two fetches.
    const REFRESH_MIN: Duration = Pace::new(Duration::ZERO).cool_down;
    /// The longest one: after it a key that was withdrawn still opens.
    const REFRESH_MAX: Duration = Duration::from_secs(24 * 60 * 60);

    /// Reads the key file, if there is one.
    pub(super) fn compile(config: &IssuerConfig, app: Arc<App>) -> Result<Self, IssuerError> {
        if !(1..=Self::MAX_ISS_BYTES).contains(&config.iss.len()) {
            return Err(IssuerError::Name);
        }
        if config.aud.as_deref() == Some("") {
            return Err(IssuerError::Audience);
        }
        if !(Self::REFRESH_MIN..=Self::REFRESH_MAX).contains(&config.refresh) {
            return Err(IssuerError::Refresh);
        }
        Ok(Self {
            iss: config.iss.clone(),
            app,
            audience: config.aud.clone(),
            max_lifetime_s: Some(config.max_lifetime.as_secs()).filter(|&seconds| seconds > 0),
            keys: Arc::new(key_ring(config)?),
        })
    }

    /// The same issuer with the keys that have been fetched before.
    pub(super) fn succeeding(self: Arc<Self>, older: &Self) -> Arc<Self> {
        let keys = KeyRing::succeed(Arc::clone(&self.keys), &older.keys);
        Arc::new(Self {
            iss: self.iss.clone(),
            app: Arc::clone(&self.app),
            audience: self.audience.clone(),
            max_lifetime_s: self.max_lifetime_s,
            keys,
        })
    }
}

fn key_ring(config: &IssuerConfig) -> Result<KeyRing, IssuerError> {
    match (&config.key_file, &config.jwks_url) {
        (Some(path), None) => {
            let keys = read_key_file(path, config.algorithm);
            let keys = keys.map_err(|reason| IssuerError::KeyFile {
                path: path.clone(),
                reason,
            })?;
            Ok(KeyRing::fixed(keys))
        }
        (None, Some(url)) => {
            let transport = if config.allow_http {
                Transport::Plain
            } else {
                Transport::Encrypted
            };
            let reach = if config.allow_private {
                Reach::Anywhere
            } else {
                Reach::Public
            };
            let pace = Pace::new(config.refresh);
            let source = JwksSource::new(url, transport, reach, config.algorithm, pace)
                .map_err(IssuerError::Url)?;
            Ok(KeyRing::fetched(source))
        }
        (None, None) | (Some(_), Some(_)) => Err(IssuerError::Source),
    }
}

#[cfg(test)]
mod tests;
