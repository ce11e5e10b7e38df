//! How the edges' Redis is used; where it is stands in `redis_url`.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::duration;

/// The `[redis]` section. A duration of 0 switches its watch off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RedisConfig {
    /// What every name in Redis begins with.
    pub prefix: String,
    /// Certificates (PEM) to trust beside the system's.
    pub ca_file: Option<PathBuf>,
    /// How often the place of the primary, or the owners of the slots, are asked for.
    #[serde(with = "duration")]
    pub topology_poll: Duration,
    /// How often the edge tries its own way through Redis.
    #[serde(with = "duration")]
    pub probe: Duration,
}

impl Default for RedisConfig {
    fn default() -> Self {
        Self {
            prefix: "sw".to_owned(),
            ca_file: None,
            topology_poll: Duration::from_millis(500),
            probe: Duration::from_secs(1),
        }
    }
}
