//! The numbers of the realtime dialect (spec §4.4, §1.4, §1.5, §5), each with its unit in its name.
//!
//! What an operator may change is a default here and a value of the configuration there; the rest is fixed.

use std::time::Duration;

/// Largest `data` a client is told it may send, in bytes: `welcome.maxMessageSize`.
pub const MAX_MESSAGE_BYTES: usize = 65_536;

/// Room for the members around `data`, in bytes. The SDKs compare only `data` with the advertised maximum, so a frame
/// just above it is legal in their eyes and must not cost the connection (spec §4.4, trap a).
pub const FRAME_SLACK_BYTES: usize = 2_048;

/// Largest client frame that is accepted, in bytes; above it the session closes with 1009.
pub const CLIENT_FRAME_BYTES: usize = MAX_MESSAGE_BYTES + FRAME_SLACK_BYTES;

/// Largest server frame, in bytes: the SDKs drop the connection above 1 MiB (spec §3).
pub const SERVER_FRAME_BYTES: usize = 1_048_576;

/// Deepest nesting of arrays and objects in a client frame, the frame's own object included.
pub const FRAME_DEPTH: usize = 128;

/// Channels a connection may hold (default).
pub const MAX_CHANNELS: usize = 100;

/// Largest `peerMetadata` claim, in bytes of compact JSON.
pub const PEER_METADATA_BYTES: usize = 4_096;

/// Largest `metadata` claim, in bytes of compact JSON.
pub const METADATA_BYTES: usize = 8_192;

/// Deepest nesting in either metadata claim, its own object included.
pub const METADATA_DEPTH: usize = 64;

/// Most entries of the `channels` claim.
pub const CLAIM_CHANNELS: usize = 100;

/// Most entries of the `permissions` claim, repetitions included.
pub const CLAIM_PERMISSIONS: usize = 16;

/// Keys an app may have.
pub const KEYS_PER_APP: usize = 50;

/// Largest body of a REST call, in bytes.
pub const REST_BODY_BYTES: usize = 32_768;

/// Longest life of a token minted over REST, in seconds.
pub const TOKEN_LIFETIME_MAX_S: u64 = 86_400;

/// Life of a token minted over REST that asked for none, in seconds.
pub const TOKEN_LIFETIME_DEFAULT_S: u64 = 3_600;

/// How long before `exp` a session closes (spec §4.3).
pub const TOKEN_EXPIRY_MARGIN: Duration = Duration::from_millis(250);

/// Least time between an ack of a subscribe and its snapshot (spec §7.5).
pub const SNAPSHOT_DELAY: Duration = Duration::from_millis(10);

/// Connection attempts per source address and minute (default).
pub const CONNECTS_PER_MINUTE: u32 = 60;

/// Refill of a session's message bucket, in frames per second (default).
pub const MESSAGES_PER_SECOND: u32 = 100;

/// Size of a session's message bucket, in frames (default).
pub const MESSAGE_BURST: u32 = 200;
