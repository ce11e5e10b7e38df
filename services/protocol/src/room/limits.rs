//! The numbers of the room dialect, each with its unit in its name.

/// Deepest nesting of arrays and objects in a client's packet, the packet's own object included.
pub const FRAME_DEPTH: usize = 128;

/// Longest type of a signal, in bytes.
pub const SIGNAL_TYPE_BYTES: usize = 128;

/// Most members of a client's packet, or of its `data`.
pub const MEMBERS: usize = 256;

/// Longest name or nick of an account, in bytes.
pub const NAME_BYTES: usize = 256;

/// Largest `profile` of an account, in bytes of compact JSON.
pub const PROFILE_BYTES: usize = 4_096;

/// Deepest nesting of a `profile`, its own object included.
pub const PROFILE_DEPTH: usize = 32;

/// Largest client frame, in bytes (default).
pub const CLIENT_FRAME_BYTES: u32 = 256 * 1024;

/// Refill of a session's message bucket, in frames per second (default).
pub const MESSAGES_PER_SECOND: u32 = 50;

/// Size of a session's message bucket, in frames (default): a ten-party join makes some 200 in a second.
pub const MESSAGE_BURST: u32 = 400;
