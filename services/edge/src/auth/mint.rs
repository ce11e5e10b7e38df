//! Signing of tokens for `POST /v1/tokens` (spec realtime §5.1).

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::Serialize;

use crate::tenancy::Key;

/// Why no token was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MintError {
    /// Only a secret key can sign.
    #[error("a publishable key cannot sign")]
    Publishable,
    /// The claims cannot be written as JSON.
    #[error("the claims cannot be serialised")]
    Claims,
}

/// Signs claims with the key's secret: HS256, `kid` the key's id, `typ` JWT. The claims are the caller's; they should
/// be such as the verification accepts.
///
/// # Errors
/// [`MintError::Publishable`] if the key has no secret, [`MintError::Claims`] if the claims are no JSON.
pub fn mint(key: &Key, claims: &impl Serialize) -> Result<String, MintError> {
    let secret = key.secret.as_ref().ok_or(MintError::Publishable)?;
    let header = Header {
        kid: Some(key.id.as_str().to_owned()),
        ..Header::new(Algorithm::HS256)
    };
    let secret = EncodingKey::from_secret(secret.expose().as_bytes());
    encode(&header, claims, &secret).map_err(|_| MintError::Claims)
}
