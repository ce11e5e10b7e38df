//! What is admitted and what is not, with tokens made by hand so that each part can be wrong by itself.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use protocol::{CloseReason, Permission};
use serde_json::{Value, json};

use super::*;
use crate::auth::mint;
use crate::config::AppConfig;
use crate::tenancy::sample::{app, key, tenancy};

const NOW: u64 = 1_715_535_600;
const SECRET: &str = "secret of sk_a";

fn sample() -> Tenancy {
    let everything = &["publish", "subscribe", "presence", "send"];
    tenancy(&[
        (
            "a",
            &[
                key("sk_a", &["app/**"], everything),
                key("pk_a", &["**"], &["publish"]),
            ],
        ),
        ("b", &[key("sk_b", &["app/**"], everything)]),
    ])
}

fn good_header() -> Value {
    json!({ "alg": "HS256", "typ": "JWT", "kid": "sk_a" })
}

fn good_claims() -> Value {
    json!({ "sub": "alice", "exp": NOW + 3600 })
}

fn with(mut base: Value, member: &str, value: Value) -> Value {
    base[member] = value;
    base
}

fn without(mut base: Value, member: &str) -> Value {
    base.as_object_mut().unwrap().remove(member);
    base
}

fn signed(header: &Value, claims: &Value, algorithm: Algorithm, secret: &str) -> String {
    signed_text(&header.to_string(), &claims.to_string(), algorithm, secret)
}

fn signed_text(header: &str, claims: &str, algorithm: Algorithm, secret: &str) -> String {
    let message = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(claims)
    );
    let secret = EncodingKey::from_secret(secret.as_bytes());
    let signature = crypto::sign(message.as_bytes(), &secret, algorithm).unwrap();
    format!("{message}.{signature}")
}

fn token(claims: &Value) -> String {
    signed(&good_header(), claims, Algorithm::HS256, SECRET)
}

fn admit(token: &str) -> Result<Identity, AdmitError> {
    authenticate(
        &sample(),
        Some(Credential::Token(token.to_owned())),
        None,
        NOW,
    )
}

fn admit_key(id: &str) -> Result<Identity, AdmitError> {
    authenticate(&sample(), Some(Credential::Key(id.to_owned())), None, NOW)
}

