//! Reading the claims of a token, one by one: what the dialects share. Which claims there are, each of them knows itself.
//!
//! The payload is first read as it stands; each claim is judged by itself afterwards, so that an error can name it.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::raw_json;

/// Why a token's payload is refused. Names the claim, never shows its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimsError {
    /// Not UTF-8, not JSON, not an object, or a claim that stands there twice.
    #[error("the claims are not a JSON object in which each claim stands once")]
    NotAnObject,
    /// A required claim is absent.
    #[error("claim {claim} is missing")]
    Missing {
        /// The claim's name.
        claim: &'static str,
    },
    /// A claim of another type, or with something malformed in it.
    #[error("claim {claim} has no valid value")]
    Invalid {
        /// The claim's name.
        claim: &'static str,
    },
    /// A list with too many entries.
    #[error("claim {claim} has more than {limit} entries")]
    TooMany {
        /// The claim's name.
        claim: &'static str,
        /// The most entries that would have passed.
        limit: usize,
    },
    /// An object whose compact JSON is too long.
    #[error("claim {claim} is larger than {limit_bytes} bytes")]
    TooLarge {
        /// The claim's name.
        claim: &'static str,
        /// The longest that would have passed, in bytes.
        limit_bytes: usize,
    },
    /// An object that is nested too deep.
    #[error("claim {claim} is nested more than {limit} deep")]
    TooDeep {
        /// The claim's name.
        claim: &'static str,
        /// The deepest that would have passed.
        limit: usize,
    },
}

/// The payload as a struct of raw claims.
pub(crate) fn payload<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, ClaimsError> {
    simdutf8::basic::from_utf8(json)
        .ok()
        .filter(|json| raw_json::is_object(json))
        .and_then(|json| serde_json::from_str(json).ok())
        .ok_or(ClaimsError::NotAnObject)
}

pub(crate) fn parsed<T: DeserializeOwned>(
    claim: &'static str,
    value: &RawValue,
) -> Result<T, ClaimsError> {
    serde_json::from_str(value.get()).map_err(|_| ClaimsError::Invalid { claim })
}

pub(crate) fn optional<T: DeserializeOwned>(
    claim: &'static str,
    value: Option<&RawValue>,
) -> Result<Option<T>, ClaimsError> {
    value.map(|value| parsed(claim, value)).transpose()
}

pub(crate) fn required<T: DeserializeOwned>(
    claim: &'static str,
    value: Option<&RawValue>,
) -> Result<T, ClaimsError> {
    optional(claim, value)?.ok_or(ClaimsError::Missing { claim })
}

/// A name for people, of so many bytes at most; empty and `null` are none.
pub(crate) fn display_name(
    claim: &'static str,
    value: Option<&RawValue>,
    limit_bytes: usize,
) -> Result<Option<String>, ClaimsError> {
    let name: Option<Option<String>> = optional(claim, value)?;
    match name.flatten() {
        Some(name) if name.len() > limit_bytes => Err(ClaimsError::Invalid { claim }),
        Some(name) if name.is_empty() => Ok(None),
        name => Ok(name),
    }
}
