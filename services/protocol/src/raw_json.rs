//! Looking into JSON text without building a tree of it.
//!
//! serde_json checks the syntax of a `RawValue` but keeps no count of its depth and does not say what kind of value it
//! is. Invariant: everything here runs in one pass, without recursion, on text that has already been found valid (the
//! depth alone is safe on any text).

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// For `deserialize_with`: a member that is there is `Some`, even if it is `null`.
///
/// Plain `Option<&RawValue>` reads `null` as absent, and `"data": null` is a message.
pub(crate) fn present<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Whether `json` starts as an object.
///
/// Derived `Deserialize` would take an array for a struct, member by member.
pub(crate) fn is_object(json: &str) -> bool {
    json.trim_start_matches(is_whitespace).starts_with('{')
}

/// The text of a JSON string; borrowed unless it holds escapes. `None` if `value` is no string, or one that UTF-8
/// cannot express (an escaped lone surrogate).
pub(crate) fn as_string(value: &RawValue) -> Option<Cow<'_, str>> {
    let inner = value.get().strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str(value.get()).ok().map(Cow::Owned)
}

/// Whether arrays and objects are nested more than `limit` deep. Any text will do, valid JSON or not.
#[must_use]
pub fn is_deeper_than(json: &str, limit: usize) -> bool {
    let json = json.as_bytes();
    // Nearly every message has fewer brackets in all than it may have levels.
    if memchr::memchr2_iter(b'[', b'{', json)
        .take(limit + 1)
        .count()
        <= limit
    {
        return false;
    }
    let mut depth: usize = 0;
    let mut text = Text::Outside;
    for &byte in json {
        text = text.after(byte);
        match (text, byte) {
            (Text::Outside, b'[' | b'{') => depth += 1,
            (Text::Outside, b']' | b'}') => depth = depth.saturating_sub(1),
            (Text::Outside | Text::Inside | Text::Escaped, _) => {}
        }
        if depth > limit {
            return true;
        }
    }
    false
}

/// The same value without the whitespace between its tokens.
pub(crate) fn compact(value: &RawValue) -> Box<RawValue> {
    // Most libraries write none.
    if !value.get().contains(is_whitespace) {
        return value.to_owned();
    }
    let mut text = Text::Outside;
    let kept: String = value
        .get()
        .chars()
        .filter(|&c| {
            // Every byte that matters here is ASCII; any other character stands for itself, inside a string.
            text = text.after(u8::try_from(c).unwrap_or(b'x'));
            text != Text::Outside || !is_whitespace(c)
        })
        .collect();
    RawValue::from_string(kept)
        .expect("valid JSON stays valid without the whitespace between its tokens")
}

const fn is_whitespace(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// Where in JSON text a byte stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Text {
    /// Between strings; the closing quote counts as outside.
    Outside,
    /// In a string; the opening quote counts as inside.
    Inside,
    /// In a string, right behind a backslash.
    Escaped,
}

impl Text {
    const fn after(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Outside, b'"') | (Self::Escaped, _) => Self::Inside,
            (Self::Inside, b'"') | (Self::Outside, _) => Self::Outside,
            (Self::Inside, b'\\') => Self::Escaped,
            (Self::Inside, _) => Self::Inside,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).unwrap()
    }

    #[test]
    fn a_string_without_escapes_is_borrowed() {
        assert!(matches!(
            as_string(&raw("\"é/x\"")),
            Some(Cow::Borrowed("é/x"))
        ));
        assert_eq!(as_string(&raw(r#""a\/\u00e9\"""#)).unwrap(), "a/é\"");
    }

    #[test]
    fn what_is_no_text_is_none() {
        for json in ["null", "1", "{}", "[\"a\"]", r#""\ud800""#] {
            assert_eq!(as_string(&raw(json)), None, "{json}");
        }
    }

    #[test]
    fn depth_counts_brackets_outside_of_strings() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(!is_deeper_than(&nested(5), 5));
        assert!(is_deeper_than(&nested(6), 5));
        assert!(!is_deeper_than(&"[],".repeat(100), 5));
        assert!(!is_deeper_than(r#"["[[[[[[[[\"[[[[[\\\"[[[[", "\\"]"#, 5));
        assert!(is_deeper_than(r#"["\\", [[[[[1]]]]]]"#, 5));
        assert!(is_deeper_than(&"{\"a\":".repeat(6), 5));
    }

    #[test]
    fn compacting_keeps_strings_numbers_and_order() {
        let json = "{ \"b\" :\t[ 1.0 ,\r\n 1e400, \"a \\\" \\\\\" , \" é \" ] , \"a\" : { } }";
        assert_eq!(
            compact(&raw(json)).get(),
            r#"{"b":[1.0,1e400,"a \" \\"," é "],"a":{}}"#
        );
    }

    proptest! {
        #[test]
        fn compacting_any_object_changes_nothing_but_its_spelling(
            members in prop::collection::btree_map(".{0,6}", prop::collection::vec(".{0,6}", 0..4), 0..4),
        ) {
            let pretty = serde_json::to_string_pretty(&members).unwrap();
            let compacted = compact(&raw(&pretty));
            prop_assert_eq!(compacted.get(), serde_json::to_string(&members).unwrap());
        }
    }
}
