//! What has broken other verifiers: keys taken for other keys, algorithms chosen by the attacker, keys brought along.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use proptest::prelude::*;
use serde_json::json;

use super::forge::{der, merged};
use super::*;
use crate::issuers::sample;

#[test]
fn a_public_key_is_no_secret() {
    let rsa = der(sample::RSA);
    let jwk = Pair::Rsa.jwk();
    let number = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
    let ed = Pair::Ed.jwk();
    let secrets: Vec<Vec<u8>> = vec![
        sample::RSA.as_bytes().to_vec(),
        sample::RSA.trim().as_bytes().to_vec(),
        sample::RSA_PKCS1.as_bytes().to_vec(),
        der(sample::RSA_PKCS1),
        rsa,
        number("n"),
        jwk["n"].as_str().unwrap().as_bytes().to_vec(),
        jwk.to_string().into_bytes(),
        URL_SAFE_NO_PAD.decode(ed["x"].as_str().unwrap()).unwrap(),
        Vec::new(),
    ];
    let tenancy = tenancy();
    for secret in &secrets {
        for pair in Pair::ALL {
            for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
                let token = Forge::new(pair)
                    .header("alg", json!(algorithm))
                    .signed_with(EncodingKey::from_secret(secret), algorithm);
                let refused = outcome(tenancy, &token.sign());
                assert_eq!(refused, Err(VerifyError::WrongAlgorithm), "{pair:?}");
            }
        }
    }
}

#[test]
fn a_symmetric_key_of_an_issuer_is_no_key() {
    let oct = json!({ "kty": "oct", "kid": "s", "alg": "HS256", "k": "c2VjcmV0" });
    let tenancy = tenancy_of(&[oct, Pair::Ed.jwk()], |_| {});
    let token = Forge::of_key("s", "secret").claim("iss", json!(ISS)).sign();
    assert_eq!(outcome(&tenancy, &token), Err(VerifyError::WrongAlgorithm));
}

#[test]
fn none_is_no_algorithm() {
    let tenancy = tenancy();
    let good = Forge::new(Pair::Ed).sign();
    let payload = good.split('.').nth(1).unwrap();
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let header = json!({ "alg": alg, "kid": "Ed" }).to_string();
        let unsigned = format!("{}.{payload}.", URL_SAFE_NO_PAD.encode(header));
        let refused = outcome(tenancy, &unsigned);
        assert_eq!(refused, Err(VerifyError::Malformed), "{alg}");
        let signed = Forge::new(Pair::Ed).header("alg", json!(alg)).sign();
        assert_eq!(outcome(tenancy, &signed), Err(VerifyError::Malformed));
    }
    let missing = Forge::new(Pair::Ed).without_header("alg").sign();
    assert_eq!(outcome(tenancy, &missing), Err(VerifyError::Malformed));
}

#[test]
fn the_paddings_of_rsa_do_not_mix() {
    let tenancy = tenancy();
    for (pair, algorithm) in [
        (Pair::Rsa, "PS256"),
        (Pair::Rsa, "PS512"),
        (Pair::Pss, "RS256"),
        (Pair::Pss, "RS512"),
        // This key says that it is for PS256 alone.
        (Pair::Pss, "PS512"),
    ] {
        // Rightly signed with the private key, so that only the family can be the reason.
        let token = Forge::new(pair).signed_as(algorithm).sign();
        let refused = outcome(tenancy, &token);
        assert_eq!(refused, Err(VerifyError::WrongAlgorithm), "{algorithm}");
        // Said to be of the right one.
        let claimed = Forge::new(pair).signed_as(algorithm);
        let claimed = claimed.header("alg", json!(pair.algorithm())).sign();
        assert_eq!(outcome(tenancy, &claimed), Err(VerifyError::BadSignature));
    }
}

