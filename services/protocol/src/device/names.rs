//! The names of this dialect.

use crate::names::{NameError, check, is_printable_ascii, name};

name! {
    /// A call, as its caller named it; the same on every leg (spec device-session §3.1). 1–128 bytes of printable ASCII.
    pub struct CallId;
    check = is_short;
}

name! {
    /// What somebody dials to reach a user, unique inside an app. 1–128 bytes of printable ASCII.
    pub struct Number;
    check = is_short;
}

name! {
    /// What a client recognises an answer by. Unique to one socket, and to nothing more (spec device-session §2.3).
    /// Any text of 1–128 bytes.
    pub struct Transaction;
    check = is_any;
}

const LIMIT_BYTES: usize = 128;

fn is_short(text: &str) -> Result<(), NameError> {
    check(text, LIMIT_BYTES, is_printable_ascii)
}

fn is_any(text: &str) -> Result<(), NameError> {
    check(text, LIMIT_BYTES, |_| true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_call_ids_are_printable() {
        for text in ["1001", "+380 44 123-45-67", "alice", "sip:1001@host"] {
            assert!(text.parse::<Number>().is_ok(), "{text}");
        }
        for text in ["", "a\nb", "é"] {
            assert!(text.parse::<Number>().is_err(), "{text}");
            assert!(text.parse::<CallId>().is_err(), "{text}");
        }
        assert!("c".repeat(129).parse::<CallId>().is_err());
    }

    #[test]
    fn a_transaction_is_any_text() {
        assert!("transaction-é\n".parse::<Transaction>().is_ok());
        assert!("".parse::<Transaction>().is_err());
        assert!("t".repeat(129).parse::<Transaction>().is_err());
    }
}
