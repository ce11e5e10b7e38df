//! The room dialect's own settings.

use serde::{Deserialize, Serialize};

/// The `[room]` section. A rate of 0 is switched off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RoomConfig {
    /// Tokens per second that flow into a session's message bucket.
    pub messages_per_second: u32,
    /// Tokens that the message bucket holds.
    pub message_burst: u32,
    /// The largest frame, in bytes.
    pub frame_bytes: u32,
    /// Who may say that an account belongs to a room; the first that knows the answer gives it.
    pub membership: Vec<MembershipSource>,
}

/// Where a room's members are looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MembershipSource {
    /// The `rooms` claim of the token.
    Token,
    /// The cluster's own list, kept over the administrator's REST calls.
    Registry,
}

impl Default for RoomConfig {
    fn default() -> Self {
        Self {
            messages_per_second: 50,
            message_burst: 400,
            frame_bytes: 256 * 1024,
            membership: vec![MembershipSource::Token, MembershipSource::Registry],
        }
    }
}