#[test]
fn no_key_serves_another_family_or_curve() {
    let tenancy = tenancy();
    for pair in Pair::ALL {
        for other in Pair::ALL {
            if other.algorithm() == pair.algorithm() {
                continue;
            }
            // The other key's algorithm and signature, under this key's name.
            let token = Forge::new(other).header("kid", json!(pair.kid())).sign();
            let refused = outcome(tenancy, &token);
            assert_eq!(
                refused,
                Err(VerifyError::WrongAlgorithm),
                "{pair:?} {other:?}"
            );
            // This key's algorithm, the other key's signature.
            let token = Forge::new(pair).signed_with(other.private(), other.algorithm());
            let refused = outcome(tenancy, &token.sign());
            assert_eq!(
                refused,
                Err(VerifyError::BadSignature),
                "{pair:?} {other:?}"
            );
        }
    }
}

#[test]
fn the_same_kind_of_key_of_a_stranger_signs_nothing() {
    let tenancy = tenancy();
    for (pair, other) in [
        (Pair::Rsa, Pair::OtherRsa),
        (Pair::P256, Pair::OtherP256),
        (Pair::Ed, Pair::OtherEd),
    ] {
        let token = Forge::new(pair).signed_with(other.private(), other.algorithm());
        assert_eq!(
            outcome(tenancy, &token.sign()),
            Err(VerifyError::BadSignature)
        );
    }
}

#[test]
fn a_key_off_its_curve_signs_nothing_and_breaks_nothing() {
    let off = merged(
        Pair::P256.jwk(),
        &json!({ "x": URL_SAFE_NO_PAD.encode([1; 32]) }),
    );
    let ed = merged(
        Pair::Ed.jwk(),
        &json!({ "x": URL_SAFE_NO_PAD.encode([2; 32]) }),
    );
    let tenancy = tenancy_of(&[off, ed], |_| {});
    for pair in [Pair::P256, Pair::Ed] {
        let token = Forge::new(pair).sign();
        assert_eq!(outcome(&tenancy, &token), Err(VerifyError::BadSignature));
    }
}

#[test]
fn keys_that_a_header_brings_along_are_not_looked_at() {
    let tenancy = tenancy();
    let mine = Pair::OtherEd.jwk();
    let token = Forge::new(Pair::Ed)
        .header("jwk", mine)
        .header("jku", json!("http://127.0.0.1:1/jwks.json"))
        .header("x5u", json!("http://127.0.0.1:1/cert.pem"))
        .header("x5c", json!(["AAAA"]));
    assert_eq!(
        outcome(tenancy, &token.sign()),
        Ok(()),
        "ignored, not believed"
    );
    let forged = token.signed_with(Pair::OtherEd.private(), Algorithm::EdDSA);
    assert_eq!(
        outcome(tenancy, &forged.sign()),
        Err(VerifyError::BadSignature)
    );
    let critical = Forge::new(Pair::Ed)
        .header("crit", json!(["b64"]))
        .header("b64", json!(false));
    assert_eq!(
        outcome(tenancy, &critical.sign()),
        Err(VerifyError::WrongAlgorithm)
    );
}

#[test]
fn a_kid_is_an_exact_name_and_nothing_else() {
    let tenancy = tenancy();
    for (kid, reason) in [
        (json!("ed"), VerifyError::UnknownKey),
        (json!("Ed "), VerifyError::UnknownKey),
        (json!(""), VerifyError::UnknownKey),
        (json!("../../dev/null"), VerifyError::UnknownKey),
        (json!("http://127.0.0.1:1/key"), VerifyError::UnknownKey),
        (json!("' OR 1=1"), VerifyError::UnknownKey),
        (json!("k".repeat(256)), VerifyError::UnknownKey),
        (json!("k".repeat(257)), VerifyError::UnknownSigner),
        (json!("sk_a"), VerifyError::WrongAlgorithm),
        (json!("pk_a"), VerifyError::WrongAlgorithm),
        (json!(7), VerifyError::Malformed),
        (json!(["Ed"]), VerifyError::Malformed),
    ] {
        let token = Forge::new(Pair::Ed).header("kid", kid.clone()).sign();
        assert_eq!(outcome(tenancy, &token), Err(reason), "{kid}");
    }
}

