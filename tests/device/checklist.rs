//! The suite against the checklist of the specification: no item without a test.

use std::{collections::BTreeSet, fs, path::Path};

#[test]
fn every_checklist_number_has_a_test() {
    let covered = covered();
    let missing: Vec<u32> = (1..=56)
        .filter(|number| !covered.contains(number))
        .collect();
    assert!(missing.is_empty(), "items without a test: {missing:?}");
    let beyond: Vec<&u32> = covered
        .iter()
        .filter(|number| !(1..=56).contains(*number))
        .collect();
    assert!(beyond.is_empty(), "the checklist ends at 56: {beyond:?}");
}

/// The numbers in the names of all tests of this suite.
fn covered() -> BTreeSet<u32> {
    let suite = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/device");
    let files = fs::read_dir(suite).expect("the suite lies beside the services");
    files
        .map(|entry| entry.expect("a listed file can be named").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "rs"))
        .flat_map(|path| numbers(&fs::read_to_string(path).expect("a source file is text")))
        .collect()
}

/// The numbers in the names of the async functions of a source text that are marked as tests.
fn numbers(source: &str) -> Vec<u32> {
    let mut found = Vec::new();
    let mut lines = source.lines().peekable();
    while let Some(line) = lines.next() {
        let name = lines.peek().and_then(|next| next.strip_prefix("async fn "));
        if let (true, Some(name)) = (line.starts_with("#[tokio::test"), name) {
            let name = name.split('(').next().unwrap_or_default();
            found.extend(name.split('_').filter_map(number));
        }
    }
    found
}

/// `c07` is 7; any other word is nothing.
fn number(word: &str) -> Option<u32> {
    let digits = word.strip_prefix('c')?;
    (digits.len() == 2).then(|| digits.parse().ok()).flatten()
}
