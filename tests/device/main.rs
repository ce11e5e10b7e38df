//! Conformance of edges with the device dialect, seen from the wire: one edge alone, and several over Redis.
//!
//! A test that covers an item of the specification's checklist starts with its number: `c22_…` is item 22. The
//! `checklist` module fails when an item has no test. Codes and limits are literals taken from the specification,
//! never the server's own constants.

mod alone;
mod attach;
mod calls;
mod checklist;
mod folding;
mod keepalive;
mod numbers;
mod pair;
mod presence;
mod push;
mod reconnect;
mod requests;
mod storm;
mod stub;
mod takeover;
mod takeover_faults;
