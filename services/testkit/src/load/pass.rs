//! What the driver's clients show at the door.
//!
//! Owns the app that the edge is configured with. The publishable key lacks `presence`: a thousand subscribers of one channel
//! would otherwise spend the set-up on telling each other that they came.

use serde_json::json;

use crate::{App, Key, Token, unix_now};

const PUBLISHABLE: &str = "pk_load";
const SECRET: (&str, &str) = ("sk_load", "secret of the load driver");
/// `peerMetadata` of a sleeper: 64 bytes of JSON.
pub const METADATA_BYTES: usize = 64;

/// The app that the edge serves.
#[must_use]
pub fn app() -> App {
    App::new("load")
        .key(Key::publishable(PUBLISHABLE).actions(["publish", "subscribe", "send"]))
        .key(Key::secret(SECRET.0, SECRET.1))
}

/// The query of a client with a publishable key.
#[must_use]
pub fn key() -> String {
    format!("key={PUBLISHABLE}")
}

/// The query of a client with a token and [`METADATA_BYTES`] of `peerMetadata`. It outlives any run.
#[must_use]
pub fn token(peer: &str) -> String {
    let filler = "m".repeat(METADATA_BYTES - r#"{"name":""}"#.len());
    let token = Token::peer(peer)
        .key(SECRET.0, SECRET.1)
        .claim("exp", json!(unix_now() + 4 * 3_600))
        .claim("peerMetadata", json!({ "name": filler }));
    format!("token={}", token.sign())
}
