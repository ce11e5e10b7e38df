//! How one run is made: a fresh server, clients that get ready, a warm-up, the measurement.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use hdrhistogram::Histogram;

use super::arrivals::Arrivals;
use super::case::{Case, Credential, Load, Room, Traffic};
use super::comers::Comers;
use super::counters::Counters;
use super::process::{CpuTime, Process};
use super::run::{Growth, Rest, Run};
use super::server::{Kind, Settings};
use super::site::Site;
use super::sleepers::{Pings, Sleepers};
use super::stage::{Outcome, Stage};

/// Connects under way at the same time.
const AT_ONCE: usize = 64;
const CONNECTS: usize = 5_000;
/// The first connects fill the server's caches and pools.
const CONNECTS_BEFORE: usize = 500;
/// Clients that come and go, how often that is done again, and those that come at once.
const CYCLES: usize = 100_000;
const CYCLE_ROUNDS: usize = 3;
const STORM: usize = 2_000;
/// Also on a machine that has other things to do.
const CYCLES_DEADLINE: Duration = Duration::from_secs(900);
const WARM_UP: Duration = Duration::from_millis(500);
/// What has not arrived by then is lost.
const PATIENCE: Duration = Duration::from_secs(5);
const READY_DEADLINE: Duration = Duration::from_secs(120);
/// Longer than the set-up of the sessions and the measurement of their rest together, so that between a session's first
/// ping and its second lies the whole measurement.
const IDLE_PING: &str = "45s";
const NO_PING: &str = "1h";
const QUIET: Duration = Duration::from_secs(10);
const REST: Duration = Duration::from_secs(20);

/// Where and how long.
#[derive(Debug, Clone)]
pub struct Bench {
    /// The edge's binary.
    pub edge: PathBuf,
    /// The floor's.
    pub floor: PathBuf,
    /// The core of the server.
    pub server_core: usize,
    /// The core of this process.
    pub driver_core: usize,
    /// Source addresses of the clients.
    pub addresses: u8,
    /// Length of a measurement, where nothing asks for more.
    pub duration: Duration,
    /// Sessions that rest.
    pub sessions: usize,
}

/// The accounts at one moment.
#[derive(Debug)]
struct Reading {
    at: Instant,
    servers: CpuTime,
    redis: Option<CpuTime>,
    driver: CpuTime,
    counters: Option<Counters>,
}

impl Bench {
    /// Makes one run.
    ///
    /// # Errors
    /// The server does not start, or the clients do not get ready.
    pub fn run(&self, case: &Case, kind: Kind) -> anyhow::Result<Run> {
        let site = self.open(case, kind)?;
        let run = match case.load {
            Load::Connects(credential) => self.connects(&site, credential),
            Load::Rest => self.rest(&site, kind),
            Load::Cycles => self.cycles(&site),
            Load::Storm => self.storm(&site),
            Load::Traffic(traffic) => self.traffic(&site, traffic),
        };
        run.with_context(|| {
            format!(
                "{} against the {kind:?}; its log:\n{}",
                case.name,
                site.log()
            )
        })
    }

    fn open(&self, case: &Case, kind: Kind) -> anyhow::Result<Site> {
        let binary = match kind {
            Kind::Edge => &self.edge,
            Kind::Floor => &self.floor,
        };
        let ping = match case.load {
            Load::Rest => IDLE_PING,
            Load::Connects(_) | Load::Cycles | Load::Storm | Load::Traffic(_) => NO_PING,
        };
        let settings = |lanes| Settings {
            lanes,
            ping,
            joint: None,
        };
        let (one, both) = ([self.server_core], [self.server_core, self.driver_core]);
        let home = self.driver_core;
        match case.room {
            Room::OneCore => Site::one(kind, binary, settings(1), &one, home),
            Room::BothCores(lanes) => Site::one(kind, binary, settings(lanes), &both, home),
            Room::TwoServers => Site::joined(kind, binary, settings(1), &one, home),
        }
    }

    fn connects(&self, site: &Site, credential: Credential) -> anyhow::Result<Run> {
        let arrivals = |count| match credential {
            Credential::Key => Arrivals::with_key(count),
            Credential::Token => Arrivals::with_tokens(count),
        };
        let mut first = Stage::new(
            &site.addresses,
            self.addresses,
            vec![Box::new(arrivals(CONNECTS_BEFORE))],
        )?;
        first.gather(AT_ONCE, READY_DEADLINE)?;
        let mut stage = Stage::new(
            &site.addresses,
            self.addresses,
            vec![Box::new(arrivals(CONNECTS))],
        )?;
        let before = Reading::take(site)?;
        stage.gather(AT_ONCE, READY_DEADLINE)?;
        let after = Reading::take(site)?;
        Ok(run(&before, &after, &stage.outcome()?))
    }

