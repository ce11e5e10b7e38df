//! Every event as it stands on the wire, and in the log of its call.

use super::super::CallId;
use super::*;

fn number(text: &str) -> Number {
    text.parse().unwrap()
}

fn jsep() -> Json {
    serde_json::from_str("{ \"type\":\"offer\",\"sdp\":\"v=0\\r\\n\\u00e9 é\" }").unwrap()
}

fn info() -> PresenceInfo {
    PresenceInfo {
        id: "alice".into(),
        number: number("1001"),
        available: true,
        note: String::new(),
        status_icon: None,
        device: Some("phone".into()),
        time_offset_min: Some(-60),
        timestamp: None,
        activities: vec!["meeting".into()],
        arrival_time: "2026-02-14T12:00:00Z".into(),
        source: "direct",
    }
}

fn every_event() -> Vec<What> {
    let name = || Some("Alice \"A\"".to_owned());
    vec![
        What::Calling,
        What::Ringing,
        What::Proceeding { code: 183 },
        What::IncomingCall {
            callee: number("1002"),
            caller: number("1001"),
            caller_display_name: name(),
            jsep: Some(jsep()),
        },
        What::Accepting,
        What::Accepted {
            callee: None,
            jsep: None,
        },
        What::Accepted {
            callee: Some(number("1002")),
            jsep: Some(jsep()),
        },
        What::Declining { code: 486 },
        What::Hangingup,
        What::Hangup {
            code: 200,
            reason: "OK".into(),
        },
        What::MissedCall {
            callee: number("1002"),
            caller: number("1001"),
            caller_display_name: name(),
        },
        What::Holding,
        What::Resuming,
        What::Updating,
        What::Updated,
        What::UpdatingCall {
            callee: number("1002"),
            caller: number("1001"),
            caller_display_name: None,
            jsep: Some(jsep()),
        },
        What::PeerMessage {
            sender: number("1001"),
            kind: Json::of(&"chat"),
            data: Json::of(&[1, 2]),
        },
        What::Error {
            code: 500,
            reason: "no".into(),
        },
    ]
}

#[test]
fn events_of_a_call_name_line_and_call() {
    let call: CallId = "call-1".parse().unwrap();
    let frames: Vec<_> = every_event()
        .into_iter()
        .map(|what| Event {
            about: About::call(0, call.clone()),
            transaction: None,
            what,
        })
        .map(|event| event.to_json().as_str().to_owned())
        .collect();
    insta::assert_snapshot!(frames.join("\n"));
}

#[test]
fn events_of_lines_and_sessions_name_no_more_than_they_are_about() {
    let transaction: Transaction = "t-1".parse().unwrap();
    let of = |about, transaction, what| Event {
        about,
        transaction,
        what,
    };
    let completed = serde_json::from_str(r#"{"completed":true}"#).unwrap();
    let frames = [
        of(
            About::line(1),
            None,
            What::IceTrickle {
                candidate: completed,
            },
        ),
        of(About::default(), Some(transaction), What::Registering),
        of(About::default(), None, What::Registered),
        of(About::default(), None, What::Unregistering),
        of(About::default(), None, What::Unregistered),
        of(
            About::default(),
            None,
            What::RegistrationFailed {
                code: 500,
                reason: "no".into(),
            },
        ),
        of(
            About::default(),
            None,
            What::NumberPresenceUpdate {
                number: number("1001"),
                presence_info: vec![info()],
            },
        ),
        of(
            About::default(),
            None,
            What::NumberDialogsUpdate {
                number: number("1001"),
                dialog_infos: Vec::new(),
            },
        ),
    ];
    let frames: Vec<_> = frames
        .iter()
        .map(|event| event.to_json().as_str().to_owned())
        .collect();
    insta::assert_snapshot!(frames.join("\n"));
}

#[test]
fn an_entry_of_the_log_has_neither_line_nor_call_nor_transaction() {
    let event = Event {
        about: About::call(0, "call-1".parse().unwrap()),
        transaction: Some("t-1".parse().unwrap()),
        what: What::Hangup {
            code: 200,
            reason: "OK".into(),
        },
    };
    let LogEntry(at_ms, entry) = event.to_log(5);
    assert_eq!(at_ms, 5);
    assert_eq!(
        entry.as_str(),
        r#"{"event":"hangup","code":200,"reason":"OK"}"#
    );
}
