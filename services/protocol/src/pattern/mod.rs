//! Channel patterns: which channels a key or a token reaches (realtime spec §1.6).
//!
//! Owns the notation, matching a name, and whether one pattern lies inside another. Knows nothing of keys and tokens.
//! Invariant: `a.contains(&b)` is never true when `b` matches a name that `a` does not: a token can only ever narrow
//! what its key allows.

mod containment;
mod piece;
mod states;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use self::piece::Piece;
use crate::names::{NameError, NameVisitor, check};

/// A pattern over channel names; the whole name has to match, case-sensitively.
///
/// | piece | matches |
/// |---|---|
/// | `*` | any run of characters without `/`, the empty run too |
/// | `**` | any run of characters, `/` and the empty run included |
/// | `\*`, `\\` | a literal `*`, `\` |
/// | anything else | itself |
///
/// Stars are read from the left, two at a time, so `***` is `**` followed by `*` and means the same as `**`. A
/// backslash before any other character, or at the end, is "anything else": it stands for itself.
///
/// The text is 1–256 bytes of UTF-8 without control characters, like the names it is meant for: no name that could
/// match has been given up by that.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ChannelPattern {
    source: Arc<str>,
    pieces: Arc<[Piece]>,
}

impl ChannelPattern {
    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// Whether the pattern matches the whole of `name`.
    ///
    /// Allocates nothing. Takes one pass over `name`; each character costs at most one step per piece of the pattern,
    /// whatever the input.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let mut rest = name.chars();
        let mut pieces = &*self.pieces;
        while let [Piece::Literal(literal), tail @ ..] = pieces {
            if rest.next() != Some(*literal) {
                return false;
            }
            pieces = tail;
        }
        // Nearly every pattern in use is a literal with at most one wildcard, at its end.
        match pieces {
            [] => rest.as_str().is_empty(),
            [Piece::Segment] => !rest.as_str().contains('/'),
            [Piece::Path] => true,
            [Piece::Literal(_) | Piece::Segment | Piece::Path, ..] => states::accepts(pieces, rest),
        }
    }

    /// Whether every name that `other` matches is matched by `self` too.
    ///
    /// This compares languages, not texts: `a/*` matches the text `a/**` but does not contain the pattern `a/**`.
    /// Exact for every pair that is settled within a fixed budget of steps; a pair that is not gets `false`, the safe
    /// answer. The limit on the length of a name is disregarded, which can only turn a `true` into a `false`.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        self.pieces == other.pieces || containment::contains(&self.pieces, &other.pieces)
    }

    /// Whether one of `patterns` contains this one.
    ///
    /// A pattern that is covered only by several of them together (`**` by `*` and `*/**`) counts as not covered: the
    /// safe side, and a key that means to allow `**` can say so.
    #[must_use]
    pub fn is_covered_by(&self, patterns: &[Self]) -> bool {
        patterns.iter().any(|pattern| pattern.contains(self))
    }
}

/// Longest pattern, in bytes of UTF-8.
const LIMIT_BYTES: usize = 256;

impl FromStr for ChannelPattern {
    type Err = NameError;

    fn from_str(source: &str) -> Result<Self, Self::Err> {
        check(source, LIMIT_BYTES, |c| !c.is_control())?;
        Ok(Self {
            source: Arc::from(source),
            pieces: piece::compile(source).into(),
        })
    }
}

impl TryFrom<&str> for ChannelPattern {
    type Error = NameError;

    fn try_from(source: &str) -> Result<Self, Self::Error> {
        source.parse()
    }
}

impl fmt::Display for ChannelPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.source)
    }
}

impl fmt::Debug for ChannelPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ChannelPattern").field(&self.source).finish()
    }
}

impl serde::Serialize for ChannelPattern {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.source)
    }
}

impl<'de> serde::Deserialize<'de> for ChannelPattern {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NameVisitor::new("ChannelPattern"))
    }
}

#[cfg(test)]
mod tests;
