//! Whether one pattern lies inside another: inclusion of languages, decided on their automata.
//!
//! Walks pairs (one state of the inner pattern, all states of the outer one that the same text can lead to). A pair in
//! which the inner pattern has matched and the outer one has not is a name that would escape.
//!
//! The alphabet is finite: a character that stands nowhere in either pattern is as good as any other such character,
//! so one of them speaks for all.

use super::piece::Piece;
use super::states::StateSet;

/// Pairs looked at before giving up. Patterns as people write them need fewer than a hundred.
const BUDGET_PAIRS: usize = 4096;

/// Speaks for every character that stands in neither pattern. Patterns hold no control character, so none holds this.
const UNNAMED: char = '\0';

/// Whether every text that `inner` matches is matched by `outer`; `false` when the budget does not suffice to tell.
pub(super) fn contains(outer: &[Piece], inner: &[Piece]) -> bool {
    let mut search = Search::new(outer, inner);
    let started = search.visit(0, StateSet::start(outer));
    started.and_then(|()| search.run()).is_ok()
}

/// A text escapes, or it could not be shown within the budget that none does.
struct Refuted;

struct Search<'a> {
    outer: &'a [Piece],
    inner: &'a [Piece],
    /// Per inner state, the outer sets that have been met with it.
    seen: Vec<Vec<StateSet>>,
    pending: Vec<(usize, StateSet)>,
    budget_pairs: usize,
}

impl<'a> Search<'a> {
    fn new(outer: &'a [Piece], inner: &'a [Piece]) -> Self {
        Self {
            outer,
            inner,
            seen: vec![Vec::new(); inner.len() + 1],
            pending: Vec::new(),
            budget_pairs: BUDGET_PAIRS,
        }
    }

    fn run(&mut self) -> Result<(), Refuted> {
        while let Some((state, reached)) = self.pending.pop() {
            match self.inner.get(state) {
                Some(&Piece::Literal(literal)) => {
                    self.visit(state + 1, reached.step(self.outer, literal))?
                }
                Some(Piece::Segment) => self.loop_on(state, reached, self.letters(&reached))?,
                Some(Piece::Path) => {
                    self.visit(state, reached.step(self.outer, '/'))?;
                    self.loop_on(state, reached, self.letters(&reached))?;
                }
                None => {}
            }
        }
        Ok(())
    }

    /// The inner wildcard at `state` takes each of `letters` in turn and stays.
    fn loop_on(
        &mut self,
        state: usize,
        reached: StateSet,
        letters: Vec<char>,
    ) -> Result<(), Refuted> {
        letters
            .into_iter()
            .try_for_each(|letter| self.visit(state, reached.step(self.outer, letter)))
    }

    /// The characters besides `/` that `reached` tells apart.
    fn letters(&self, reached: &StateSet) -> Vec<char> {
        let mut letters = vec![UNNAMED];
        for state in reached.iter() {
            if let Some(&Piece::Literal(literal)) = self.outer.get(state)
                && literal != '/'
                && !letters.contains(&literal)
            {
                letters.push(literal);
            }
        }
        letters
    }

    fn visit(&mut self, state: usize, reached: StateSet) -> Result<(), Refuted> {
        if reached.accepts_everything(self.outer) {
            return Ok(());
        }
        // Every state of a pattern leads to a match, so an outer pattern that is out of the race has lost.
        if reached.is_empty() || (state == self.inner.len() && !reached.accepts(self.outer)) {
            return Err(Refuted);
        }
        // With fewer outer states it is harder to keep up: a smaller set that was met stands for all larger ones.
        if self.seen[state]
            .iter()
            .any(|met| met.is_subset_of(&reached))
        {
            return Ok(());
        }
        self.budget_pairs = self.budget_pairs.checked_sub(1).ok_or(Refuted)?;
        self.seen[state].push(reached);
        self.pending.push((state, reached));
        // An inner wildcard may also match nothing.
        match self.inner.get(state) {
            Some(piece) if piece.is_wildcard() => self.visit(state + 1, reached),
            Some(_) | None => Ok(()),
        }
    }
}
