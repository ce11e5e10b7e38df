//! Why a token was refused.

use crate::issuers::KeyMissing;
use crate::metrics::Label;

/// Why a token was refused, in the same words for every dialect. A client never learns this; the log and the metrics do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// Not three parts of base64url with a JSON header, or too long.
    #[error("the token is malformed")]
    Malformed,
    /// The header asks for an algorithm that is none of the key's, or for an extension.
    #[error("the token asks for an algorithm or an extension that is not accepted")]
    WrongAlgorithm,
    /// The header says that this is another kind of token.
    #[error("the token is of a kind that does not admit anybody")]
    WrongType,
    /// Neither a secret key by its `kid` nor an issuer by its `iss`.
    #[error("the token names no signer that is known")]
    UnknownSigner,
    /// The issuer has no key of this name. A later fetch may bring it.
    #[error("the token names no key of its issuer")]
    UnknownKey,
    /// The issuer's keys have not been fetched yet: this says nothing about the token.
    #[error("the issuer's keys have not been fetched yet")]
    KeysUnavailable,
    /// Signed by somebody else, or changed since.
    #[error("the token's signature is wrong")]
    BadSignature,
    /// A claim is missing, of the wrong type or too large.
    #[error("the token's claims are invalid")]
    BadClaims,
    /// Good until its `exp`.
    #[error("the token has expired")]
    Expired,
    /// Good from its `nbf` on.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// Lives longer than its issuer's tokens may.
    #[error("the token lives longer than its issuer is allowed to make it")]
    LivesTooLong,
    /// Meant for somebody else.
    #[error("the token is meant for another audience")]
    WrongAudience,
    /// Revoked by the app.
    #[error("the token has been revoked")]
    Revoked,
}

impl Label for VerifyError {
    const ALL: &'static [Self] = &[
        Self::Malformed,
        Self::WrongAlgorithm,
        Self::WrongType,
        Self::UnknownSigner,
        Self::UnknownKey,
        Self::KeysUnavailable,
        Self::BadSignature,
        Self::BadClaims,
        Self::Expired,
        Self::NotYetValid,
        Self::LivesTooLong,
        Self::WrongAudience,
        Self::Revoked,
    ];

    fn text(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::WrongAlgorithm => "wrong_algorithm",
            Self::WrongType => "wrong_type",
            Self::UnknownSigner => "unknown_signer",
            Self::UnknownKey => "unknown_key",
            Self::KeysUnavailable => "keys_unavailable",
            Self::BadSignature => "bad_signature",
            Self::BadClaims => "bad_claims",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::LivesTooLong => "lives_too_long",
            Self::WrongAudience => "wrong_audience",
            Self::Revoked => "revoked",
        }
    }

    fn index(self) -> usize {
        self as usize
    }
}

impl From<KeyMissing> for VerifyError {
    fn from(missing: KeyMissing) -> Self {
        match missing {
            KeyMissing::Unknown => Self::UnknownKey,
            KeyMissing::NotFetched => Self::KeysUnavailable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_series() {
        for (index, &reason) in VerifyError::ALL.iter().enumerate() {
            assert_eq!(reason.index(), index, "{}", reason.text());
        }
    }
}
