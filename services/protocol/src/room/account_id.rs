//! The id of an account, as this dialect spells it.
//!
//! An account is a peer. Where its id is a GUID, upper and lower case name the same account (spec room §2.6), so it is
//! written in one spelling before anything compares it.

use super::room_id;
use crate::{NameError, PeerId};

/// Reads an account id: a GUID in any case, or any other peer id exactly as it stands.
///
/// # Errors
/// The text is no peer id.
pub fn account_id(text: &str) -> Result<PeerId, NameError> {
    if room_id::digits(text).is_ok() {
        return text.to_ascii_lowercase().parse();
    }
    text.parse()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_has_one_spelling_and_other_ids_stay_as_they_are() {
        let account = |text: &str| account_id(text).unwrap().to_string();
        assert_eq!(
            account("0F8FAD5B-D9CB-469F-A165-70867728950E"),
            "0f8fad5b-d9cb-469f-a165-70867728950e"
        );
        assert_eq!(account("Alice"), "Alice");
        assert!(account_id("").is_err() && account_id("é").is_err());
    }
}
