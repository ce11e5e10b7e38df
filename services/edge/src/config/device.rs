//! The device dialect's own settings.

use std::time::Duration;

use protocol::device::limits::{
    CLIENT_FRAME_BYTES, KEEPALIVE_INTERVAL, REQUEST_BURST, REQUESTS_PER_SECOND,
};
use serde::{Deserialize, Serialize};

use super::duration;

/// The `[device]` section. A rate of 0 is switched off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeviceConfig {
    /// Silence after which a client sends a keepalive; the session ends after twice of it, and not before it and 10 s.
    #[serde(with = "duration")]
    pub keepalive_interval: Duration,
    /// Tokens per second that flow into a session's bucket of requests and keepalives.
    pub requests_per_second: u32,
    /// Tokens that the bucket holds.
    pub request_burst: u32,
    /// The largest frame, in bytes.
    pub frame_bytes: u32,
}

impl DeviceConfig {
    /// The longest keepalive interval: a proxy on the way cuts what is silent for longer.
    pub const KEEPALIVE_LONGEST: Duration = Duration::from_secs(300);
}

impl Default for DeviceConfig {
    fn default() -> Self {
        Self {
            keepalive_interval: KEEPALIVE_INTERVAL,
            requests_per_second: REQUESTS_PER_SECOND,
            request_burst: REQUEST_BURST,
            frame_bytes: CLIENT_FRAME_BYTES,
        }
    }
}
