//! The figures of one run of one case.

use serde::Serialize;

use super::counters::Counters;
use super::stream::Tally;

/// What one run came to.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Run {
    /// Deliveries, round trips, connections or sessions.
    pub units: u64,
    /// How long it took.
    pub seconds: f64,
    /// CPU time of the server, or of both together.
    pub cpu_seconds: f64,
    /// Its part in user space.
    pub user_seconds: f64,
    /// CPU time of the Redis between the servers, where there is one.
    pub redis_seconds: Option<f64>,
    /// CPU time of the driver.
    pub driver_seconds: f64,
    /// Latency in milliseconds: median.
    pub p50_ms: f64,
    /// 99 of 100.
    pub p99_ms: f64,
    /// 999 of 1,000.
    pub p999_ms: f64,
    /// What only resting sessions have.
    pub rest: Option<Rest>,
    /// By how much the server's memory grew, where that is looked at.
    pub growth: Option<Growth>,
    /// What went wrong.
    pub tally: Tally,
    /// What the floor counted meanwhile.
    pub counters: Option<Counters>,
}

/// What resting sessions cost.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Rest {
    /// Resident memory of the server per session.
    pub bytes_per_session: f64,
    /// CPU time of the server in 20 seconds in which nothing was due.
    pub cpu_ms: f64,
}

/// By how much the resident memory of the server grew.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Growth {
    /// All of it.
    pub bytes: u64,
    /// Sockets that it is charged to.
    pub sockets: usize,
}

/// A figure that medians and targets are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// Units per second.
    Rate,
    /// CPU seconds of the server, or of both, per million units.
    Cpu,
    /// Its part in user space.
    User,
    /// CPU seconds of Redis per million units.
    Redis,
    /// Median latency in milliseconds.
    P50,
    /// 99th percentile of the latency in milliseconds.
    P99,
    /// 99.9th percentile of the latency in milliseconds.
    P999,
    /// Share of its core that the driver used.
    Driver,
    /// Resident bytes per resting session.
    SessionBytes,
    /// CPU milliseconds in 20 seconds of rest.
    RestCpu,
    /// Resident KiB by which the server grew.
    Growth,
    /// The same per socket that it is charged to.
    SocketGrowth,
}

impl Figure {
    /// The figure in a run, if the run has it.
    #[must_use]
    pub fn of(self, run: &Run) -> Option<f64> {
        let per_million = 1e6 / run.units as f64;
        match self {
            Self::Rate => Some(run.units as f64 / run.seconds),
            Self::Cpu => Some(run.cpu_seconds * per_million),
            Self::User => Some(run.user_seconds * per_million),
            Self::Redis => run.redis_seconds.map(|seconds| seconds * per_million),
            Self::P50 => Some(run.p50_ms),
            Self::P99 => Some(run.p99_ms),
            Self::P999 => Some(run.p999_ms),
            Self::Driver => Some(run.driver_seconds / run.seconds),
            Self::SessionBytes => run.rest.map(|rest| rest.bytes_per_session),
            Self::RestCpu => run.rest.map(|rest| rest.cpu_ms),
            Self::Growth => run.growth.map(|growth| growth.bytes as f64 / 1_024.0),
            Self::SocketGrowth => run
                .growth
                .map(|growth| growth.bytes as f64 / 1_024.0 / growth.sockets as f64),
        }
    }

    /// Name and unit.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Rate => "rate/s",
            Self::Cpu => "CPU s/M",
            Self::User => "user s/M",
            Self::Redis => "Redis s/M",
            Self::P50 => "p50 ms",
            Self::P99 => "p99 ms",
            Self::P999 => "p99.9 ms",
            Self::Driver => "driver's core",
            Self::SessionBytes => "B/session",
            Self::RestCpu => "CPU ms in 20 s",
            Self::Growth => "growth KiB",
            Self::SocketGrowth => "growth KiB/socket",
        }
    }
}
