//! Devices without a session are woken for a call (checklist 54).

use std::{
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, crypto};
use serde_json::{Value, json};
use testkit::{ClusterConfig, EdgeConfig, Phone, Rest, TestCluster, TestEdge, Token, until};

use crate::{
    pair::{CALL, accept, alice, answer, bob, hangup, on_line, outgoing},
    stub::{Asked, Stub},
};

const SECRET: &str = "a secret of the webhook";
const PATH: &str = "/api/v1/app/push-tokens";

fn token() -> Token {
    Phone::token("bob", "phone", "1002")
}

fn as_device(edge: &TestEdge) -> Rest {
    edge.rest().bearer(&token().sign())
}

async fn hand_in(edge: &TestEdge, kind: &str) {
    let push = json!({"type": kind, "value": format!("{kind} token of Bob")});
    assert_eq!(as_device(edge).post(PATH, &push).await.status, 204);
}

fn with_webhook(stub: &Stub) -> impl FnOnce(EdgeConfig) -> EdgeConfig {
    let url = stub.url("/wake");
    move |edge| {
        edge.section("push", "webhook_url", url)
            .section("push", "webhook_secret", SECRET)
    }
}

async fn woken_over_a_webhook(stub: &Stub) -> TestCluster {
    let config = ClusterConfig::demo(2).edge(with_webhook(stub));
    config.start().await
}

async fn outcome(cluster: &TestCluster, outcome: &str) -> f64 {
    let series = format!("switchboard_wakeups_total{{outcome=\"{outcome}\"}}");
    cluster.metric(&series).await
}

#[tokio::test]
async fn c54_a_device_without_a_session_is_woken_and_finds_the_call_on_its_line() {
    let mut stub = Stub::start(|_| (200, json!({}))).await;
    let cluster = woken_over_a_webhook(&stub).await;
    // It was never here before; the token that it hands in is enough.
    hand_in(cluster.edge(1), "fcm").await;
    hand_in(cluster.edge(1), "apkvoip").await;
    let mut alice = alice(cluster.edge(0)).await;
    alice.acked(outgoing("1002")).await;
    alice.event("calling").await;
    let asked = stub.next().await;
    assert_eq!(
        asked.json(),
        json!({
            "event": "incoming_call", "app_id": "demo", "user_id": "bob", "device_id": "phone",
            "tokens": [
                {"type": "fcm", "value": "fcm token of Bob"},
                {"type": "apkvoip", "value": "apkvoip token of Bob"},
            ],
            "payload": {
                "callId": CALL, "handleType": "number", "handleValue": "1001", "displayName": "1001",
                "hasVideo": "false",
            },
        })
    );
    assert_signed(&asked);
    let mut bob = bob(cluster.edge(1)).await;
    assert_eq!(
        on_line(&bob, 0),
        Some((CALL.to_owned(), vec!["incoming_call".to_owned()]))
    );
    alice.event("ringing").await;
    bob.acked(accept()).await;
    assert_eq!(alice.event("accepted").await["jsep"], answer());
    assert!(stub.more().is_empty(), "woken once");
    assert_eq!(outcome(&cluster, "sent").await, 1.0);
}

/// The header is `v1=` and the HMAC-SHA256 over time and body.
fn assert_signed(asked: &Asked) {
    let message = format!(
        "{}.{}",
        asked.headers["x-switchboard-timestamp"], asked.body
    );
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let expected = crypto::sign(message.as_bytes(), &key, Algorithm::HS256).expect("an HMAC");
    let expected = URL_SAFE_NO_PAD.decode(expected).expect("base64");
    let expected: String = expected.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        asked.headers["x-switchboard-signature"],
        format!("v1={expected}")
    );
}

#[tokio::test]
async fn c54_whoever_has_a_session_is_not_woken_and_whoever_has_no_token_is_not_there() {
    let mut stub = Stub::start(|_| (200, json!({}))).await;
    let cluster = woken_over_a_webhook(&stub).await;
    let mut alice = alice(cluster.edge(0)).await;
    let mut bob = bob(cluster.edge(1)).await;
    hand_in(cluster.edge(0), "fcm").await;
    alice.acked(outgoing("1002")).await;
    bob.event("incoming_call").await;
    alice.find_event("ringing").await;
    alice.acked(hangup()).await;
    bob.event("hangup").await;
    bob.leave().await;
    // All tokens go.
    assert_eq!(as_device(cluster.edge(0)).delete(PATH).await.status, 204);
    cluster.holds(1).await;
    let mut call = outgoing("1002");
    call["call_id"] = json!("another");
    alice.acked(call).await;
    let hangup = alice
        .find(
            |frame| frame["call_id"] == "another" && frame["event"] == "hangup",
            "the end",
        )
        .await;
    assert_eq!(hangup["code"], 480);
    assert!(stub.more().is_empty());
}

