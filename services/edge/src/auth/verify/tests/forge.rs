//! Tokens made by hand: header, claims and signature are set independently of each other.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Map, Value, json};
use spki::der::Document;

use super::ISS;
use crate::issuers::sample;

pub(super) const NOW: u64 = 1_715_535_600;

/// A key pair; its name is its `kid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pair {
    Rsa,
    /// The same numbers as [`Pair::Rsa`], for the other padding.
    Pss,
    P256,
    P384,
    Ed,
    /// A stranger's: no issuer has it.
    OtherRsa,
    OtherP256,
    OtherEd,
}

impl Pair {
    pub(super) const ALL: [Self; 5] = [Self::Rsa, Self::Pss, Self::P256, Self::P384, Self::Ed];

    pub(super) fn kid(self) -> String {
        format!("{self:?}")
    }

    pub(super) fn algorithm(self) -> Algorithm {
        match self {
            Self::Rsa | Self::OtherRsa => Algorithm::RS256,
            Self::Pss => Algorithm::PS256,
            Self::P256 | Self::OtherP256 => Algorithm::ES256,
            Self::P384 => Algorithm::ES384,
            Self::Ed | Self::OtherEd => Algorithm::EdDSA,
        }
    }

    pub(super) fn private(self) -> EncodingKey {
        match self {
            Self::Rsa | Self::Pss => EncodingKey::from_rsa_der(&der(sample::RSA_PRIVATE)),
            Self::OtherRsa => EncodingKey::from_rsa_der(&der(sample::RSA_OTHER_PRIVATE)),
            Self::P256 => EncodingKey::from_ec_der(&[P256_PKCS8, &[7; 32]].concat()),
            Self::OtherP256 => EncodingKey::from_ec_der(&[P256_PKCS8, &[8; 32]].concat()),
            Self::P384 => EncodingKey::from_ec_der(&[P384_PKCS8, &[7; 48]].concat()),
            Self::Ed => EncodingKey::from_ed_der(&[ED25519_PKCS8, &[7; 32]].concat()),
            Self::OtherEd => EncodingKey::from_ed_der(&[ED25519_PKCS8, &[8; 32]].concat()),
        }
    }

    /// The public half, as an endpoint publishes it. Only of [`Pair::Pss`] it says the algorithm: by itself an RSA key is
    /// for the older padding.
    pub(super) fn jwk(self) -> Value {
        let jwk = Jwk::from_encoding_key(&self.private(), self.algorithm()).unwrap();
        let mut jwk = serde_json::to_value(jwk).unwrap();
        if self != Self::Pss {
            jwk.as_object_mut().unwrap().remove("alg");
        }
        merged(jwk, &json!({ "kid": self.kid() }))
    }
}

pub(super) fn merged(mut base: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        base[name] = value.clone();
    }
    base
}

pub(super) fn der(pem: &str) -> Vec<u8> {
    Document::from_pem(pem.trim())
        .unwrap()
        .1
        .as_bytes()
        .to_vec()
}

/// What stands before the secret number in PKCS #8.
const P256_PKCS8: &[u8] = &[
    0x30, 0x41, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
    0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x04, 0x27, 0x30, 0x25, 0x02, 0x01,
    0x01, 0x04, 0x20,
];
const P384_PKCS8: &[u8] = &[
    0x30, 0x4e, 0x02, 0x01, 0x00, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
    0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22, 0x04, 0x37, 0x30, 0x35, 0x02, 0x01, 0x01, 0x04, 0x30,
];
const ED25519_PKCS8: &[u8] = &[
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// A token before it is signed; starts as a good one that lives five minutes.
#[derive(Clone)]
pub(super) struct Forge {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    key: EncodingKey,
    algorithm: Algorithm,
}

impl Forge {
    /// Of [`ISS`].
    pub(super) fn new(pair: Pair) -> Self {
        let forge = Self {
            header: Map::new(),
            claims: Map::new(),
            key: pair.private(),
            algorithm: pair.algorithm(),
        };
        forge
            .header("typ", json!("JWT"))
            .header("alg", json!(pair.algorithm()))
            .header("kid", json!(pair.kid()))
            .claim("iss", json!(ISS))
            .claim("sub", json!("alice"))
            .claim("iat", json!(NOW))
            .claim("exp", json!(NOW + 300))
    }

    /// Of an app's own key.
    pub(super) fn of_key(id: &str, secret: &str) -> Self {
        Self::new(Pair::Ed)
            .without("iss")
            .header("kid", json!(id))
            .header("alg", json!("HS256"))
            .signed_with(
                EncodingKey::from_secret(secret.as_bytes()),
                Algorithm::HS256,
            )
    }

    pub(super) fn header(mut self, name: &str, value: Value) -> Self {
        self.header.insert(name.to_owned(), value);
        self
    }

    pub(super) fn without_header(mut self, name: &str) -> Self {
        self.header.remove(name);
        self
    }

    pub(super) fn claim(mut self, name: &str, value: Value) -> Self {
        self.claims.insert(name.to_owned(), value);
        self
    }

    pub(super) fn without(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    /// Signs with another key, and leaves the header alone.
    pub(super) fn signed_with(self, key: EncodingKey, algorithm: Algorithm) -> Self {
        Self {
            key,
            algorithm,
            ..self
        }
    }

    /// Signs with another algorithm, and says so.
    pub(super) fn signed_as(self, algorithm: &str) -> Self {
        Self {
            algorithm: algorithm.parse().unwrap(),
            ..self.header("alg", json!(algorithm))
        }
    }

    pub(super) fn sign(&self) -> String {
        self.sign_text(&Value::Object(self.claims.clone()).to_string())
    }

    /// With this text in the place of the claims.
    pub(super) fn sign_text(&self, claims: &str) -> String {
        let header = Value::Object(self.header.clone()).to_string();
        let message = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(claims)
        );
        let signature = crypto::sign(message.as_bytes(), &self.key, self.algorithm).unwrap();
        format!("{message}.{signature}")
    }
}
