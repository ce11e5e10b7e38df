//! Every frame as it goes over the wire.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn write(frame: ServerFrame<'_>) -> String {
    let mut out = Vec::new();
    frame.write_json(&mut out);
    String::from_utf8(out).unwrap()
}

fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).unwrap()
}

fn alice() -> PeerId {
    "alice".parse().unwrap()
}

fn room() -> ChannelName {
    "app/room-1".parse().unwrap()
}

#[test]
fn welcome() {
    let (peer, metadata) = (alice(), raw(r#"{"iceServers":[]}"#));
    let welcome = |expires_at, metadata| {
        write(ServerFrame::Welcome {
            peer_id: &peer,
            expires_at,
            server_time: 1_715_535_600,
            max_message_size: 65_536,
            metadata,
        })
    };
    insta::assert_snapshot!(
        "welcome_by_token",
        welcome(Some(1_715_539_200), Some(&*metadata))
    );
    insta::assert_snapshot!("welcome_by_key", welcome(None, None));
}

#[test]
fn ack() {
    let request = "r-1".parse().unwrap();
    insta::assert_snapshot!(write(ServerFrame::Ack {
        request_id: &request
    }));
}

#[test]
fn every_error() {
    let request = "r-1".parse().unwrap();
    let mut lines: Vec<String> = ErrorCode::ALL
        .into_iter()
        .map(|code| {
            write(ServerFrame::Error {
                code,
                request_id: Some(&request),
                message: Some("not \"so\""),
            })
        })
        .collect();
    lines.push(write(ServerFrame::Error {
        code: ErrorCode::MalformedMessage,
        request_id: None,
        message: None,
    }));
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn message() {
    let (channel, from, data, metadata) =
        (room(), alice(), raw("null"), raw(r#"{"username":"Al"}"#));
    let message = |from_metadata| {
        write(ServerFrame::Message {
            channel: &channel,
            from: &from,
            data: &data,
            from_metadata,
        })
    };
    insta::assert_snapshot!("message_with_metadata", message(Some(&*metadata)));
    insta::assert_snapshot!("message_without_metadata", message(None));
}

#[test]
fn direct() {
    let (from, data, metadata) = (alice(), raw(r#"{"sdp":"v=0\r\n"}"#), raw("{}"));
    let direct = |from_metadata| {
        write(ServerFrame::Direct {
            from: &from,
            data: &data,
            from_metadata,
        })
    };
    insta::assert_snapshot!("direct_with_metadata", direct(Some(&*metadata)));
    insta::assert_snapshot!("direct_without_metadata", direct(None));
}

#[test]
fn presence() {
    let (channel, alice, bob, metadata) = (
        room(),
        alice(),
        "bob".parse().unwrap(),
        raw(r#"{"username":"Bo"}"#),
    );
    let known = [Member {
        peer: &bob,
        metadata: Some(&metadata),
    }];
    let plain = [Member {
        peer: &alice,
        metadata: None,
    }];
    let presence = |joined, left| {
        write(ServerFrame::Presence {
            channel: &channel,
            joined,
            left,
        })
    };
    insta::assert_snapshot!("presence_join", presence(&known[..], &[]));
    insta::assert_snapshot!("presence_leave", presence(&[], &plain[..]));
    insta::assert_snapshot!("presence_of_nobody", presence(&[], &[]));
}

#[test]
fn going_away() {
    insta::assert_snapshot!(write(ServerFrame::GoingAway {
        retry_after_ms: 1000
    }));
}

#[test]
fn pong() {
    let request = "r-1".parse().unwrap();
    insta::assert_snapshot!("pong_plain", write(ServerFrame::Pong { request_id: None }));
    insta::assert_snapshot!(
        "pong_with_request",
        write(ServerFrame::Pong {
            request_id: Some(&request)
        })
    );
}

#[test]
fn writing_appends() {
    let mut out = b"kept".to_vec();
    ServerFrame::Pong { request_id: None }.write_json(&mut out);
    assert_eq!(out, br#"kept{"type":"pong"}"#);
}

/// Any JSON value, a few levels deep.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".{0,4}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn any_channel() -> impl Strategy<Value = ChannelName> {
    "\\PC{1,60}".prop_filter_map("no channel name", |text| text.parse().ok())
}

fn any_peer() -> impl Strategy<Value = PeerId> {
    "[ -~]{1,128}".prop_map(|text| text.parse().unwrap())
}

/// `json!` has no members that may be absent.
fn without_absent(mut frame: Value) -> Value {
    frame
        .as_object_mut()
        .unwrap()
        .retain(|name, value| name == "data" || !value.is_null());
    frame
}

proptest! {
    #[test]
    fn message_and_direct_hold_exactly_their_members(
        channel in any_channel(),
        from in any_peer(),
        data in any_json(),
        metadata in prop::option::of(prop::collection::btree_map(".{0,4}", ".{0,8}", 0..3)),
    ) {
        let metadata = metadata.map(|map| json!(map));
        let data_raw = raw(&data.to_string());
        let metadata_raw = metadata.as_ref().map(|metadata| raw(&metadata.to_string()));
        let from_metadata = metadata_raw.as_deref();

        let message = write(ServerFrame::Message { channel: &channel, from: &from, data: &data_raw, from_metadata });
        let expected = json!({"type": "message", "channel": channel, "from": from, "data": data, "fromMetadata": metadata});
        prop_assert_eq!(serde_json::from_str::<Value>(&message).unwrap(), without_absent(expected));

        let direct = write(ServerFrame::Direct { from: &from, data: &data_raw, from_metadata });
        let expected = json!({"type": "direct", "from": from, "data": data, "fromMetadata": metadata});
        prop_assert_eq!(serde_json::from_str::<Value>(&direct).unwrap(), without_absent(expected));
    }

    #[test]
    fn presence_holds_exactly_its_members(
        channel in any_channel(),
        joined in prop::collection::vec(any_peer(), 0..4),
        left in prop::collection::vec(any_peer(), 0..4),
    ) {
        let metadata = raw(r#"{"a":1}"#);
        let come: Vec<_> = joined.iter().map(|peer| Member { peer, metadata: Some(&metadata) }).collect();
        let gone: Vec<_> = left.iter().map(|peer| Member { peer, metadata: None }).collect();
        let frame = write(ServerFrame::Presence { channel: &channel, joined: &come, left: &gone });
        let expected = json!({
            "type": "presence",
            "channel": channel,
            "joined": joined.iter().map(|peer| json!({"peerId": peer, "metadata": {"a": 1}})).collect::<Vec<_>>(),
            "left": left.iter().map(|peer| json!({"peerId": peer})).collect::<Vec<_>>(),
        });
        prop_assert_eq!(serde_json::from_str::<Value>(&frame).unwrap(), expected);
    }

    #[test]
    fn replies_hold_exactly_their_members(request in prop::option::of(".{1,40}"), message in prop::option::of(".{0,40}")) {
        let request: Option<RequestId> = request.and_then(|text| text.parse().ok());
        let frame = write(ServerFrame::Error {
            code: ErrorCode::BackendError,
            request_id: request.as_ref(),
            message: message.as_deref(),
        });
        let expected = json!({"type": "error", "code": "backend_error", "requestId": request, "message": message});
        prop_assert_eq!(serde_json::from_str::<Value>(&frame).unwrap(), without_absent(expected));
    }
}
