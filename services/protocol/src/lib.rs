//! The wire contract: what may be said, by whom it is named, and why a session ends.
//!
//! - [`names`]: the checked names (apps, keys, channels, peers, …); past this crate no `String` stands for one of them.
//! - [`permission`]: the four actions and their set.
//! - [`pattern`]: channel patterns, what they match and when one lies inside another.
//! - [`close`]: why a session ends, before any dialect turns it into a number.
//! - [`claims`]: what the dialects share in reading a token's claims, and why they are refused.
//! - [`realtime`]: frames, codes, claims and limits of the realtime dialect.
//! - [`room`], [`device`]: the same of the room and the device dialect.
//! - [`websocket`]: RFC 6455 framing, bytes in and frames out.
//!
//! This crate does no I/O, knows no clock and no runtime, and never panics on input.

pub mod claims;
pub mod close;
mod close_codes;
pub mod device;
pub mod names;
pub mod pattern;
pub mod permission;
mod raw_json;
pub mod realtime;
pub mod room;
pub mod websocket;

pub use claims::ClaimsError;
pub use close::CloseReason;
pub use names::{AppId, ChannelName, DeviceId, EdgeId, KeyId, NameError, PeerId, RequestId};
pub use pattern::ChannelPattern;
pub use permission::{Permission, Permissions, UnknownPermission};
