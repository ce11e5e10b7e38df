//! Well-framed nonsense: the session answers errors, lives on, and disturbs nobody.

use serde_json::{Value, json};
use testkit::{Client, TestEdge, Token};

#[tokio::test]
async fn deep_nesting_is_malformed_and_not_a_crash() {
    let edge = TestEdge::demo().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    for depth in [200, 5_000, 30_000] {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        for text in [
            format!(r#"{{"type":"publish","channel":"c","data":{open}{close}}}"#),
            format!(r#"{{"type":"publish","channel":"c","data":{open}"#),
            format!(r#"{{"x":{open}{close},"type":"ping"}}"#),
            format!("{open}{close}"),
        ] {
            alice.send_text(&text).await;
            assert_eq!(
                alice.expect_type("error").await["code"],
                "malformed_message",
                "{depth}"
            );
        }
        let objects = format!(
            r#"{{"type":"publish","channel":"c","data":{}1{}}}"#,
            r#"{"":"#.repeat(depth / 4),
            "}".repeat(depth / 4)
        );
        if depth > 1_000 {
            alice.send_text(&objects).await;
            assert_eq!(
                alice.expect_type("error").await["code"],
                "malformed_message",
                "{depth}"
            );
        }
    }
    // Brackets inside a string are text.
    alice.publish("c", "[".repeat(10_000)).await;
    alice.expect_quiet().await;
}

// A payload is passed on as it came. If one door let through what another door or a client's own parser refuses, a
// backend could break all subscribers at once. 200 levels are few enough to parse and more than many parsers take.
#[tokio::test]
async fn a_payload_that_is_too_deep_is_refused_at_every_door_and_reaches_nobody() {
    let edge = TestEdge::demo().await;
    let mut bob = Client::connect_peer(&edge, "bob").await;
    bob.subscribe("c").await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    for (open, close) in [("[", "]"), (r#"{"x":"#, "}")] {
        let data = format!("{}1{}", open.repeat(200), close.repeat(200));
        let body = format!(r#"{{"data":{data}}}"#);
        let answer = edge.rest().post_text("/v1/channels/c/publish", &body).await;
        assert_eq!(answer.refusal(), (400, "invalid_request"), "{open}");
        for target in [
            r#""type":"publish","channel":"c""#,
            r#""type":"send","to":"bob""#,
        ] {
            alice
                .send_text(&format!("{{{target},\"data\":{data}}}"))
                .await;
            let error = alice.expect_type("error").await;
            assert_eq!(error["code"], "malformed_message", "{open}{target}");
        }
    }
    bob.expect_quiet_by(&mut alice).await;
}

#[tokio::test]
async fn a_hundred_thousand_brackets_are_too_big() {
    let edge = TestEdge::demo().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    alice.send_text(&"[".repeat(100_000)).await;
    assert_eq!(alice.expect_close().await.code, 1009);
}

#[tokio::test]
async fn strings_that_are_no_text_are_malformed() {
    let edge = TestEdge::demo().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    for text in [
        "{\"type\":\"publish\",\"channel\":\"a\nb\",\"data\":1}",
        "{\"type\":\"publish\",\"channel\":\"a\u{0}b\",\"data\":1}",
        r#"{"type":"publish","channel":"\ud800","data":1}"#,
        r#"{"type":"publish","channel":"\x41","data":1}"#,
        "\u{0}",
    ] {
        alice.send_text(text).await;
        let code = alice.expect_type("error").await["code"].clone();
        assert!(
            [json!("malformed_message"), json!("invalid_channel")].contains(&code),
            "{text:?}: {code}"
        );
        alice.expect_quiet().await;
    }
}

#[tokio::test]
async fn a_member_that_comes_twice_is_malformed() {
    let edge = TestEdge::demo().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    for text in [
        r#"{"type":"ping","type":"publish"}"#,
        r#"{"type":"publish","channel":"a","channel":"b","data":1}"#,
        r#"{"type":"publish","channel":"a","data":1,"data":2}"#,
        r#"{"type":"ping","requestId":"a","requestId":"b"}"#,
    ] {
        alice.send_text(text).await;
        assert_eq!(
            alice.expect_type("error").await["code"],
            "malformed_message",
            "{text}"
        );
    }
}

#[tokio::test]
async fn escapes_in_names_mean_what_they_stand_for() {
    let edge = TestEdge::demo().await;
    let mut bob = Client::connect_peer(&edge, "bob").await;
    bob.subscribe("room/é").await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    alice
        .send_text(r#"{"\u0074ype":"pub\u006cish","channel":"room\/\u00e9","data":"\ud83e\udd80"}"#)
        .await;
    let message = bob.expect_type("message").await;
    assert_eq!(
        (&message["channel"], &message["data"]),
        (&json!("room/é"), &json!("🦀"))
    );
    alice
        .send_text(r#"{"type":"subscribe","channel":"\u005fsystem/x"}"#)
        .await;
    assert_eq!(alice.expect_type("error").await["code"], "channel_reserved");
    alice
        .send_text(r#"{"type":"subscribe","channel":"a\u0000"}"#)
        .await;
    assert_eq!(alice.expect_type("error").await["code"], "invalid_channel");
}

#[tokio::test]
async fn a_payload_cannot_break_out_of_its_frame() {
    let edge = TestEdge::demo().await;
    let mut bob = Client::connect_peer(&edge, "bob").await;
    bob.subscribe("c").await;
    let metadata = json!({"\"},\"from\":\"root": "\u{2028}\"}"});
    let token = Token::peer("a\"lice\\")
        .claim("peerMetadata", metadata.clone())
        .sign();
    let mut alice = Client::connect_token(&edge, &token).await;
    let data = json!("\"},{\"type\":\"going_away\"}");
    alice.publish("c", data.clone()).await;
    let message = bob.expect_type("message").await;
    assert_eq!(
        (&message["from"], &message["data"]),
        (&json!("a\"lice\\"), &data)
    );
    alice.direct("bob", data).await;
    assert_eq!(bob.expect_type("direct").await["fromMetadata"], metadata);
    let odd = "c\"},{\\u0022";
    bob.subscribe(odd).await;
    alice.publish(odd, 1).await;
    assert_eq!(bob.find_type("message").await["channel"], odd);
}

#[tokio::test]
async fn one_clients_errors_disturb_no_other() {
    let edge = TestEdge::demo().await;
    let mut bob = Client::connect_peer(&edge, "bob").await;
    bob.subscribe("room").await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    let mut wild = Client::connect_peer(&edge, "wild").await;
    for number in 0..40 {
        let nonsense = [
            json!("x"),
            json!({"type": number}),
            json!({"type": "publish", "channel": ""}),
            json!([[]]),
        ];
        wild.send_all(&nonsense).await;
        alice.publish("room", number).await;
        assert_eq!(bob.next_frame().await["data"], number);
    }
    let errors = wild.fence().await;
    assert_eq!(errors.len(), 160);
    alice.expect_quiet().await;
    bob.expect_quiet().await;
}

#[tokio::test]
async fn numbers_beyond_reason_in_frames_are_passed_or_refused_and_never_a_crash() {
    let edge = TestEdge::demo().await;
    let mut alice = Client::connect_peer(&edge, "alice").await;
    let digits = "9".repeat(5_000);
    for number in [
        "1e400",
        "-1e400",
        "1e-400",
        digits.as_str(),
        "-0",
        "0.1e+00001",
    ] {
        let text = format!(r#"{{"type":"publish","channel":"c","data":{number},"requestId":"n"}}"#);
        alice.send_text(&text).await;
        let reply: Value = alice.next_frame().await;
        assert!(
            reply["type"] == "ack" || reply["code"] == "malformed_message",
            "{reply}"
        );
    }
    alice.expect_quiet().await;
}
