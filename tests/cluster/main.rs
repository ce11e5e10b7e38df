//! Several edges over a real Redis: what a client must not notice, and what it may.
//!
//! Modules named after what clients see (`channel`, `direct`, `presence`, `takeover`, `control`, `quota`, `drain`) hold
//! for edges in good health, over each kind of Redis where the kind could matter; `encrypted` for one under TLS. Modules
//! named after what goes wrong (`empty_redis`, `lost_redis`, `no_writes`, `bad_link`, `many_topics`, `flood`,
//! `frozen_edge`, `dead_edge`, `failover`) say what remains then. `thrift` counts what all this asks of Redis.
//!
//! Edges and Redis are processes; timings are shortened by settings that exist for operators too. Every wait has an
//! end, and every seed is printed.

mod access_list;
mod bad_link;
mod channel;
mod control;
mod crowd;
mod database;
mod dead_edge;
mod direct;
mod drain;
mod empty_redis;
mod encrypted;
mod failover;
mod flood;
mod frozen_edge;
mod lost_redis;
mod many_topics;
mod no_writes;
mod presence;
mod quota;
mod takeover;
mod thrift;

/// Makes of each named function, which takes a [`testkit::Store`], a test over every kind of Redis.
macro_rules! over_every_store {
    ($($point:ident),+ $(,)?) => {
        mod standalone { $( #[tokio::test] async fn $point() { super::$point(testkit::Store::standalone().await).await; } )+ }
        mod sentinels { $( #[tokio::test] async fn $point() { super::$point(testkit::Store::sentinels().await).await; } )+ }
        mod clustered { $( #[tokio::test] async fn $point() { super::$point(testkit::Store::clustered().await).await; } )+ }
    };
}
use over_every_store;
