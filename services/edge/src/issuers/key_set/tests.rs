//! What is read as keys and what is left out.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::issuers::sample;

fn number(bytes: usize) -> String {
    URL_SAFE_NO_PAD.encode(vec![0xff; bytes])
}

fn rsa() -> Value {
    json!({ "kty": "RSA", "kid": "r", "n": number(256), "e": "AQAB" })
}

fn ec() -> Value {
    json!({ "kty": "EC", "crv": "P-256", "kid": "e", "x": number(32), "y": number(32) })
}

fn ed() -> Value {
    json!({ "kty": "OKP", "crv": "Ed25519", "kid": "d", "x": number(32) })
}

fn with(mut key: Value, member: &str, value: Value) -> Value {
    key[member] = value;
    key
}

fn without(mut key: Value, member: &str) -> Value {
    key.as_object_mut().unwrap().remove(member);
    key
}

fn read(keys: &[Value]) -> Result<KeySet, KeySetError> {
    KeySet::from_json(&json!({ "keys": keys }).to_string(), None)
}

fn refusal(key: Value) -> Option<KeyRefusal> {
    match read(&[key]) {
        Ok(_) => None,
        Err(KeySetError::NoUsableKey(refusal)) => refusal,
        Err(other) => panic!("{other}"),
    }
}

fn permitted(set: &KeySet, kid: Option<&str>) -> Vec<SignatureAlgorithm> {
    let key = set.find(kid).unwrap();
    let all = SignatureAlgorithm::ALL.into_iter();
    all.filter(|&algorithm| key.permits(algorithm)).collect()
}

#[test]
fn a_key_is_found_by_its_exact_name() {
    use SignatureAlgorithm::{ES256, EdDsa, PS384, RS256, RS384, RS512};
    let pss = with(with(rsa(), "kid", json!("p")), "alg", json!("PS384"));
    let set = read(&[rsa(), ec(), ed(), pss]).unwrap();
    assert_eq!(set.count(), 4);
    assert_eq!(permitted(&set, Some("r")), [RS256, RS384, RS512]);
    assert_eq!(permitted(&set, Some("e")), [ES256]);
    assert_eq!(permitted(&set, Some("d")), [EdDsa]);
    assert_eq!(permitted(&set, Some("p")), [PS384]);
    for kid in [Some("R"), Some("r "), Some(""), Some("../r"), None] {
        assert!(set.find(kid).is_none(), "{kid:?}");
    }
}

#[test]
fn the_only_key_needs_no_name() {
    let named = read(&[ed()]).unwrap();
    assert!(named.find(None).is_some() && named.find(Some("x")).is_none());
    let nameless = read(&[without(ed(), "kid")]).unwrap();
    assert!(nameless.find(None).is_some() && nameless.find(Some("x")).is_some());
    let single = KeySet::from_json(&ed().to_string(), None).unwrap();
    assert!(single.find(Some("d")).is_some() && single.find(Some("x")).is_none());
    let two = read(&[without(ed(), "kid"), without(ec(), "kid")]);
    assert_eq!(
        two,
        Err(KeySetError::NoUsableKey(Some(KeyRefusal::Nameless)))
    );
    // Beside keys with names it would be a wild card.
    let beside = read(&[without(ed(), "kid"), ec()]).unwrap();
    assert_eq!(beside.count(), 1);
    assert!(beside.find(Some("x")).is_none());
}

#[test]
fn a_key_that_is_of_no_use_does_not_spoil_the_others() {
    let useless = [
        json!(7),
        json!({}),
        json!({ "kty": "oct", "kid": "s", "k": "c2VjcmV0" }),
        with(ec(), "crv", json!("secp256k1")),
        with(rsa(), "use", json!("enc")),
        with(rsa(), "kid", json!(7)),
        with(ed(), "kid", json!("k".repeat(257))),
    ];
    let set = read(&[&useless[..], &[ed()]].concat()).unwrap();
    assert_eq!((set.count(), set.find(Some("d")).is_some()), (1, true));
}

