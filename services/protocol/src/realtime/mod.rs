//! The realtime dialect on the wire: what clients say, what they are told, and in which codes.
//!
//! - [`ClientFrame`]: one text message from a client, judged for its shape only.
//! - [`ServerFrame`]: one text message to a client; [`write_snapshot`] for rosters that may not fit in one.
//! - [`ErrorCode`], [`CloseCode`]: the two closed lists of codes.
//! - [`Claims`], [`MintedClaims`]: a token's content, read and written.
//! - [`limits`]: the numbers of the spec.
//!
//! Knows nothing of keys, scopes and who is connected: those judgements belong to the edge. User data stays the text it
//! came as (`RawValue`), from client to client.

mod claims;
mod client_frame;
mod close_code;
mod error_code;
pub mod limits;
mod minted_claims;
mod presence;
mod server_frame;

pub use crate::raw_json::is_deeper_than;
pub use claims::Claims;
pub use client_frame::{ClientFrame, Command, Field, FrameError, SenderMetadata};
pub use close_code::{CloseCode, reason_text};
pub use error_code::ErrorCode;
pub use minted_claims::MintedClaims;
pub use presence::{Member, write_snapshot};
pub use server_frame::ServerFrame;
