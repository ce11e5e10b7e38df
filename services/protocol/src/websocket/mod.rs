//! WebSocket framing of the server side (RFC 6455) as a pure codec: bytes in, events out; events
//! in, bytes out.
//!
//! [`Decoder`] reads what a client sent, the functions `*_frame` write what a server answers. The
//! folder refuses to know sockets, clocks, the HTTP upgrade and what a message means. It speaks no
//! extension, so every reserved bit is an error.
//!
//! Invariants:
//! - what a decoder answers depends on the bytes alone, never on how the network cut them;
//! - an idle decoder owns no heap, and what a message holds grows with what has arrived, not with
//!   what was announced;
//! - the work is linear in the bytes, also when they come one at a time;
//! - no input panics.
//!
//! Where a byte goes: `decoder` hands out a whole frame where it lies; what is cut or fragmented
//! passes through `partial`, which reads a `header`, then collects a `message` (its characters
//! checked by `text`) or a `control` frame.

mod close;
mod control;
mod decoder;
mod encoder;
mod error;
mod event;
mod header;
mod mask;
mod message;
mod partial;
mod text;

#[cfg(test)]
mod client;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod rules;

pub use close::CloseFrame;
pub use control::MAX_CONTROL_BYTES;
pub use decoder::{Decoded, Decoder};
pub use encoder::{binary_frame, close_frame, ping_frame, pong_frame, text_frame};
pub use error::DecodeError;
pub use event::Event;
pub use message::{MAX_SHORT_FRAGMENTS, SHORT_FRAGMENT_BYTES};
