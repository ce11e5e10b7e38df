//! What a token can be revoked by, besides its subject.

use protocol::{AppId, DeviceId, PeerId};
use serde::Deserialize;
use serde_json::Value;

/// What a session keeps of its token, to be told when the token is revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The device that the token names.
    pub device: Option<DeviceId>,
    /// Its own name (`jti`), if it has one that can be listed.
    pub token: Option<Box<str>>,
    /// When it was made (`iat`), in Unix seconds. One that does not say is older than any date.
    pub issued_at: u64,
}

/// Whose token it is that somebody brings or lives on.
#[derive(Clone, Copy, Debug)]
pub struct Bearer<'a> {
    /// The app that it admits to.
    pub app: &'a AppId,
    /// Its `sub`.
    pub subject: &'a PeerId,
    /// The rest.
    pub stamp: &'a Stamp,
}

impl Stamp {
    /// The longest `jti` that can be listed, in bytes.
    pub const TOKEN_BYTES_MAX: usize = 256;

    /// Reads it from claims that somebody has signed. Neither claim is required (RFC 7519 §4.1), and a dialect may ignore them:
    /// one of another type is none.
    #[must_use]
    pub fn read(claims: &str, device: Option<DeviceId>) -> Self {
        #[derive(Default, Deserialize)]
        struct Wire {
            #[serde(default)]
            jti: Value,
            #[serde(default)]
            iat: Value,
        }
        let wire: Wire = serde_json::from_str(claims).unwrap_or_default();
        let token = wire.jti.as_str();
        let token = token.filter(|token| (1..=Self::TOKEN_BYTES_MAX).contains(&token.len()));
        Self {
            device,
            token: token.map(Box::from),
            issued_at: wire.iat.as_u64().unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_token_does_not_say_is_the_worst() {
        let read = |claims: &str| {
            let stamp = Stamp::read(claims, None);
            (stamp.token.as_deref().map(str::to_owned), stamp.issued_at)
        };
        assert_eq!(read(r#"{"jti":"t","iat":7,"x":[]}"#), (Some("t".into()), 7));
        let long = format!(r#"{{"jti":"{}"}}"#, "x".repeat(257));
        for claims in [
            "{}",
            r#"{"jti":"","iat":-1}"#,
            r#"{"jti":7,"iat":"7"}"#,
            r#"{"jti":null,"iat":null}"#,
            r#"{"iat":7,"iat":8}"#,
            &long,
        ] {
            assert_eq!(read(claims), (None, 0), "{claims}");
        }
    }
}
