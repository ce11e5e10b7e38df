//! Keys of other people's token services, as far as an edge shows them from outside: it fetches them, lives with whatever the
//! endpoint does, and lets none of their tokens in at a door that takes the app's own keys only.

use serde_json::json;
use testkit::{App, Client, Door, EdgeConfig, Endpoint, Issuer, TestEdge, until};

const FETCHES: &str = "switchboard_issuer_fetches_total";

async fn trusting(issuer: &Issuer) -> TestEdge {
    let app = App::demo().issuer(issuer.entry());
    EdgeConfig::new().app(app).start().await
}

async fn fetches(edge: &TestEdge, outcome: &str) -> f64 {
    let series = format!("{FETCHES}{{outcome=\"{outcome}\"}}");
    let scrape = edge.scrape().await;
    scrape.value(&series).expect("every outcome has a series")
}

async fn stale(edge: &TestEdge) -> f64 {
    let scrape = edge.scrape().await;
    let stale = scrape.value("switchboard_issuers_stale");
    stale.expect("the gauge is always there")
}

async fn fetched(edge: &TestEdge, outcome: &str) {
    until(outcome, async || {
        (fetches(edge, outcome).await > 0.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn keys_are_fetched_at_the_start_once() {
    let issuer = Issuer::start().await;
    let edge = trusting(&issuer).await;
    fetched(&edge, "ok").await;
    assert_eq!(issuer.requests(), 1);
    assert!(edge.log().contains("have changed"));
    // A file that is read again does not ask again.
    edge.reload().await;
    until("the file was read again", async || {
        let scrape = edge.scrape().await;
        let reloads = scrape.value("switchboard_reloads_total{result=\"ok\"}");
        (reloads.unwrap() > 1.0).then_some(())
    })
    .await;
    assert_eq!((issuer.requests(), stale(&edge).await), (1, 0.0));
}

#[tokio::test]
async fn whatever_an_endpoint_does_the_edge_serves_its_clients() {
    for (endpoint, outcome) in [
        (Endpoint::Failing, "status"),
        (Endpoint::Garbage, "garbage"),
        (Endpoint::Silent, "timeout"),
    ] {
        let issuer = Issuer::start().await;
        issuer.behave(endpoint);
        let edge = trusting(&issuer).await;
        let mut alice = Client::connect_peer(&edge, "alice").await;
        alice.subscribe("room").await;
        fetched(&edge, outcome).await;
        assert_eq!(stale(&edge).await, 1.0);
        assert_eq!(edge.admin().get("/readyz").await.status, 200, "{outcome}");
        assert!(edge.log().contains("nobody with its tokens gets in"));
        alice.expect_quiet().await;
    }
}

#[tokio::test]
async fn the_realtime_door_takes_no_issuers_tokens() {
    let issuer = Issuer::start().await;
    let edge = trusting(&issuer).await;
    fetched(&edge, "ok").await;
    let token = issuer.sign("alice", &json!({}));
    assert_eq!(Client::refused(&edge, Door::token(&token)).await.code, 4001);
    let scrape = edge.scrape().await;
    let refused = scrape.value("switchboard_token_refusals_total{reason=\"wrong_algorithm\"}");
    assert_eq!(refused, Some(1.0));
    // Nor is one a reason to fetch.
    issuer.rotate();
    let token = issuer.sign("alice", &json!({}));
    assert_eq!(Client::refused(&edge, Door::token(&token)).await.code, 4001);
    assert_eq!(issuer.requests(), 1);
}

#[tokio::test]
async fn an_issuer_that_is_removed_is_asked_no_more_and_not_missed() {
    let issuer = Issuer::start().await;
    issuer.behave(Endpoint::Failing);
    let edge = trusting(&issuer).await;
    fetched(&edge, "status").await;
    edge.write_config(&EdgeConfig::demo());
    edge.reload().await;
    until("nobody is stale", async || {
        (stale(&edge).await == 0.0).then_some(())
    })
    .await;
    assert!(edge.log().contains("removed"), "{}", edge.log());
}

#[tokio::test]
async fn a_configuration_that_trusts_too_much_does_not_start() {
    let refused = async |entry: &str| {
        let entry: toml::Table = entry.parse().unwrap();
        let config = EdgeConfig::new().app(App::demo().issuer(entry));
        let output = TestEdge::run(&config, &["--check-config"]).await;
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    for (entry, reason) in [
        ("iss = \"i\"", "either key_file or jwks_url"),
        (
            "iss = \"i\"\njwks_url = \"http://id.example/\"",
            "must begin with https://",
        ),
        (
            "iss = \"i\"\njwks_url = \"https://10.0.0.1/\"",
            "private address",
        ),
        (
            "iss = \"i\"\nkey_file = \"/nowhere/key.pem\"",
            "cannot be read",
        ),
        (
            "iss = \"i\"\njwks_url = \"https://id.example/\"\nalgorithm = \"HS256\"",
            "found \"HS256\", expected one of RS256",
        ),
    ] {
        let said = refused(entry).await;
        assert!(said.contains(reason), "{entry}\n{said}");
    }
}
