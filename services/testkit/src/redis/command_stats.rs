//! How often each command was called, as `INFO commandstats` counts it.

use std::collections::BTreeMap;

/// One reading of the counters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandStats(BTreeMap<String, u64>);

impl CommandStats {
    pub(super) fn read(info: &str) -> Self {
        let entry = |line: &str| {
            let (name, figures) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
            let calls = figures.split(',').next()?.trim().parse().ok()?;
            Some((name.to_owned(), calls))
        };
        Self(info.lines().filter_map(entry).collect())
    }

    /// Calls of one command, written as Redis does: `publish`, `config|get`. Zero if there were none.
    #[must_use]
    pub fn calls(&self, command: &str) -> u64 {
        self.0.get(command).copied().unwrap_or_default()
    }

    /// Calls of all commands that `wanted` takes.
    pub fn total(&self, wanted: impl Fn(&str) -> bool) -> u64 {
        let taken = self.0.iter().filter(|(name, _)| wanted(name));
        taken.map(|(_, calls)| calls).sum()
    }

    /// What was called since an earlier reading; commands that were not are left out.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let new = self
            .0
            .iter()
            .map(|(name, calls)| (name.clone(), calls - earlier.calls(name).min(*calls)));
        Self(new.filter(|(_, calls)| *calls > 0).collect())
    }

    /// Forgets a command, such as the one that read the counters.
    pub fn leave_out(&mut self, command: &str) {
        self.0.remove(command);
    }

    /// The counters of several servers, added up.
    #[must_use]
    pub fn sum(all: impl IntoIterator<Item = Self>) -> Self {
        let mut sum = BTreeMap::new();
        for (name, calls) in all.into_iter().flat_map(|stats| stats.0) {
            *sum.entry(name).or_default() += calls;
        }
        Self(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_happened_between_two_readings_counts() {
        let before = CommandStats::read("# Commandstats\r\ncmdstat_ping:calls=2,usec=9\r\n");
        let after = CommandStats::read(
            "cmdstat_ping:calls=2,usec=9\r\ncmdstat_config|get:calls=4,usec=1,rejected_calls=0\r\n",
        );
        let between = after.since(&before);
        assert_eq!((between.calls("ping"), between.calls("config|get")), (0, 4));
        assert_eq!(between.total(|_| true), 4);
        assert_eq!(CommandStats::sum([before, after]).calls("ping"), 4);
    }
}
