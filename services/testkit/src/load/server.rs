//! A server under test: a process of its own, on its own core, with its own configuration.

use std::env;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context as _, bail};
use serde::Serialize;

use super::pass;
use super::process::{Process, start_on};
use crate::EdgeConfig;
use crate::directory::Directory;

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The floor.
    Floor,
    /// The edge.
    Edge,
}

/// How a server is configured.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Lanes of an edge.
    pub lanes: i64,
    /// Silence after which an edge pings, such as `40s`.
    pub ping: &'static str,
    /// What joins it to another server.
    pub joint: Option<Joint>,
}

/// One of two servers that are joined.
#[derive(Debug, Clone, Copy)]
pub struct Joint {
    /// The Redis between them.
    pub redis: SocketAddr,
    /// Which of the two: 0 or 1.
    pub place: usize,
}

/// A running server; dropping it kills the process.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Held open, since a process that prints into a closed pipe dies of it.
    _stdout: BufReader<ChildStdout>,
    directory: Directory,
    /// Where clients connect.
    pub address: SocketAddr,
    /// What the process uses.
    pub process: Process,
}

impl Server {
    /// Starts a server on these cores. The calling thread is left on `home`.
    ///
    /// # Errors
    /// The binary cannot be started or does not say where it listens.
    pub fn start(
        kind: Kind,
        binary: &Path,
        settings: Settings,
        cores: &[usize],
        home: usize,
    ) -> anyhow::Result<Self> {
        let directory = Directory::new();
        let mut command = Command::new(binary);
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("SWITCHBOARD_") {
                command.env_remove(name);
            }
        }
        match kind {
            Kind::Edge => {
                directory.write_config(&edge_config(settings));
                command
                    .env("SWITCHBOARD_CONFIG", directory.config_path())
                    .env("SWITCHBOARD_LISTEN", "127.0.0.1:0")
                    .env("SWITCHBOARD_ADMIN_LISTEN", "127.0.0.1:0");
            }
            Kind::Floor => {
                if let Some(Joint { redis, place }) = settings.joint {
                    command.args(["--redis", &redis.to_string()]);
                    command.args(["--place", &place.to_string()]);
                }
            }
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(directory.log_file());
        let mut child = start_on(cores, home, &mut command)?;
        let mut stdout = BufReader::new(child.stdout.take().context("stdout is piped")?);
        let Some(address) = announced(&mut stdout)? else {
            bail!("{} did not start:\n{}", binary.display(), directory.log());
        };
        let process = Process::new(child.id())?;
        Ok(Self {
            child,
            _stdout: stdout,
            directory,
            address,
            process,
        })
    }

    /// What the process has logged.
    #[must_use]
    pub fn log(&self) -> String {
        self.directory.log()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only if the process has ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Limits off: the driver is one very busy client.
fn edge_config(settings: Settings) -> EdgeConfig {
    let config = match settings.joint {
        Some(joint) => {
            let url = format!("redis://{}", joint.redis);
            EdgeConfig::new().set("redis_url", url)
        }
        None => EdgeConfig::new(),
    };
    config
        .app(pass::app())
        .set("lanes", settings.lanes)
        .set("log", "warn")
        .limit("messages_per_second", 0)
        .limit("message_burst", 0)
        .limit("unauthenticated_per_address", 0)
        .limit("unauthenticated_total", 0)
        .timing("ping", settings.ping)
}

/// The address of the first `… listening on http://…` line; nothing if the process ends before it.
fn announced(stdout: &mut BufReader<ChildStdout>) -> anyhow::Result<Option<SocketAddr>> {
    let mut line = String::new();
    while stdout.read_line(&mut line)? > 0 {
        if let Some((_, address)) = line.trim().split_once(" listening on http://") {
            return Ok(Some(address.parse()?));
        }
        line.clear();
    }
    Ok(None)
}
