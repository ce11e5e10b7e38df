//! The id of an edge: one node process of the cluster.

use super::error::{NameError, check, is_identifier};
use super::name;

name! {
    /// An edge: 1–64 characters of `[A-Za-z0-9._-]`, unique in its cluster (a pod name fits).
    pub struct EdgeId;
    check = is_edge_id;
}

/// Longest name, in bytes.
const LIMIT_BYTES: usize = 64;

fn is_edge_id(text: &str) -> Result<(), NameError> {
    check(text, LIMIT_BYTES, is_identifier)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_name_passes() {
        assert!("switchboard-7d9c5b6f4-x2x9p".parse::<EdgeId>().is_ok());
    }

    #[test]
    fn a_name_that_could_break_a_key_is_refused() {
        for text in ["", "a{b}", "a:b", "a\nb"] {
            assert!(text.parse::<EdgeId>().is_err(), "{text:?}");
        }
        assert!("e".repeat(65).parse::<EdgeId>().is_err());
    }
}
