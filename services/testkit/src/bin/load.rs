//! The `load` binary: measures the edge against the bare floor and says which targets are met.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Parser;
use testkit::load::bench::Bench;
use testkit::load::case::{Case, FloorCase};
use testkit::load::process::pin;
use testkit::load::progress::Progress;
use testkit::load::report;
use testkit::load::server::Kind;
use testkit::load::summary::Summary;
use testkit::load::target::Target;

/// Measures an edge against a bare floor: server on one core, driver on another. In the cases whose names begin with `cross`
/// two servers and a Redis of their own share the server's core; `redis-server` must be installed.
#[derive(Debug, Parser)]
struct Arguments {
    /// Binary of the edge; by default the `switchboard` beside this one.
    #[arg(long)]
    edge: Option<PathBuf>,
    /// Binary of the floor; by default the `floor` beside this one.
    #[arg(long)]
    floor: Option<PathBuf>,
    /// Cases to run, by name or its beginning, with commas; by default all.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Runs of each case; medians are shown.
    #[arg(long, default_value_t = 3)]
    repeats: usize,
    /// Seconds that a measurement lasts; some take longer.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Sessions that rest.
    #[arg(long, default_value_t = 10_000)]
    sessions: usize,
    /// Core of the server, or of both and their Redis.
    #[arg(long, default_value_t = 0)]
    server_core: usize,
    /// Core of the driver.
    #[arg(long, default_value_t = 1)]
    driver_core: usize,
    /// Source addresses of the clients, from 127.0.0.1 on.
    #[arg(long, default_value_t = 8)]
    addresses: u8,
    /// Fail if a target that was measured is missed or anything went wrong.
    #[arg(long)]
    judge: bool,
    /// File that gets all figures as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let bench = Bench {
        edge: beside(arguments.edge.as_ref(), "switchboard")?,
        floor: beside(arguments.floor.as_ref(), "floor")?,
        server_core: arguments.server_core,
        driver_core: arguments.driver_core,
        addresses: arguments.addresses,
        duration: Duration::from_secs_f64(arguments.seconds),
        sessions: arguments.sessions,
    };
    pin(&[arguments.driver_core])?;
    let runs = runs(&arguments.only);
    if runs.is_empty() {
        bail!("no case begins with {:?}", arguments.only);
    }
    let mut summary = Summary::default();
    let mut progress = Progress::new(runs.len() * arguments.repeats);
    // Repeats are the outer loop: what disturbs the machine for a while then disturbs one run of each case, not all of one.
    for _ in 0..arguments.repeats {
        for (case, kind) in &runs {
            progress.step(case.name);
            summary.add(case, *kind, bench.run(case, *kind)?);
        }
    }
    progress.finish();
    if let Some(path) = &arguments.json {
        let text = serde_json::to_string_pretty(&report::json(&summary))?;
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    print!("{}", report::markdown(&summary));
    if arguments.judge {
        judge(&summary)?;
    }
    Ok(())
}

/// Every target that was measured is met, and nothing was lost.
fn judge(summary: &Summary) -> anyhow::Result<()> {
    let missed: Vec<String> = Target::ALL
        .iter()
        .filter(|target| {
            target
                .reached(summary)
                .is_some_and(|reached| !reached.is_met)
        })
        .map(|target| format!("{}: {}", target.case, target.promise()))
        .collect();
    let faulty = summary
        .series
        .iter()
        .filter(|series| !series.tally().is_clean())
        .map(|series| format!("{}: faults", series.case));
    let offences: Vec<String> = missed.into_iter().chain(faulty).collect();
    if !offences.is_empty() {
        bail!("missed: {}", offences.join("; "));
    }
    Ok(())
}

/// Every run of one repeat; the floor's come right before those that are compared with them.
fn runs(only: &[String]) -> Vec<(Case, Kind)> {
    let wanted =
        |case: &&Case| only.is_empty() || only.iter().any(|name| case.name.starts_with(name));
    // What a figure is set against is measured in the same minutes, wanted or not.
    let needed = |case: &&Case| {
        let other = |target: &Target| target.other() == Some(case.name);
        let about = |target: &Target| Case::ALL.iter().find(|case| case.name == target.case);
        let mut targets = Target::ALL.iter().filter(|target| other(target));
        targets.any(|target| about(target).as_ref().is_some_and(wanted))
    };
    let mut runs = Vec::new();
    for case in Case::ALL.iter().filter(|case| wanted(case) || needed(case)) {
        match case.floor {
            FloorCase::Same => runs.push((*case, Kind::Floor)),
            FloorCase::Of(_) | FloorCase::Absent => {}
        }
        runs.push((*case, Kind::Edge));
    }
    runs
}

/// A binary that was named, or the one in this one's folder.
fn beside(named: Option<&PathBuf>, name: &str) -> anyhow::Result<PathBuf> {
    let path = match named {
        Some(path) => path.clone(),
        None => std::env::current_exe()?.with_file_name(name),
    };
    if !path.is_file() {
        bail!(
            "no binary at {}: run `cargo build --release -p edge -p testkit --bins`",
            path.display()
        );
    }
    Ok(path)
}
