//! The command line.
//!
//! A flag is the strongest source of a setting; what has no flag is set in the environment or in the file.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;

use super::{LogFormat, Secret};

/// A node of a horizontally scaled WebSocket signaling cluster.
#[derive(Clone, Debug, Default, Parser)]
#[command(name = "switchboard", version, about)]
pub struct Flags {
    /// Configuration file (TOML) [env: SWITCHBOARD_CONFIG]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Address for clients [env: SWITCHBOARD_LISTEN] [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,

    /// Address for health, metrics and the administrator [env: SWITCHBOARD_ADMIN_LISTEN] [default: 127.0.0.1:8081]
    #[arg(long, value_name = "ADDRESS")]
    pub admin_listen: Option<SocketAddr>,

    /// Redis that the edges share; absent means embedded [env: SWITCHBOARD_REDIS_URL]
    #[arg(long, value_name = "URL")]
    pub redis_url: Option<Secret>,

    /// Name of this edge [env: SWITCHBOARD_EDGE_ID] [default: random]
    #[arg(long, value_name = "NAME")]
    pub edge_id: Option<String>,

    /// Region of this edge [env: SWITCHBOARD_REGION] [default: local]
    #[arg(long, value_name = "NAME")]
    pub region: Option<String>,

    /// Log filter, such as info or edge=debug [env: SWITCHBOARD_LOG] [default: info]
    #[arg(long, value_name = "FILTER")]
    pub log: Option<String>,

    /// Log format [env: SWITCHBOARD_LOG_FORMAT] [default: auto]
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub log_format: Option<LogFormat>,

    /// Check the configuration and exit
    #[arg(long)]
    pub check_config: bool,

    /// Print the configuration in force, secrets redacted, and exit
    #[arg(long)]
    pub print_config: bool,
}
