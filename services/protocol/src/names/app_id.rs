//! The id of an app: the tenant everything else is scoped to.

use super::error::{NameError, check, is_identifier};
use super::name;

name! {
    /// An app (tenant): 1–64 characters of `[A-Za-z0-9._-]`. The same channel or peer id in two apps never meet.
    pub struct AppId;
    check = is_app_id;
}

/// Longest name, in bytes.
const LIMIT_BYTES: usize = 64;

fn is_app_id(text: &str) -> Result<(), NameError> {
    check(text, LIMIT_BYTES, is_identifier)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_digits_dot_underscore_and_dash_pass() {
        assert_eq!(
            "Demo-1.eu_west".parse::<AppId>().unwrap().as_str(),
            "Demo-1.eu_west"
        );
    }

    #[test]
    fn separators_and_spaces_are_refused() {
        for text in ["a/b", "a b", "a:b", "{a}", "é"] {
            assert!(
                matches!(text.parse::<AppId>(), Err(NameError::Forbidden { .. })),
                "{text}"
            );
        }
    }

    #[test]
    fn sixty_four_bytes_pass_and_one_more_does_not() {
        assert!("a".repeat(64).parse::<AppId>().is_ok());
        assert_eq!(
            "a".repeat(65).parse::<AppId>(),
            Err(NameError::TooLong { limit_bytes: 64 })
        );
        assert_eq!("".parse::<AppId>(), Err(NameError::Empty));
    }
}
