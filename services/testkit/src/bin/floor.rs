//! The `floor` binary: a bare fan-out server for the load driver, on a free port of the loopback address.

use std::alloc::System;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use testkit::load::floor::Floor;

/// Counts, since the driver has to know that nothing is allocated per delivery.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// A bare fan-out server for the load driver. It believes its clients: never let others reach it.
#[derive(Debug, Parser)]
struct Arguments {
    /// Redis that joins it to another floor, such as `127.0.0.1:6379`; by default it is alone.
    #[arg(long)]
    redis: Option<SocketAddr>,
    /// Which of the two floors it is: 0 or 1.
    #[arg(long, default_value_t = 0)]
    place: usize,
}

fn main() -> ExitCode {
    match serve(&Arguments::parse()) {
        Ok(never) => match never {},
        Err(error) => {
            eprintln!("floor: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(arguments: &Arguments) -> io::Result<Infallible> {
    let mut floor = Floor::open(allocations)?;
    if let Some(redis) = arguments.redis {
        floor.join(redis, arguments.place)?;
    }
    println!("floor listening on http://{}", floor.address()?);
    floor.serve()
}

fn allocations() -> u64 {
    let stats = ALLOCATOR.stats();
    (stats.allocations + stats.reallocations) as u64
}
