//! What one client, one address and one session may use up.

use protocol::realtime::limits::{
    CONNECTS_PER_MINUTE, MAX_CHANNELS, MESSAGE_BURST, MESSAGES_PER_SECOND,
};
use serde::{Deserialize, Serialize};

/// The `[limits]` section. A limit of 0 is switched off, save for `mailbox_bytes`: every queue has a bound.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// Connects that one source address may begin in any 60 seconds (spec realtime §4.4).
    pub connects_per_minute: u32,
    /// Tokens per second that flow into a session's message bucket (spec realtime §4.4).
    pub messages_per_second: u32,
    /// Tokens that the message bucket holds (spec realtime §4.4).
    pub message_burst: u32,
    /// Unsent bytes of one session beyond which it is closed as a slow consumer.
    pub mailbox_bytes: u32,
    /// Channels that one session may hold (spec realtime §4.4).
    pub channels_per_session: usize,
    /// Sockets of one source address that have not been admitted yet.
    pub unauthenticated_per_address: u32,
    /// Sockets of this edge that have not been admitted yet.
    pub unauthenticated_total: u32,
    /// Members above which a topic stops naming them in presence frames.
    pub presence_named_members: u32,
}

impl LimitsConfig {
    /// The smallest bound of a mailbox, in bytes: a quarter of the largest message, since a bound below what a socket
    /// buffers by itself would close healthy sessions.
    pub const MAILBOX_MIN_BYTES: u32 = 16 * 1024;
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            connects_per_minute: CONNECTS_PER_MINUTE,
            messages_per_second: MESSAGES_PER_SECOND,
            message_burst: MESSAGE_BURST,
            mailbox_bytes: 1024 * 1024,
            channels_per_session: MAX_CHANNELS,
            unauthenticated_per_address: 64,
            unauthenticated_total: 4096,
            presence_named_members: 1000,
        }
    }
}
