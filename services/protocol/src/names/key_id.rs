//! The id of a key: public, and for a publishable key the whole credential.

use super::error::{NameError, check};
use super::name;

name! {
    /// A key of an app: 1–128 bytes of printable ASCII without space and `:` (a colon parts id and secret in REST calls).
    pub struct KeyId;
    check = is_key_id;
}

/// Longest name, in bytes.
const LIMIT_BYTES: usize = 128;

fn is_key_id(text: &str) -> Result<(), NameError> {
    check(text, LIMIT_BYTES, |c| matches!(c, '!'..='~') && c != ':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_key_ids_pass() {
        for text in ["pk_live_demo", "sk_id_demo", "sk/with+odd=signs"] {
            assert!(text.parse::<KeyId>().is_ok(), "{text}");
        }
    }

    #[test]
    fn space_colon_and_control_characters_are_refused() {
        for text in ["", "sk id", "sk_id:secret", "sk\u{7f}", "schlüssel"] {
            assert!(text.parse::<KeyId>().is_err(), "{text:?}");
        }
        assert!("k".repeat(128).parse::<KeyId>().is_ok());
        assert!("k".repeat(129).parse::<KeyId>().is_err());
    }
}
