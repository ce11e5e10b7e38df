//! Which tokens are good, with tokens made by hand so that each part can be wrong by itself, and the attacks that are known.

mod attacks;
mod claims;
mod forge;
mod waiting;

use std::fs;
use std::sync::LazyLock;

use serde_json::{Value, json};

use super::*;
use crate::config::{AppConfig, IssuerConfig};
use crate::tenancy::sample::{app, issuer, key};
use forge::{Forge, NOW, Pair};

const ISS: &str = "https://id.example";

/// The app `a` with the key `sk_a` and the issuer [`ISS`], which has one key of each kind by its name.
fn tenancy() -> &'static Tenancy {
    static TENANCY: LazyLock<Tenancy> =
        LazyLock::new(|| tenancy_of(&Pair::ALL.map(Pair::jwk), |_| {}));
    &TENANCY
}

fn tenancy_of(keys: &[Value], adjust: impl Fn(&mut IssuerConfig)) -> Tenancy {
    let name = format!("switchboard-{}.json", uuid::Uuid::new_v4().simple());
    let path = std::env::temp_dir().join(name);
    fs::write(&path, json!({ "keys": keys }).to_string()).unwrap();
    let mut trusted = IssuerConfig {
        key_file: Some(path.clone()),
        ..issuer(ISS)
    };
    adjust(&mut trusted);
    let app = AppConfig {
        issuers: vec![trusted],
        ..app("a", &[key("sk_a", &["**"], &[]), key("pk_a", &["**"], &[])])
    };
    let tenancy = Tenancy::new(&[app]).unwrap();
    fs::remove_file(path).unwrap();
    tenancy
}

fn outcome(tenancy: &Tenancy, token: &str) -> Result<(), VerifyError> {
    verify(tenancy, token, NOW).map(drop)
}

#[test]
fn a_token_of_a_listed_issuer_is_good_whatever_its_algorithm() {
    let tenancy = tenancy();
    for pair in Pair::ALL {
        let token = Forge::new(pair).claim("rooms", json!(["r"])).sign();
        let verified = verify(tenancy, &token, NOW).unwrap();
        assert_eq!(verified.app.id.as_str(), "a", "{pair:?}");
        assert!(matches!(&verified.via, Signer::Issuer(issuer) if issuer.iss == ISS));
        assert_eq!(verified.expires_at, NOW + 300);
        let claims: Value = serde_json::from_str(&verified.claims).unwrap();
        assert_eq!(claims["rooms"], json!(["r"]));
    }
}

#[test]
fn the_other_hashes_of_a_family_are_good_too() {
    let tenancy = tenancy();
    for algorithm in ["RS384", "RS512"] {
        let token = Forge::new(Pair::Rsa).signed_as(algorithm).sign();
        assert_eq!(outcome(tenancy, &token), Ok(()), "{algorithm}");
    }
    for algorithm in ["PS384", "PS512"] {
        let jwk = json!({ "alg": algorithm });
        let tenancy = tenancy_of(&[forge::merged(Pair::Pss.jwk(), &jwk)], |_| {});
        let token = Forge::new(Pair::Pss).signed_as(algorithm).sign();
        assert_eq!(outcome(&tenancy, &token), Ok(()), "{algorithm}");
    }
}

#[test]
fn a_token_of_an_app_s_own_key_is_good_and_its_iss_and_aud_mean_nothing() {
    let tenancy = tenancy();
    let token = Forge::of_key("sk_a", "secret of sk_a")
        .claim("aud", json!(7))
        .claim("iat", json!("now"))
        .sign();
    let verified = verify(tenancy, &token, NOW).unwrap();
    assert!(matches!(&verified.via, Signer::Key(key) if key.id.as_str() == "sk_a"));
    assert_eq!(verified.app.id.as_str(), "a");
    // Not even the name of an issuer: the key is named first.
    let token = Forge::of_key("sk_a", "secret of sk_a").claim("iss", json!(ISS));
    assert_eq!(outcome(tenancy, &token.sign()), Ok(()));
    let guessed = Forge::of_key("sk_a", "guess").sign();
    assert_eq!(outcome(tenancy, &guessed), Err(VerifyError::BadSignature));
    let publishable = Forge::of_key("pk_a", "").sign();
    assert_eq!(
        outcome(tenancy, &publishable),
        Err(VerifyError::UnknownSigner)
    );
}

#[test]
fn the_only_key_is_meant_if_a_token_names_none() {
    let one = tenancy_of(&[Pair::Ed.jwk()], |_| {});
    let nameless = Forge::new(Pair::Ed).without_header("kid").sign();
    assert_eq!(outcome(&one, &nameless), Ok(()));
    assert_eq!(outcome(tenancy(), &nameless), Err(VerifyError::UnknownKey));
}

#[test]
fn a_verified_token_is_not_printed() {
    let token = Forge::new(Pair::Ed).claim("email", json!("a@b.example"));
    let verified = verify(tenancy(), &token.sign(), NOW).unwrap();
    assert!(!format!("{verified:?}").contains("@"));
}
