//! From a token to claims that a key of ours has signed: for every dialect but realtime.

use std::sync::Arc;

use super::{AdmitError, token};
use crate::tenancy::{App, Signer, Tenancy};

/// What a good token says.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The app that it admits to. Whether the app is suspended has not been asked.
    pub app: Arc<App>,
    /// Who signed it.
    pub via: Signer,
    /// When it ends, in Unix seconds.
    pub expires_at: u64,
    /// All claims as JSON text.
    pub claims: String,
}

/// Why a token was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// Nothing to be told from another reason.
    #[error("the token does not hold")]
    BadSignature,
    /// Good until its `exp`.
    #[error("the token has expired")]
    Expired,
    /// The signer's keys are not known yet.
    #[error("the signer's keys are not known yet")]
    KeysUnavailable,
}

/// Verifies a token. `now_unix_s` is the time in Unix seconds.
///
/// # Errors
/// The token is refused.
pub async fn verify_or_wait(
    tenancy: &Tenancy,
    token: &str,
    now_unix_s: u64,
) -> Result<Verified, VerifyError> {
    let bad = |_: AdmitError| VerifyError::BadSignature;
    let (key, claims) = token::verify_signature(tenancy, token).map_err(bad)?;
    let claims = String::from_utf8(claims).map_err(|_| VerifyError::BadSignature)?;
    let read = protocol::room::Claims::from_json(claims.as_bytes());
    let expires_at = read.map_err(|_| VerifyError::BadSignature)?.exp;
    if expires_at <= now_unix_s {
        return Err(VerifyError::Expired);
    }
    Ok(Verified {
        app: Arc::clone(&key.app),
        via: Signer::Key(key),
        expires_at,
        claims,
    })
}
