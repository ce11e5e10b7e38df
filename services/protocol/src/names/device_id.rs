//! The id of a device: what a token names so that one device holds one session.

use super::error::{NameError, check, is_printable_ascii};
use super::name;

name! {
    /// A device, as named by a token: 1–128 bytes of printable ASCII.
    pub struct DeviceId;
    check = is_device_id;
}

/// Longest name, in bytes.
const LIMIT_BYTES: usize = 128;

fn is_device_id(text: &str) -> Result<(), NameError> {
    check(text, LIMIT_BYTES, is_printable_ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printable_ascii_passes() {
        assert!("phone (kitchen) #2".parse::<DeviceId>().is_ok());
        assert!("d".repeat(128).parse::<DeviceId>().is_ok());
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "a\tb", "téléphone", "\u{7f}"] {
            assert!(text.parse::<DeviceId>().is_err(), "{text:?}");
        }
        assert!("d".repeat(129).parse::<DeviceId>().is_err());
    }
}