#[tokio::test]
async fn a_wake_up_that_fails_is_sent_again_and_one_that_is_refused_is_not() {
    let asked = AtomicUsize::new(0);
    let statuses = [500, 429, 200, 410];
    let answer = move |_: &Asked| {
        (
            statuses[asked.fetch_add(1, Ordering::Relaxed).min(3)],
            json!({}),
        )
    };
    let mut stub = Stub::start(answer).await;
    let cluster = woken_over_a_webhook(&stub).await;
    hand_in(cluster.edge(0), "hms").await;
    let mut alice_old = alice(cluster.edge(0)).await;
    alice_old.acked(outgoing("1002")).await;
    for _ in 0..3 {
        assert_eq!(stub.next().await.json()["payload"]["callId"], CALL);
    }
    until("it was sent", async || {
        (outcome(&cluster, "sent").await == 1.0).then_some(())
    })
    .await;
    assert_eq!(outcome(&cluster, "retried").await, 2.0);
    // The same request over another socket is the same call.
    let mut alice = alice(cluster.edge(1)).await;
    alice.acked(outgoing("1002")).await;
    alice.acked(hangup()).await;
    alice.find_event("hangup").await;
    let mut call = outgoing("1002");
    call["call_id"] = json!("another");
    alice.acked(call).await;
    assert_eq!(stub.next().await.json()["payload"]["callId"], "another");
    until("it was refused", async || {
        (outcome(&cluster, "refused").await == 1.0).then_some(())
    })
    .await;
    assert!(stub.more().is_empty());
}

#[tokio::test]
async fn a_device_that_is_woken_too_late_finds_no_call() {
    let mut stub = Stub::start(|_| (200, json!({}))).await;
    let cluster = woken_over_a_webhook(&stub).await;
    hand_in(cluster.edge(0), "fcm").await;
    let mut alice = alice(cluster.edge(0)).await;
    alice.acked(outgoing("1002")).await;
    stub.next().await;
    alice.find_event("ringing").await;
    alice.acked(hangup()).await;
    alice.find_event("hangup").await;
    let bob = bob(cluster.edge(1)).await;
    assert_eq!(on_line(&bob, 0), None);
}

#[tokio::test]
async fn fcm_is_asked_with_a_token_that_a_signed_assertion_has_bought() {
    let sends = AtomicUsize::new(0);
    let answer = move |asked: &Asked| match asked.path.as_str() {
        "/token" => (
            200,
            json!({"access_token": "ya29.access", "expires_in": 3599}),
        ),
        // A token that was revoked before its end is bought anew.
        _ if sends.fetch_add(1, Ordering::Relaxed) == 0 => (401, json!({})),
        _ => (200, json!({"name": "projects/p/messages/1"})),
    };
    let mut stub = Stub::start(answer).await;
    let account = Account::write(&stub);
    let path = account.0.display().to_string();
    let url = stub.url("");
    let cluster = ClusterConfig::demo(1)
        .edge(|edge| {
            edge.section("push", "fcm_account_file", path)
                .section("push", "fcm_url", url)
        })
        .start()
        .await;
    hand_in(cluster.edge(0), "fcm").await;
    let mut alice = alice(cluster.edge(0)).await;
    let mut call = outgoing("1002");
    call["jsep"]["sdp"] = json!("v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n");
    alice.acked(call).await;

    assert_assertion(&stub.next().await, &stub.url("/token"));
    for attempt in 0..2 {
        let asked = stub.next().await;
        assert_eq!(asked.path, "/v1/projects/the-project/messages:send");
        assert_eq!(asked.headers["authorization"], "Bearer ya29.access");
        let message = &asked.json()["message"];
        assert_eq!(message["token"], "fcm token of Bob");
        assert_eq!(message["android"]["priority"], "HIGH");
        assert_eq!(
            message["data"],
            json!({"callId": CALL, "handleType": "number", "handleValue": "1001", "displayName": "1001", "hasVideo": "true"})
        );
        if attempt == 0 {
            assert_eq!(stub.next().await.path, "/token");
        }
    }
    alice.find_event("ringing").await;
    // The next call needs no new token.
    alice.acked(hangup()).await;
    let mut call = outgoing("1002");
    call["call_id"] = json!("another");
    alice.acked(call).await;
    let asked = stub.next().await;
    assert_eq!(asked.path, "/v1/projects/the-project/messages:send");
    assert_eq!(asked.json()["message"]["data"]["callId"], "another");
}

