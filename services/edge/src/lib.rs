//! The edge: the deployable node of the cluster.
//!
//! - [`config`], [`tenancy`], [`issuers`], [`auth`], [`limit`], [`turn`]: who may do what, and how much.
//! - `membership`: who belongs to a room. `calls`: what the requests of devices do. `http_signature`: how an operator's
//!   backend knows us. `revocation`: whose token counts no longer.
//! - `http`: the doors. `dialects`: the wire languages. `session`, `lane`: admitted clients and the threads that own them.
//! - [`edge`](mod@edge): all of it put together, from start to drain; `parts`: what the doors see of it; `readiness`: whether
//!   it wants clients.
//! - [`metrics`], [`telemetry`]: what it tells its operator. [`workbench`]: a lane to be measured.

pub mod auth;
mod calls;
pub mod config;
mod dialects;
pub mod edge;
mod http;
mod http_signature;
pub mod issuers;
mod lane;
pub mod limit;
mod membership;
pub mod metrics;
mod parts;
pub mod quickstart;
mod readiness;
mod revocation;
mod session;
pub mod telemetry;
pub mod tenancy;
pub mod turn;

pub use lane::workbench;
