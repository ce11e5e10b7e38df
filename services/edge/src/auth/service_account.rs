//! The account by which this edge speaks to somebody else's API: signed assertions for an OAuth token (RFC 7523).

use std::path::Path;

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use pkcs8::der::Decode as _;
use serde::{Deserialize, Serialize};

/// How long an assertion holds, in seconds; the token that is bought with it lives as long.
const LIFE_S: u64 = 3_600;

/// A service account, as its key file describes it.
pub struct ServiceAccount {
    email: String,
    key: EncodingKey,
    key_id: Option<String>,
    /// The project that it belongs to.
    pub project: String,
    /// Where an assertion is exchanged for a token.
    pub token_uri: String,
}

/// Why a key file is of no use. Nothing of its content is told.
#[derive(Debug, thiserror::Error)]
pub enum ServiceAccountError {
    /// The file cannot be read.
    #[error("cannot be read")]
    Unreadable(#[from] std::io::Error),
    /// Not the JSON of a service account.
    #[error("is not the key file of a service account")]
    Malformed,
    /// The private key is no RSA key in PKCS #8.
    #[error("holds no RSA key in PKCS #8 form")]
    Key,
}

/// An assertion could not be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the assertion cannot be signed")]
pub struct SignError;

#[derive(Deserialize)]
struct KeyFile {
    client_email: String,
    private_key: String,
    #[serde(default)]
    private_key_id: Option<String>,
    project_id: String,
    token_uri: String,
}

#[derive(Serialize)]
struct Assertion<'a> {
    iss: &'a str,
    scope: &'a str,
    aud: &'a str,
    iat: u64,
    exp: u64,
}

impl ServiceAccount {
    /// Reads a key file.
    ///
    /// # Errors
    /// It cannot be read, or cannot be used.
    pub fn read(path: &Path) -> Result<Self, ServiceAccountError> {
        Self::from_json(&std::fs::read_to_string(path)?)
    }

    /// The same from its text.
    ///
    /// # Errors
    /// It cannot be used.
    pub fn from_json(json: &str) -> Result<Self, ServiceAccountError> {
        let file: KeyFile =
            serde_json::from_str(json).map_err(|_| ServiceAccountError::Malformed)?;
        Ok(Self {
            key: rsa_key(&file.private_key).ok_or(ServiceAccountError::Key)?,
            key_id: file.private_key_id,
            email: file.client_email,
            project: file.project_id,
            token_uri: file.token_uri,
        })
    }

    /// What the token endpoint takes for a token with this scope: an RS256 JWT that holds for an hour from `now_unix_s`.
    ///
    /// # Errors
    /// The key does not sign.
    pub fn assertion(&self, scope: &str, now_unix_s: u64) -> Result<String, SignError> {
        let header = Header {
            kid: self.key_id.clone(),
            ..Header::new(Algorithm::RS256)
        };
        let claims = Assertion {
            iss: &self.email,
            scope,
            aud: &self.token_uri,
            iat: now_unix_s,
            exp: now_unix_s + LIFE_S,
        };
        encode(&header, &claims, &self.key).map_err(|_| SignError)
    }
}

/// The PKCS #1 key inside a PKCS #8 file (RFC 5958), which is what the signing library takes.
fn rsa_key(pem: &str) -> Option<EncodingKey> {
    let (label, document) = pkcs8::SecretDocument::from_pem(pem).ok()?;
    if label != "PRIVATE KEY" {
        return None;
    }
    let info = pkcs8::PrivateKeyInfo::from_der(document.as_bytes()).ok()?;
    Some(EncodingKey::from_rsa_der(info.private_key))
}

impl std::fmt::Debug for ServiceAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServiceAccount")
            .field("email", &self.email)
            .field("project", &self.project)
            .finish_non_exhaustive()
    }
}
