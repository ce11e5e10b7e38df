//! The pieces a pattern is made of, and reading them from its text.

/// One piece of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Piece {
    /// This character.
    Literal(char),
    /// `*`: any run of characters without `/`.
    Segment,
    /// `**`: any run of characters.
    Path,
}

impl Piece {
    /// Whether the piece also matches nothing at all.
    pub(super) const fn is_wildcard(self) -> bool {
        match self {
            Self::Literal(_) => false,
            Self::Segment | Self::Path => true,
        }
    }
}

/// Reads the pieces of `source`; every text is some pattern.
///
/// No two wildcards are ever neighbours in the result: a run of stars that holds a `**` means just `**`.
pub(super) fn compile(source: &str) -> Vec<Piece> {
    let mut pieces = Vec::with_capacity(source.len());
    let mut chars = source.chars().peekable();
    while let Some(c) = chars.next() {
        let piece = match c {
            '*' if chars.next_if_eq(&'*').is_some() => Piece::Path,
            '*' => Piece::Segment,
            '\\' => Piece::Literal(
                chars
                    .next_if(|&next| matches!(next, '*' | '\\'))
                    .unwrap_or('\\'),
            ),
            literal => Piece::Literal(literal),
        };
        // A `*` is always the last star of its run, so what stands before it in the run is a `**` already.
        if piece.is_wildcard() && pieces.last() == Some(&Piece::Path) {
            continue;
        }
        pieces.push(piece);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backslash_escapes_only_star_and_backslash() {
        let literal = |text: &str| text.chars().map(Piece::Literal).collect::<Vec<_>>();
        assert_eq!(compile(r"\*\\"), literal(r"*\"));
        assert_eq!(compile(r"a\b"), literal(r"a\b"));
        assert_eq!(compile(r"a\"), literal(r"a\"));
        assert_eq!(compile(r"\\*"), [Piece::Literal('\\'), Piece::Segment]);
        assert_eq!(compile(r"\***"), [Piece::Literal('*'), Piece::Path]);
    }

    #[test]
    fn a_run_of_stars_is_one_wildcard() {
        assert_eq!(compile("*"), [Piece::Segment]);
        for stars in 2..9 {
            assert_eq!(compile(&"*".repeat(stars)), [Piece::Path], "{stars} stars");
        }
    }
}
