//! The device dialect's client frames, on arbitrary text.
//!
//! Oracle: serde_json's own tree of the text. What is understood must stand there, what is refused must be answerable in a
//! form that the clients can decode, and what is not understood must have a reason that the tree shows.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use protocol::device::{
    About, Answer, Ask, CallAsk, ClientFrame, ErrorCode, FrameError, Jsep, Json, Line,
};
use serde_json::Value;

fuzz_target!(|input: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(input) else {
        return Corpus::Reject;
    };
    let tree: Option<Value> = serde_json::from_str(text).ok();
    let decoded = ClientFrame::decode(text);
    let Some(tree) = tree else {
        // The tree refuses numbers and escapes that are passed on as text.
        return Corpus::Keep;
    };
    match decoded {
        Ok(ClientFrame::Keepalive) => assert_eq!(tree["handshake"], "keepalive"),
        Ok(ClientFrame::Request(request)) => {
            assert_eq!(tree["transaction"], request.transaction.as_str());
            assert_asks(&request.ask, &tree);
            let answer = Answer::Ack.to_json(&request.transaction, &request.about());
            assert_mirrors(&answer, &request.about(), &tree);
        }
        Err(FrameError::Refused {
            transaction,
            about,
            code,
            reason,
        }) => {
            assert_eq!(tree["transaction"], transaction.as_str());
            assert!(tree["request"].is_string() && tree.get("handshake").is_none());
            assert_ne!(code, ErrorCode::BackendError);
            let answer = Answer::Error { code, reason }.to_json(&transaction, &about);
            assert_mirrors(&answer, &about, &tree);
        }
        Err(FrameError::NotUnderstood(reason)) => assert!(is_no_frame(text, &tree), "{reason}"),
    }
    Corpus::Keep
});

fn assert_asks(ask: &Ask, tree: &Value) {
    let request = tree["request"].as_str().expect("a request has a name");
    match ask {
        Ask::Call { line, call, ask } => {
            assert_eq!(tree["line"], *line);
            assert_eq!(tree["call_id"], call.as_str());
            let name = match ask {
                CallAsk::Outgoing { number, jsep } => {
                    assert_eq!(tree["number"], number.as_str());
                    assert_description(jsep, tree);
                    "outgoing_call"
                }
                CallAsk::Accept { jsep } => {
                    assert_description(jsep, tree);
                    "accept"
                }
                CallAsk::Update { jsep } => {
                    assert_description(jsep, tree);
                    "update"
                }
                CallAsk::Decline => "decline",
                CallAsk::Hangup => "hangup",
                CallAsk::Hold { direction } => {
                    let word = direction.map_or(Value::Null, |direction| direction.as_str().into());
                    assert_eq!(tree["direction"], word);
                    "hold"
                }
                CallAsk::Unhold => "unhold",
                CallAsk::PeerMessage { kind, data } => {
                    assert_passes(kind, &tree["type"]);
                    assert_passes(data, &tree["data"]);
                    "peer_message"
                }
            };
            assert_eq!(request, name);
        }
        Ask::IceTrickle { line, candidate } => {
            assert_eq!(
                (request, &tree["line"]),
                ("ice_trickle", &Value::from(*line))
            );
            match candidate {
                Some(candidate) => assert_passes(candidate, &tree["candidate"]),
                None => assert!(tree["candidate"].is_null()),
            }
        }
        Ask::PresenceUpdate { settings } => {
            assert_eq!(request, "presence_update");
            assert_passes(settings, &tree["settings"]);
        }
    }
}

fn assert_description(jsep: &Jsep, tree: &Value) {
    assert_passes(&jsep.json, &tree["jsep"]);
    assert!(tree["jsep"]["sdp"].is_string() && tree["jsep"]["type"].is_string());
}

/// What is handed on is the value that stood there.
fn assert_passes(json: &Json, value: &Value) {
    let passed: Value = serde_json::from_str(json.as_str()).expect("what is handed on is JSON");
    assert_eq!(passed, *value);
}

/// An answer that every client can decode, and that says of line and call what the request said.
fn assert_mirrors(answer: &Json, about: &About, tree: &Value) {
    let answer: Value = serde_json::from_str(answer.as_str()).expect("an answer is JSON");
    assert_eq!(answer["transaction"], tree["transaction"]);
    match about.line {
        Line::Unsaid => assert!(answer.get("line").is_none()),
        Line::Guest => assert!(answer["line"].is_null() && tree["line"].is_null()),
        Line::Number(line) => assert!(answer["line"] == line && tree["line"] == line),
    }
    match &about.call {
        Some(call) => {
            assert!(answer["call_id"] == call.as_str() && tree["call_id"] == call.as_str())
        }
        None => assert!(answer.get("call_id").is_none()),
    }
    if answer["response"] == "error" {
        assert!(
            answer["code"].is_u64() && answer["reason"].as_str().is_some_and(|text| text != "")
        );
    }
}

/// Why it may be none. A member that stands twice, or nesting beyond the bound, the tree does not show.
fn is_no_frame(text: &str, tree: &Value) -> bool {
    let Value::Object(members) = tree else {
        return true;
    };
    let is_keepalive = members
        .get("handshake")
        .is_some_and(|value| value == "keepalive");
    let is_request = members.get("request").is_some_and(Value::is_string)
        && !members.contains_key("handshake")
        && members
            .get("transaction")
            .and_then(Value::as_str)
            .is_some_and(|text| (1..=128).contains(&text.len()));
    !is_keepalive && !is_request || text.matches(':').count() > members.len() || text.contains("[[")
}
