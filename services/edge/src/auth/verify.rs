//! From a token to claims that somebody has signed whom an app trusts: for every dialect but realtime, whose specification
//! knows keys only and ignores `iss`, `aud` and `nbf`.

use std::fmt;
use std::sync::Arc;

use tokio::time::Instant;

use super::VerifyError;
use super::registered::Registered;
use super::token::Token;
use crate::issuers::KeySet;
use crate::tenancy::{App, Signer, Tenancy};

/// What a good token says.
#[derive(Clone)]
pub struct Verified {
    /// The app that it admits to. Whether the app is suspended has not been asked.
    pub app: Arc<App>,
    /// Who signed it; a session asks it whether it may stay ([`Signer::in_force`]).
    pub via: Signer,
    /// When it ends, in Unix seconds: later than the time it was verified at.
    pub expires_at: u64,
    /// All claims as JSON text: an object. `exp`, `nbf`, and of an issuer's token `iss`, `aud` and `iat`, have been
    /// judged; whatever else the dialect reads has not.
    pub claims: String,
}

/// Verifies a token: signed with HS256 by the secret key that its `kid` names, or else by the issuer that its `iss` names.
/// `now_unix_s` is the time in Unix seconds. Takes no time but for the signature: where an issuer's key is missing, see
/// [`verify_or_wait`].
///
/// # Errors
/// [`VerifyError::KeysUnavailable`] says nothing about the token; all others refuse it.
pub fn verify(tenancy: &Tenancy, token: &str, now_unix_s: u64) -> Result<Verified, VerifyError> {
    let token = Token::parse(token)?;
    let signer = signer(tenancy, &token)?;
    judge(&token, &signer, now_unix_s, Instant::now())
}

/// The same, but a token whose key has yet to be fetched waits for a fetch that is under way or may begin now: a few seconds
/// at most. Nobody whose key is known waits.
///
/// # Errors
/// As [`verify`].
pub async fn verify_or_wait(
    tenancy: &Tenancy,
    token: &str,
    now_unix_s: u64,
) -> Result<Verified, VerifyError> {
    let token = Token::parse(token)?;
    let signer = signer(tenancy, &token)?;
    let Signer::Issuer(issuer) = &signer else {
        return judge(&token, &signer, now_unix_s, Instant::now());
    };
    // Read before the key is looked for: a fetch that ends in between is noticed.
    let seen = issuer.keys.fetches_ended();
    let began = Instant::now();
    let first = judge(&token, &signer, now_unix_s, began);
    let is_missing = matches!(
        first,
        Err(VerifyError::UnknownKey | VerifyError::KeysUnavailable)
    );
    if !is_missing || !issuer.keys.freshened(seen, began).await {
        return first;
    }
    let waited = began.elapsed();
    judge(
        &token,
        &signer,
        now_unix_s + waited.as_secs(),
        Instant::now(),
    )
}

/// Whose signature the token must have. A key of ours comes first: its id is known to be unique, and what an issuer calls its
/// keys is none of our business.
fn signer(tenancy: &Tenancy, token: &Token<'_>) -> Result<Signer, VerifyError> {
    let kid = token.kid();
    if kid.is_some_and(|kid| kid.len() > KeySet::MAX_KID_BYTES) {
        return Err(VerifyError::UnknownSigner);
    }
    if let Some(key) = kid.and_then(|kid| tenancy.key(kid)) {
        return Ok(Signer::Key(Arc::clone(key)));
    }
    let iss = token.claimed_issuer()?;
    let issuer = tenancy.issuer(&iss).ok_or(VerifyError::UnknownSigner)?;
    Ok(Signer::Issuer(Arc::clone(issuer)))
}

fn judge(
    token: &Token<'_>,
    signer: &Signer,
    now_unix_s: u64,
    now: Instant,
) -> Result<Verified, VerifyError> {
    match signer {
        Signer::Key(key) => token.check_key(key)?,
        Signer::Issuer(issuer) => token.check_issuer(issuer, now)?,
    }
    let claims = token.claims()?;
    let registered = Registered::read(&claims)?;
    if let Signer::Issuer(issuer) = signer {
        registered.check_issuer(issuer, now_unix_s)?;
    }
    registered.check_time(now_unix_s)?;
    Ok(Verified {
        app: Arc::clone(signer.app()),
        via: signer.clone(),
        expires_at: registered.exp,
        claims,
    })
}

/// Without the claims: they are about a person.
impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified")
            .field("app", &self.app.id)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
