//! Redis as real processes, each test's own: standalone, guarded by Sentinels, or clustered.
//!
//! - [`RedisServer`], [`SentinelSet`], [`RedisCluster`]: the three deployments, with the URL that an edge takes.
//! - [`EncryptedRedis`]: a server under TLS.
//! - [`RedisProcess`]: one process of any of them: killed, frozen, revived on its port, asked commands.
//! - [`Connection`], [`Reply`], [`CommandStats`]: what a test asks Redis itself, over a small client of our own, so that
//!   no library's way of recovering stands between the test and the server.
//! - [`Port`]: a number that a process keeps over its restarts.
//!
//! Nothing here knows an edge. Processes end with the test process, however that ends.

mod cluster;
mod command_stats;
mod connection;
mod encrypted;
mod keeper;
mod port;
mod process;
mod reply;
mod sentinel_set;
mod server;

pub use cluster::RedisCluster;
pub use command_stats::CommandStats;
pub use connection::Connection;
pub use encrypted::EncryptedRedis;
pub use port::Port;
pub use process::RedisProcess;
pub use reply::Reply;
pub use sentinel_set::SentinelSet;
pub use server::RedisServer;
