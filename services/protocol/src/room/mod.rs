//! The room dialect on the wire: what clients say, what they are told, and in which codes.
//!
//! - [`RoomId`], [`account_id`]: who and where. [`Account`], [`Participant`]: what others are shown of an account.
//! - [`ClientFrame`]: one message of a client, in any of three forms. [`Signal`]: what it says, also on the bus.
//! - [`ServerFrame`]: one message to a client, spelt for its [`Wire`].
//! - [`ErrorCode`], [`CloseCode`]: the two closed lists of codes.
//! - [`Claims`]: a token's content. [`limits`]: the numbers of the spec. [`timestamp`]: times as they are written.
//!
//! Knows nothing of keys, of members and of who is connected: those judgements belong to the edge. A payload stays the text
//! it came as (`RawValue`), from client to client.

mod account;
mod account_id;
mod claims;
mod client_frame;
mod close_code;
mod error_code;
pub mod limits;
mod object;
mod room_id;
mod server_frame;
mod signal;
mod timestamp;
mod wire;

pub use account::{Account, Participant, ProfileError, checked_profile, empty_object};
pub use account_id::account_id;
pub use claims::{Claims, Rooms};
pub use client_frame::{ClientFrame, FrameError};
pub use close_code::{CloseCode, reason_text};
pub use error_code::ErrorCode;
pub use room_id::RoomId;
pub use server_frame::{Connected, Member, ServerFrame};
pub use signal::Signal;
pub use timestamp::timestamp;
pub use wire::Wire;
