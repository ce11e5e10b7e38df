//! The admin listener: alive, ready, and what can be measured.

use testkit::{Client, TestEdge, Token};

#[tokio::test]
async fn a_running_edge_is_alive_and_ready() {
    let edge = TestEdge::demo().await;
    for path in ["/livez", "/readyz"] {
        let answer = edge.admin().get(path).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
    }
    assert_eq!(edge.admin().get("/nothing").await.status, 404);
}

#[tokio::test]
async fn admin_and_public_paths_do_not_mix() {
    let edge = TestEdge::demo().await;
    for path in ["/livez", "/readyz", "/metrics"] {
        assert_eq!(edge.anonymous().get(path).await.status, 404, "{path}");
    }
    for path in ["/v1?key=pk_live_demo", "/v1/usage"] {
        assert_eq!(edge.admin().get(path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn the_metrics_and_their_label_keys_are_these() {
    let edge = TestEdge::demo().await;
    one_of_each(&edge).await;
    let scrape = edge.scrape().await;
    let lines: Vec<String> = scrape
        .families()
        .into_iter()
        .filter(|(name, _)| name.starts_with("switchboard_"))
        .map(|(name, (kind, labels))| format!("{name} {kind} {labels:?}"))
        .collect();
    insta::assert_snapshot!("metrics", lines.join("\n"));
}

#[tokio::test]
async fn every_metric_has_a_help_text_and_a_name_of_the_house() {
    let edge = TestEdge::demo().await;
    let scrape = edge.scrape().await;
    for (name, (kind, _)) in scrape.families() {
        assert!(
            scrape.text().contains(&format!("# HELP {name} ")),
            "{name} has no help text"
        );
        assert!(
            name.starts_with("switchboard_") || name.starts_with("process_"),
            "{name}"
        );
        assert_eq!(
            kind == "counter",
            name.ends_with("_total"),
            "{name} is a {kind}"
        );
    }
}

#[tokio::test]
async fn no_name_of_a_client_appears_in_the_metrics() {
    let edge = TestEdge::demo().await;
    let mut peer = Client::connect_token(&edge, &Token::peer("distinctive-peer").sign()).await;
    peer.subscribe("distinctive/channel").await;
    peer.publish("distinctive/channel", "distinctive payload")
        .await;
    let scrape = edge.scrape().await;
    for word in ["distinctive", "sk_id_demo", "pk_live_demo"] {
        assert!(!scrape.text().contains(word), "{word} is a label");
    }
}

#[tokio::test]
async fn a_million_channel_names_leave_the_series_as_they_were() {
    let edge = testkit::EdgeConfig::demo()
        .limit("messages_per_second", 0)
        .start()
        .await;
    one_of_each(&edge).await;
    let before = edge.scrape().await;
    // A busy machine takes longer than a token of the suite lives.
    let patient = testkit::Token::peer("alice").expires_in(3_600).sign();
    let mut alice = Client::connect_token(&edge, &patient).await;
    for batch in 0..names() / BATCH {
        let mut frames = Vec::new();
        for number in 0..BATCH {
            let name = format!("n/{batch}/{number}");
            frames.push(serde_json::json!({"type": "subscribe", "channel": name}));
            frames.push(serde_json::json!({"type": "unsubscribe", "channel": name}));
            frames.push(serde_json::json!({"type": name}));
        }
        alice.send_all(&frames).await;
        alice.fence().await;
    }
    assert_eq!(before.series(), edge.scrape().await.series());
}

/// How many names the test above goes through; `CONFORMANCE_NAMES` asks for another number where time is short.
fn names() -> usize {
    let asked = std::env::var("CONFORMANCE_NAMES").ok();
    asked
        .and_then(|number| number.parse().ok())
        .unwrap_or(1_000_000)
}

/// Small enough for the limit on channels and for the mailbox.
const BATCH: usize = 50;

/// Makes every metric that a quiet client can touch show up.
async fn one_of_each(edge: &TestEdge) {
    let mut alice = Client::connect_peer(edge, "one-of-each").await;
    alice.subscribe("room").await;
    alice.publish("room", 1).await;
    alice.direct("one-of-each", 1).await;
    alice
        .accepted(serde_json::json!({"type": "unsubscribe", "channel": "room"}))
        .await;
    alice.request(serde_json::json!({"type": "nonsense"})).await;
    alice.fence().await;
    alice.close().await;
}
