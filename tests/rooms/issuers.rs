//! Members with tokens of other people's token services: let in by the same door, on the service's signature alone.

use serde_json::{Value, json};
use testkit::{App, Door, EdgeConfig, Endpoint, Issuer, Key, TestEdge, percent_encoded};
use toml::Table;

use crate::member::{ROOM, UPGRADE, enter_by, http, member, path};

const PAGE: &str = "https://app.example";
const UNAUTHORIZED: (u16, &str) = (401, "Unauthorized");

/// An edge whose app has this issuer and keys of its own.
async fn trusting(entry: Table) -> TestEdge {
    let app = App::demo().issuer(entry);
    EdgeConfig::new().app(app).start().await
}

fn rooms() -> Value {
    json!({ "rooms": [ROOM], "preferred_username": "al" })
}

fn query(token: &str) -> String {
    format!("{}?tk={}", path(ROOM), percent_encoded(token))
}

async fn answer(edge: &TestEdge, token: &str) -> (u16, String) {
    let (status, _, body) = http(edge.listen(), &query(token), &UPGRADE).await;
    (status, body)
}

async fn refusals(edge: &TestEdge, reason: &str) -> Option<f64> {
    let series = format!("switchboard_token_refusals_total{{reason=\"{reason}\"}}");
    edge.scrape().await.value(&series)
}

#[tokio::test]
async fn a_listed_issuers_token_enters_and_meets_those_with_the_apps_own() {
    let issuer = Issuer::start().await;
    let edge = trusting(issuer.entry_with_file()).await;
    let mut bob = member(&edge, "bob").await;
    let door = Door::path(&query(&issuer.sign("alice", &rooms())));
    let (_alice, connected) = enter_by(&edge, door).await;
    assert_eq!(connected["room_id"], ROOM);
    let notice = bob.expect_type("webrtc.signal").await;
    assert_eq!(notice["data"]["type"], "user-joined");
    assert_eq!(notice["data"]["account_id"], "alice");
    // Keys from a file are not asked for.
    assert_eq!(issuer.requests(), 0);
}

#[tokio::test]
async fn a_signature_of_another_key_opens_nothing() {
    let issuer = Issuer::start().await;
    let edge = trusting(issuer.entry_with_file()).await;
    let good = issuer.sign("alice", &rooms());
    let forged = issuer.forge("alice", &rooms());
    let (status, body) = answer(&edge, &forged).await;
    assert_eq!((status, body.as_str()), UNAUTHORIZED);
    assert_eq!(refusals(&edge, "bad_signature").await, Some(1.0));
    // Nor does somebody else's name on a good signature.
    let stranger = issuer.sign("alice", &json!({ "iss": "https://other.example" }));
    let (status, body) = answer(&edge, &stranger).await;
    assert_eq!((status, body.as_str()), UNAUTHORIZED);
    assert_eq!(refusals(&edge, "unknown_signer").await, Some(1.0));
    assert_eq!(answer(&edge, &good).await.0, 101);
}

#[tokio::test]
async fn claims_that_the_dialect_cannot_read_are_counted_as_such() {
    let issuer = Issuer::start().await;
    let edge = trusting(issuer.entry_with_file()).await;
    let token = issuer.sign("alice", &json!({ "rooms": ["lobby"] }));
    let (status, body) = answer(&edge, &token).await;
    assert_eq!((status, body.as_str()), UNAUTHORIZED);
    assert_eq!(refusals(&edge, "bad_claims").await, Some(1.0));
}

#[tokio::test]
async fn while_an_issuers_keys_are_unknown_its_members_are_told_to_try_again() {
    let issuer = Issuer::start().await;
    issuer.behave(Endpoint::Failing);
    let edge = trusting(issuer.entry()).await;
    let token = issuer.sign("alice", &rooms());
    let (status, body) = answer(&edge, &token).await;
    assert_eq!(
        (status, body.as_str()),
        (503, "Service Unavailable: Try again")
    );
    assert_eq!(refusals(&edge, "keys_unavailable").await, Some(1.0));
    // Those with the app's own keys do not notice.
    member(&edge, "bob").await;
}

#[tokio::test]
async fn an_issuers_cookie_counts_on_pages_that_a_key_of_its_app_names() {
    let issuer = Issuer::start().await;
    let page = |id: &str, app: &str, origin: &str| {
        let key = Key::secret(id, "secret of the page").set("allowed_origins", vec![origin]);
        App::new(app).key(key)
    };
    let app = page("sk_id_page", "demo", PAGE).issuer(issuer.entry_with_file());
    let neighbour = page("sk_id_else", "other", "https://else.example");
    let edge = EdgeConfig::new().app(app).app(neighbour).start().await;
    let cookie = format!("AuthToken={}", issuer.sign("alice", &rooms()));
    for (origin, expected) in [
        (PAGE, 101),
        ("https://else.example", 403),
        ("https://nobody.example", 403),
    ] {
        let mut headers = UPGRADE.to_vec();
        headers.extend([("Cookie", cookie.as_str()), ("Origin", origin)]);
        let (status, _, _) = http(edge.listen(), &path(ROOM), &headers).await;
        assert_eq!(status, expected, "{origin}");
    }
}
