//! Tools for tests that see an edge from the outside only.
//!
//! An edge runs as a real process ([`TestEdge`]), clients are real sockets ([`Client`] speaks frames,
//! [`RawSocket`] speaks bytes), [`Phone`] those of the device dialect, credentials are minted by hand ([`Token`]). The crate knows the wire and nothing
//! of the server's code: codes and names in the suites are literals, so that a wrong constant in the server is
//! noticed. Everything here panics with the place in the test that asked, and shows the edge's log with it.

mod app;
mod checklist;
mod client;
mod cluster;
mod deadline;
mod directory;
mod door;
mod edge;
mod edge_config;
mod exchange;
mod host;
mod issuer;
mod ledger;
pub mod load;
mod namespaces;
mod phone;
mod place;
pub mod proxy;
mod raw_frame;
mod raw_socket;
mod recorder;
pub mod redis;
mod rest;
mod scrape;
mod signal;
mod token;

pub use app::{App, Key};
pub use checklist::Checklist;
pub use client::{Client, Closed};
pub use cluster::{ClusterConfig, Guard, Store, TestCluster};
pub use deadline::{DEADLINE, until, within};
pub use door::{Door, percent_encoded};
pub use edge::{TestEdge, binary};
pub use edge_config::EdgeConfig;
pub use exchange::Exchange;
pub use host::Host;
pub use issuer::{Endpoint, Issuer};
pub use ledger::{Asked, Ledger};
pub use namespaces::Namespaces;
pub use phone::{Force, Phone};
pub use place::Place;
pub use raw_frame::{Opcode, RawFrame};
pub use raw_socket::RawSocket;
pub use recorder::{Heard, Recorder};
pub use rest::{Answer, Rest};
pub use scrape::Scrape;
pub use token::{Token, unix_now};
