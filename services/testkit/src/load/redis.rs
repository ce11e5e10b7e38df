//! The Redis between two servers under test: a process of its own, empty, on a core of the run.
//!
//! Apart from `crate::redis`, which can do far more, since here everything is one thread and each process has its core.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context as _, bail};

use super::process::{Process, start_on};
use crate::redis::Port;

/// What Redis logs once clients may come.
const READY: &str = "Ready to accept connections";

/// A running Redis; dropping it kills the process.
#[derive(Debug)]
pub struct Redis {
    child: Child,
    /// Held open, since a process that prints into a closed pipe dies of it.
    _stdout: BufReader<ChildStdout>,
    _port: Port,
    /// Where servers connect.
    pub address: SocketAddr,
    /// What the process uses.
    pub process: Process,
}

impl Redis {
    /// Starts it on these cores, and returns once it takes connections. The calling thread is left on `home`.
    ///
    /// # Errors
    /// `redis-server` cannot be started, or ends at once.
    pub fn start(cores: &[usize], home: usize) -> anyhow::Result<Self> {
        let port = Port::lease();
        let mut command = Command::new("redis-server");
        command
            .args(["--port", &port.number().to_string()])
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut child = start_on(cores, home, &mut command)?;
        let mut stdout = BufReader::new(child.stdout.take().context("stdout is piped")?);
        let mut log = String::new();
        while !log.contains(READY) {
            if stdout.read_line(&mut log)? == 0 {
                drop(child.wait());
                bail!("redis-server did not start:\n{log}");
            }
        }
        let process = Process::new(child.id())?;
        Ok(Self {
            child,
            _stdout: stdout,
            address: (Ipv4Addr::LOCALHOST, port.number()).into(),
            _port: port,
            process,
        })
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // Both fail only if the process has ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
