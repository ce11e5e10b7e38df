//! Which entries of the file are issuers, and what a reload makes of them.

use std::fs;
use std::path::PathBuf;

use uuid::Uuid;

use super::*;
use crate::config::AppConfig;
use crate::issuers::sample;
use crate::tenancy::changes::Changes;
use crate::tenancy::sample::{app, issuer};
use crate::tenancy::{Signer, Tenancy};
use protocol::CloseReason;

/// A key file of its own for each test, gone afterwards.
struct KeyFile(PathBuf);

impl KeyFile {
    fn new(text: &str) -> Self {
        let name = format!("switchboard-{}.pem", Uuid::new_v4().simple());
        let file = Self(std::env::temp_dir().join(name));
        file.write(text);
        file
    }

    fn write(&self, text: &str) {
        fs::write(&self.0, text).unwrap();
    }

    fn issuer(&self, iss: &str) -> IssuerConfig {
        IssuerConfig {
            key_file: Some(self.0.clone()),
            ..issuer(iss)
        }
    }
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        fs::remove_file(&self.0).unwrap();
    }
}

fn with_url(url: &str) -> IssuerConfig {
    IssuerConfig {
        jwks_url: Some(url.to_owned()),
        ..issuer("https://id.example")
    }
}

fn with_issuers(id: &str, issuers: Vec<IssuerConfig>) -> AppConfig {
    AppConfig {
        issuers,
        ..app(id, &[])
    }
}

fn refusal(configs: &[AppConfig]) -> String {
    let refusal = Tenancy::new(configs).unwrap_err().to_string();
    refusal.replace(&std::env::temp_dir().display().to_string(), "TMP")
}

fn refusal_of(config: IssuerConfig) -> String {
    refusal(&[with_issuers("a", vec![config])])
}

#[test]
fn an_issuer_is_found_with_the_app_that_it_belongs_to() {
    let file = KeyFile::new(sample::RSA);
    let tenancy = Tenancy::new(&[
        with_issuers("a", vec![file.issuer("one")]),
        with_issuers("b", vec![with_url("https://id.example/jwks")]),
    ])
    .unwrap();
    assert_eq!(tenancy.issuer("one").unwrap().app.id.as_str(), "a");
    let other = tenancy.issuer("https://id.example").unwrap();
    assert_eq!(other.app.id.as_str(), "b");
    assert!(other.keys.source().is_some() && other.keys.keys().is_none());
    assert!(tenancy.issuer("https://id.example/").is_none() && tenancy.issuer("").is_none());
    assert_eq!(tenancy.issuers().count(), 2);
}

#[test]
fn an_entry_that_is_wrong_is_refused_by_name() {
    let file = KeyFile::new(sample::RSA);
    let base = || with_url("https://id.example/jwks");
    let said = [
        refusal_of(issuer("x")),
        refusal_of(IssuerConfig {
            jwks_url: base().jwks_url,
            ..file.issuer("x")
        }),
        refusal_of(IssuerConfig {
            iss: String::new(),
            ..base()
        }),
        refusal_of(IssuerConfig {
            aud: Some(String::new()),
            ..base()
        }),
        refusal_of(IssuerConfig {
            refresh: Duration::from_secs(9),
            ..base()
        }),
        refusal_of(with_url("http://id.example/jwks")),
        refusal_of(with_url("https://10.0.0.1/jwks")),
        refusal_of(with_url("https://user:hunter2@id.example/")),
        refusal_of(with_url("id.example")),
        refusal_of(KeyFile::new(sample::RSA_PRIVATE).issuer("x")).replace(char::is_numeric, "0"),
        refusal(&[
            with_issuers("a", vec![base()]),
            with_issuers("b", vec![base()]),
        ]),
        refusal(&[with_issuers("a", vec![base(); 21])]),
    ]
    .join("\n");
    assert!(!said.contains("hunter2"), "{said}");
    for expected in [
        "app a, issuer \"x\": it needs either key_file or jwks_url",
        "app a, issuer \"\": iss must have 1 to 512 bytes",
        "aud is empty",
        "refresh must be 10s to 24h",
        "jwks_url: it must begin with https://",
        "jwks_url: it is at a private address",
        "jwks_url: it must not carry a user",
        "jwks_url: it is not an http or https URL",
        "private key",
        "two issuers are called \"https://id.example\"",
        "app a has 21 issuers, at most 20 are allowed",
    ] {
        assert!(said.contains(expected), "{expected}\n{said}");
    }
}