    fn rest(&self, site: &Site, kind: Kind) -> anyhow::Result<Run> {
        let pings = match kind {
            Kind::Edge => Pings::Awaited,
            Kind::Floor => Pings::Absent,
        };
        let sleepers = Sleepers::new(self.sessions, pings);
        let mut stage = Stage::new(&site.addresses, self.addresses, vec![Box::new(sleepers)])?;
        let none_bytes = site.resident_bytes()?;
        let before = Reading::take(site)?;
        stage.gather(AT_ONCE, READY_DEADLINE)?;
        let after = Reading::take(site)?;
        stage.rest(QUIET)?;
        let resting = site.cpu()?;
        let all_bytes = site.resident_bytes()?;
        stage.rest(REST)?;
        let (cpu_seconds, _) = site.cpu()?.since(resting);
        let rest = Rest {
            bytes_per_session: all_bytes.saturating_sub(none_bytes) as f64 / self.sessions as f64,
            cpu_ms: cpu_seconds * 1e3,
        };
        Ok(Run {
            rest: Some(rest),
            // One delivery each is a set-up, nothing to judge a floor by.
            counters: None,
            ..run(&before, &after, &stage.outcome()?)
        })
    }

    fn traffic(&self, site: &Site, traffic: Traffic) -> anyhow::Result<Run> {
        let mut stage = Stage::new(&site.addresses, self.addresses, traffic.parts())?;
        stage.gather(AT_ONCE, READY_DEADLINE)?;
        let gathered_bytes = site.resident_bytes()?;
        stage.play(WARM_UP)?;
        stage.settle(PATIENCE)?;
        stage.begin();
        let before = Reading::take(site)?;
        stage.play(self.duration.max(traffic.shortest()))?;
        let grown_bytes = site.resident_bytes()?;
        stage.settle(PATIENCE)?;
        let after = Reading::take(site)?;
        let growth = Growth {
            bytes: grown_bytes.saturating_sub(gathered_bytes),
            sockets: traffic.strangers(),
        };
        Ok(Run {
            growth: (growth.sockets > 0).then_some(growth),
            ..run(&before, &after, &stage.outcome()?)
        })
    }

    /// A leak grows in every round, an allocator that settles in some: the round that grew least is what counts. The first
    /// of all fills caches and pools.
    fn cycles(&self, site: &Site) -> anyhow::Result<Run> {
        self.cycle(site)?;
        let rounds = (0..CYCLE_ROUNDS)
            .map(|_| self.cycle(site))
            .collect::<anyhow::Result<Vec<_>>>()?;
        rounds
            .into_iter()
            .min_by_key(|round| round.growth.map(|growth| growth.bytes))
            .context("no round of clients that come and go")
    }

    fn cycle(&self, site: &Site) -> anyhow::Result<Run> {
        let comers = Box::new(Comers::in_a_row(CYCLES));
        let mut stage = Stage::new(&site.addresses, self.addresses, vec![comers])?;
        let none_bytes = site.resident_bytes()?;
        let before = Reading::take(site)?;
        stage.play_out(CYCLES_DEADLINE)?;
        let after = Reading::take(site)?;
        let growth = Growth {
            bytes: site.resident_bytes()?.saturating_sub(none_bytes),
            sockets: CYCLES,
        };
        Ok(Run {
            growth: Some(growth),
            ..run(&before, &after, &stage.outcome()?)
        })
    }

    fn storm(&self, site: &Site) -> anyhow::Result<Run> {
        let arrivals = Box::new(Arrivals::with_tokens(STORM));
        let mut stage = Stage::new(&site.addresses, self.addresses, vec![arrivals])?;
        let before = Reading::take(site)?;
        stage.gather(STORM, READY_DEADLINE)?;
        let after = Reading::take(site)?;
        Ok(run(&before, &after, &stage.outcome()?))
    }
}

impl Reading {
    fn take(site: &Site) -> anyhow::Result<Self> {
        let counters = site.counters()?;
        Ok(Self {
            at: Instant::now(),
            servers: site.cpu()?,
            redis: site.redis_cpu()?,
            driver: Process::current()?.cpu()?,
            counters,
        })
    }
}

fn run(before: &Reading, after: &Reading, outcome: &Outcome) -> Run {
    let (cpu_seconds, user_seconds) = after.servers.since(before.servers);
    let (driver_seconds, _) = after.driver.since(before.driver);
    Run {
        units: outcome.units,
        seconds: (after.at - before.at).as_secs_f64(),
        cpu_seconds,
        user_seconds,
        redis_seconds: after
            .redis
            .zip(before.redis)
            .map(|(after, before)| after.since(before).0),
        driver_seconds,
        p50_ms: quantile_ms(&outcome.latency, 0.5),
        p99_ms: quantile_ms(&outcome.latency, 0.99),
        p999_ms: quantile_ms(&outcome.latency, 0.999),
        rest: None,
        growth: None,
        tally: outcome.tally,
        counters: after
            .counters
            .zip(before.counters)
            .map(|(after, before)| after.since(before)),
    }
}

fn quantile_ms(latency: &Histogram<u64>, quantile: f64) -> f64 {
    latency.value_at_quantile(quantile) as f64 / 1e6
}