#[test]
fn a_good_token_is_who_it_says() {
    let identity = admit(&token(&json!({
        "sub": "alice", "exp": NOW + 1, "iat": NOW, "channels": ["app/*"], "permissions": ["send"],
        "metadata": { "own": 1 }, "peerMetadata": { "shown": 2 }, "device": "phone",
    })))
    .unwrap();
    assert_eq!(identity.peer.as_str(), "alice");
    assert_eq!(identity.expires_at, Some(NOW + 1));
    assert_eq!(identity.scope.key.app.id.as_str(), "a");
    assert_eq!(identity.metadata.unwrap().get(), r#"{"own":1}"#);
    assert_eq!(identity.peer_metadata.unwrap().get(), r#"{"shown":2}"#);
    assert_eq!(identity.device.unwrap().as_str(), "phone");
    assert!(
        identity.scope.permits(Permission::Send) && !identity.scope.permits(Permission::Publish)
    );
    assert!(identity.scope.covers(&"app/one".parse().unwrap()));
    assert!(!identity.scope.covers(&"app/one/deep".parse().unwrap()));
}

#[test]
fn claims_that_the_dialect_ignores_may_have_any_type() {
    for ignored in ["iss", "aud", "nbf", "iat", "jti", "other"] {
        for value in [
            json!(7),
            json!({ "a": [] }),
            json!(null),
            json!(9_999_999_999_u64),
        ] {
            assert!(
                admit(&token(&with(good_claims(), ignored, value))).is_ok(),
                "{ignored}"
            );
        }
    }
}

#[test]
fn a_token_that_we_minted_is_admitted() {
    let tenancy = sample();
    let minted = mint(tenancy.key("sk_a").unwrap(), &good_claims()).unwrap();
    assert_eq!(admit(&minted).unwrap().peer.as_str(), "alice");
    let refusal = mint(tenancy.key("pk_a").unwrap(), &good_claims()).unwrap_err();
    assert_eq!(refusal, crate::auth::MintError::Publishable);
}

/// Each case is refused for its own reason and closes with 4001.
fn assert_refused(cases: &[(&str, String)], error: VerifyError) {
    let error = AdmitError::Token(error);
    assert_eq!(error.close_reason(), CloseReason::InvalidToken);
    for (name, token) in cases {
        assert_eq!(admit(token).err(), Some(error), "{name}");
    }
}

fn with_header(header: &Value) -> String {
    signed(header, &good_claims(), Algorithm::HS256, SECRET)
}

#[test]
fn a_malformed_token_is_refused() {
    let good = token(&good_claims());
    let (message, signature) = good.rsplit_once('.').unwrap();
    let cases = [
        ("empty", String::new()),
        ("garbage", "not a token".to_owned()),
        ("dots", "..".to_owned()),
        ("two parts", message.to_owned()),
        ("four parts", format!("{good}.{signature}")),
        ("too long", format!("{good}{}", "A".repeat(65_536))),
        ("header no JSON", good.replacen('e', "f", 1)),
    ];
    assert_refused(&cases, VerifyError::Malformed);
}

#[test]
fn only_hs256_is_accepted_whatever_the_signature() {
    let good = token(&good_claims());
    let payload = good.split('.').nth(1).unwrap();
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","kid":"sk_a"}"#);
    let unheard_of = [
        ("none", format!("{none}.{payload}.")),
        (
            "none, signed",
            with_header(&with(good_header(), "alg", json!("none"))),
        ),
        ("missing", with_header(&without(good_header(), "alg"))),
        (
            "lower case",
            with_header(&with(good_header(), "alg", json!("hs256"))),
        ),
    ];
    assert_refused(&unheard_of, VerifyError::Malformed);

    let hs512 = with(good_header(), "alg", json!("HS512"));
    let unwanted = [
        (
            "another family",
            with_header(&with(good_header(), "alg", json!("RS256"))),
        ),
        ("HS512", with_header(&hs512)),
        (
            "HS512, well signed",
            signed(&hs512, &good_claims(), Algorithm::HS512, SECRET),
        ),
        (
            "critical extension",
            with_header(&with(good_header(), "crit", json!(["b64"]))),
        ),
    ];
    assert_refused(&unwanted, VerifyError::WrongAlgorithm);
}

#[test]
fn a_token_without_a_secret_key_of_ours_is_refused() {
    let publishable = with(good_header(), "kid", json!("pk_a"));
    let cases = [
        ("missing", with_header(&without(good_header(), "kid"))),
        (
            "unknown",
            with_header(&with(good_header(), "kid", json!("sk_x"))),
        ),
        (
            "a path",
            with_header(&with(good_header(), "kid", json!("../../etc/passwd"))),
        ),
        (
            "publishable",
            signed(&publishable, &good_claims(), Algorithm::HS256, ""),
        ),
        (
            "publishable, signed with its id",
            signed(&publishable, &good_claims(), Algorithm::HS256, "pk_a"),
        ),
    ];
    assert_refused(&cases, VerifyError::UnknownSigner);
}

#[test]
fn a_token_that_its_key_did_not_sign_is_refused() {
    let good = token(&good_claims());
    let (message, signature) = good.rsplit_once('.').unwrap();
    let header = message.split('.').next().unwrap();
    let changed = URL_SAFE_NO_PAD.encode(with(good_claims(), "sub", json!("mallory")).to_string());
    let signed_with = |secret| signed(&good_header(), &good_claims(), Algorithm::HS256, secret);
    let embedded = json!({ "kty": "oct", "k": URL_SAFE_NO_PAD.encode("guess"), "alg": "HS256" });
    let cases = [
        ("another secret", signed_with("guess")),
        ("the key's id", signed_with("sk_a")),
        ("an empty secret", signed_with("")),
        (
            "another app's key",
            with_header(&with(good_header(), "kid", json!("sk_b"))),
        ),
        ("no signature", format!("{message}.")),
        ("a padded signature", format!("{good}=")),
        (
            "a changed payload",
            format!("{header}.{changed}.{signature}"),
        ),
        (
            "a key of its own in the header",
            signed(
                &with(good_header(), "jwk", embedded),
                &good_claims(),
                Algorithm::HS256,
                "guess",
            ),
        ),
    ];
    assert_refused(&cases, VerifyError::BadSignature);
}

#[test]
fn bad_claims_are_refused() {
    let changed = |claim: &str, value: Value| token(&with(good_claims(), claim, value));
    let cases = [
        ("no sub", token(&without(good_claims(), "sub"))),
        ("sub too long", changed("sub", json!("x".repeat(129)))),
        ("sub outside ASCII", changed("sub", json!("zoë"))),
        ("sub a number", changed("sub", json!(7))),
        ("no exp", token(&without(good_claims(), "exp"))),
        ("exp a text", changed("exp", json!("1999999999"))),
        ("exp negative", changed("exp", json!(-1))),
        (
            "too many channels",
            changed("channels", json!(vec!["app/x"; 101])),
        ),
        ("channels a text", changed("channels", json!("app/x"))),
        ("unknown permission", changed("permissions", json!(["fly"]))),
        (
            "too many permissions",
            changed("permissions", json!(vec!["send"; 17])),
        ),
        (
            "metadata too large",
            changed("metadata", json!({ "a": "x".repeat(8192) })),
        ),
        ("metadata no object", changed("metadata", json!([]))),
        (
            "peer metadata too large",
            changed("peerMetadata", json!({ "a": "x".repeat(4096) })),
        ),
    ];
    assert_refused(&cases, VerifyError::BadClaims);
}

#[test]
fn a_payload_that_is_no_set_of_claims_is_refused() {
    let header = good_header().to_string();
    let cases = [
        "nonsense",
        "[]",
        r#"{"sub":"a","sub":"b","exp":1999999999}"#,
    ]
    .map(|payload| {
        (
            payload,
            signed_text(&header, payload, Algorithm::HS256, SECRET),
        )
    });
    assert_refused(&cases, VerifyError::BadClaims);
}

#[test]
fn expiry_has_no_leeway_and_is_told_only_to_the_holder_of_a_good_signature() {
    let expires = |at| token(&with(good_claims(), "exp", json!(at)));
    assert!(admit(&expires(NOW + 1)).is_ok());
    for at in [NOW, NOW - 1, 0] {
        assert_eq!(admit(&expires(at)).err(), Some(VerifyError::Expired.into()));
    }
    let forged = signed(
        &good_header(),
        &with(good_claims(), "exp", json!(1)),
        Algorithm::HS256,
        "guess",
    );
    assert_eq!(admit(&forged).err(), Some(VerifyError::BadSignature.into()));
    assert_eq!(
        AdmitError::Token(VerifyError::Expired).close_reason(),
        CloseReason::TokenExpired
    );
}

#[test]
fn claimed_channels_must_lie_inside_the_key() {
    let claims = |channels: Value| admit(&token(&with(good_claims(), "channels", channels))).err();
    assert_eq!(claims(json!(["app/one", "app/*", "app/**"])), None);
    assert_eq!(claims(json!([])), None);
    for outside in [
        json!(["other"]),
        json!(["**"]),
        json!(["app/one", "app*"]),
        json!(["a**"]),
    ] {
        assert_eq!(claims(outside), Some(AdmitError::OutsideKey));
    }
    assert_eq!(
        AdmitError::OutsideKey.close_reason(),
        CloseReason::ScopeMismatch
    );
}

#[test]
fn a_publishable_key_gives_a_fresh_peer_each_time() {
    let (one, two) = (admit_key("pk_a").unwrap(), admit_key("pk_a").unwrap());
    assert_ne!(one.peer, two.peer);
    assert_eq!(
        uuid::Uuid::parse_str(one.peer.as_str())
            .unwrap()
            .get_version_num(),
        4
    );
    assert_eq!(one.expires_at, None);
    assert!(one.metadata.is_none() && one.peer_metadata.is_none() && one.device.is_none());
    assert!(one.scope.permits(Permission::Publish) && !one.scope.permits(Permission::Send));
}

#[test]
fn only_publishable_keys_connect_by_key() {
    for key in ["sk_a", SECRET, "pk_unknown", "", &token(&good_claims())] {
        assert_eq!(admit_key(key).err(), Some(AdmitError::UnknownKey), "{key}");
    }
    assert_eq!(
        AdmitError::UnknownKey.close_reason(),
        CloseReason::InvalidToken
    );
    let nothing = authenticate(&sample(), None, None, NOW);
    assert_eq!(
        nothing.err().map(|error| error.close_reason()),
        Some(CloseReason::InvalidToken)
    );
}

#[test]
fn origin_and_suspension_are_judged_for_keys_and_tokens() {
    let mut secret = key("sk_a", &["**"], &[]);
    secret.allowed_origins = vec!["https://app.example".to_owned()];
    let mut publishable = key("pk_a", &["**"], &[]);
    publishable.allowed_origins = secret.allowed_origins.clone();
    let config = app("a", &[secret, publishable]);
    let admit = |config: &AppConfig, credential: &Credential, origin: Option<&str>| {
        let tenancy = Tenancy::new(std::slice::from_ref(config)).unwrap();
        authenticate(&tenancy, Some(credential.clone()), origin, NOW).err()
    };
    let suspended = AppConfig {
        suspended: true,
        ..config.clone()
    };
    for credential in [
        Credential::Key("pk_a".to_owned()),
        Credential::Token(token(&good_claims())),
    ] {
        assert_eq!(
            admit(&config, &credential, Some("https://app.example")),
            None
        );
        assert_eq!(admit(&config, &credential, None), None);
        assert_eq!(
            admit(&config, &credential, Some("https://evil.example")),
            Some(AdmitError::OriginRefused)
        );
        assert_eq!(
            admit(&suspended, &credential, None),
            Some(AdmitError::Suspended)
        );
    }
    assert_eq!(
        AdmitError::OriginRefused.close_reason(),
        CloseReason::OriginRefused
    );
    assert_eq!(
        AdmitError::Suspended.close_reason(),
        CloseReason::AppSuspended
    );
}

#[test]
fn a_credential_is_not_printed() {
    let credentials = [
        Credential::Token("eyJ.secret".to_owned()),
        Credential::Key("pk_a".to_owned()),
    ];
    let printed = format!("{credentials:?}");
    assert!(
        !printed.contains("eyJ") && !printed.contains("pk_a"),
        "{printed}"
    );
}
