//! How the figures are shown: tables in Markdown, which documentation can take as they are, and JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::case::Case;
use super::run::Figure;
use super::server::Kind;
use super::stream::Tally;
use super::summary::{Series, Summary};
use super::target::{Reached, Target};

/// All tables.
#[must_use]
pub fn markdown(summary: &Summary) -> String {
    let mut text = String::new();
    figures(summary, &mut text);
    rest(summary, &mut text);
    growth(summary, &mut text);
    floor(summary, &mut text);
    targets(summary, &mut text);
    text
}

/// Everything, runs included.
#[must_use]
pub fn json(summary: &Summary) -> Value {
    let targets: Vec<Value> = Target::ALL
        .iter()
        .map(|target| {
            json!({ "case": target.case, "promise": target.promise(), "reached": target.reached(summary) })
        })
        .collect();
    let verdicts: Vec<Value> = floors(summary)
        .map(|series| json!({ "case": series.case, "verdict": summary.verdict(series) }))
        .collect();
    json!({ "series": summary.series, "floor": verdicts, "targets": targets })
}

fn figures(summary: &Summary, text: &mut String) {
    text.push_str(
        "| case | server | rate/s | CPU s/M | × floor | user s/M | Redis s/M | p50 ms | p99 ms | p99.9 ms | driver | faults |\n\
         |---|---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for case in &Case::ALL {
        for kind in [Kind::Floor, Kind::Edge] {
            let Some(series) = summary.series(case.name, kind) else {
                continue;
            };
            let floor = summary.floor_of(case).filter(|_| kind == Kind::Edge);
            let ratio = floor
                .and_then(|floor| Some(series.median(Figure::Cpu)? / floor.median(Figure::Cpu)?));
            let cell = |figure| number(series.median(figure));
            row(
                text,
                &[
                    case.title.to_owned(),
                    name(kind).to_owned(),
                    cell(Figure::Rate),
                    cell(Figure::Cpu),
                    number(ratio),
                    cell(Figure::User),
                    cell(Figure::Redis),
                    cell(Figure::P50),
                    cell(Figure::P99),
                    cell(Figure::P999),
                    cell(Figure::Driver),
                    faults(series.tally()),
                ],
            );
        }
    }
}

fn rest(summary: &Summary, text: &mut String) {
    let resting = |series: &&Series| series.median(Figure::SessionBytes).is_some();
    if !summary.series.iter().any(|series| resting(&series)) {
        return;
    }
    text.push_str("\n| idle sessions | B/session | CPU ms in 20 s |\n|---|---|---|\n");
    for series in summary.series.iter().filter(resting) {
        let cell = |figure| number(series.median(figure));
        row(
            text,
            &[
                name(series.kind).to_owned(),
                cell(Figure::SessionBytes),
                cell(Figure::RestCpu),
            ],
        );
    }
}

fn growth(summary: &Summary, text: &mut String) {
    let grown: Vec<&Series> = summary
        .series
        .iter()
        .filter(|series| series.median(Figure::Growth).is_some())
        .collect();
    if grown.is_empty() {
        return;
    }
    text.push_str(
        "\n| memory of the edge after | growth KiB | growth KiB/socket |\n|---|---|---|\n",
    );
    for series in grown {
        let cell = |figure| number(series.median(figure));
        row(
            text,
            &[
                series.case.to_owned(),
                cell(Figure::Growth),
                cell(Figure::SocketGrowth),
            ],
        );
    }
}

fn floor(summary: &Summary, text: &mut String) {
    text.push_str(
        "\n| the floor in | writes per receiver and batch | user share | allocations per delivery | is a floor |\n\
         |---|---|---|---|---|\n",
    );
    for series in floors(summary) {
        if let Some(verdict) = summary.verdict(series) {
            let is_floor = if verdict.is_floor {
                "yes"
            } else {
                "no: its ratios are withheld"
            };
            row(
                text,
                &[
                    series.case.to_owned(),
                    format!("{:.6}", verdict.writes_per_batch),
                    format!("{:.1} %", verdict.user_share * 100.0),
                    format!("{:.6}", verdict.allocations_per_delivery),
                    is_floor.to_owned(),
                ],
            );
        }
    }
}

fn targets(summary: &Summary, text: &mut String) {
    text.push_str("\n| case | target | reached | |\n|---|---|---|---|\n");
    for target in &Target::ALL {
        let reached = target.reached(summary);
        let word = match reached {
            Some(Reached { is_met: true, .. }) => "met",
            Some(Reached { is_met: false, .. }) => "missed",
            None => "not measured",
        };
        let value = number(reached.map(|reached| reached.value));
        row(
            text,
            &[
                target.case.to_owned(),
                target.promise(),
                value,
                word.to_owned(),
            ],
        );
    }
}

fn floors(summary: &Summary) -> impl Iterator<Item = &Series> {
    summary
        .series
        .iter()
        .filter(|series| series.kind == Kind::Floor)
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Floor => "floor",
        Kind::Edge => "edge",
    }
}

fn faults(tally: Tally) -> String {
    if tally.is_clean() {
        return "0".to_owned();
    }
    format!(
        "lost {}, duplicated {}, reordered {}, malformed {}, unanswered {}, broken {}",
        tally.lost,
        tally.duplicated,
        tally.reordered,
        tally.malformed,
        tally.unanswered,
        tally.broken
    )
}

/// Three significant digits, and thousands as `k` or `M`.
fn number(value: Option<f64>) -> String {
    let Some(value) = value.filter(|value| value.is_finite()) else {
        return "-".to_owned();
    };
    let (scaled, unit) = match value.abs() {
        size if size >= 1e6 => (value / 1e6, " M"),
        size if size >= 1e4 => (value / 1e3, " k"),
        _ => (value, ""),
    };
    let digits = match scaled.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 3,
    };
    format!("{scaled:.digits$}{unit}")
}

fn row(text: &mut String, cells: &[String]) {
    writeln!(text, "| {} |", cells.join(" | ")).expect("a String takes every write");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_three_digits() {
        let shown =
            [3_412_345.0, 20_012.0, 1_380.0, 9.467, 0.3051].map(|value| number(Some(value)));
        assert_eq!(shown, ["3.41 M", "20.0 k", "1380", "9.47", "0.305"]);
        assert_eq!(number(None), "-");
        assert_eq!(number(Some(f64::NAN)), "-");
    }
}
