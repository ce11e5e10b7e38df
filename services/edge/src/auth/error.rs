//! Why a client was not admitted.

use protocol::CloseReason;

/// Why a client was not admitted. The client learns the close code and a fixed text, the log learns this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdmitError {
    /// The connect brought neither token nor key.
    #[error("no credential")]
    NoCredential,
    /// `?key=` names no publishable key.
    #[error("no such publishable key")]
    UnknownKey,
    /// The token is not three parts of base64url with a JSON header, or is too long.
    #[error("the token is malformed")]
    MalformedToken,
    /// The token's header asks for something else than HS256, or for an extension.
    #[error("the token asks for an algorithm or an extension that is not accepted")]
    WrongAlgorithm,
    /// The token's `kid` is missing or names no secret key.
    #[error("the token names no secret key")]
    UnknownSigner,
    /// The token was not signed with that key's secret, or was changed since.
    #[error("the token's signature is wrong")]
    BadSignature,
    /// A claim is missing, of the wrong type or too large.
    #[error("the token's claims are invalid")]
    BadClaims,
    /// The token was good until its `exp`.
    #[error("the token has expired")]
    Expired,
    /// The token claims channels that its key does not reach.
    #[error("the token claims channels outside its key")]
    OutsideKey,
    /// The page's origin is not one that the key allows.
    #[error("the origin is not allowed")]
    OriginRefused,
    /// The app is suspended.
    #[error("the app is suspended")]
    Suspended,
}

impl AdmitError {
    /// Why the session ends before it began (spec realtime §1.2). Unknown and bad credentials are one, so that nobody
    /// can probe which keys exist.
    #[must_use]
    pub const fn close_reason(&self) -> CloseReason {
        match self {
            Self::NoCredential
            | Self::UnknownKey
            | Self::MalformedToken
            | Self::WrongAlgorithm
            | Self::UnknownSigner
            | Self::BadSignature
            | Self::BadClaims => CloseReason::InvalidToken,
            Self::Expired => CloseReason::TokenExpired,
            Self::OutsideKey => CloseReason::ScopeMismatch,
            Self::OriginRefused => CloseReason::OriginRefused,
            Self::Suspended => CloseReason::AppSuspended,
        }
    }
}
