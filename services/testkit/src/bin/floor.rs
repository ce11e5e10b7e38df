//! The `floor` binary: a bare fan-out server for the load driver, on a free port of the loopback address.

use std::alloc::System;
use std::process::ExitCode;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use testkit::load::floor::Floor;

/// Counts, since the driver has to know that nothing is allocated per delivery.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> ExitCode {
    let served = Floor::open(allocations).and_then(|floor| {
        println!("floor listening on http://{}", floor.address()?);
        floor.serve()
    });
    match served {
        Ok(never) => match never {},
        Err(error) => {
            eprintln!("floor: {error}");
            ExitCode::FAILURE
        }
    }
}

fn allocations() -> u64 {
    let stats = ALLOCATOR.stats();
    (stats.allocations + stats.reallocations) as u64
}
