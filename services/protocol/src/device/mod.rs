//! The device dialect on the wire: what a phone says, what it is told, and in which codes (spec device-session §2–§4).
//!
//! - [`ClientFrame`]: one message of a client. [`Request`]: what it wants done. [`FrameError`]: why nothing is.
//! - [`State`]: the first frame. [`Answer`]: what a request gets. [`Event`]: what else a client hears.
//! - [`CallId`], [`Number`], [`Transaction`], [`Line`], [`About`]: the names in all of them. [`Json`]: what nobody reads.
//! - [`ErrorCode`], [`CloseCode`]: the two closed lists of codes.
//! - [`Claims`]: a token's content. [`limits`]: the numbers of the spec.
//!
//! Knows nothing of keys, of lines in use and of who is connected. Whatever is written here can be decoded by the clients
//! that exist: to one of them a frame that it does not know is a lost connection (spec §2.6).

mod about;
mod answer;
mod claims;
mod client_frame;
mod close_code;
mod error_code;
mod event;
mod json;
pub mod limits;
mod names;
mod request;
mod state;

pub use about::{About, Line};
pub use answer::Answer;
pub use claims::Claims;
pub use client_frame::{ClientFrame, FrameError};
pub use close_code::{CloseCode, reason_text};
pub use error_code::ErrorCode;
pub use event::{Event, PresenceInfo, What};
pub use json::Json;
pub use names::{CallId, Number, Transaction};
pub use request::{Ask, CallAsk, Direction, Jsep, JsepKind, Request};
pub use state::{LineState, LogEntry, Registration, State};
