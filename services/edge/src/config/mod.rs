//! The settings of one edge: a typed tree, one struct per concern.
//!
//! Owns where a setting comes from (flag, environment, file, default, in this order of strength), what a legal value
//! is and which values go together. Knows nothing about what a setting is used for. Invariant: a [`Config`] that
//! [`Config::load`] returned has been checked as a whole, and loading it opened nothing but the file and the key files that
//! it names.

mod apps;
mod calls;
mod check;
mod device;
mod duration;
mod environment;
mod error;
mod flags;
mod issuers;
mod layer;
mod limits;
mod load;
mod log_format;
mod print;
mod redis;
mod redis_url;
mod room;
mod secret;
mod setting;
mod settings;
mod timing;
mod turn;

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::PathBuf;

use ipnet::IpNet;
use protocol::EdgeId;
use serde::{Deserialize, Serialize};

pub use apps::{AppConfig, KeyConfig, NumberConfig, PlanConfig, PlanPeriod};
pub use calls::{CallsConfig, PushConfig};
pub use device::DeviceConfig;
pub use environment::Environment;
pub use error::{ConfigError, Problem};
pub use flags::Flags;
pub use issuers::IssuerConfig;
pub use limits::LimitsConfig;
pub use log_format::LogFormat;
pub use redis::RedisConfig;
pub use redis_url::RedisUrl;
pub use room::{MembershipSource, RoomConfig};
pub use secret::Secret;
pub use setting::{Setting, SettingKind};
pub use settings::SETTINGS;
pub use timing::TimingConfig;
pub use turn::TurnConfig;

/// Everything an operator can set. Each field is described in [`SETTINGS`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The file that was read, if one was named; the place to re-read apps and keys from.
    #[serde(skip)]
    pub file: Option<PathBuf>,
    /// Where clients connect.
    pub listen: SocketAddr,
    /// Where health, metrics and the administrator connect.
    pub admin_listen: SocketAddr,
    /// The shared backend; absent means embedded, everything in this process.
    pub redis_url: Option<RedisUrl>,
    /// This edge's name; absent means a random one at each start.
    pub edge_id: Option<EdgeId>,
    /// The region that this edge reports.
    pub region: String,
    /// Filter of the log, in the `target=level` language of `tracing`.
    pub log: String,
    /// Shape of a log line.
    pub log_format: LogFormat,
    /// Networks whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether there is a door that repeats what it hears; for conformance tests only.
    pub echo_door: bool,
    /// Threads that own sessions; 0 means one per core.
    pub lanes: usize,
    /// What one client may use up.
    pub limits: LimitsConfig,
    /// How long things last.
    pub timing: TimingConfig,
    /// How Redis is used.
    pub redis: RedisConfig,
    /// TURN servers that `welcome` advertises.
    pub turn: TurnConfig,
    /// The room dialect.
    pub room: RoomConfig,
    /// Calls between devices.
    pub calls: CallsConfig,
    /// How devices without a session are woken.
    pub push: PushConfig,
    /// The device dialect.
    pub device: DeviceConfig,
    /// Apps and their keys; re-read while running.
    pub apps: Vec<AppConfig>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            file: None,
            listen: loopback(8080),
            admin_listen: loopback(8081),
            redis_url: None,
            edge_id: None,
            region: "local".to_owned(),
            log: "info".to_owned(),
            log_format: LogFormat::default(),
            trusted_proxies: Vec::new(),
            echo_door: false,
            lanes: 0,
            limits: LimitsConfig::default(),
            timing: TimingConfig::default(),
            redis: RedisConfig::default(),
            turn: TurnConfig::default(),
            room: RoomConfig::default(),
            calls: CallsConfig::default(),
            push: PushConfig::default(),
            device: DeviceConfig::default(),
            apps: Vec::new(),
        }
    }
}

/// Nobody outside this machine reaches an edge that was started without a word about where to listen.
const fn loopback(port: u16) -> SocketAddr {
    SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))
}

#[cfg(test)]
mod tests;
