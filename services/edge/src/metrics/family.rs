//! Counters with one series per value of a closed set.

use std::marker::PhantomData;

use prometheus::{IntCounter, IntCounterVec};

/// A closed set of label values.
pub trait Label: Copy + 'static {
    /// Every value, in the order of [`Label::index`].
    const ALL: &'static [Self];

    /// The label's text.
    fn text(self) -> &'static str;

    /// The value's place in [`Label::ALL`].
    fn index(self) -> usize;
}

/// One counter per value. All exist from the start, at zero: a rate over a first event is not lost, the shape of a scrape
/// never depends on what clients do, and counting looks nothing up.
#[derive(Clone, Debug)]
pub struct Family<L> {
    counters: Vec<IntCounter>,
    labels: PhantomData<L>,
}

impl<L: Label> Family<L> {
    /// Resolves every series of `counters` whose first labels are `fixed` and whose last one is an `L`.
    #[must_use]
    pub fn new(counters: &IntCounterVec, fixed: &[&str]) -> Self {
        let resolve = |label: &L| counters.with_label_values(&[fixed, &[label.text()]].concat());
        Self {
            counters: L::ALL.iter().map(resolve).collect(),
            labels: PhantomData,
        }
    }

    /// Counts one.
    pub fn count(&self, label: L) {
        self.add(label, 1);
    }

    /// Counts several.
    pub fn add(&self, label: L, count: u64) {
        self.counters[label.index()].inc_by(count);
    }
}