#[test]
fn a_key_file_that_is_no_use_is_refused() {
    let missing = IssuerConfig {
        key_file: Some("/nowhere/keys.pem".into()),
        ..issuer("x")
    };
    assert!(refusal_of(missing).contains("key_file /nowhere/keys.pem cannot be read"));
    for (text, reason) in [
        ("", "no JWK set, no JWK and no key in PEM"),
        ("{\"keys\":[]}", "none of its keys can be used"),
        (sample::RSA_1024, "2048 to 4096 bits"),
        (&"x".repeat(300_000), "longer than 262144 bytes"),
    ] {
        let said = refusal_of(KeyFile::new(text).issuer("x"));
        assert!(said.contains(reason), "{said}");
    }
}

#[test]
fn exceptions_have_to_be_asked_for() {
    let compiles = |config: IssuerConfig| Tenancy::new(&[with_issuers("a", vec![config])]).is_ok();
    assert!(compiles(IssuerConfig {
        allow_http: true,
        ..with_url("http://id.example/jwks")
    }));
    assert!(compiles(IssuerConfig {
        allow_private: true,
        ..with_url("https://10.0.0.1/jwks")
    }));
    assert!(compiles(with_url("http://127.0.0.1:8080/jwks")));
}

#[test]
fn a_changed_key_file_is_a_change_and_what_was_fetched_is_none() {
    let file = KeyFile::new(sample::RSA);
    let configs = [with_issuers(
        "a",
        vec![file.issuer("one"), with_url("https://id.example/jwks")],
    )];
    let before = Tenancy::new(&configs).unwrap();
    let ring = &before.issuer("https://id.example").unwrap().keys;
    sample::bring(ring, &["k"]);
    let same = Tenancy::new(&configs).unwrap();
    assert_eq!(Changes::between(&before, &same), Changes::default());

    file.write(sample::P256);
    let after = Tenancy::new(&configs).unwrap();
    let changes = Changes::between(&before, &after);
    let changed: Vec<_> = changes.changed.into_iter().collect();
    assert_eq!(changed, ["issuer one"]);
    // The other one goes on with the keys that it has.
    let after = after.succeeding(&before);
    let ring = &after.issuer("https://id.example").unwrap().keys;
    assert_eq!(ring.keys().as_deref(), Some(&sample::key_set(&["k"])));
}

#[test]
fn a_session_stays_as_long_as_its_issuer_does() {
    let config = || with_url("https://id.example/jwks");
    let tenancy = |app: AppConfig| Tenancy::new(&[app]).unwrap();
    let before = tenancy(with_issuers("a", vec![config()]));
    let issuer = Arc::clone(before.issuer("https://id.example").unwrap());
    let signer = Signer::Issuer(issuer);
    assert_eq!(signer.app().id.as_str(), "a");

    let narrowed = tenancy(with_issuers(
        "a",
        vec![IssuerConfig {
            aud: Some("room".to_owned()),
            ..config()
        }],
    ));
    assert!(matches!(
        signer.in_force(&narrowed),
        Ok(Signer::Issuer(issuer)) if issuer.audience.as_deref() == Some("room")
    ));
    let refusal = |tenancy: &Tenancy| signer.in_force(tenancy).err();
    let removed = tenancy(with_issuers("a", Vec::new()));
    assert_eq!(refusal(&removed), Some(CloseReason::KeyRemoved));
    let moved = tenancy(with_issuers("b", vec![config()]));
    assert_eq!(refusal(&moved), Some(CloseReason::KeyRemoved));
    let suspended = tenancy(AppConfig {
        suspended: true,
        ..with_issuers("a", vec![config()])
    });
    assert_eq!(refusal(&suspended), Some(CloseReason::AppSuspended));
}
