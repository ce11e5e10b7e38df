//! Instructions per delivery, counted by callgrind: a figure without noise, held against the bounds in `instructions.toml`.
//!
//! `cargo bench -p edge --bench instructions` counts and judges. The program starts itself under valgrind with N and with 2 N
//! rounds of each kind of traffic; the difference, divided by N and by the deliveries of a round, is the figure. System calls
//! are not in it: the wires of the workbench only count.

mod traffic;

use std::collections::BTreeMap;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, bail};
use mimalloc::MiMalloc;
use traffic::Traffic;

/// That of the binary.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const BOUNDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions.toml");

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match &arguments[..] {
        [verb, name, rounds] if verb == "play" => play(name, rounds),
        // Cargo adds `--bench`.
        [] | [_] => judge(),
        _ => Err(anyhow::anyhow!("usage: instructions [play TRAFFIC ROUNDS]")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("instructions: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn play(name: &str, rounds: &str) -> anyhow::Result<()> {
    let traffic = Traffic::ALL
        .into_iter()
        .find(|traffic| traffic.name() == name);
    let traffic = traffic.with_context(|| format!("no traffic is called {name}"))?;
    traffic.prepare().play(rounds.parse()?);
    Ok(())
}

fn judge() -> anyhow::Result<()> {
    let text = std::fs::read_to_string(BOUNDS).context(BOUNDS)?;
    let bounds: BTreeMap<String, f64> = toml::from_str(&text).context(BOUNDS)?;
    let mut over = Vec::new();
    for traffic in Traffic::ALL {
        let name = traffic.name();
        let bound = *bounds
            .get(name)
            .with_context(|| format!("{BOUNDS} has no {name}"))?;
        let figure = per_delivery(traffic)?;
        println!("{name}: {figure:.1} instructions per delivery, at most {bound}");
        if figure > bound {
            over.push(name);
        }
    }
    if !over.is_empty() {
        bail!(
            "more than the bound: {}. If that is what it has to cost, raise the bound in {BOUNDS} and say why in the commit",
            over.join(", ")
        );
    }
    Ok(())
}

fn per_delivery(traffic: Traffic) -> anyhow::Result<f64> {
    let (rounds, deliveries) = match traffic {
        Traffic::FanoutBatched | Traffic::FanoutUnbatched => (20, traffic.prepare().deliveries()),
        Traffic::Direct | Traffic::DirectAcked => (2_000, traffic.prepare().deliveries()),
    };
    let (once, twice) = (count(traffic, rounds)?, count(traffic, 2 * rounds)?);
    Ok(twice.saturating_sub(once) as f64 / (rounds * deliveries) as f64)
}

/// Instructions of the whole process.
fn count(traffic: Traffic, rounds: usize) -> anyhow::Result<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args(["play", traffic.name(), &rounds.to_string()])
        .output()
        .context("valgrind does not start; it is in the package valgrind")?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("the counted program failed:\n{said}");
    }
    let counted = said
        .lines()
        .find_map(|line| line.split_once("Collected :"))
        .with_context(|| format!("valgrind told no count:\n{said}"))?;
    Ok(counted.1.trim().parse()?)
}
