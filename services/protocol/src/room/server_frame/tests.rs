//! Every frame in both wires, as it stands in docs/protocol/room.md.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

use super::*;
use crate::room::{Account, timestamp};

const ROOM: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";

fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).unwrap()
}

fn written(frame: &ServerFrame<'_>) -> String {
    let mut text = String::new();
    for wire in Wire::ALL {
        let mut json = Vec::new();
        frame.write_json(wire, &mut json);
        let json = String::from_utf8(json).unwrap();
        // Whatever is written is one JSON object in which no member stands twice.
        assert!(super::super::object::Object::read(&json).is_some() || json.contains("\"data\""));
        writeln!(text, "{}: {json}", wire.as_str()).unwrap();
    }
    text
}

/// Runs `check` with alice, who joined at noon.
fn with_alice(check: impl FnOnce(&Member<'_>)) {
    let noon = timestamp(Duration::from_secs(1_771_070_400));
    let account = Account {
        name: "alice".to_owned(),
        nick: "Alice".to_owned(),
        profile: raw(r#"{"bio":"hello"}"#),
        ..Account::unknown("a1".parse().unwrap(), noon.clone())
    };
    let metadata = account.to_metadata(&noon);
    check(&Member {
        id: &account.id,
        shown: Participant::from_metadata(&metadata).unwrap(),
    });
}

#[test]
fn connected() {
    with_alice(|alice| {
        let account = "b2".parse().unwrap();
        let connected = Connected {
            account: &account,
            room: ROOM.parse().unwrap(),
            session: "1f00",
            edge: "edge-a",
            timestamp: "2026-02-14T12:00:00.0000000Z",
            participants: std::slice::from_ref(alice),
        };
        insta::assert_snapshot!("connected", written(&ServerFrame::Connected(connected)));
        let alone = Connected {
            participants: &[],
            ..connected
        };
        insta::assert_snapshot!("connected_alone", written(&ServerFrame::Connected(alone)));
    });
}

#[test]
fn signals() {
    with_alice(|alice| {
        let signal = Signal {
            kind: Cow::Borrowed("offer"),
            payload: Cow::Owned(raw(r#"{"offer":{"type":"offer","sdp":"v=0\r\n"}}"#)),
        };
        let to = "b2".parse().unwrap();
        let mut text = String::new();
        for to in [None, Some(&to)] {
            text += &written(&ServerFrame::Signal {
                signal: &signal,
                to,
                from: alice,
            });
        }
        insta::assert_snapshot!("signals", text);
    });
}

#[test]
fn notices() {
    with_alice(|alice| {
        let text = written(&ServerFrame::Joined(alice)) + &written(&ServerFrame::Left(alice));
        insta::assert_snapshot!("notices", text);
        let all = std::slice::from_ref(alice);
        insta::assert_snapshot!("participants", written(&ServerFrame::Participants(all)));
    });
}

#[test]
fn the_rest() {
    let mut text = String::new();
    for code in ErrorCode::ALL {
        let retry_after = (code == ErrorCode::RateLimited).then_some(1);
        let message = "why";
        text += &written(&ServerFrame::Error {
            code,
            message,
            retry_after,
        });
    }
    text += &written(&ServerFrame::Ended(ROOM.parse().unwrap()));
    text += &written(&ServerFrame::Dupe);
    text += &written(&ServerFrame::Pong);
    insta::assert_snapshot!("the_rest", text);
}
