//! The room dialect's own settings.

use std::time::Duration;

use protocol::room::Wire;
use protocol::room::limits::{CLIENT_FRAME_BYTES, MESSAGE_BURST, MESSAGES_PER_SECOND};
use serde::{Deserialize, Serialize};

use super::{Secret, duration};

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
    /// How a client is spoken to that does not say how.
    pub wire: Wire,
    /// Whether a session ends with its token.
    pub close_on_expiry: bool,
    /// Who may say that an account belongs to a room; the first that knows the answer gives it.
    pub membership: Vec<MembershipSource>,
    /// Where the app's own backend is asked for members.
    pub webhook_url: Option<String>,
    /// What signs the question.
    pub webhook_secret: Option<Secret>,
    /// How long the answer may take.
    #[serde(with = "duration")]
    pub webhook_timeout: Duration,
    /// Within which time everybody who is in on its word is asked about again; 0 is off.
    #[serde(with = "duration")]
    pub webhook_recheck: Duration,
}

/// Where a room's members are looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MembershipSource {
    /// The `rooms` claim of the token.
    Token,
    /// The cluster's own list, kept over the administrator's REST calls.
    Registry,
    /// The app's own backend.
    Webhook,
    /// Any account with a good token belongs to every room: for trials only.
    Open,
}

impl RoomConfig {
    /// The shortest secret that a webhook's question may be signed with.
    pub const WEBHOOK_SECRET_MIN_BYTES: usize = 16;
}

impl Default for RoomConfig {
    fn default() -> Self {
        Self {
            messages_per_second: MESSAGES_PER_SECOND,
            message_burst: MESSAGE_BURST,
            frame_bytes: CLIENT_FRAME_BYTES,
            wire: Wire::Default,
            close_on_expiry: true,
            membership: vec![MembershipSource::Token, MembershipSource::Registry],
            webhook_url: None,
            webhook_secret: None,
            webhook_timeout: Duration::from_secs(5),
            webhook_recheck: Duration::from_secs(5 * 60),
        }
    }
}
