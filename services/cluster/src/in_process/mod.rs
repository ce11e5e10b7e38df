//! The backend that runs alone: the whole cluster in one process.
//!
//! - [`World`]: what is shared; [`Member`]: one edge's place in it. Tests put several edges into one world; embedded mode
//!   has one.
//! - `topics`: a `record` for each topic, its routes and members. `leases`: who holds what, `fights`: who has to wait for
//!   it. `usage`: quotas. `records`: small versioned values. `clock`: where fences and epochs come from.
//!
//! Keeps the same contract as any other backend, with nothing but memory behind it. A change of a topic and the news of
//! it happen under one lock, so publish order is version order.

mod clock;
mod fights;
#[cfg(test)]
mod keeps_contract;
mod leases;
mod member;
#[cfg(test)]
mod presence_model;
mod record;
mod records;
mod topics;
mod usage;
mod world;

pub use member::Member;
pub(crate) use usage::AppUsage;
pub use world::World;
