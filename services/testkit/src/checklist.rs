//! A suite against the checklist of its specification: no item without a test.
//!
//! A test shows an item by having its number in its name: `c07_…` shows item 7.

use std::{collections::BTreeSet, fs, path::Path};

/// The checklist of one suite.
#[derive(Debug)]
pub struct Checklist {
    /// The suite's folder in `tests`.
    pub suite: &'static str,
    /// The number of the last item; the first is 1.
    pub last: u32,
    /// Items that are shown elsewhere.
    pub elsewhere: &'static [u32],
}

impl Checklist {
    /// # Panics
    /// An item has no test, or a test names an item that there is not.
    #[track_caller]
    pub fn assert_complete(&self) {
        let covered = self.covered();
        let missing: Vec<u32> = (1..=self.last)
            .filter(|number| !covered.contains(number) && !self.elsewhere.contains(number))
            .collect();
        assert!(missing.is_empty(), "items without a test: {missing:?}");
        let beyond: Vec<&u32> = covered
            .iter()
            .filter(|number| !(1..=self.last).contains(*number))
            .collect();
        let last = self.last;
        assert!(
            beyond.is_empty(),
            "the checklist ends at {last}: {beyond:?}"
        );
    }

    /// The numbers in the names of all tests of the suite.
    fn covered(&self) -> BTreeSet<u32> {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests");
        let files =
            fs::read_dir(tests.join(self.suite)).expect("the suite lies beside the services");
        files
            .map(|entry| entry.expect("a listed file can be named").path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "rs"))
            .flat_map(|path| numbers(&fs::read_to_string(path).expect("a source file is text")))
            .collect()
    }
}

/// The numbers in the names of the async functions of a source text that are marked as tests, or of which a macro makes some.
fn numbers(source: &str) -> Vec<u32> {
    let mut found = Vec::new();
    let mut lines = source.lines().peekable();
    while let Some(line) = lines.next() {
        let name = lines.peek().and_then(|next| next.strip_prefix("async fn "));
        if let (true, Some(name)) = (line.starts_with("#[tokio::test"), name) {
            let name = name.split('(').next().unwrap_or_default();
            found.extend(name.split('_').filter_map(number));
        }
        if line == "here_and_across!(" {
            let names = lines.by_ref().take_while(|line| *line != ");");
            found.extend(names.flat_map(|name| name.trim().split('_').filter_map(number)));
        }
    }
    found
}

/// `c07` is 7; any other word is nothing.
fn number(word: &str) -> Option<u32> {
    let digits = word.strip_prefix('c')?;
    (digits.len() == 2).then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_from_test_names_only() {
        let source = "#[tokio::test]\nasync fn c07_a_b_and_c12_d() {}\nasync fn c13_no_test() {}\n// c14_x\n";
        assert_eq!(numbers(source), [7, 12]);
    }
}