#[test]
fn each_useless_key_is_refused_for_its_own_reason() {
    use KeyRefusal::{
        AlgorithmMismatch, Malformed, Name, NotForSignatures, Private, RsaSize, Unsupported,
    };
    let cases = [
        (json!({ "kty": "oct", "k": "c2VjcmV0" }), Private),
        (json!({ "kty": "oct", "alg": "HS256", "k": "" }), Private),
        (with(ed(), "d", json!(number(32))), Private),
        (with(rsa(), "d", json!("x")), Private),
        (with(ed(), "use", json!("enc")), NotForSignatures),
        (with(ed(), "key_ops", json!(["sign"])), NotForSignatures),
        (with(ed(), "key_ops", json!([])), NotForSignatures),
        (with(rsa(), "alg", json!("RSA-OAEP")), Unsupported),
        (with(rsa(), "alg", json!("HS256")), Unsupported),
        (with(rsa(), "alg", json!("none")), Unsupported),
        (with(ec(), "crv", json!("P-521")), Unsupported),
        (with(ed(), "crv", json!("X25519")), Unsupported),
        (with(ed(), "crv", json!("Ed448")), Unsupported),
        (with(ed(), "kty", json!("EC")), Unsupported),
        (without(ec(), "crv"), Unsupported),
        (with(ec(), "alg", json!("ES384")), AlgorithmMismatch),
        (with(rsa(), "alg", json!("ES256")), AlgorithmMismatch),
        (with(ed(), "x", json!(number(31))), Malformed),
        (with(ed(), "x", json!(number(33))), Malformed),
        (with(ed(), "x", json!("")), Malformed),
        (with(ed(), "x", json!("not base64url!")), Malformed),
        (with(ec(), "y", json!(number(48))), Malformed),
        (without(ec(), "y"), Malformed),
        (without(rsa(), "e"), Malformed),
        (without(rsa(), "kty"), Malformed),
        (with(rsa(), "n", json!(number(128))), RsaSize),
        (with(rsa(), "n", json!(number(1024))), RsaSize),
        (with(rsa(), "e", json!("AQ")), RsaSize),
        (with(ed(), "kid", json!("k".repeat(257))), Name),
    ];
    for (key, reason) in cases {
        assert_eq!(refusal(key.clone()), Some(reason), "{key}");
    }
    for key in [
        with(ed(), "use", json!("sig")),
        with(ed(), "key_ops", json!(["verify", "sign"])),
        with(ed(), "alg", json!("Ed25519")),
        with(ed(), "x5c", json!(["…"])),
        with(ed(), "kid", json!("k".repeat(256))),
    ] {
        assert_eq!(refusal(key.clone()), None, "{key}");
    }
}

#[test]
fn of_two_keys_with_one_name_the_first_counts() {
    let set = read(&[ed(), with(ec(), "kid", json!("d"))]).unwrap();
    assert_eq!(permitted(&set, Some("d")), [SignatureAlgorithm::EdDsa]);
}

#[test]
fn the_operators_algorithm_leaves_the_other_keys_out() {
    let all = json!({ "keys": [rsa(), ec(), ed()] }).to_string();
    let set = KeySet::from_json(&all, Some(SignatureAlgorithm::PS256)).unwrap();
    assert_eq!(permitted(&set, Some("r")), [SignatureAlgorithm::PS256]);
    assert_eq!(set.count(), 1);
    assert_eq!(
        KeySet::from_json(&all, Some(SignatureAlgorithm::ES384)),
        Err(KeySetError::NoUsableKey(Some(
            KeyRefusal::AlgorithmMismatch
        )))
    );
}

#[test]
fn what_is_no_set_of_keys_is_refused_as_a_whole() {
    for text in [
        "",
        "{}",
        "[]",
        "null",
        "{\"keys\":7}",
        "{\"keys\":[",
        "<html>",
    ] {
        let refused = KeySet::read(text, None);
        assert_eq!(refused, Err(KeySetError::Malformed), "{text}");
    }
    assert_eq!(read(&[]), Err(KeySetError::NoUsableKey(None)));
    let many: Vec<_> = (0..101)
        .map(|number| with(ed(), "kid", json!(number.to_string())))
        .collect();
    assert_eq!(read(&many), Err(KeySetError::TooManyKeys(101)));
    assert_eq!(read(&many[..100]).unwrap().count(), 100);
}