#[test]
fn an_issuer_speaks_for_itself_only() {
    let tenancy = tenancy();
    for iss in [
        json!("https://evil.example"),
        json!("https://id.example/"),
        json!("HTTPS://ID.EXAMPLE"),
        json!(""),
        json!(null),
    ] {
        let token = Forge::new(Pair::Ed).claim("iss", iss.clone()).sign();
        assert_eq!(
            outcome(tenancy, &token),
            Err(VerifyError::UnknownSigner),
            "{iss}"
        );
    }
    let nobody = Forge::new(Pair::Ed).without("iss").sign();
    assert_eq!(outcome(tenancy, &nobody), Err(VerifyError::UnknownSigner));
    for iss in [json!(7), json!([ISS]), json!({ "a": ISS })] {
        let token = Forge::new(Pair::Ed).claim("iss", iss).sign();
        assert_eq!(outcome(tenancy, &token), Err(VerifyError::BadClaims));
    }
}

#[test]
fn other_kinds_of_tokens_of_the_same_issuer_do_not_admit() {
    let tenancy = tenancy();
    let with_typ = |typ: &str| {
        outcome(
            tenancy,
            &Forge::new(Pair::Ed).header("typ", json!(typ)).sign(),
        )
    };
    for typ in ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt"] {
        assert_eq!(with_typ(typ), Ok(()), "{typ}");
    }
    for typ in ["logout+jwt", "dpop+jwt", "secevent+jwt", "", "id"] {
        assert_eq!(with_typ(typ), Err(VerifyError::WrongType), "{typ}");
    }
    let without = Forge::new(Pair::Ed).without_header("typ").sign();
    assert_eq!(outcome(tenancy, &without), Ok(()));
}

#[test]
fn the_realtime_door_takes_no_issuers_tokens() {
    use crate::auth::{AdmitError, Credential, authenticate};
    let token = Forge::new(Pair::Ed).sign();
    let refused = authenticate(tenancy(), Some(Credential::Token(token)), None, NOW);
    assert_eq!(
        refused.err(),
        Some(AdmitError::Token(VerifyError::WrongAlgorithm))
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever is changed, a token is refused or says what its issuer has signed.
    #[test]
    fn a_changed_token_is_refused(
        pair in prop::sample::select(vec![Pair::P256, Pair::Ed]),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let tenancy = tenancy();
        let good = Forge::new(pair).sign();
        let mut bytes = good.clone().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let changed = String::from_utf8_lossy(&bytes).into_owned();
        let claims = verify(tenancy, &good, NOW).unwrap().claims;
        match verify(tenancy, &changed, NOW) {
            Ok(verified) => {
                prop_assert_eq!(&changed, &good);
                prop_assert_eq!(verified.claims, claims);
            }
            Err(error) => prop_assert!(error != VerifyError::Expired),
        }
    }

    /// A header that an attacker makes up, signed with a key that an attacker has.
    #[test]
    fn no_header_makes_a_strangers_signature_good(
        alg in prop::sample::select(vec![
            "HS256", "HS384", "HS512", "RS256", "PS256", "ES256", "ES384", "EdDSA", "none",
        ]),
        kid in prop::sample::select(vec!["Rsa", "Pss", "P256", "P384", "Ed", "OtherEd", "sk_a", "pk_a", ""]),
        signer in prop::sample::select(vec![Pair::OtherP256, Pair::OtherEd]),
        brings in any::<bool>(),
    ) {
        let mut token = Forge::new(Pair::Ed)
            .header("alg", json!(alg))
            .header("kid", json!(kid))
            .signed_with(signer.private(), signer.algorithm());
        if brings {
            token = token.header("jwk", signer.jwk());
        }
        prop_assert!(outcome(tenancy(), &token.sign()).is_err());
    }

    #[test]
    fn any_text_is_refused(text in ".{0,200}", parts in prop::array::uniform3("[A-Za-z0-9_-]{0,80}")) {
        prop_assert!(outcome(tenancy(), &text).is_err());
        prop_assert!(outcome(tenancy(), &parts.join(".")).is_err());
    }
}
