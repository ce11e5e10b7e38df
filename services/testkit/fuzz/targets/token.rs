//! Tokens: the header, the signature and the claims, through the function that every session passes.
//!
//! Oracle: nothing gets in that the key has not signed as HS256 under its own name, that has expired, or that names no
//! peer; and nobody who gets in reaches a channel outside the key's patterns.
//!
//! Input: with a line break in it, a header and a payload, which the target signs as a bearer of the secret would;
//! without one, a whole token, which must be refused, since nobody guesses a signature.

#![no_main]

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use edge::auth::{AdmitError, Credential, Identity, VerifyError, authenticate};
use edge::tenancy::Tenancy;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

fuzz_target!(|input: &[u8]| {
    let Some(at) = input.iter().position(|&byte| byte == b'\n') else {
        let guess = String::from_utf8_lossy(input);
        assert!(admit(&guess).is_err(), "a guessed token was admitted");
        return;
    };
    let (header, payload) = (&input[..at], &input[at + 1..]);
    let message = [header, payload]
        .map(|part| URL_SAFE_NO_PAD.encode(part))
        .join(".");
    let signature = sign(&message);
    match admit(&format!("{message}.{signature}")) {
        Ok(identity) => assert_rightly_admitted(header, payload, &identity),
        Err(error) => assert_ne!(error, AdmitError::Token(VerifyError::BadSignature)),
    }
    let forged = sign(&format!("{message}."));
    assert!(
        admit(&format!("{message}.{forged}")).is_err(),
        "a forged token was admitted"
    );
});

fn admit(token: &str) -> Result<Identity, AdmitError> {
    authenticate(
        &TENANCY,
        Some(Credential::Token(token.to_owned())),
        None,
        NOW_UNIX_S,
    )
}

fn sign(message: &str) -> String {
    let secret = EncodingKey::from_secret(SECRET.as_bytes());
    crypto::sign(message.as_bytes(), &secret, Algorithm::HS256).expect("HMAC signs anything")
}

/// Read with serde_json's own tree, which takes the last of two equal members: where one stands twice, the edge refuses.
fn assert_rightly_admitted(header: &[u8], payload: &[u8], identity: &Identity) {
    let header: Value = serde_json::from_slice(header).expect("an admitted header is JSON");
    assert_eq!(header["alg"], "HS256");
    assert_eq!(header["kid"], KEY_ID);
    assert!(header.get("crit").is_none_or(Value::is_null));

    // A number that overflows a float, in a claim that nobody reads, is all that the tree may refuse.
    let Ok(claims) = serde_json::from_slice::<Value>(payload) else {
        return;
    };
    assert_eq!(claims["sub"], identity.peer.as_str());
    assert!(claims["exp"].as_u64().is_some_and(|exp| exp > NOW_UNIX_S));
    assert_eq!(identity.expires_at, claims["exp"].as_u64());
    for (channel, is_inside) in [
        ("room/a", true),
        ("room/a/b", true),
        ("lobby", true),
        ("lobby/a", false),
        ("rooms", false),
        ("else", false),
    ] {
        let channel = channel.parse().expect("a channel name");
        assert!(is_inside || !identity.scope.covers(&channel), "{channel}");
    }
}

const KEY_ID: &str = "sk_a";
const SECRET: &str = "a secret that is long enough for HS256";
const NOW_UNIX_S: u64 = 1_700_000_000;

static TENANCY: LazyLock<Tenancy> = LazyLock::new(|| {
    let app = json!({
        "id": "a",
        "keys": [
            { "id": KEY_ID, "secret": SECRET, "channel_patterns": ["room/**", "lobby"], "actions": ["publish"] },
            { "id": "pk_a", "channel_patterns": ["**"], "actions": ["publish"] },
        ],
    });
    let app = serde_json::from_value(app).expect("one app of two keys");
    Tenancy::new(&[app]).expect("keys that go together")
});
