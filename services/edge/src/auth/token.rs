//! Verification of a JWT (spec realtime §1.5; RFC 7515, RFC 7519).
//!
//! Owns the way from a text to claims that a key of ours has signed. Invariant: no claim is looked at before the
//! signature is known to be good.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, crypto, decode_header};
use protocol::realtime::Claims;

use super::AdmitError;
use crate::tenancy::{Key, Tenancy};

/// The longest token, in bytes. A legal one has at most about 51 KB; what is longer is not worth hashing.
const TOKEN_MAX_BYTES: usize = 64 * 1024;

/// The claims of a token and the key that signed it; whether they have expired is not judged here.
pub(super) fn verify(tenancy: &Tenancy, token: &str) -> Result<(Arc<Key>, Claims), AdmitError> {
    let (key, claims) = verify_signature(tenancy, token)?;
    let claims = Claims::from_json(&claims).map_err(|_| AdmitError::BadClaims)?;
    Ok((key, claims))
}

/// The same, with the claims as they stand.
pub(super) fn verify_signature(
    tenancy: &Tenancy,
    token: &str,
) -> Result<(Arc<Key>, Vec<u8>), AdmitError> {
    if token.len() > TOKEN_MAX_BYTES {
        return Err(AdmitError::MalformedToken);
    }
    let (message, signature) = token.rsplit_once('.').ok_or(AdmitError::MalformedToken)?;
    let (_, payload) = message.split_once('.').ok_or(AdmitError::MalformedToken)?;
    let key = signer(tenancy, token)?;
    check_signature(&key, message, signature)?;

    // The library's own decoding would go on to parse `iss`, `aud` and `nbf`, and refuse a token for the type of a
    // claim that this dialect ignores.
    let claims = URL_SAFE_NO_PAD
        .decode(payload)
        .map_err(|_| AdmitError::BadClaims)?;
    Ok((key, claims))
}

/// The key that the header names. Nothing else in the header has a say: not which algorithm is used, and not where a
/// key could be found (`jku`, `jwk`, `x5u`).
fn signer(tenancy: &Tenancy, token: &str) -> Result<Arc<Key>, AdmitError> {
    // Parsing also refuses what the library has no name for, `none` among it.
    let header = decode_header(token).map_err(|_| AdmitError::MalformedToken)?;
    // A header extension that is critical but not understood voids the token (RFC 7515 §4.1.11).
    if header.alg != Algorithm::HS256 || header.crit.is_some() {
        return Err(AdmitError::WrongAlgorithm);
    }
    let kid = header.kid.ok_or(AdmitError::UnknownSigner)?;
    tenancy
        .key(&kid)
        .map(Arc::clone)
        .ok_or(AdmitError::UnknownSigner)
}

fn check_signature(key: &Key, message: &str, signature: &str) -> Result<(), AdmitError> {
    // A publishable key has no secret; verifying with an empty one would let everybody sign.
    let secret = key.secret.as_ref().ok_or(AdmitError::UnknownSigner)?;
    let secret = DecodingKey::from_secret(secret.expose().as_bytes());
    let is_good = crypto::verify(signature, message.as_bytes(), &secret, Algorithm::HS256);
    if is_good.is_ok_and(|good| good) {
        Ok(())
    } else {
        Err(AdmitError::BadSignature)
    }
}
