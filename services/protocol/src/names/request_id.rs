//! The id of a request: what a client puts on a frame to recognise the one reply.

use super::error::{NameError, check};
use super::name;

name! {
    /// A request id: any text of 1–128 bytes of UTF-8, echoed as it came (realtime spec §2).
    pub struct RequestId;
    check = is_request_id;
}

/// Longest id, in bytes.
const LIMIT_BYTES: usize = 128;

fn is_request_id(text: &str) -> Result<(), NameError> {
    check(text, LIMIT_BYTES, |_| true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_passes_up_to_128_bytes() {
        assert!("0f9c-\u{1}-é".parse::<RequestId>().is_ok());
        assert!("é".repeat(64).parse::<RequestId>().is_ok());
        assert_eq!(
            "é".repeat(65).parse::<RequestId>(),
            Err(NameError::TooLong { limit_bytes: 128 })
        );
        assert_eq!("".parse::<RequestId>(), Err(NameError::Empty));
    }
}
