//! Why a client was not admitted.

use protocol::CloseReason;

use super::VerifyError;

/// Why a client was not admitted. The client learns the close code and a fixed text, the log learns this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdmitError {
    /// The connect brought neither token nor key.
    #[error("no credential")]
    NoCredential,
    /// `?key=` names no publishable key.
    #[error("no such publishable key")]
    UnknownKey,
    /// The token is no good.
    #[error(transparent)]
    Token(#[from] VerifyError),
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
            Self::Token(VerifyError::Expired) => CloseReason::TokenExpired,
            Self::NoCredential | Self::UnknownKey | Self::Token(_) => CloseReason::InvalidToken,
            Self::OutsideKey => CloseReason::ScopeMismatch,
            Self::OriginRefused => CloseReason::OriginRefused,
            Self::Suspended => CloseReason::AppSuspended,
        }
    }
}
