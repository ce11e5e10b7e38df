//! Rows that the cluster suite holds: its binary is run for them, one test at a time.

use std::{
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::row::{Plan, Verdict};

/// Runs the tests whose names begin so. Without guards the tests assert the harm themselves: they pass when it is done.
pub(crate) fn run(plan: &Plan, names: &[&str], limit: Duration) -> Verdict {
    let Some(suite) = &plan.cluster_suite else {
        return Verdict::Skipped("no --cluster-suite was given".to_owned());
    };
    let log = std::env::temp_dir().join(format!("switchboard-chaos-{}.log", std::process::id()));
    let file = std::fs::File::create(&log).expect("the temporary directory is writable");
    let errors = file.try_clone().expect("a descriptor can be copied");
    let mut command = Command::new(suite);
    command
        .args(["--test-threads=1", "--nocapture"])
        .args(names);
    command.stdin(Stdio::null()).stdout(file).stderr(errors);
    let mut child = command.spawn().expect("the suite's binary can be started");
    let end = Instant::now() + limit;
    let success = loop {
        match child
            .try_wait()
            .expect("a child that was not reaped can be asked")
        {
            Some(status) => break status.success(),
            None if Instant::now() > end => {
                // It may have ended just now.
                drop(child.kill());
                drop(child.wait());
                break false;
            }
            None => thread::sleep(Duration::from_millis(100)),
        }
    };
    let text = std::fs::read_to_string(&log).unwrap_or_default();
    drop(std::fs::remove_file(&log));
    let summary = text.lines().rfind(|line| line.starts_with("test result:"));
    let ran = summary.is_some_and(|line| !line.contains(" 0 passed"));
    let evidence = evidence(&text);
    match (success && ran, plan.unguarded) {
        (true, false) => Verdict::Pass(evidence),
        (true, true) => Verdict::Fail(evidence),
        (false, false) => {
            println!("{text}");
            Verdict::Fail(failure(&text))
        }
        (false, true) => Verdict::Pass(format!("the harm was not done: {}", failure(&text))),
    }
}

/// What the tests printed about themselves, without what the harness and the edges said.
fn evidence(text: &str) -> String {
    let figures = text.lines().filter(|line| {
        let noise = ["running ", "test ", "seed ", "---"];
        !line.trim().is_empty() && !noise.iter().any(|begin| line.starts_with(begin))
    });
    let figures: Vec<&str> = figures.take(6).collect();
    match figures.is_empty() {
        true => text
            .lines()
            .rfind(|line| line.starts_with("test result:"))
            .unwrap_or("")
            .to_owned(),
        false => figures.join("; "),
    }
}

fn failure(text: &str) -> String {
    let mut lines = text.lines();
    let panicked = lines
        .find(|line| line.contains("panicked at"))
        .unwrap_or("it did not end in time");
    let reason = lines.next().unwrap_or_default();
    format!("{panicked} {reason}").chars().take(300).collect()
}
