//! The three forms, what is reserved in them, and whatever is none.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// Type, payload and target of a message that is relayed.
fn read(text: &str) -> (String, String, Option<String>) {
    match ClientFrame::decode(text) {
        Ok(ClientFrame::Signal { signal, to }) => (
            signal.kind.into_owned(),
            signal.payload.get().to_owned(),
            to.map(|to| to.to_string()),
        ),
        other => panic!("{text}: {other:?}"),
    }
}

fn refused(text: &str) -> ErrorCode {
    ClientFrame::decode(text).expect_err(text).code
}

fn signal(kind: &str, payload: &str) -> (String, String, Option<String>) {
    (kind.to_owned(), payload.to_owned(), None)
}

#[test]
fn the_guides_form_is_lifted() {
    assert_eq!(
        read(r#"{"type":"offer","offer":{"type":"offer","sdp":"v=0\r\n"}}"#),
        signal("offer", r#"{"offer":{"type":"offer","sdp":"v=0\r\n"}}"#)
    );
    assert_eq!(
        read(r#"{"type":"ice-candidate","candidate":{"sdpMLineIndex":0}, "n" : 1.0}"#),
        signal(
            "ice-candidate",
            r#"{"candidate":{"sdpMLineIndex":0},"n":1.0}"#
        )
    );
    assert_eq!(read(r#"{"type":"hello"}"#), signal("hello", "{}"));
}

#[test]
fn the_flat_form_keeps_its_data_whatever_that_looks_like() {
    for data in [
        r#"{"type":"offer","sdp":"x"}"#,
        "\"v=0\"",
        "[1, 2]",
        "false",
        "0",
    ] {
        let text = format!(r#"{{"type":"offer","data":{data}}}"#);
        assert_eq!(read(&text), signal("offer", data));
    }
}

#[test]
fn the_wrapped_form_is_unwrapped_under_all_its_names() {
    for outer in ["webrtc.signal", "signaling", "webrtc"] {
        let text =
            format!(r#"{{"type":"{outer}","data":{{"type":"answer","data":{{"sdp":"x"}}}}}}"#);
        assert_eq!(read(&text), signal("answer", r#"{"sdp":"x"}"#));
        let text =
            format!(r#"{{"type":"{outer}","data":{{"type":"answer","answer":{{"sdp":"x"}}}}}}"#);
        assert_eq!(read(&text), signal("answer", r#"{"answer":{"sdp":"x"}}"#));
    }
}

#[test]
fn a_target_is_found_in_every_form() {
    let bob = Some("bob".to_owned());
    for text in [
        r#"{"type":"offer","offer":{},"to":"bob"}"#,
        r#"{"type":"offer","data":{},"to":"bob"}"#,
        r#"{"type":"offer","data":{},"To":"bob"}"#,
        r#"{"type":"webrtc.signal","data":{"type":"offer","data":{},"to":"bob"}}"#,
        r#"{"type":"webrtc.signal","to":"bob","data":{"type":"offer","data":{}}}"#,
        r#"{"type":"webrtc.signal","to":"eve","data":{"type":"offer","data":{},"to":"bob"}}"#,
    ] {
        assert_eq!(read(text).2, bob, "{text}");
    }
    assert_eq!(read(r#"{"type":"offer","offer":{},"to":null}"#).2, None);
    let upper = r#"{"type":"x","to":"0F8FAD5B-D9CB-469F-A165-70867728950E"}"#;
    assert_eq!(
        read(upper).2.as_deref(),
        Some("0f8fad5b-d9cb-469f-a165-70867728950e")
    );
}

#[test]
fn a_target_that_is_no_account_reaches_nobody() {
    for to in ["\"\"", "1", "{}", "[\"bob\"]", "\"é\"", "true"] {
        let text = format!(r#"{{"type":"offer","data":{{}},"to":{to}}}"#);
        assert_eq!(refused(&text), ErrorCode::InvalidTarget, "{to}");
    }
}

#[test]
fn nothing_about_the_sender_is_lifted_in_any_spelling() {
    for name in [
        "account_id",
        "accountId",
        "AccountId",
        "ACCOUNT_ID",
        "account",
        "Account",
        "senderAccountId",
        "SenderAccountId",
        "sender_account_id",
        "senderaccountid",
        "senderInfo",
        "SenderInfo",
        "sender_info",
        "sender-info",
        "Sender",
        "sender_id",
        "endpoint",
        "Endpoint",
        "error_message",
        "errorMessage",
        r"sender\u0049nfo",
    ] {
        let text = format!(r#"{{"type":"offer","{name}":"eve","offer":1}}"#);
        assert_eq!(read(&text), signal("offer", r#"{"offer":1}"#), "{name}");
        let text =
            format!(r#"{{"type":"signaling","data":{{"type":"offer","{name}":"eve","offer":1}}}}"#);
        assert_eq!(read(&text), signal("offer", r#"{"offer":1}"#), "{name}");
    }
}

#[test]
fn the_servers_own_notices_cannot_be_faked() {
    for text in [
        r#"{"type":"user-joined"}"#,
        r#"{"type":"user-left","data":{}}"#,
        r#"{"type":"User-Left"}"#,
        r#"{"type":"user\u002djoined"}"#,
        r#"{"type":"webrtc.signal","data":{"type":"user-joined","data":{}}}"#,
        r#"{"Type":"signaling","Data":{"Type":"user-left"}}"#,
    ] {
        assert_eq!(refused(text), ErrorCode::ReservedType, "{text}");
    }
}

#[test]
fn a_ping_is_a_ping() {
    for text in [
        r#"{"type":"ping"}"#,
        r#"{"type":"ping","data":{"t":1}}"#,
        r#"{"TYPE":"ping"}"#,
    ] {
        assert!(
            matches!(ClientFrame::decode(text), Ok(ClientFrame::Ping)),
            "{text}"
        );
    }
}

#[test]
fn whatever_is_no_message_is_malformed() {
    let deep = format!(
        "{{\"type\":\"x\",\"data\":{}{}}}",
        "[".repeat(200),
        "]".repeat(200)
    );
    let long = format!("{{\"type\":\"{}\"}}", "x".repeat(129));
    let many: String = (0..300).map(|n| format!(",\"m{n}\":0")).collect();
    let many = format!("{{\"type\":\"x\"{many}}}");
    for text in [
        "",
        "{",
        "null",
        "42",
        "\"offer\"",
        "[]",
        "{}",
        "{\"data\":{}}",
        "{\"type\":null}",
        "{\"type\":1}",
        "{\"type\":[\"offer\"]}",
        "{\"type\":\"\"}",
        "{\"type\":\"a\",\"type\":\"b\"}",
        "{\"type\":\"a\",\"Type\":\"user-joined\"}",
        "{\"type\":\"a\",\"to\":\"bob\",\"To\":\"eve\"}",
        "{\"type\":\"a\",\"x\":1,\"x\":2}",
        "{\"type\":\"offer\"} {}",
        "{\"type\":\"webrtc.signal\"}",
        "{\"type\":\"webrtc\",\"data\":\"x\"}",
        "{\"type\":\"webrtc\",\"data\":{}}",
        "{\"type\":\"signaling\",\"data\":{\"type\":5}}",
        "{\"type\":\"signaling\",\"data\":null}",
        &deep,
        &long,
        &many,
    ] {
        assert_eq!(refused(text), ErrorCode::MalformedMessage, "{text}");
    }
}

#[test]
fn a_payload_passes_bit_for_bit() {
    let payload = r#"{"sdpMLineIndex":0,"s":"a\r\n\"<>&'é\u0000😀\/","n":1.50,"e":1E400}"#;
    let text = format!(r#"{{"type":"x","data":{payload}}}"#);
    assert_eq!(read(&text).1, payload);
    let data = match ClientFrame::decode(&text).unwrap() {
        ClientFrame::Signal { signal, .. } => signal.to_data(),
        ClientFrame::Ping => panic!("no ping"),
    };
    assert_eq!(Signal::from_data(&data).unwrap().payload.get(), payload);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let name = prop_oneof![
            Just("type".to_owned()),
            Just("data".to_owned()),
            Just("to".to_owned()),
            Just("SenderInfo".to_owned()),
            Just("account_id".to_owned()),
            "[a-z]{1,6}",
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name, inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,80}") {
        let _ = ClientFrame::decode(&text);
    }

    #[test]
    fn whatever_is_relayed_names_no_sender_beside_its_payload(packet in any_json()) {
        let text = packet.to_string();
        if let Ok(ClientFrame::Signal { signal, .. }) = ClientFrame::decode(&text) {
            let data = signal.to_data();
            let carried: Value = serde_json::from_str(data.get()).unwrap();
            let names: Vec<&String> = carried.as_object().unwrap().keys().collect();
            prop_assert_eq!(names, ["data", "type"]);
            let read_back = Signal::from_data(&data).unwrap();
            prop_assert_eq!(&read_back.kind, &signal.kind);
        }
    }

    #[test]
    fn any_payload_survives_in_the_flat_form(payload in any_json()) {
        prop_assume!(!payload.is_null());
        let text = json!({"type": "x", "data": payload}).to_string();
        let (_, read, _) = read(&text);
        prop_assert_eq!(serde_json::from_str::<Value>(&read).unwrap(), payload);
    }
}
