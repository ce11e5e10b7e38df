//! What is understood, what is refused and how, and what costs the session.

use proptest::prelude::*;

use super::super::Answer;
use super::*;

const JSEP: &str = r#"{"type":"offer","sdp":"v=0 é"}"#;

fn asked(text: &str) -> Ask {
    match ClientFrame::decode(text) {
        Ok(ClientFrame::Request(request)) => request.ask,
        other => panic!("{text}: {other:?}"),
    }
}

fn call_ask(request: &str, more: &str) -> CallAsk {
    let text =
        format!(r#"{{"request":"{request}","transaction":"t","line":1,"call_id":"c"{more}}}"#);
    let Ask::Call { line: 1, call, ask } = asked(&text) else {
        panic!("{text}: of no call on line 1")
    };
    assert_eq!(call.as_str(), "c");
    ask
}

fn refusal(text: &str) -> (u16, About) {
    match ClientFrame::decode(text) {
        Err(FrameError::Refused { code, about, .. }) => (code.as_u16(), about),
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn a_keepalive_is_known_by_its_handshake() {
    for text in [
        r#"{"handshake":"keepalive","transaction":"transaction-1"}"#,
        r#" { "transaction" : 1, "x": [], "handshake":"keep\u0061live" } "#,
    ] {
        assert_eq!(ClientFrame::decode(text), Ok(ClientFrame::Keepalive));
    }
}

#[test]
fn every_request_of_the_subset_is_read() {
    let jsep = |text: &str, kind| Jsep {
        kind,
        json: serde_json::from_str(text).unwrap(),
    };
    let offer = || jsep(JSEP, JsepKind::Offer);
    let with_offer = format!(r#","jsep":{JSEP}"#);
    assert_eq!(
        call_ask(
            "outgoing_call",
            &format!(r#","number":"1002","refer_id":null,"replaces":null,"from":null{with_offer}"#)
        ),
        CallAsk::Outgoing {
            number: "1002".parse().unwrap(),
            jsep: offer()
        }
    );
    let answer = r#"{ "sdp":"v=0","type":"answer","x":1 }"#;
    assert_eq!(
        call_ask("accept", &format!(r#","jsep":{answer}"#)),
        CallAsk::Accept {
            jsep: jsep(answer, JsepKind::Answer)
        }
    );
    assert_eq!(
        call_ask("update", &with_offer),
        CallAsk::Update { jsep: offer() }
    );
    assert_eq!(call_ask("decline", r#","refer_id":null"#), CallAsk::Decline);
    assert_eq!(call_ask("hangup", ""), CallAsk::Hangup);
    assert_eq!(
        call_ask("hold", r#","direction":"sendonly""#),
        CallAsk::Hold {
            direction: Some(Direction::SendOnly)
        }
    );
    for none in ["", r#","direction":null"#] {
        assert_eq!(call_ask("hold", none), CallAsk::Hold { direction: None });
    }
    assert_eq!(call_ask("unhold", ""), CallAsk::Unhold);
    assert_eq!(
        call_ask("peer_message", r#","type":"x","data": {"a" : 1}"#),
        CallAsk::PeerMessage {
            kind: Json::of(&"x"),
            data: serde_json::from_str(r#"{"a" : 1}"#).unwrap(),
        }
    );
}

#[test]
fn candidates_name_a_line_and_no_call() {
    let trickle = |candidate| {
        asked(&format!(
            r#"{{"request":"ice_trickle","transaction":"t","line":0,"candidate":{candidate}}}"#
        ))
    };
    let candidate = r#"{"candidate":"c","sdpMid":"0"}"#;
    assert_eq!(
        trickle(candidate),
        Ask::IceTrickle {
            line: 0,
            candidate: serde_json::from_str(candidate).ok()
        }
    );
    assert_eq!(
        trickle("null"),
        Ask::IceTrickle {
            line: 0,
            candidate: None
        }
    );
}

#[test]
fn presence_is_of_no_line() {
    assert_eq!(
        asked(r#"{"request":"presence_update","transaction":"1","settings":{"available":true}}"#),
        Ask::PresenceUpdate {
            settings: serde_json::from_str(r#"{"available":true}"#).unwrap()
        }
    );
}

/// The code, the request, and its further members; `OFFER` stands for a description.
const REFUSED: &[(u16, &str, &str)] = &[
    (453, "keyframe", ""),
    (457, "transfer", r#","number":"1""#),
    (456, "accept", ""),
    (456, "outgoing_call", r#","jsep":OFFER"#),
    (467, "outgoing_call", r#","number":"","jsep":OFFER"#),
    (467, "outgoing_call", r#","number":1,"jsep":OFFER"#),
    (
        457,
        "outgoing_call",
        r#","number":"1","from":"2","jsep":OFFER"#,
    ),
    (
        457,
        "outgoing_call",
        r#","number":"1","replaces":"2","jsep":OFFER"#,
    ),
    (
        464,
        "outgoing_call",
        r#","number":"1","jsep":{"type":"answer","sdp":""}"#,
    ),
    (457, "decline", r#","refer_id":"2""#),
    (457, "decline", r#","refer_id":2"#),
    (464, "accept", r#","jsep":{"type":"pranswer","sdp":""}"#),
    (467, "accept", r#","jsep":{"type":"answer"}"#),
    (467, "accept", r#","jsep":{"type":"answer","sdp":1}"#),
    (467, "accept", r#","jsep":["offer",""]"#),
    (467, "hold", r#","direction":"sendrecv""#),
    (456, "peer_message", r#","type":"x""#),
    (456, "ice_trickle", ""),
    (467, "ice_trickle", r#","candidate":"c""#),
    (467, "presence_update", r#","settings":null"#),
];

#[test]
fn what_is_wrong_with_a_request_is_told_in_its_answer() {
    for (code, request, more) in REFUSED {
        let more = more.replace("OFFER", JSEP);
        let text =
            format!(r#"{{"request":"{request}","transaction":"t","line":1,"call_id":"c"{more}}}"#);
        let about = About::call(1, "c".parse().unwrap());
        assert_eq!(refusal(&text), (*code, about), "{text}");
    }
}

#[test]
fn a_line_is_needed_and_only_numbered_ones_are_served() {
    let hangup = |line: &str| {
        refusal(&format!(
            r#"{{"request":"hangup","transaction":"t",{line}"call_id":"c"}}"#
        ))
    };
    let about = |line| About {
        line,
        call: "c".parse().ok(),
    };
    assert_eq!(hangup(""), (456, about(Line::Unsaid)));
    assert_eq!(hangup(r#""line":null,"#), (457, about(Line::Guest)));
    for line in ["-1", "256", "1.0", r#""0""#] {
        assert_eq!(
            hangup(&format!(r#""line":{line},"#)),
            (467, about(Line::Unsaid)),
            "{line}"
        );
    }
    let no_call = refusal(r#"{"request":"hangup","transaction":"t","line":0}"#);
    assert_eq!(no_call, (456, About::line(0)));
    let no_name = refusal(r#"{"request":"hangup","transaction":"t","line":0,"call_id":7}"#);
    assert_eq!(no_name, (467, About::line(0)));
}

#[test]
fn what_cannot_be_answered_is_no_frame() {
    let deep = format!(
        r#"{{"request":"hangup","transaction":"t","x":{}{}}}"#,
        "[".repeat(64),
        "]".repeat(64)
    );
    for text in [
        "",
        "null",
        "[]",
        "{",
        r#"["keepalive"]"#,
        "{}",
        r#"{"handshake":"state"}"#,
        r#"{"handshake":1}"#,
        r#"{"handshake":null,"request":"hangup","transaction":"t"}"#,
        r#"{"request":7,"transaction":"t"}"#,
        r#"{"request":"hangup"}"#,
        r#"{"request":"hangup","transaction":7}"#,
        r#"{"request":"hangup","transaction":""}"#,
        r#"{"request":"hangup","request":"hangup","transaction":"t"}"#,
        r#"{"event":"registered"}"#,
        r#"{"response":"ack","transaction":"t"}"#,
        &deep,
    ] {
        let decoded = ClientFrame::decode(text);
        assert!(
            matches!(decoded, Err(FrameError::NotUnderstood(_))),
            "{text}: {decoded:?}"
        );
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in ".{0,200}") {
        drop(ClientFrame::decode(&text));
    }

    #[test]
    fn whatever_is_answered_can_be_read(
        request in "[a-z_]{1,12}|hangup|accept|outgoing_call|ice_trickle",
        transaction in ".{1,20}",
        line in "null|-?(0|[1-9][0-9]{0,2})|\"x\"|true|[0-9]\\.5",
        call in "null|7|\"[a-z]{0,4}\"",
    ) {
        let transaction = serde_json::to_string(&transaction).unwrap();
        let text = format!(
            r#"{{"request":"{request}","transaction":{transaction},"line":{line},"call_id":{call},"candidate":null}}"#
        );
        let answer = match ClientFrame::decode(&text) {
            Ok(ClientFrame::Request(request)) => {
                Answer::Ack.to_json(&request.transaction, &request.about())
            }
            Err(FrameError::Refused { transaction, about, code, reason }) => {
                Answer::Error { code, reason }.to_json(&transaction, &about)
            }
            Ok(ClientFrame::Keepalive) | Err(FrameError::NotUnderstood(_)) => {
                return Err(TestCaseError::fail("it can be answered"));
            }
        };
        let answer: serde_json::Value = serde_json::from_str(answer.as_str()).unwrap();
        prop_assert_eq!(answer["transaction"].to_string(), transaction);
        let line = &answer["line"];
        prop_assert!(line.is_null() || line.is_u64());
        prop_assert!(answer["call_id"].is_null() || answer["call_id"].is_string());
        if answer["response"] == "error" {
            prop_assert!(answer["code"].is_u64() && answer["reason"].is_string());
        }
    }
}
