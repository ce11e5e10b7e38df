//! Several runs of a case: their medians, their faults, and whether the floor was one.

use serde::Serialize;

use super::case::{Case, FloorCase};
use super::counters::Counters;
use super::run::{Figure, Run};
use super::server::Kind;
use super::stream::Tally;

/// Below this much CPU time the kernel's samples do not tell the user share of one case.
const JUDGED_CPU_SECONDS: f64 = 1.0;
/// What a floor may spend in user space.
const USER_SHARE_MAX: f64 = 0.10;
/// Buffers grow a few times until they fit; nothing is allocated per delivery.
const ALLOCATIONS_MAX: f64 = 0.001;

/// All runs of one case on one server.
#[derive(Debug, Serialize)]
pub struct Series {
    /// The case's name.
    pub case: &'static str,
    /// Which server.
    pub kind: Kind,
    /// Its runs.
    pub runs: Vec<Run>,
}

/// Everything that was measured.
#[derive(Debug, Default, Serialize)]
pub struct Summary {
    /// In the order of the table.
    pub series: Vec<Series>,
}

/// Whether the floor was one in a case, and the three figures that say so.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Verdict {
    /// Write calls per receiver and batch: exactly 1.
    pub writes_per_batch: f64,
    /// Share of CPU time in user space: at most 0.1.
    pub user_share: f64,
    /// Calls of the allocator per delivery: none.
    pub allocations_per_delivery: f64,
    /// All three hold.
    pub is_floor: bool,
}

impl Series {
    /// The median of a figure over the runs.
    #[must_use]
    pub fn median(&self, figure: Figure) -> Option<f64> {
        let mut values: Vec<f64> = self.runs.iter().filter_map(|run| figure.of(run)).collect();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        if values.len().is_multiple_of(2) {
            Some((values.get(middle.checked_sub(1)?)? + values.get(middle)?) / 2.0)
        } else {
            values.get(middle).copied()
        }
    }

    /// What went wrong in all runs together.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for run in &self.runs {
            tally.add(run.tally);
        }
        tally
    }

    fn cpu(&self) -> (f64, f64) {
        let total = self.runs.iter().map(|run| run.cpu_seconds).sum();
        (total, self.runs.iter().map(|run| run.user_seconds).sum())
    }
}

impl Summary {
    /// Adds a run to its series.
    pub fn add(&mut self, case: &Case, kind: Kind, run: Run) {
        let found = self
            .series
            .iter_mut()
            .find(|series| series.case == case.name && series.kind == kind);
        match found {
            Some(series) => series.runs.push(run),
            None => self.series.push(Series {
                case: case.name,
                kind,
                runs: vec![run],
            }),
        }
    }

    /// The runs of a case on a server.
    #[must_use]
    pub fn series(&self, case: &str, kind: Kind) -> Option<&Series> {
        self.series
            .iter()
            .find(|series| series.case == case && series.kind == kind)
    }

    /// The floor's runs that a case is compared with, if they are a floor's.
    #[must_use]
    pub fn floor_of(&self, case: &Case) -> Option<&Series> {
        let name = match case.floor {
            FloorCase::Same => case.name,
            FloorCase::Of(name) => name,
            FloorCase::Absent => return None,
        };
        let series = self.series(name, Kind::Floor)?;
        self.verdict(series)?.is_floor.then_some(series)
    }

    /// Judges a series of the floor; `None` if it delivered nothing, so that there is nothing to judge.
    #[must_use]
    pub fn verdict(&self, series: &Series) -> Option<Verdict> {
        let mut counters = Counters::default();
        for run in &series.runs {
            counters.add(run.counters?);
        }
        if counters.deliveries == 0 {
            return None;
        }
        let user_share = self.user_share(series);
        let (writes, allocations) = (
            counters.writes_per_batch(),
            counters.allocations_per_delivery(),
        );
        Some(Verdict {
            writes_per_batch: writes,
            user_share,
            allocations_per_delivery: allocations,
            is_floor: counters.writes == counters.writes_due
                && user_share <= USER_SHARE_MAX
                && allocations <= ALLOCATIONS_MAX,
        })
    }

    /// Of the series alone if that is long enough to tell, else of all that the floor has delivered.
    fn user_share(&self, series: &Series) -> f64 {
        let (mut total, mut user) = series.cpu();
        if total < JUDGED_CPU_SECONDS {
            let delivering = |series: &&Series| {
                series.kind == Kind::Floor
                    && series
                        .runs
                        .iter()
                        .any(|run| run.counters.is_some_and(|counters| counters.deliveries > 0))
            };
            let all: Vec<_> = self
                .series
                .iter()
                .filter(delivering)
                .map(Series::cpu)
                .collect();
            total = all.iter().map(|(total, _)| total).sum();
            user = all.iter().map(|(_, user)| user).sum();
        }
        user / total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(cpu_seconds: f64, user_seconds: f64, writes: u64) -> Run {
        Run {
            units: 1_000_000,
            seconds: 1.0,
            cpu_seconds,
            user_seconds,
            redis_seconds: None,
            driver_seconds: 0.5,
            p50_ms: 1.0,
            p99_ms: 2.0,
            p999_ms: 3.0,
            rest: None,
            growth: None,
            tally: Tally::default(),
            counters: Some(Counters {
                deliveries: 1_000_000,
                writes_due: 1_000,
                writes,
                allocations: 3,
            }),
        }
    }

    fn summary(runs: &[Run]) -> Summary {
        let mut summary = Summary::default();
        for run in runs {
            summary.add(&Case::ALL[3], Kind::Floor, *run);
        }
        summary
    }

    #[test]
    fn the_median_of_an_odd_and_of_an_even_number_of_runs() {
        let runs = [
            run(1.0, 0.0, 1_000),
            run(9.0, 0.0, 1_000),
            run(2.0, 0.0, 1_000),
        ];
        let median = |runs| summary(runs).series[0].median(Figure::Cpu);
        assert_eq!(median(&runs), Some(2.0));
        assert_eq!(median(&runs[1..]), Some(5.5));
    }

    #[test]
    fn a_floor_that_writes_twice_or_thinks_too_much_is_none() {
        let is_floor = |run| summary(&[run]).floor_of(&Case::ALL[3]).is_some();
        assert!(is_floor(run(2.0, 0.1, 1_000)));
        assert!(!is_floor(run(2.0, 0.1, 1_001)));
        assert!(!is_floor(run(2.0, 0.3, 1_000)));
    }
}
