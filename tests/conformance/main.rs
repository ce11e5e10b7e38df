//! Conformance of one edge with the realtime dialect, seen from the wire.
//!
//! A test that covers an item of the specification's checklist starts with its number: `c40_…` is item 40. The
//! `checklist` module fails when an item has no test. Codes and limits are literals taken from the specification,
//! never the server's own constants.

mod admin;
mod authorisation;
mod checklist;
mod churn;
mod command_line;
mod connect;
mod direct;
mod drain;
mod fairness;
mod frames;
mod hostile;
mod hostile_frames;
mod hostile_tokens;
mod issuers;
mod keepalive;
mod large_rooms;
mod lease;
mod lifecycle;
mod limits;
mod pacing;
mod presence;
mod publish;
mod refusals;
mod reload;
mod rest;
mod rest_tokens;
mod revocation;
mod secrecy;
mod slow_consumer;
mod tenancy;
mod unauthenticated;
mod upgrade;
