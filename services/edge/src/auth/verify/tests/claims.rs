//! The claims that every dialect shares: when a token is good, for whom, and how long it may live.

use serde_json::json;

use super::*;

fn with(name: &str, value: Value) -> Result<(), VerifyError> {
    outcome(tenancy(), &Forge::new(Pair::Ed).claim(name, value).sign())
}

fn without(name: &str) -> Result<(), VerifyError> {
    outcome(tenancy(), &Forge::new(Pair::Ed).without(name).sign())
}

#[test]
fn exp_is_required_and_has_no_leeway() {
    assert_eq!(without("exp"), Err(VerifyError::BadClaims));
    assert_eq!(with("exp", json!(NOW + 1)), Ok(()));
    for at in [NOW, NOW - 1, 0] {
        assert_eq!(with("exp", json!(at)), Err(VerifyError::Expired));
    }
    for wrong in [
        json!(null),
        json!("1999999999"),
        json!(-1),
        json!(1.5),
        json!([NOW + 300]),
        json!(true),
    ] {
        assert_eq!(
            with("exp", wrong.clone()),
            Err(VerifyError::BadClaims),
            "{wrong}"
        );
    }
}

// A wrong `nbf` that is read as absent would let a token in before its time.
#[test]
fn nbf_is_judged_if_it_is_there_and_never_read_as_absent() {
    assert_eq!(without("nbf"), Ok(()));
    assert_eq!(with("nbf", json!(NOW)), Ok(()));
    assert_eq!(with("nbf", json!(NOW + 1)), Err(VerifyError::NotYetValid));
    for wrong in [
        json!(null),
        json!("0"),
        json!((NOW + 1).to_string()),
        json!(-1),
        json!(0.5),
        json!([]),
        json!({}),
    ] {
        assert_eq!(
            with("nbf", wrong.clone()),
            Err(VerifyError::BadClaims),
            "{wrong}"
        );
    }
    let tenancy = tenancy();
    let own = |nbf| {
        Forge::of_key("sk_a", "secret of sk_a")
            .claim("nbf", json!(nbf))
            .sign()
    };
    assert_eq!(outcome(tenancy, &own(NOW)), Ok(()));
    assert_eq!(
        outcome(tenancy, &own(NOW + 1)),
        Err(VerifyError::NotYetValid)
    );
}

#[test]
fn aud_is_judged_if_the_operator_says_so() {
    for ignored in [json!("other"), json!(7), json!(null), json!([])] {
        assert_eq!(with("aud", ignored), Ok(()));
    }
    let tenancy = tenancy_of(&[Pair::Ed.jwk()], |issuer| {
        issuer.aud = Some("room".to_owned())
    });
    let aud = |value: Value| outcome(&tenancy, &Forge::new(Pair::Ed).claim("aud", value).sign());
    for good in [json!("room"), json!(["room"]), json!(["other", "room"])] {
        assert_eq!(aud(good.clone()), Ok(()), "{good}");
    }
    for other in [
        json!("other"),
        json!("room "),
        json!("Room"),
        json!([]),
        json!(["r", "oom"]),
    ] {
        assert_eq!(
            aud(other.clone()),
            Err(VerifyError::WrongAudience),
            "{other}"
        );
    }
    for wrong in [
        json!(null),
        json!(7),
        json!([7, "room"]),
        json!({ "room": 1 }),
    ] {
        assert_eq!(aud(wrong.clone()), Err(VerifyError::BadClaims), "{wrong}");
    }
    let missing = Forge::new(Pair::Ed).without("aud").sign();
    assert_eq!(outcome(&tenancy, &missing), Err(VerifyError::WrongAudience));
}

#[test]
fn a_life_is_measured_from_iat_or_else_from_now() {
    let day = 24 * 60 * 60;
    let lives = |iat: Option<u64>, exp: u64| {
        let token = Forge::new(Pair::Ed).claim("exp", json!(exp));
        let token = match iat {
            Some(iat) => token.claim("iat", json!(iat)),
            None => token.without("iat"),
        };
        outcome(tenancy(), &token.sign())
    };
    assert_eq!(lives(Some(NOW), NOW + day), Ok(()));
    assert_eq!(lives(None, NOW + day), Ok(()));
    for (iat, exp) in [
        (Some(NOW), NOW + day + 1),
        (None, NOW + day + 1),
        (Some(NOW - day), NOW + 1),
        // An iat in the future does not make a life shorter.
        (Some(NOW + 2 * day), NOW + 2 * day),
        (Some(u64::MAX), u64::MAX),
        (Some(0), u64::MAX),
    ] {
        assert_eq!(
            lives(iat, exp),
            Err(VerifyError::LivesTooLong),
            "{iat:?} {exp}"
        );
    }
    assert_eq!(with("iat", json!("now")), Err(VerifyError::BadClaims));
    assert_eq!(with("iat", json!(null)), Err(VerifyError::BadClaims));
    let unlimited = tenancy_of(&[Pair::Ed.jwk()], |issuer| {
        issuer.max_lifetime = std::time::Duration::ZERO;
    });
    let long = Forge::new(Pair::Ed)
        .claim("exp", json!(NOW + 365 * day))
        .sign();
    assert_eq!(outcome(&unlimited, &long), Ok(()));
    // An app's own key is the app's own business.
    let own = Forge::of_key("sk_a", "secret of sk_a").claim("exp", json!(NOW + 365 * day));
    assert_eq!(outcome(tenancy(), &own.sign()), Ok(()));
}

#[test]
fn what_is_no_set_of_claims_is_refused() {
    let tenancy = tenancy();
    for text in [
        "",
        "nonsense",
        "[]",
        "7",
        "null",
        "\u{a0}{}",
        r#"["https://id.example",1,9999999999]"#,
        r#"{"iss":"https://id.example","iss":"https://id.example","exp":9999999999}"#,
        r#"{"iss":"https://id.example","exp":1715535700,"exp":9999999999}"#,
        r#"{"iss":"https://id.example","exp":1715535700,"nbf":0,"nbf":9999999999}"#,
    ] {
        let token = Forge::new(Pair::Ed).sign_text(text);
        assert_eq!(
            outcome(tenancy, &token),
            Err(VerifyError::BadClaims),
            "{text}"
        );
    }
    let deep = format!(
        r#"{{"iss":"{ISS}","exp":{},"a":{}}}"#,
        NOW + 300,
        "[".repeat(20_000)
    );
    let token = Forge::new(Pair::Ed).sign_text(&deep);
    assert_eq!(outcome(tenancy, &token), Err(VerifyError::BadClaims));
    let long = Forge::new(Pair::Ed)
        .claim("a", json!("x".repeat(70_000)))
        .sign();
    assert_eq!(outcome(tenancy, &long), Err(VerifyError::Malformed));
}

#[test]
fn nothing_is_said_of_a_forged_token_but_that_it_is_forged() {
    let tenancy = tenancy();
    let forged = |claim: &str, value: Value| {
        Forge::new(Pair::Ed)
            .claim(claim, value)
            .signed_with(Pair::OtherEd.private(), jsonwebtoken::Algorithm::EdDSA)
            .sign()
    };
    for token in [
        forged("exp", json!(1)),
        forged("nbf", json!(NOW + 9)),
        forged("exp", json!("x")),
        forged("exp", json!(u64::MAX)),
    ] {
        assert_eq!(outcome(tenancy, &token), Err(VerifyError::BadSignature));
    }
}
