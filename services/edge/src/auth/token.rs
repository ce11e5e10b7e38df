//! A JWT before anything of it is believed, and the ways to find out whether it was signed (RFC 7515, RFC 7519).
//!
//! Invariants: nothing in the header has a say but `kid`, and `alg` where it can only refuse: a key decides its algorithm, and
//! `jku`, `jwk`, `x5u` and `x5c` are not followed. No claim is believed before the signature is known to be good; `iss` is
//! looked at to find whose key must have made it.

use std::borrow::Cow;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Header, crypto, decode_header};
use serde::Deserialize;
use tokio::time::Instant;

use super::VerifyError;
use crate::issuers::{Material, PublicKey, SignatureAlgorithm};
use crate::tenancy::{Issuer, Key, Tenancy};

/// The longest token, in bytes. A legal one has at most about 51 KB; what is longer is not worth hashing.
const TOKEN_MAX_BYTES: usize = 64 * 1024;

/// A token of which nothing is believed yet.
pub(super) struct Token<'a> {
    header: Header,
    /// What is signed.
    message: &'a str,
    payload: &'a str,
    signature: &'a str,
}

impl<'a> Token<'a> {
    /// Takes it apart.
    pub(super) fn parse(text: &'a str) -> Result<Self, VerifyError> {
        if text.len() > TOKEN_MAX_BYTES {
            return Err(VerifyError::Malformed);
        }
        let (message, signature) = text.rsplit_once('.').ok_or(VerifyError::Malformed)?;
        let (_, payload) = message.split_once('.').ok_or(VerifyError::Malformed)?;
        // Parsing also refuses what the library has no name for, `none` among it.
        let header = decode_header(text).map_err(|_| VerifyError::Malformed)?;
        // A header extension that is critical but not understood voids the token (RFC 7515 §4.1.11).
        if header.crit.is_some() {
            return Err(VerifyError::WrongAlgorithm);
        }
        Ok(Self {
            header,
            message,
            payload,
            signature,
        })
    }

    /// The name that the token gives to the key that signed it.
    pub(super) fn kid(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// The key that the token must have been signed with, in a dialect that knows no other signers.
    pub(super) fn key<'t>(&self, tenancy: &'t Tenancy) -> Result<&'t Arc<Key>, VerifyError> {
        if self.header.alg != Algorithm::HS256 {
            return Err(VerifyError::WrongAlgorithm);
        }
        let kid = self.kid().ok_or(VerifyError::UnknownSigner)?;
        tenancy.key(kid).ok_or(VerifyError::UnknownSigner)
    }

    /// Whether the key's secret signed the token, with HS256.
    pub(super) fn check_key(&self, key: &Key) -> Result<(), VerifyError> {
        if self.header.alg != Algorithm::HS256 {
            return Err(VerifyError::WrongAlgorithm);
        }
        // A publishable key has no secret; verifying with an empty one would let everybody sign.
        let secret = key.secret.as_ref().ok_or(VerifyError::UnknownSigner)?;
        let secret = DecodingKey::from_secret(secret.expose().as_bytes());
        self.check_signature(&secret, Algorithm::HS256)
    }

    /// Whether one of the issuer's keys signed the token.
    pub(super) fn check_issuer(&self, issuer: &Issuer, now: Instant) -> Result<(), VerifyError> {
        if !self.is_for_access() {
            return Err(VerifyError::WrongType);
        }
        // Before the key is looked for: a symmetric algorithm, with a public key for its secret, is no reason to fetch.
        let algorithm = of_header(self.header.alg).ok_or(VerifyError::WrongAlgorithm)?;
        let key = issuer.keys.find(self.kid(), now)?;
        if !key.permits(algorithm) {
            return Err(VerifyError::WrongAlgorithm);
        }
        self.check_signature(&decoding_key(&key), self.header.alg)
    }

    /// Whose the token says it is. Nothing is proven by that.
    pub(super) fn claimed_issuer(&self) -> Result<String, VerifyError> {
        #[derive(Deserialize)]
        struct Claimed<'a> {
            #[serde(borrow)]
            iss: Option<Cow<'a, str>>,
        }
        let claims = self.claims()?;
        let claimed: Claimed<'_> =
            serde_json::from_str(&claims).map_err(|_| VerifyError::BadClaims)?;
        let iss = claimed.iss.ok_or(VerifyError::UnknownSigner)?;
        Ok(iss.into_owned())
    }

    /// The claims as JSON text: an object, not looked into any further.
    pub(super) fn claims(&self) -> Result<String, VerifyError> {
        let bytes = URL_SAFE_NO_PAD
            .decode(self.payload)
            .map_err(|_| VerifyError::BadClaims)?;
        let text = String::from_utf8(bytes).map_err(|_| VerifyError::BadClaims)?;
        // Derived readers would take an array for a struct, member by member.
        if text.trim_start().starts_with('{') {
            Ok(text)
        } else {
            Err(VerifyError::BadClaims)
        }
    }

    /// An issuer signs other things with the same keys (log-outs, proofs of possession, events); those say so in `typ`
    /// (RFC 8725 §3.11). Access tokens and identity tokens say `JWT`, `at+jwt` (RFC 9068) or nothing.
    fn is_for_access(&self) -> bool {
        self.header.typ.as_deref().is_none_or(|kind| {
            let kind = kind.to_ascii_lowercase();
            let kind = kind.strip_prefix("application/").unwrap_or(&kind);
            kind == "jwt" || kind == "at+jwt"
        })
    }

    fn check_signature(&self, key: &DecodingKey, algorithm: Algorithm) -> Result<(), VerifyError> {
        let is_good = crypto::verify(self.signature, self.message.as_bytes(), key, algorithm);
        if is_good.is_ok_and(|good| good) {
            Ok(())
        } else {
            Err(VerifyError::BadSignature)
        }
    }
}

/// The algorithm of a public key by the library's name; symmetric ones have none.
fn of_header(algorithm: Algorithm) -> Option<SignatureAlgorithm> {
    ALGORITHMS
        .into_iter()
        .find_map(|(name, ours)| (name == algorithm).then_some(ours))
}

const ALGORITHMS: [(Algorithm, SignatureAlgorithm); 9] = [
    (Algorithm::RS256, SignatureAlgorithm::RS256),
    (Algorithm::RS384, SignatureAlgorithm::RS384),
    (Algorithm::RS512, SignatureAlgorithm::RS512),
    (Algorithm::PS256, SignatureAlgorithm::PS256),
    (Algorithm::PS384, SignatureAlgorithm::PS384),
    (Algorithm::PS512, SignatureAlgorithm::PS512),
    (Algorithm::ES256, SignatureAlgorithm::ES256),
    (Algorithm::ES384, SignatureAlgorithm::ES384),
    (Algorithm::EdDSA, SignatureAlgorithm::EdDsa),
];

/// The key in the library's form, which is of one family too.
fn decoding_key(key: &PublicKey) -> DecodingKey {
    match key.material() {
        Material::Rsa { modulus, exponent } => {
            DecodingKey::from_rsa_raw_components(modulus, exponent)
        }
        Material::P256(point) => DecodingKey::from_ec_der(point),
        Material::P384(point) => DecodingKey::from_ec_der(point),
        Material::Ed25519(key) => DecodingKey::from_ed_der(key),
    }
}