/// The request for an access token (RFC 7523 §2.1, §3).
fn assert_assertion(asked: &Asked, endpoint: &str) {
    assert_eq!(asked.path, "/token");
    let assertion = asked
        .body
        .strip_prefix("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=")
        .expect("the grant");
    let (message, signature) = assertion.rsplit_once('.').expect("three parts");
    let public = include_bytes!("fixtures/service_account.pub.der");
    let key = DecodingKey::from_rsa_der(public);
    let is_good = crypto::verify(signature, message.as_bytes(), &key, Algorithm::RS256);
    assert!(
        is_good.expect("a signature"),
        "the account's key has signed it"
    );
    let (header, claims) = message.split_once('.').expect("two parts");
    let read = |part: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(part).expect("base64");
        serde_json::from_slice::<Value>(&bytes).expect("JSON")
    };
    assert_eq!(
        (&read(header)["alg"], &read(header)["kid"]),
        (&json!("RS256"), &json!("key-1"))
    );
    let claims = read(claims);
    assert_eq!(claims["iss"], "pusher@the-project.iam.gserviceaccount.com");
    assert_eq!(claims["aud"], endpoint);
    assert_eq!(
        claims["scope"],
        "https://www.googleapis.com/auth/firebase.messaging"
    );
    let (iat, exp) = (claims["iat"].as_i64(), claims["exp"].as_i64());
    assert!(iat.is_some_and(|iat| (testkit::unix_now() - iat).abs() < 10));
    assert_eq!(exp.zip(iat).map(|(exp, iat)| exp - iat), Some(3600));
}

/// A key file that is removed with the test.
struct Account(PathBuf);

impl Account {
    fn write(stub: &Stub) -> Self {
        let file = json!({
            "type": "service_account",
            "project_id": "the-project",
            "private_key_id": "key-1",
            "private_key": include_str!("fixtures/service_account.pem"),
            "client_email": "pusher@the-project.iam.gserviceaccount.com",
            "token_uri": stub.url("/token"),
        });
        let name = format!("switchboard-account-{}.json", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, file.to_string()).expect("a temporary file");
        Self(path)
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

#[tokio::test]
async fn push_tokens_are_a_matter_of_the_device_alone() {
    let edge = TestEdge::demo().await;
    let push = json!({"type": "fcm", "value": "x"});
    for rest in [
        edge.rest(),
        edge.rest().bearer("sk_id_demo:sk_secret_demo"),
        edge.rest().bearer(&token().expires_in(-1).sign()),
        edge.rest()
            .bearer(&token().claim("tenant", json!("another")).sign()),
    ] {
        assert_eq!(rest.post(PATH, &push).await.status, 401);
        assert_eq!(rest.delete(PATH).await.status, 401);
    }
    let tenant = |tenant: &str| format!("/tenant/{tenant}{PATH}");
    assert_eq!(
        as_device(&edge).post(&tenant("demo"), &push).await.status,
        204
    );
    assert_eq!(
        as_device(&edge)
            .post(&tenant("another"), &push)
            .await
            .status,
        401
    );
    for bad in [
        json!({"type": "sms", "value": "x"}),
        json!({"type": "fcm", "value": ""}),
        json!({"type": "fcm", "value": "x".repeat(4097)}),
        json!({"type": "fcm"}),
    ] {
        assert_eq!(as_device(&edge).post(PATH, &bad).await.status, 400, "{bad}");
    }
    let of_type = |kind: &str| format!("{PATH}?type={kind}");
    assert_eq!(as_device(&edge).delete(&of_type("sms")).await.status, 400);
    assert_eq!(as_device(&edge).delete(&of_type("fcm")).await.status, 204);
}
