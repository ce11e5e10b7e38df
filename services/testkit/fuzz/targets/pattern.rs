//! Channel patterns on arbitrary texts.
//!
//! Oracle: a plain matcher, one table of what is reachable, written from the notation's description. Containment must be
//! sound: a pattern that contains another matches every name that the other one matches; names are made from the other
//! pattern by filling its stars.
//!
//! Input: lines. An outer pattern, an inner one, a name, then what to fill the stars with.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use protocol::ChannelPattern;

fuzz_target!(|input: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(input) else {
        return Corpus::Reject;
    };
    let mut lines = text.split('\n');
    let mut pattern = || lines.next()?.parse::<ChannelPattern>().ok();
    let (Some(outer), Some(inner)) = (pattern(), pattern()) else {
        return Corpus::Reject;
    };
    let name = lines.next().unwrap_or_default();
    let fillings: Vec<&str> = lines.collect();

    assert!(outer.contains(&outer) && inner.contains(&inner));
    let filled = fill(inner.as_str(), &fillings);
    assert!(inner.matches(&filled), "{inner} does not match {filled:?}");
    for name in [name, &filled] {
        for pattern in [&outer, &inner] {
            assert_eq!(
                pattern.matches(name),
                plainly_matches(pattern.as_str(), name),
                "{pattern} on {name:?}"
            );
        }
        if outer.contains(&inner) && inner.matches(name) {
            assert!(
                outer.matches(name),
                "{outer} contains {inner}, not {name:?}"
            );
        }
    }
    Corpus::Keep
});

#[derive(Clone, Copy, PartialEq)]
enum Piece {
    Literal(char),
    /// `*`
    Segment,
    /// `**`
    Path,
}

fn pieces(source: &str) -> Vec<Piece> {
    let source: Vec<char> = source.chars().collect();
    let mut rest = source.as_slice();
    let mut pieces = Vec::new();
    loop {
        let (piece, length) = match rest {
            [] => return pieces,
            ['*', '*', ..] => (Piece::Path, 2),
            ['*', ..] => (Piece::Segment, 1),
            ['\\', escaped @ ('*' | '\\'), ..] => (Piece::Literal(*escaped), 2),
            [literal, ..] => (Piece::Literal(*literal), 1),
        };
        pieces.push(piece);
        rest = &rest[length..];
    }
}

/// Whether the whole of `name` matches: `reached[n]` says that the pieces so far match its first n characters.
fn plainly_matches(source: &str, name: &str) -> bool {
    let name: Vec<char> = name.chars().collect();
    let mut reached = vec![false; name.len() + 1];
    reached[0] = true;
    for piece in pieces(source) {
        let before = reached;
        reached = vec![false; name.len() + 1];
        for at in 0..=name.len() {
            let eats = |stays: bool, at: usize| match piece {
                Piece::Literal(literal) => before[at - 1] && name[at - 1] == literal,
                Piece::Segment => stays && name[at - 1] != '/',
                Piece::Path => stays,
            };
            let is_empty_run = piece_may_be_empty(piece) && before[at];
            reached[at] = is_empty_run || (at > 0 && eats(reached[at - 1], at));
        }
    }
    reached[name.len()]
}

fn piece_may_be_empty(piece: Piece) -> bool {
    match piece {
        Piece::Literal(_) => false,
        Piece::Segment | Piece::Path => true,
    }
}

/// A name that the pattern matches: each star is replaced by the next filling.
fn fill(source: &str, fillings: &[&str]) -> String {
    let mut fillings = fillings.iter().cycle();
    let mut filling = || fillings.next().copied().unwrap_or_default();
    let mut name = String::new();
    for piece in pieces(source) {
        match piece {
            Piece::Literal(literal) => name.push(literal),
            Piece::Segment => name.push_str(&filling().replace('/', "")),
            Piece::Path => name.push_str(filling()),
        }
    }
    name
}
