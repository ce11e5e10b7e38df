//! Other people's token services, as they stand in the file.
//!
//! Owns the form. What goes together is judged where they are compiled ([`Tenancy`](crate::tenancy::Tenancy)).

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::duration;
use crate::issuers::SignatureAlgorithm;

/// One `[[apps.issuers]]` entry: a service whose tokens admit to the app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerConfig {
    /// The `iss` claim of its tokens, unique in the file.
    pub iss: String,
    /// What the `aud` claim has to be or to contain; absent leaves the claim alone.
    #[serde(default)]
    pub aud: Option<String>,
    /// The only algorithm; absent leaves it to each key.
    #[serde(default)]
    pub algorithm: Option<SignatureAlgorithm>,
    /// A file with its public keys.
    #[serde(default)]
    pub key_file: Option<PathBuf>,
    /// The endpoint where it publishes them.
    #[serde(default)]
    pub jwks_url: Option<String>,
    /// Whether that endpoint may be asked without TLS.
    #[serde(default)]
    pub allow_http: bool,
    /// Whether it may be at a private address.
    #[serde(default)]
    pub allow_private: bool,
    /// Time between two fetches.
    #[serde(default = "ten_minutes", with = "duration")]
    pub refresh: Duration,
    /// The longest life of a token; 0 is off.
    #[serde(default = "one_day", with = "duration")]
    pub max_lifetime: Duration,
}

const fn ten_minutes() -> Duration {
    Duration::from_secs(10 * 60)
}

const fn one_day() -> Duration {
    Duration::from_secs(24 * 60 * 60)
}
