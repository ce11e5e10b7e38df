//! From a credential to an [`Identity`]: the door of every session.

use std::sync::Arc;

use protocol::ChannelPattern;
use protocol::realtime::Claims;

use super::token::Token;
use super::{AdmitError, Credential, Identity, Stamp, VerifyError};
use crate::tenancy::{Key, Scope, Tenancy};

/// Judges a credential. `origin` is the `Origin` header, `now_unix_s` the time in Unix seconds.
///
/// That a token has expired, or claims too much, is said only to whoever holds a token that a key has signed.
///
/// # Errors
/// See [`AdmitError::close_reason`] for what each one closes with.
pub fn authenticate(
    tenancy: &Tenancy,
    credential: Option<Credential>,
    origin: Option<&str>,
    now_unix_s: u64,
) -> Result<Identity, AdmitError> {
    let identity = match credential.ok_or(AdmitError::NoCredential)? {
        Credential::Key(id) => by_key(tenancy, &id),
        Credential::Token(text) => by_token(tenancy, &text, now_unix_s),
    }?;
    let key = &identity.scope.key;
    if !key.origins.allows(origin) {
        return Err(AdmitError::OriginRefused);
    }
    if key.app.suspended {
        return Err(AdmitError::Suspended);
    }
    Ok(identity)
}

/// Only a publishable key is a credential by itself: the id of a secret key is public and proves nothing.
fn by_key(tenancy: &Tenancy, id: &str) -> Result<Identity, AdmitError> {
    let key = tenancy.key(id).filter(|key| key.is_publishable());
    key.map(|key| Identity::anonymous(Arc::clone(key)))
        .ok_or(AdmitError::UnknownKey)
}

fn by_token(tenancy: &Tenancy, text: &str, now_unix_s: u64) -> Result<Identity, AdmitError> {
    let token = Token::parse(text)?;
    let key = Arc::clone(token.key(tenancy)?);
    token.check_key(&key)?;
    // Not the registered claims of other dialects: this one ignores what it does not know, whatever its type.
    let text = token.claims()?;
    let claims = Claims::from_json(text.as_bytes());
    let claims = claims.map_err(|_| VerifyError::BadClaims)?;
    // No leeway: the session would be closed at once, since its own timer has none either.
    if claims.exp <= now_unix_s {
        return Err(VerifyError::Expired.into());
    }
    let token_patterns = claims.channels.map(Vec::into_boxed_slice);
    if !is_inside(token_patterns.as_deref().unwrap_or_default(), &key) {
        return Err(AdmitError::OutsideKey);
    }
    Ok(Identity {
        scope: Scope {
            key,
            token_patterns,
            token_permissions: claims.permissions,
        },
        peer: claims.sub,
        expires_at: Some(claims.exp),
        metadata: claims.metadata,
        peer_metadata: claims.peer_metadata.map(Arc::from),
        stamp: Some(Stamp::read(&text, claims.device.clone())),
        device: claims.device,
    })
}

/// Whether each claimed pattern lies inside one of the key's. By what the patterns match and not by their texts: the
/// text `a/**` is matched by the pattern `a/*` and would escalate (spec realtime §1.6).
fn is_inside(claimed: &[ChannelPattern], key: &Key) -> bool {
    claimed
        .iter()
        .all(|pattern| pattern.is_covered_by(&key.patterns))
}

#[cfg(test)]
mod tests;
