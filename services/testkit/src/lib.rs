//! Tools for tests that see an edge from the outside only.
//!
//! An edge runs as a real process ([`TestEdge`]), clients are real sockets ([`Client`] speaks frames,
//! [`RawSocket`] speaks bytes), credentials are minted by hand ([`Token`]). The crate knows the wire and nothing
//! of the server's code: codes and names in the suites are literals, so that a wrong constant in the server is
//! noticed. Everything here panics with the place in the test that asked, and shows the edge's log with it.

mod app;
mod client;
mod deadline;
mod directory;
mod door;
mod edge;
mod edge_config;
mod issuer;
pub mod load;
mod place;
mod raw_frame;
mod raw_socket;
mod rest;
mod scrape;
mod token;

pub use app::{App, Key};
pub use client::{Client, Closed};
pub use deadline::{DEADLINE, until, within};
pub use door::{Door, percent_encoded};
pub use edge::{TestEdge, binary};
pub use edge_config::EdgeConfig;
pub use issuer::{Endpoint, Issuer};
pub use place::Place;
pub use raw_frame::{Opcode, RawFrame};
pub use raw_socket::RawSocket;
pub use rest::{Answer, Rest};
pub use scrape::Scrape;
pub use token::{Token, unix_now};
