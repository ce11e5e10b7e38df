//! Why a text is not a name, and the two checks that most names share.

/// Why a text is not the name it was meant to be.
///
/// The text itself is never echoed: it may be of any length and come from anybody. At most one character of it is
/// shown, escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The empty string.
    #[error("must not be empty")]
    Empty,
    /// Longer than the name's limit, counted in bytes of UTF-8.
    #[error("must not be longer than {limit_bytes} bytes")]
    TooLong {
        /// The longest that would have passed, in bytes of UTF-8.
        limit_bytes: usize,
    },
    /// Shorter than every such name.
    #[error("must not be shorter than {limit_bytes} bytes")]
    TooShort {
        /// The shortest that would have passed, in bytes of UTF-8.
        limit_bytes: usize,
    },
    /// Holds a character outside the name's alphabet.
    #[error("must not contain {found:?} (byte {offset_bytes})")]
    Forbidden {
        /// The first character outside the alphabet.
        found: char,
        /// Where it starts, in bytes from the front.
        offset_bytes: usize,
    },
}

/// Checks 1 ..= `limit_bytes` bytes of characters that `allowed` accepts.
pub(crate) fn check(
    text: &str,
    limit_bytes: usize,
    allowed: impl Fn(char) -> bool,
) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    // Length before content: a hostile text of megabytes costs nothing.
    if text.len() > limit_bytes {
        return Err(NameError::TooLong { limit_bytes });
    }
    match text.char_indices().find(|&(_, found)| !allowed(found)) {
        Some((offset_bytes, found)) => Err(NameError::Forbidden {
            found,
            offset_bytes,
        }),
        None => Ok(()),
    }
}

/// The alphabet of names that also appear in paths, labels of machines and file names: `[A-Za-z0-9._-]`.
pub(super) const fn is_identifier(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

/// Printable ASCII, the space included: `0x20 ..= 0x7E`.
pub(crate) const fn is_printable_ascii(c: char) -> bool {
    matches!(c, ' '..='~')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_shows_at_most_one_escaped_character() {
        let error = check("ab\u{1b}[31m", 64, is_printable_ascii).unwrap_err();
        assert_eq!(error.to_string(), "must not contain '\\u{1b}' (byte 2)");
    }

    #[test]
    fn length_is_judged_before_content() {
        let text = "\0".repeat(65);
        assert_eq!(
            check(&text, 64, is_identifier),
            Err(NameError::TooLong { limit_bytes: 64 })
        );
    }

    #[test]
    fn messages_are_stable() {
        let all = [
            NameError::Empty,
            NameError::TooLong { limit_bytes: 128 },
            NameError::TooShort { limit_bytes: 36 },
            NameError::Forbidden {
                found: '\0',
                offset_bytes: 7,
            },
        ];
        let text: Vec<String> = all.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(text.join("\n"));
    }
}
