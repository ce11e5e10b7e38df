//! What the figures should be.

use serde::Serialize;

use super::case::Case;
use super::run::Figure;
use super::server::Kind;
use super::summary::Summary;

/// One promise about the edge.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The case that it is about.
    pub case: &'static str,
    /// The figure.
    pub figure: Figure,
    /// What the figure is set against.
    pub against: Against,
    /// The bound.
    pub at_most: f64,
}

/// What a figure is set against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Against {
    /// Nothing: the bound is in the figure's own unit.
    Nothing,
    /// The floor: the bound is a ratio.
    Floor,
    /// Another case of the edge: the bound is a ratio.
    Case(&'static str),
    /// Another case of the edge: the bound is a difference in the figure's own unit.
    Above(&'static str),
    /// Another case of the edge: the bound is half of the difference, what one direction of a round trip adds.
    HalfAbove(&'static str),
}

/// What became of a target.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Reached {
    /// The value that counts.
    pub value: f64,
    /// Whether it is within the bound.
    pub is_met: bool,
}

impl Target {
    /// All targets.
    pub const ALL: [Self; 49] = [
        Self::new("connect-key", Figure::Cpu, Against::Nothing, 60.0),
        Self::new("connect-jwt", Figure::Cpu, Against::Nothing, 80.0),
        Self::new("idle", Figure::SessionBytes, Against::Nothing, 3_072.0),
        Self::new("idle", Figure::RestCpu, Against::Nothing, 10.0),
        Self::new("fanout-128-w64", Figure::Cpu, Against::Floor, 1.5),
        Self::new("fanout-1k-w64", Figure::Cpu, Against::Floor, 1.5),
        Self::new("fanout-128-w1", Figure::Cpu, Against::Floor, 1.15),
        Self::new("fanout-1k-w1", Figure::Cpu, Against::Floor, 1.15),
        Self::new("fanout-fixed", Figure::P50, Against::Floor, 1.15),
        Self::new("fanout-fixed", Figure::P99, Against::Floor, 1.25),
        Self::new(
            "churn-connect",
            Figure::P99,
            Against::Case("fanout-fixed"),
            1.2,
        ),
        Self::new(
            "churn-presence",
            Figure::P99,
            Against::Case("fanout-fixed"),
            1.2,
        ),
        Self::new("pairs-max", Figure::Cpu, Against::Floor, 1.5),
        Self::new("pairs-max-acks", Figure::Cpu, Against::Floor, 2.0),
        Self::new("pairs-fixed-acks", Figure::P50, Against::Nothing, 0.4),
        Self::new("pairs-fixed-acks", Figure::P99, Against::Nothing, 2.0),
        Self::new(
            "beside-loud",
            Figure::P99,
            Against::Above("beside-quiet"),
            2.0,
        ),
        Self::new("lanes-2", Figure::Cpu, Against::Case("lanes-1"), 1.1),
        // Noise in the resident memory of a process that has served that many.
        Self::new("leak", Figure::Growth, Against::Nothing, 512.0),
        Self::new("storm", Figure::P999, Against::Nothing, 5_000.0),
        Self::unshaken("hostile-silence"),
        Self::unshaken("hostile-slow-head"),
        Self::unshaken("hostile-giant-head"),
        Self::unshaken("hostile-slow-frame"),
        Self::unshaken("hostile-slow-fragments"),
        Self::unshaken("hostile-fragment-bomb"),
        Self::unshaken("hostile-ping-flood"),
        Self::unshaken("hostile-deep-json"),
        Self::unshaken("hostile-slow-reader"),
        Self::spared("hostile-silence"),
        Self::spared("hostile-slow-head"),
        Self::spared("hostile-giant-head"),
        Self::spared("hostile-slow-frame"),
        Self::spared("hostile-slow-fragments"),
        Self::spared("hostile-fragment-bomb"),
        Self::spared("hostile-ping-flood"),
        Self::spared("hostile-deep-json"),
        Self::spared("hostile-slow-reader"),
        Self::spared("hostile-storm"),
        Self::new("cross-fanout-128-w64", Figure::Cpu, Against::Floor, 1.5),
        Self::new(
            "cross-fanout-128-w64",
            Figure::Redis,
            Against::Nothing,
            0.05,
        ),
        Self::new("cross-fanout-1k-w64", Figure::Cpu, Against::Floor, 1.5),
        Self::new("cross-fanout-1k-w64", Figure::Redis, Against::Nothing, 0.05),
        Self::new("cross-fanout-128-w1", Figure::Cpu, Against::Floor, 1.5),
        Self::new("cross-pairs-max", Figure::Cpu, Against::Nothing, 60.0),
        Self::new("cross-pairs-max", Figure::Redis, Against::Nothing, 8.0),
        Self::new(
            "cross-pairs-fixed",
            Figure::P50,
            Against::HalfAbove("pairs-fixed"),
            0.12,
        ),
        // A round trip is two directs, so this promises more than the same of one.
        Self::new("cross-pairs-5k", Figure::P50, Against::Nothing, 1.0),
        Self::new("cross-pairs-5k", Figure::P99, Against::Nothing, 5.0),
    ];

    /// Others do not feel the hostile sockets of this case.
    const fn unshaken(case: &'static str) -> Self {
        Self::new(case, Figure::P99, Against::Case("hostile-none"), 1.1)
    }

    /// Hostile sockets cost the server less than 1 MiB each.
    const fn spared(case: &'static str) -> Self {
        Self::new(case, Figure::SocketGrowth, Against::Nothing, 1_024.0)
    }

    const fn new(case: &'static str, figure: Figure, against: Against, at_most: f64) -> Self {
        Self {
            case,
            figure,
            against,
            at_most,
        }
    }

    /// What became of it; `None` if something that it needs was not measured or is no floor.
    #[must_use]
    pub fn reached(&self, summary: &Summary) -> Option<Reached> {
        let median = |case| summary.series(case, Kind::Edge)?.median(self.figure);
        let own = median(self.case)?;
        let value = match self.against {
            Against::Nothing => own,
            Against::Floor => {
                let case = Case::ALL.iter().find(|case| case.name == self.case)?;
                own / summary.floor_of(case)?.median(self.figure)?
            }
            Against::Case(other) => own / median(other)?,
            Against::Above(other) => own - median(other)?,
            Against::HalfAbove(other) => (own - median(other)?) / 2.0,
        };
        Some(Reached {
            value,
            is_met: value <= self.at_most,
        })
    }

    /// The other case of the edge that it is set against.
    #[must_use]
    pub const fn other(&self) -> Option<&'static str> {
        match self.against {
            Against::Case(other) | Against::Above(other) | Against::HalfAbove(other) => Some(other),
            Against::Nothing | Against::Floor => None,
        }
    }

    /// What is promised, in words.
    #[must_use]
    pub fn promise(&self) -> String {
        let (figure, bound) = (self.figure.label(), self.at_most);
        match self.against {
            Against::Nothing => format!("{figure} ≤ {bound}"),
            Against::Floor => format!("{figure} ≤ {bound} × floor"),
            Against::Case(other) => format!("{figure} ≤ {bound} × {other}"),
            Against::Above(other) => format!("{figure} ≤ {bound} above {other}"),
            Against::HalfAbove(other) => {
                format!("{figure} ≤ {bound} above {other} in each direction")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_is_about_cases_that_exist() {
        let exists = |name: &str| Case::ALL.iter().any(|case| case.name == name);
        for target in Target::ALL {
            assert!(exists(target.case), "{}", target.case);
            assert!(target.other().is_none_or(exists), "{target:?}");
        }
    }
}
