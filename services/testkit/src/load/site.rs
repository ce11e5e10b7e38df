//! Where a run takes place: one server, or two with a Redis between them.
//!
//! Owns the processes of one run, and adds up what they use.

use std::net::SocketAddr;
use std::path::Path;

use super::counters::Counters;
use super::process::CpuTime;
use super::redis::Redis;
use super::server::{Joint, Kind, Server, Settings};

/// The processes of a run; dropping it kills them.
#[derive(Debug)]
pub struct Site {
    kind: Kind,
    servers: Vec<Server>,
    redis: Option<Redis>,
    /// Where clients connect, server by server.
    pub addresses: Vec<SocketAddr>,
}

impl Site {
    /// One server on these cores. The calling thread is left on `home`.
    ///
    /// # Errors
    /// See [`Server::start`].
    pub fn one(
        kind: Kind,
        binary: &Path,
        settings: Settings,
        cores: &[usize],
        home: usize,
    ) -> anyhow::Result<Self> {
        let server = Server::start(kind, binary, settings, cores, home)?;
        Ok(Self::new(kind, vec![server], None))
    }

    /// A Redis and two servers that it joins, all on these cores. The calling thread is left on `home`.
    ///
    /// # Errors
    /// See [`Redis::start`] and [`Server::start`].
    pub fn joined(
        kind: Kind,
        binary: &Path,
        settings: Settings,
        cores: &[usize],
        home: usize,
    ) -> anyhow::Result<Self> {
        let redis = Redis::start(cores, home)?;
        let start = |place| {
            let joint = Some(Joint {
                redis: redis.address,
                place,
            });
            Server::start(kind, binary, Settings { joint, ..settings }, cores, home)
        };
        let servers = vec![start(0)?, start(1)?];
        Ok(Self::new(kind, servers, Some(redis)))
    }

    fn new(kind: Kind, servers: Vec<Server>, redis: Option<Redis>) -> Self {
        let addresses = servers.iter().map(|server| server.address).collect();
        Self {
            kind,
            servers,
            redis,
            addresses,
        }
    }

    /// CPU time of the servers so far.
    ///
    /// # Errors
    /// One of them has ended.
    pub fn cpu(&self) -> anyhow::Result<CpuTime> {
        let mut sum = CpuTime::default();
        for server in &self.servers {
            sum.add(server.process.cpu()?);
        }
        Ok(sum)
    }

    /// CPU time of Redis so far, where there is one.
    ///
    /// # Errors
    /// It has ended.
    pub fn redis_cpu(&self) -> anyhow::Result<Option<CpuTime>> {
        let redis = self.redis.as_ref();
        redis.map(|redis| redis.process.cpu()).transpose()
    }

    /// Resident memory of the servers, in bytes.
    ///
    /// # Errors
    /// One of them has ended.
    pub fn resident_bytes(&self) -> anyhow::Result<u64> {
        let servers = self.servers.iter();
        servers.map(|server| server.process.resident_bytes()).sum()
    }

    /// What floors have counted so far; edges count nothing.
    ///
    /// # Errors
    /// See [`Counters::fetch`].
    pub fn counters(&self) -> anyhow::Result<Option<Counters>> {
        match self.kind {
            Kind::Edge => Ok(None),
            Kind::Floor => {
                let mut sum = Counters::default();
                for address in &self.addresses {
                    sum.add(Counters::fetch(*address)?);
                }
                Ok(Some(sum))
            }
        }
    }

    /// What the servers have logged.
    #[must_use]
    pub fn log(&self) -> String {
        self.servers.iter().map(Server::log).collect()
    }
}
