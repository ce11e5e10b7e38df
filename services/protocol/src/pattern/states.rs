//! A pattern as an automaton: which of its pieces may come next.
//!
//! State `i` stands before piece `i`; the state after the last piece accepts. All states are tracked at once, so there
//! is nothing to backtrack to and no input that makes matching slow.

use super::LIMIT_BYTES;
use super::piece::Piece;

/// A set of states; one bit each, on the stack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct StateSet([u64; WORDS]);

/// A pattern of `LIMIT_BYTES` bytes has at most that many pieces, hence one state more.
const WORDS: usize = (LIMIT_BYTES + 1).div_ceil(64);

impl StateSet {
    /// The states before any character has been read.
    pub(super) fn start(pieces: &[Piece]) -> Self {
        let mut set = Self::default();
        set.enter(pieces, 0);
        set
    }

    /// The states after `c` has been read from these.
    pub(super) fn step(&self, pieces: &[Piece], c: char) -> Self {
        let mut next = Self::default();
        for state in self.iter() {
            match pieces.get(state) {
                Some(&Piece::Literal(literal)) if literal == c => next.enter(pieces, state + 1),
                Some(Piece::Segment) if c != '/' => next.enter(pieces, state),
                Some(Piece::Path) => next.enter(pieces, state),
                Some(Piece::Literal(_) | Piece::Segment) | None => {}
            }
        }
        next
    }

    /// Whether what has been read so far is a match.
    pub(super) const fn accepts(&self, pieces: &[Piece]) -> bool {
        self.has(pieces.len())
    }

    /// Whether every continuation is a match, because a `**` that ends the pattern has been reached.
    pub(super) fn accepts_everything(&self, pieces: &[Piece]) -> bool {
        pieces.last() == Some(&Piece::Path) && self.has(pieces.len() - 1)
    }

    /// Whether no continuation can be a match.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether every state of this set is in `other`.
    pub(super) fn is_subset_of(&self, other: &Self) -> bool {
        self.0
            .iter()
            .zip(&other.0)
            .all(|(own, others)| own & !others == 0)
    }

    /// The states, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().flat_map(|(index, &word)| {
            std::iter::successors(Some(word), |&rest| {
                rest.checked_sub(1).map(|less| rest & less)
            })
            .take_while(|&rest| rest != 0)
            .map(move |rest| index * 64 + rest.trailing_zeros() as usize)
        })
    }

    /// Adds `state`, and the one behind it if the piece between them may match nothing. Wildcards are never
    /// neighbours, so that is all there is to add.
    fn enter(&mut self, pieces: &[Piece], state: usize) {
        self.insert(state);
        if pieces.get(state).is_some_and(|piece| piece.is_wildcard()) {
            self.insert(state + 1);
        }
    }

    const fn insert(&mut self, state: usize) {
        self.0[state / 64] |= 1 << (state % 64);
    }

    const fn has(&self, state: usize) -> bool {
        self.0[state / 64] & (1 << (state % 64)) != 0
    }
}

/// Whether `pieces` match exactly the characters of `name`.
pub(super) fn accepts(pieces: &[Piece], name: impl Iterator<Item = char>) -> bool {
    let mut set = StateSet::start(pieces);
    for c in name {
        set = set.step(pieces, c);
        if set.is_empty() {
            return false;
        }
        if set.accepts_everything(pieces) {
            return true;
        }
    }
    set.accepts(pieces)
}
