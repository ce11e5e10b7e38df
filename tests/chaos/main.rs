//! The scorecard's rows that take long, and a table of all rows that concern a cluster.
//!
//! Not part of `cargo test`, since it takes minutes and wants the machine to itself: `tests/run --chaos` runs it. Each row
//! prints what it counted; a row that was not run counts as failed. With `--unguarded` each row runs without what
//! protects it and has to fail, which proves that the row can.
//!
//! ```text
//! chaos --cluster-suite PATH [--unguarded] [--seed N] [ROW...]
//! ```
//!
//! A row that needs more clients than one process may have sockets starts this program again, with [`residents::WORD`].

mod edge_killed;
mod fights;
mod partition;
mod primary_lost;
mod quick;
mod redis_down;
mod residents;
mod rolling_restart;
mod rooms;
mod row;
mod table;
mod thrift;

use std::{path::PathBuf, process::ExitCode};

use row::{Plan, Row};
use table::Table;

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(residents::WORD) {
        return residents::reside(std::env::args().skip(2));
    }
    let plan = match plan(std::env::args().skip(1)) {
        Ok(plan) => plan,
        Err(reason) => {
            eprintln!("chaos: {reason}");
            return ExitCode::FAILURE;
        }
    };
    let mut table = Table::new(&plan);
    for row in Row::ALL.iter().filter(|row| plan.wants(row)) {
        table.add(row, row.run(&plan));
    }
    table.print();
    if table.is_good() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn plan(mut words: impl Iterator<Item = String>) -> Result<Plan, String> {
    let mut plan = Plan::default();
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        match word.as_str() {
            "--unguarded" => plan.unguarded = true,
            "--seed" => plan.seed = value()?.parse().map_err(|_| "--seed takes a number")?,
            "--cluster-suite" => plan.cluster_suite = Some(PathBuf::from(value()?)),
            row if Row::ALL.iter().any(|known| known.number == row) => plan.rows.push(word),
            other => return Err(format!("there is no row or option {other}")),
        }
    }
    Ok(plan)
}
