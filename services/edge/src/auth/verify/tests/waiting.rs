//! A token whose key has yet to be fetched, with the whole way from the configuration to an endpoint.

use std::time::Duration;

use prometheus::Registry;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::issuers::keep_fresh;
use crate::issuers::sample::{Behaviour, Stub};
use crate::metrics::Metrics;
use crate::tenancy::TenancyHandle;

fn published(pairs: &[Pair]) -> Behaviour {
    let keys: Vec<_> = pairs.iter().map(|pair| pair.jwk()).collect();
    Behaviour::Keys(json!({ "keys": keys }).to_string())
}

fn fetching(stub: &Stub) -> TenancyHandle {
    let trusted = IssuerConfig {
        jwks_url: Some(stub.url()),
        ..issuer(ISS)
    };
    let app = AppConfig {
        issuers: vec![trusted],
        ..app("a", &[key("sk_a", &["**"], &[])])
    };
    TenancyHandle::new(Tenancy::new(&[app]).unwrap())
}

fn keep(handle: &TenancyHandle) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let metrics = Metrics::register(&Registry::new()).unwrap();
    let tenancy = handle.clone();
    tasks.spawn(keep_fresh(
        move || {
            let tenancy = tenancy.load();
            tenancy
                .issuers()
                .map(|issuer| Arc::clone(&issuer.keys))
                .collect()
        },
        handle.watch(),
        metrics.issuers,
        CancellationToken::new(),
    ));
    tasks
}

#[tokio::test]
async fn the_first_login_of_a_cold_edge_waits_and_gets_in() {
    let stub = Stub::start(published(&[Pair::Ed])).await;
    let handle = fetching(&stub);
    let token = Forge::new(Pair::Ed).sign();
    assert_eq!(
        outcome(&handle.load(), &token),
        Err(VerifyError::KeysUnavailable)
    );
    let _tasks = keep(&handle);
    let verified = verify_or_wait(&handle.load(), &token, NOW).await.unwrap();
    assert_eq!(verified.app.id.as_str(), "a");
    // From now on nobody waits, and in the cool-down neither does who cannot be helped.
    let began = Instant::now();
    assert_eq!(outcome(&handle.load(), &token), Ok(()));
    let unknown = Forge::new(Pair::P256).sign();
    let refused = verify_or_wait(&handle.load(), &unknown, NOW).await;
    assert_eq!(refused.err(), Some(VerifyError::UnknownKey));
    assert!(began.elapsed() < Duration::from_secs(2));
    assert_eq!(stub.requests(), 1);
    let own = Forge::of_key("sk_a", "secret of sk_a").sign();
    assert!(verify_or_wait(&handle.load(), &own, NOW).await.is_ok());
}

#[tokio::test]
async fn a_dead_endpoint_keeps_a_login_no_longer_than_its_patience() {
    let stub = Stub::start(Behaviour::Silence).await;
    let handle = fetching(&stub);
    let _tasks = keep(&handle);
    let began = Instant::now();
    let refused = verify_or_wait(&handle.load(), &Forge::new(Pair::Ed).sign(), NOW).await;
    assert_eq!(refused.err(), Some(VerifyError::KeysUnavailable));
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(stub.requests(), 1);
}

#[tokio::test]
async fn a_forged_token_does_not_wait() {
    let stub = Stub::start(Behaviour::Silence).await;
    let handle = fetching(&stub);
    let _tasks = keep(&handle);
    let began = Instant::now();
    let symmetric = Forge::of_key("x", "guess").claim("iss", json!(ISS)).sign();
    let refused = verify_or_wait(&handle.load(), &symmetric, NOW).await;
    assert_eq!(refused.err(), Some(VerifyError::WrongAlgorithm));
    assert!(began.elapsed() < Duration::from_secs(2));
}
