//! Settings of calls and of waking devices (device dialect).

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Secret, duration};

/// The `[calls]` section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CallsConfig {
    /// How long a call rings.
    #[serde(with = "duration")]
    pub ring: Duration,
    /// How long a device that lost its connection in a call is waited for.
    #[serde(with = "duration")]
    pub grace: Duration,
    /// Whether an offer is held back until it has the candidates of its sender in it.
    pub fold_candidates: bool,
}

/// The `[push]` section.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PushConfig {
    /// Where your own backend is told to wake a device.
    pub webhook_url: Option<String>,
    /// What signs that.
    pub webhook_secret: Option<Secret>,
    /// The key file of the service account that may send by Firebase Cloud Messaging.
    pub fcm_account_file: Option<PathBuf>,
    /// Where FCM is; for tests.
    pub fcm_url: Option<String>,
}

impl Default for CallsConfig {
    fn default() -> Self {
        Self {
            ring: Duration::from_secs(60),
            grace: Duration::from_secs(60),
            fold_candidates: false,
        }
    }
}