#[test]
fn keys_in_pem_are_read() {
    use SignatureAlgorithm::{ES256, ES384, EdDsa, PS512, RS256, RS384, RS512};
    let read = |text, wanted| permitted(&KeySet::read(text, wanted).unwrap(), Some("any"));
    assert_eq!(read(sample::RSA, None), [RS256, RS384, RS512]);
    assert_eq!(read(sample::RSA, Some(PS512)), [PS512]);
    assert_eq!(read(sample::P256, None), [ES256]);
    assert_eq!(read(sample::P384, None), [ES384]);
    assert_eq!(read(sample::ED25519, None), [EdDsa]);
    assert_eq!(
        KeySet::read(sample::RSA_PKCS1, None),
        KeySet::read(sample::RSA, None)
    );
}

#[test]
fn what_is_no_public_key_in_pem_is_refused() {
    let refusal = |text: &str| match KeySet::read(text, None) {
        Err(KeySetError::NoUsableKey(Some(refusal))) => refusal,
        other => panic!("{other:?}"),
    };
    let cut = &sample::RSA.replace("MIIB", "MIIC");
    let certificate = &sample::RSA.replace("PUBLIC KEY", "CERTIFICATE");
    let two = &format!("{}{}", sample::P256, sample::P384);
    for (text, reason) in [
        (sample::RSA_PRIVATE, KeyRefusal::Private),
        (sample::RSA_1024, KeyRefusal::RsaSize),
        (sample::P521, KeyRefusal::Unsupported),
        (sample::X25519, KeyRefusal::Unsupported),
        (sample::P256_COMPRESSED, KeyRefusal::Malformed),
        (cut, KeyRefusal::Malformed),
        (certificate, KeyRefusal::Unsupported),
        (two, KeyRefusal::Malformed),
    ] {
        assert_eq!(refusal(text), reason, "{text}");
    }
    let wanted = KeySet::read(sample::P256, Some(SignatureAlgorithm::RS256));
    assert_eq!(
        wanted,
        Err(KeySetError::NoUsableKey(Some(
            KeyRefusal::AlgorithmMismatch
        )))
    );
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in ".*") {
        drop(KeySet::read(&text, None));
        drop(KeySet::read(&format!("{{{text}"), None));
    }

    #[test]
    fn whatever_the_members_a_key_serves_one_family(
        kty in prop::sample::select(vec!["RSA", "EC", "OKP", "oct"]),
        crv in prop::option::of(prop::sample::select(vec!["P-256", "P-384", "Ed25519", "X25519"])),
        alg in prop::option::of(prop::sample::select(
            vec!["RS256", "PS256", "ES256", "ES384", "EdDSA", "HS256", "none"],
        )),
        x in prop::sample::select(vec![0_usize, 31, 32, 48]),
        y in prop::sample::select(vec![0_usize, 32, 48]),
        n in prop::sample::select(vec![0_usize, 128, 256, 600]),
    ) {
        let mut key = json!({
            "kty": kty, "kid": "k", "x": number(x), "y": number(y), "n": number(n), "e": "AQAB",
        });
        if let Some(crv) = crv { key["crv"] = json!(crv); }
        if let Some(alg) = alg { key["alg"] = json!(alg); }
        if let Ok(set) = read(&[key]) {
            let algorithms = permitted(&set, Some("k"));
            let mut families: Vec<_> = algorithms.iter().map(|one| one.family()).collect();
            families.dedup();
            prop_assert_eq!(families.len(), 1);
            prop_assert!(alg.is_none_or(|alg| algorithms.len() == 1 && algorithms[0].as_str() == alg));
            prop_assert!(kty != "oct");
        }
    }
}
