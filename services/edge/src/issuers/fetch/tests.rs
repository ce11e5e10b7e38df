//! One fetch against an endpoint that behaves, and against all that do not.

use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

use super::*;
use crate::issuers::sample::{Behaviour, Stub, jwks, key_set, quick, source};
use crate::issuers::{JwksSource, Pace, Transport};

async fn fetch(source: JwksSource, roots: Roots) -> Result<KeySet, FetchError> {
    Fetcher::new(source, roots).unwrap().fetch().await
}

async fn answer_to(behaviour: Behaviour) -> Result<KeySet, FetchError> {
    let stub = Stub::start(behaviour).await;
    fetch(source(&stub.url(), quick()), Roots::OfSystem).await
}

fn raw(status: &str, headers: &str, body: &str) -> Behaviour {
    let length = body.len();
    Behaviour::Raw(format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    ))
}

#[tokio::test]
async fn an_endpoint_that_behaves_has_its_keys_read() {
    let keys = answer_to(Behaviour::Keys(jwks(&["a", "b"]))).await.unwrap();
    assert_eq!(keys, key_set(&["a", "b"]));
}

#[tokio::test]
async fn every_failure_has_its_own_label() {
    let keys = jwks(&["a"]);
    let cases = [
        (raw("500 Oops", "", &keys), Fetch::Status),
        (raw("404 Not Found", "", ""), Fetch::Status),
        (raw("304 Not Modified", "", ""), Fetch::Status),
        (raw("204 No Content", "", ""), Fetch::Garbage),
        (Behaviour::Keys("<html>".to_owned()), Fetch::Garbage),
        (Behaviour::Keys("{\"keys\":[]}".to_owned()), Fetch::Garbage),
        (Behaviour::Keys(keys.replace("OKP", "oct")), Fetch::Garbage),
        (
            Behaviour::Keys(" ".repeat(300_000) + &keys),
            Fetch::TooLarge,
        ),
        (Behaviour::Flood, Fetch::TooLarge),
        (
            Behaviour::Raw("not http at all\r\n\r\n".to_owned()),
            Fetch::Unreachable,
        ),
        (
            Behaviour::Raw("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{".to_owned()),
            Fetch::Unreachable,
        ),
        (Behaviour::Raw(String::new()), Fetch::Unreachable),
    ];
    for (behaviour, label) in cases {
        let name = format!("{behaviour:.60?}");
        let error = answer_to(behaviour).await.unwrap_err();
        assert_eq!(error.label(), label, "{name}: {error}");
    }
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let gone = Stub::start(Behaviour::Silence).await.url();
    // The stub is dropped: its port is closed.
    let error = fetch(source(&gone, quick()), Roots::OfSystem)
        .await
        .unwrap_err();
    assert_eq!(error.label(), Fetch::Unreachable, "{error}");
}

#[tokio::test]
async fn a_slow_endpoint_is_given_up_in_time() {
    let stub = Stub::start(Behaviour::Silence).await;
    let pace = Pace {
        timeout: Duration::from_millis(100),
        ..quick()
    };
    let began = Instant::now();
    let error = fetch(source(&stub.url(), pace), Roots::OfSystem).await;
    assert_eq!(error.unwrap_err().label(), Fetch::Timeout);
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_redirect_is_followed_at_home_only() {
    let other = Stub::start(Behaviour::Keys(jwks(&["other"]))).await;
    let elsewhere = [
        other.url(),
        format!("http://localhost:{}/jwks", other.port),
        "http://169.254.169.254/latest/meta-data".to_owned(),
        "https://id.example/jwks".to_owned(),
        "file:///etc/passwd".to_owned(),
    ];
    for target in elsewhere {
        let to_it = raw("302 Found", &format!("location: {target}\r\n"), "");
        let error = answer_to(to_it).await.unwrap_err();
        assert!(
            matches!(error.label(), Fetch::Forbidden | Fetch::Status),
            "{target}: {error}"
        );
    }
    assert_eq!(other.requests(), 0, "nobody was led to it");
    // For ever in circles.
    let stub = Stub::start(raw("302 Found", "location: /jwks\r\n", "")).await;
    let error = fetch(source(&stub.url(), quick()), Roots::OfSystem).await;
    assert_eq!(error.unwrap_err().label(), Fetch::Forbidden);
    assert_eq!(stub.requests(), 1 + REDIRECTS_MAX as u64);
    // Once, to where the keys are.
    let once = Behaviour::Then(
        Box::new(raw("302 Found", "location: /there\r\n", "")),
        Box::new(Behaviour::Keys(jwks(&["a"]))),
    );
    assert_eq!(answer_to(once).await.unwrap(), key_set(&["a"]));
}

// What a name leads to is judged at each fetch, however public it looks.
#[tokio::test]
async fn a_name_that_leads_to_this_machine_is_refused_unless_that_is_allowed() {
    let stub = Stub::start(Behaviour::Keys(jwks(&["a"]))).await;
    let url = format!("http://localhost:{}/jwks", stub.port);
    let with_reach = |reach| JwksSource {
        reach,
        ..source(&url, quick())
    };
    let error = fetch(with_reach(Reach::Public), Roots::OfSystem).await;
    assert!(matches!(error, Err(FetchError::Private)), "{error:?}");
    assert_eq!(stub.requests(), 0);
    for reach in [Reach::Loopback, Reach::Anywhere] {
        assert!(fetch(with_reach(reach), Roots::OfSystem).await.is_ok());
    }
}

#[tokio::test]
async fn https_trusts_whom_it_is_told_to_and_nobody_else() {
    let key = KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned()];
    let certificate = CertificateParams::new(names)
        .unwrap()
        .self_signed(&key)
        .unwrap();
    let server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(server));
    let stub = Stub::start_tls(Behaviour::Keys(jwks(&["a"])), acceptor).await;
    let at = |host: &str| source(&format!("https://{host}:{}/jwks", stub.port), quick());
    let trusted = || Roots::Only(Certificate::from_der(certificate.der()).unwrap());

    let fetched = fetch(at("localhost"), trusted()).await;
    assert_eq!(fetched.unwrap(), key_set(&["a"]));
    let unknown = fetch(at("localhost"), Roots::OfSystem).await.unwrap_err();
    assert_eq!(unknown.label(), Fetch::Unreachable, "{unknown}");
    let misnamed = fetch(at("127.0.0.1"), trusted()).await.unwrap_err();
    assert_eq!(misnamed.label(), Fetch::Unreachable, "{misnamed}");
    assert_eq!(stub.requests(), 1);
}

#[test]
fn http_needs_no_certificates() {
    let plain = JwksSource::new(
        "http://id.example/",
        Transport::Plain,
        Reach::Public,
        None,
        quick(),
    );
    assert!(Fetcher::new(plain.unwrap(), Roots::OfSystem).is_ok());
}
