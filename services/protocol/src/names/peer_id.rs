//! The id of a peer: who can be addressed inside an app.

use super::error::{NameError, check, is_printable_ascii};
use super::name;

name! {
    /// A peer: 1–128 bytes of printable ASCII (realtime spec §1.5, §2). A token's `sub`, or made up for a publishable key.
    pub struct PeerId;
    check = is_peer_id;
}

/// Longest name, in bytes.
const LIMIT_BYTES: usize = 128;

fn is_peer_id(text: &str) -> Result<(), NameError> {
    check(text, LIMIT_BYTES, is_printable_ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn space_and_tilde_are_the_ends_of_the_alphabet() {
        assert!(" ~".parse::<PeerId>().is_ok());
        assert_eq!(
            "a\u{1f}".parse::<PeerId>(),
            Err(NameError::Forbidden {
                found: '\u{1f}',
                offset_bytes: 1
            })
        );
        assert!("\u{7f}".parse::<PeerId>().is_err());
        assert!("é".parse::<PeerId>().is_err());
    }

    #[test]
    fn one_to_128_bytes_pass() {
        assert_eq!("".parse::<PeerId>(), Err(NameError::Empty));
        assert!("p".repeat(128).parse::<PeerId>().is_ok());
        assert_eq!(
            "p".repeat(129).parse::<PeerId>(),
            Err(NameError::TooLong { limit_bytes: 128 })
        );
    }
}
