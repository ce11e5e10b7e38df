//! Rates: how often an address may connect, how often a session may speak, and which address a client has.
//!
//! Owns the arithmetic. Does not know what is refused or closed when a limit is reached. Invariants: time is handed
//! in, memory is bounded whatever arrives, and a limit of 0 is off.

mod address;
mod bucket;
mod connect;

pub use address::client_address;
pub use bucket::{Bucket, Empty, Rate};
pub use connect::{ConnectLimit, TooManyConnects, network};
