//! One reading of `/metrics`, taken apart just far enough to compare readings.

use std::collections::{BTreeMap, BTreeSet};

/// The Prometheus text that an edge answered with.
#[derive(Debug, Clone)]
pub struct Scrape {
    text: String,
}

impl Scrape {
    pub(crate) fn new(text: String) -> Self {
        Self { text }
    }

    /// The text as it came.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Every series: name with labels, without the value.
    #[must_use]
    pub fn series(&self) -> BTreeSet<&str> {
        self.samples().map(|(series, _)| series).collect()
    }

    /// Each metric family by its name, with its type and the label keys that its series carry (`le` left out).
    #[must_use]
    pub fn families(&self) -> BTreeMap<&str, (String, BTreeSet<&str>)> {
        let mut families: BTreeMap<&str, (String, BTreeSet<&str>)> = BTreeMap::new();
        for line in self.text.lines() {
            if let Some((name, kind)) = line
                .strip_prefix("# TYPE ")
                .and_then(|rest| rest.split_once(' '))
            {
                families.insert(name, (kind.to_owned(), BTreeSet::new()));
            }
        }
        for (series, _) in self.samples() {
            let name = series.split('{').next().unwrap_or(series);
            let family = HISTOGRAM_ENDINGS
                .iter()
                .filter_map(|ending| name.strip_suffix(ending))
                .find(|family| families.contains_key(family))
                .unwrap_or(name);
            if let Some((_, labels)) = families.get_mut(family) {
                labels.extend(label_keys(series).filter(|key| *key != "le"));
            }
        }
        families
    }

    /// The value of one series, written as in [`Scrape::series`].
    #[must_use]
    pub fn value(&self, series: &str) -> Option<f64> {
        let (_, value) = self.samples().find(|(name, _)| *name == series)?;
        value.parse().ok()
    }

    fn samples(&self) -> impl Iterator<Item = (&str, &str)> {
        self.text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .filter_map(|line| line.rsplit_once(' '))
    }
}

/// The label keys of one series. Good for values without `="`, which holds for labels that come from enums.
fn label_keys(series: &str) -> impl Iterator<Item = &str> {
    let labels = series.split_once('{').map_or("", |(_, rest)| rest);
    labels
        .match_indices("=\"")
        .filter_map(|(at, _)| labels[..at].rsplit([',', '{']).next())
}

const HISTOGRAM_ENDINGS: [&str; 3] = ["_bucket", "_sum", "_count"];

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# HELP a_seconds time\n# TYPE a_seconds histogram\na_seconds_bucket{kind=\"x\",le=\"1\"} 3\n\
        a_seconds_sum{kind=\"x\"} 2.5\n# TYPE b gauge\nb 4\nc{code=\"1\"} 1\nc{code=\"2\"} 2\n";

    #[test]
    fn families_carry_type_and_label_keys() {
        let scrape = Scrape::new(TEXT.to_owned());
        let families = scrape.families();
        assert_eq!(
            families["a_seconds"],
            ("histogram".to_owned(), BTreeSet::from(["kind"]))
        );
        assert_eq!(families["b"], ("gauge".to_owned(), BTreeSet::new()));
    }

    #[test]
    fn values_are_found_by_series() {
        let scrape = Scrape::new(TEXT.to_owned());
        assert_eq!(scrape.value("b"), Some(4.0));
        assert_eq!(scrape.value("c{code=\"2\"}"), Some(2.0));
    }
}
