//! Conformance of edges with the room dialect, seen from the wire: one edge alone, and several over Redis.
//! Wherever two members are involved they are once on one edge and once on two (`site`).
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
mod grace;
mod hostile;
mod issuers;
mod lifecycle;
mod member;
mod membership;
mod relay;
mod revocation;
mod robustness;
mod site;
mod storm;
mod wires;
