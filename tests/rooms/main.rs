//! Conformance of edges with the room dialect, seen from the wire: one edge alone, and in `across` and `storm` several over Redis.
//!
//! A test that covers an item of the specification's checklist starts with its number: `c40_…` is item 40. The
//! `checklist` module fails when an item has no test. Codes and limits are literals taken from the specification,
//! never the server's own constants.

mod across;
mod admin;
mod admission;
mod checklist;
mod connected;
mod directed;
mod hostile;
mod issuers;
mod lifecycle;
mod member;
mod membership;
mod relay;
mod robustness;
mod storm;
mod wires;
