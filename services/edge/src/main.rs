//! The `switchboard` binary: read the configuration, start the edge, run until told to leave, leave in order.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use edge::config::{Config, Flags};
use edge::edge::Edge;
use edge::tenancy::{self, Tenancy, TenancyHandle};
use edge::{quickstart, telemetry};
use mimalloc::MiMalloc;
use tokio::signal::unix::{SignalKind, signal};

/// Small blocks come and go with every message. Measured in ADR 0016.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let flags = Flags::parse();
    match run(&flags) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("switchboard: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(flags: &Flags) -> anyhow::Result<()> {
    let mut config = Config::load(flags)?;
    if flags.print_config {
        print!("{}", config.redacted_toml());
        return Ok(());
    }
    if flags.check_config {
        Tenancy::new(&config.apps)?;
        println!("configuration ok\n{}", config.summary());
        return Ok(());
    }
    telemetry::start(&config.log, config.log_format)?;
    let development = config.apps.is_empty().then(tenancy::development_app);
    config.apps.extend(development.clone());
    let tenancy = TenancyHandle::new(Tenancy::new(&config.apps)?);
    // The front accepts and authenticates; sessions live on lanes with threads of their own.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(async {
        let edge_id = config
            .edge_id
            .clone()
            .unwrap_or_else(quickstart::random_edge_id);
        let mut leave = LeaveSignals::new().context("cannot listen for signals")?;
        let edge = Edge::start(config.clone(), edge_id, tenancy).await?;
        edge.follow_config(config, flags.clone());
        quickstart::announce(&edge, development.as_ref());
        leave.wait().await;
        edge.drain().await;
        Ok(())
    })
}

/// The signals that ask an edge to leave.
struct LeaveSignals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl LeaveSignals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
