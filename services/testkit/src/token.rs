//! Tokens made by hand, good and bad: header, claims and signature are set independently of each other.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Map, Value, json};

/// A JWT before it is signed; starts as a good one for [`App::demo`](crate::App::demo) that lives five minutes.
#[derive(Debug, Clone)]
pub struct Token {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    secret: String,
}

impl Token {
    /// A good token for this peer.
    #[must_use]
    pub fn peer(peer: &str) -> Self {
        let token = Self {
            header: Map::new(),
            claims: Map::new(),
            secret: String::new(),
        };
        token
            .header("alg", json!("HS256"))
            .header("typ", json!("JWT"))
            .key("sk_id_demo", "sk_secret_demo")
            .claim("sub", json!(peer))
            .expires_in(300)
    }

    /// Signs with another key.
    #[must_use]
    pub fn key(mut self, id: &str, secret: &str) -> Self {
        secret.clone_into(&mut self.secret);
        self.header("kid", json!(id))
    }

    /// Sets a header member.
    #[must_use]
    pub fn header(mut self, name: &str, value: Value) -> Self {
        self.header.insert(name.to_owned(), value);
        self
    }

    /// Removes a header member.
    #[must_use]
    pub fn without_header(mut self, name: &str) -> Self {
        self.header.remove(name);
        self
    }

    /// Sets a claim.
    #[must_use]
    pub fn claim(mut self, name: &str, value: Value) -> Self {
        self.claims.insert(name.to_owned(), value);
        self
    }

    /// Removes a claim.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    /// Sets `exp` to this many seconds from now; negative is in the past.
    #[must_use]
    pub fn expires_in(self, seconds: i64) -> Self {
        self.claim("exp", json!(unix_now() + seconds))
    }

    /// The token, signed with HMAC-SHA256 whatever the header says.
    #[must_use]
    pub fn sign(&self) -> String {
        self.sign_with(Algorithm::HS256)
    }

    /// The token, signed with HMAC under another hash; the header is left as it is.
    #[must_use]
    pub fn sign_with(&self, algorithm: Algorithm) -> String {
        let message = self.message();
        let key = EncodingKey::from_secret(self.secret.as_bytes());
        let signature = crypto::sign(message.as_bytes(), &key, algorithm)
            .expect("an HMAC over any bytes and any key can be computed");
        format!("{message}.{signature}")
    }

    /// The token with an empty signature.
    #[must_use]
    pub fn unsigned(&self) -> String {
        format!("{}.", self.message())
    }

    fn message(&self) -> String {
        let header = Value::Object(self.header.clone()).to_string();
        let claims = Value::Object(self.claims.clone()).to_string();
        format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(claims)
        )
    }
}

/// The current time in Unix seconds.
#[must_use]
pub fn unix_now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("the clock stands after 1970");
    i64::try_from(since.as_secs()).expect("seconds since 1970 fit for a long time")
}
