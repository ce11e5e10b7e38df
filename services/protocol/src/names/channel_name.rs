//! The name of a channel, and which names the service keeps for itself.

use super::error::{NameError, check};
use super::name;

name! {
    /// A channel: 1–256 bytes of UTF-8 without U+0000–1F, 7F and 80–9F (realtime spec §2).
    ///
    /// A reserved name is well formed; whoever takes one from a client asks [`is_reserved`](Self::is_reserved) next.
    pub struct ChannelName;
    check = is_channel_name;
}

impl ChannelName {
    /// Whether the name starts with `_metered/`, `_internal/` or `_system/`, whatever the case of its ASCII letters.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        let name = self.as_str().as_bytes();
        RESERVED_PREFIXES.iter().any(|prefix| {
            name.get(..prefix.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
        })
    }
}

/// Longest name, in bytes of UTF-8.
const LIMIT_BYTES: usize = 256;

const RESERVED_PREFIXES: [&str; 3] = ["_metered/", "_internal/", "_system/"];

fn is_channel_name(text: &str) -> Result<(), NameError> {
    // `char::is_control` is Unicode's Cc, which is exactly C0, DEL and C1.
    check(text, LIMIT_BYTES, |c| !c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(text: &str) -> ChannelName {
        text.parse().unwrap()
    }

    #[test]
    fn the_limit_counts_bytes_of_utf8() {
        assert!("é".repeat(128).parse::<ChannelName>().is_ok());
        assert_eq!(
            "é".repeat(129).parse::<ChannelName>(),
            Err(NameError::TooLong { limit_bytes: 256 })
        );
        assert_eq!("".parse::<ChannelName>(), Err(NameError::Empty));
    }

    #[test]
    fn c0_del_and_c1_are_refused_and_their_neighbours_pass() {
        for forbidden in ['\0', '\n', '\u{1f}', '\u{7f}', '\u{80}', '\u{9f}'] {
            assert!(
                matches!(
                    format!("a{forbidden}").parse::<ChannelName>(),
                    Err(NameError::Forbidden { offset_bytes: 1, found }) if found == forbidden
                ),
                "{forbidden:?}"
            );
        }
        for allowed in [' ', '~', '\u{a0}', '\u{2028}', '🦀'] {
            assert!(
                format!("a{allowed}").parse::<ChannelName>().is_ok(),
                "{allowed:?}"
            );
        }
    }

    #[test]
    fn reserved_prefixes_are_found_in_any_case() {
        for text in ["_metered/x", "_METERED/", "_Internal/a/b", "_sYsTeM/x"] {
            assert!(name(text).is_reserved(), "{text}");
        }
        for text in [
            "_metered",
            "metered/x",
            "x/_metered/y",
            "_system2/x",
            "_syſtem/x",
            "é",
        ] {
            assert!(!name(text).is_reserved(), "{text}");
        }
    }

    #[test]
    fn serde_goes_through_the_check() {
        assert_eq!(
            serde_json::from_str::<ChannelName>(r#""app\/room""#).unwrap(),
            name("app/room")
        );
        let error = serde_json::from_str::<ChannelName>(r#""a\u0000b""#).unwrap_err();
        assert!(
            error.to_string().starts_with("must not contain '\\0'"),
            "{error}"
        );
        assert!(serde_json::from_str::<ChannelName>("7").is_err());
        assert_eq!(serde_json::to_string(&name("a\"b")).unwrap(), r#""a\"b""#);
    }

    proptest! {
        #[test]
        fn whatever_passes_reads_back_the_same(text in "\\PC{0,200}") {
            if let Ok(name) = text.parse::<ChannelName>() {
                prop_assert_eq!(name.as_str(), &text);
                prop_assert_eq!(name.to_string(), text.as_str());
                let json = serde_json::to_string(&name).unwrap();
                prop_assert_eq!(serde_json::from_str::<ChannelName>(&json).unwrap(), name);
            } else {
                prop_assert!(text.is_empty() || text.len() > LIMIT_BYTES || text.chars().any(char::is_control));
            }
        }
    }
}
