//! The TURN servers that `welcome` advertises.

use serde::{Deserialize, Serialize};

use super::Secret;

/// The `[turn]` section. Without URLs nothing is advertised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TurnConfig {
    /// `stun:`, `stuns:`, `turn:` and `turns:` URLs.
    pub urls: Vec<String>,
    /// Secrets shared with the TURN servers. The first one signs; the others are those that the servers still accept
    /// while a secret is being replaced.
    pub secrets: Vec<Secret>,
    /// Life of a credential, in seconds.
    pub ttl_seconds: u32,
}

impl TurnConfig {
    /// URLs that the clients accept in one list (spec realtime §1.3).
    pub const MAX_URLS: usize = 16;
    /// Bytes of one URL that the clients accept (spec realtime §1.3).
    pub const MAX_URL_BYTES: usize = 512;
    /// The shortest useful life of a credential: a client asks for an allocation within seconds of `welcome`.
    pub const TTL_MIN_SECONDS: u32 = 60;
    /// The longest life of a credential.
    pub const TTL_MAX_SECONDS: u32 = 86_400;
}

impl Default for TurnConfig {
    fn default() -> Self {
        Self {
            urls: Vec::new(),
            secrets: Vec::new(),
            ttl_seconds: 600,
        }
    }
}
