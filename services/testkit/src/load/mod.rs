//! The load driver and the bare floor it measures against.
//!
//! The map, from the wire up:
//!
//! - [`wire`], `heard`, [`links`], [`fleet`]: client frames made by hand, server frames read by hand, many sockets, one loop.
//! - [`stream`], [`pace`]: what was delivered, judged by sequence numbers; when the next message is due.
//! - [`stage`]: parts that play at the same time on one fleet: [`crowd`], [`pairs`], [`arrivals`], [`sleepers`], [`comers`], [`joiners`],
//!   [`hostiles`].
//! - [`process`], [`server`], [`redis`], [`site`], [`counters`]: the processes under test, what they use, and what the floor
//!   says of itself.
//! - [`case`], [`bench`], [`run`]: what is measured, how, and what came of it.
//! - [`summary`], [`target`], [`report`], [`progress`]: medians, what they should be, and how they are shown.
//! - [`floor`]: the server that does nothing but fan out.
//!
//! Invariants: a message that is due is sent at its time whatever the server does, and its latency counts from that time;
//! every delivery is judged; nothing here knows the edge's code, only its wire.

pub mod arrivals;
pub mod bench;
pub mod case;
pub mod comers;
pub mod counters;
pub mod crowd;
pub mod fleet;
pub mod floor;
mod heard;
pub mod hostiles;
pub mod joiners;
pub mod links;
pub mod pace;
pub mod pairs;
pub mod pass;
pub mod process;
pub mod progress;
pub mod redis;
pub mod report;
pub mod run;
pub mod server;
pub mod site;
pub mod sleepers;
pub mod stage;
pub mod stream;
pub mod summary;
pub mod target;
pub mod wire;

pub use heard::Heard;

#[cfg(test)]
mod tests;
