//! The table at the end: a line for each row.

use crate::row::{Plan, Row, Verdict};

/// Lines so far.
#[derive(Debug)]
pub(crate) struct Table {
    unguarded: bool,
    seed: u64,
    lines: Vec<String>,
    good: bool,
}

impl Table {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            unguarded: plan.unguarded,
            seed: plan.seed,
            lines: Vec::new(),
            good: true,
        }
    }

    /// Without guards a row is good when it fails.
    pub(crate) fn add(&mut self, row: &Row, verdict: Verdict) {
        let (word, evidence) = match (verdict, self.unguarded) {
            (Verdict::Pass(evidence), false) => ("pass", evidence),
            (Verdict::Fail(evidence), true) => ("fails, as it should", evidence),
            (Verdict::Pass(evidence), true) => ("PASSES WITHOUT ITS GUARD", evidence),
            (Verdict::Fail(evidence), false) => ("FAIL", evidence),
            (Verdict::Skipped(reason), _) => ("NOT RUN", reason),
        };
        let good = ["pass", "fails, as it should"].contains(&word);
        self.good &= good;
        println!("row {}: {word}", row.number);
        let what = if self.unguarded { row.guard } else { row.what };
        let evidence = evidence.replace('\n', " ");
        let line = format!(
            "| {} | {what} | {} | {word} | {evidence} |",
            row.number, self.seed
        );
        self.lines.push(line);
    }

    pub(crate) fn print(&self) {
        let what = if self.unguarded {
            "guard taken away"
        } else {
            "fault"
        };
        println!("\n| row | {what} | seed | result | evidence |\n|---|---|---|---|---|");
        for line in &self.lines {
            println!("{line}");
        }
    }

    /// Whether every row did what it should, and there was one.
    pub(crate) fn is_good(&self) -> bool {
        self.good && !self.lines.is_empty()
    }
}
