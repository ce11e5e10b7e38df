//! Why a set of apps and keys was refused.

use std::path::PathBuf;

use protocol::device::Number;
use protocol::{AppId, KeyId};

use super::origin::OriginError;
use crate::issuers::{KeyFileError, UrlError};

/// Why a set of apps and keys was refused.
#[derive(Debug, thiserror::Error)]
pub enum TenancyError {
    /// Two apps have one id.
    #[error("two apps are called {0}")]
    DuplicateApp(AppId),
    /// Two keys have one id; a key's id alone says which app is meant, so ids are unique over all apps.
    #[error("two keys are called {0}")]
    DuplicateKey(KeyId),
    /// A name is claimed by two apps, or is empty.
    #[error("app {app}: the tenant name {tenant:?} is empty or belongs to another app")]
    Tenant {
        /// The app that lists the name.
        app: AppId,
        /// The name.
        tenant: String,
    },
    /// An app has more keys than it may (spec realtime §1.4).
    #[error("app {app} has {count} keys, at most {limit} are allowed", limit = super::Tenancy::KEYS_PER_APP)]
    TooManyKeys {
        /// The app.
        app: AppId,
        /// How many it has.
        count: usize,
    },
    /// A number has two users.
    #[error("app {app}: the number {number} is listed twice")]
    DuplicateNumber {
        /// The app.
        app: AppId,
        /// The number.
        number: Number,
    },
    /// A key is wrong by itself.
    #[error("app {app}, key {key}: {reason}")]
    Key {
        /// The app.
        app: AppId,
        /// The key.
        key: KeyId,
        /// What is wrong. Part of the text, and so not also the source.
        reason: KeyError,
    },
    /// Two issuers have one name; the name alone says which app is meant.
    #[error("two issuers are called {0:?}")]
    DuplicateIssuer(String),
    /// An app has more issuers than it may.
    #[error("app {app} has {count} issuers, at most {limit} are allowed", limit = super::Tenancy::ISSUERS_PER_APP)]
    TooManyIssuers {
        /// The app.
        app: AppId,
        /// How many it has.
        count: usize,
    },
    /// An issuer is wrong by itself.
    #[error("app {app}, issuer {iss:?}: {reason}")]
    Issuer {
        /// The app.
        app: AppId,
        /// The issuer.
        iss: String,
        /// What is wrong. Part of the text, and so not also the source.
        reason: IssuerError,
    },
}

/// What is wrong with one issuer.
#[derive(Debug, thiserror::Error)]
pub enum IssuerError {
    /// Tokens without a name, or with an endless one, are nobody's.
    #[error("iss must have 1 to {} bytes", super::Issuer::MAX_ISS_BYTES)]
    Name,
    /// An empty audience would only look like a check.
    #[error("aud is empty; leave it out if it does not matter")]
    Audience,
    /// Keys come from one place.
    #[error("it needs either key_file or jwks_url")]
    Source,
    /// Too often for the endpoint, or too seldom for a key that was withdrawn.
    #[error("refresh must be 10s to 24h")]
    Refresh,
    /// The file gives no keys.
    #[error("key_file {} {reason}", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: KeyFileError,
    },
    /// The endpoint may not be asked.
    #[error("jwks_url: {0}")]
    Url(UrlError),
}

/// What is wrong with one key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A publishable key is public, so a secret beside it is a mistake.
    #[error("a publishable key (pk_…) must have no secret")]
    SecretOfPublishable,
    /// Nothing can be signed or verified without one.
    #[error("a secret key needs a secret; only keys called pk_… go without")]
    SecretMissing,
    /// The id of a key and its secret are mixed up, or it is empty.
    #[error("the secret is empty, or is the id of the key")]
    SecretUnfit,
    /// An origin cannot be read.
    #[error("allowed origin {origin:?}: {reason}")]
    Origin {
        /// The origin.
        origin: String,
        /// Why not.
        reason: OriginError,
    },
}
