//! How long things last and how often they happen.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::duration;

/// The `[timing]` section: texts such as `"30s"` or `"250ms"`, or a number of seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TimingConfig {
    /// Silence after which the edge sends a WebSocket ping (spec realtime §6).
    #[serde(with = "duration")]
    pub ping: Duration,
    /// Time that the answer to a ping may take (spec realtime §6).
    #[serde(with = "duration")]
    pub pong: Duration,
    /// Time for the request head, and again for the admission.
    #[serde(with = "duration")]
    pub handshake: Duration,
    /// Time during which a member of a room that was lost may return unnoticed (spec room §3); the realtime dialect has
    /// none.
    #[serde(with = "duration")]
    pub presence_grace: Duration,
    /// Life of an edge's heartbeat in the shared backend.
    #[serde(with = "duration")]
    pub edge_ttl: Duration,
    /// Time within which every lease is compared with the shared backend once.
    #[serde(with = "duration")]
    pub lease_audit: Duration,
    /// Time that an orderly leave may take before the rest is dropped.
    #[serde(with = "duration")]
    pub drain: Duration,
}

impl TimingConfig {
    /// The longest duration that any setting may have; far enough from what would overflow a clock.
    pub const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

    /// Every duration with the last part of its path, for checks that hold for all.
    pub(super) fn all(&self) -> [(&'static str, Duration); 7] {
        [
            ("timing.ping", self.ping),
            ("timing.pong", self.pong),
            ("timing.handshake", self.handshake),
            ("timing.presence_grace", self.presence_grace),
            ("timing.edge_ttl", self.edge_ttl),
            ("timing.lease_audit", self.lease_audit),
            ("timing.drain", self.drain),
        ]
    }
}

impl Default for TimingConfig {
    fn default() -> Self {
        Self {
            ping: Duration::from_secs(30),
            pong: Duration::from_secs(10),
            handshake: Duration::from_secs(5),
            presence_grace: Duration::ZERO,
            edge_ttl: Duration::from_secs(8),
            lease_audit: Duration::from_secs(15),
            drain: Duration::from_secs(20),
        }
    }
}
