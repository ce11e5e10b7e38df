//! Frames as the SDKs send them, and as nobody should.

use proptest::prelude::*;

use super::*;

fn decode(text: &str) -> ClientFrame<'_> {
    ClientFrame::decode(text).unwrap()
}

/// The code, the echoed request id and the detail of a refusal.
fn refusal(text: &str) -> (ErrorCode, Option<String>, &'static str) {
    let error = ClientFrame::decode(text).unwrap_err();
    (
        error.code,
        error.request.map(|id| id.to_string()),
        error.detail,
    )
}

fn nested(depth: usize) -> String {
    format!("{}1{}", "[".repeat(depth), "]".repeat(depth))
}

#[test]
fn a_subscribe_is_read() {
    let frame = decode(
        r#"{"type":"subscribe","channel":"app/room-1","requestId":"r1","includeSenderMetadata":true}"#,
    );
    assert_eq!(frame.request, Some("r1".parse().unwrap()));
    let Command::Subscribe {
        channel,
        sender_metadata,
    } = frame.command
    else {
        panic!("{frame:?}");
    };
    assert_eq!(channel.parse_channel().unwrap().as_str(), "app/room-1");
    assert_eq!(sender_metadata, SenderMetadata::Include);
}

#[test]
fn sender_metadata_is_omitted_by_default() {
    for text in [
        r#"{"type":"subscribe","channel":"a"}"#,
        r#"{"type":"subscribe","channel":"a","includeSenderMetadata":false}"#,
    ] {
        let Command::Subscribe {
            sender_metadata, ..
        } = decode(text).command
        else {
            panic!("{text}");
        };
        assert_eq!(sender_metadata, SenderMetadata::Omit, "{text}");
    }
}

#[test]
fn an_unsubscribe_and_a_ping_are_read() {
    let frame = decode(r#"{"type":"unsubscribe","channel":"a","requestId":"r"}"#);
    assert!(
        matches!(frame.command, Command::Unsubscribe { channel } if channel.parse_channel().is_ok())
    );
    let frame = decode(r#"{"type":"ping"}"#);
    assert!(matches!(frame.command, Command::Ping));
    assert_eq!(frame.request, None);
}

#[test]
fn data_is_handed_on_as_it_was_written() {
    for data in [
        "null",
        "1.0",
        "1e400",
        "\"\\u00e9\"",
        "[ 1 , {\"a\" : 2} ]",
        "false",
        "\"\\ud800\"",
    ] {
        let text = format!("{{\"type\":\"publish\",\"channel\":\"a\", \"data\" : {data} }}");
        let Command::Publish {
            data: Some(raw), ..
        } = decode(&text).command
        else {
            panic!("{text}");
        };
        assert_eq!(raw.get(), data);
    }
    assert!(matches!(
        decode(r#"{"type":"publish","channel":"a"}"#).command,
        Command::Publish { data: None, .. }
    ));
}

#[test]
fn a_send_names_its_peer() {
    let Command::Send { to, data } = decode(r#"{"type":"send","to":"b\u006fb","data":{}}"#).command
    else {
        panic!("not a send");
    };
    assert_eq!(to.parse_peer().unwrap().as_str(), "bob");
    assert_eq!(data.unwrap().get(), "{}");
}

#[test]
fn a_frame_that_is_no_object_is_malformed() {
    for text in [
        "",
        " ",
        "hello",
        "null",
        "7",
        "\"ping\"",
        "[]",
        r#"["ping"]"#,
        r#"["ping","r",null,null,null,null]"#,
        "{",
        r#"{"type":"ping"}{}"#,
        r#"{"type":"ping",}"#,
        "{\"type\":\"ping\u{1}\"}",
    ] {
        assert_eq!(
            ClientFrame::decode(text).unwrap_err().code,
            ErrorCode::MalformedMessage,
            "{text:?}"
        );
    }
}

#[test]
fn a_refusal_echoes_a_good_request_id() {
    let echo = Some("r".to_owned());
    for text in [
        r#"{"requestId":"r"}"#,
        r#"{"requestId":"r","type":null}"#,
        r#"{"requestId":"r","type":7}"#,
        r#"{"requestId":"r","type":["ping"]}"#,
        r#"{"requestId":"r","type":"subscribe","channel":"a","includeSenderMetadata":null}"#,
        r#"{"requestId":"r","type":"subscribe","channel":"a","includeSenderMetadata":"true"}"#,
    ] {
        let (code, request, _) = refusal(text);
        assert_eq!(
            (code, &request),
            (ErrorCode::MalformedMessage, &echo),
            "{text}"
        );
    }
    for kind in ["Ping", "", "welcome", "subscribe "] {
        let (code, request, _) = refusal(&format!(r#"{{"type":"{kind}","requestId":"r"}}"#));
        assert_eq!((code, &request), (ErrorCode::UnknownType, &echo), "{kind}");
    }
    assert_eq!(refusal(r#"{"type":"fly"}"#).1, None);
}

#[test]
fn a_bad_request_id_is_malformed_and_not_echoed() {
    for id in [
        "null",
        "7",
        "\"\"",
        "{}",
        &format!("\"{}\"", "r".repeat(129)),
        "\"\\ud800\"",
    ] {
        // Shape comes first: a bad id is reported even if the type is unknown too.
        for kind in ["ping", "fly"] {
            let (code, request, _) = refusal(&format!(r#"{{"type":"{kind}","requestId":{id}}}"#));
            assert_eq!(
                (code, request),
                (ErrorCode::MalformedMessage, None),
                "{kind} {id}"
            );
        }
    }
}

#[test]
fn a_known_member_that_stands_there_twice_is_malformed() {
    for member in [
        r#""type":"ping""#,
        r#""requestId":"r""#,
        r#""channel":"a""#,
        r#""to":"a""#,
        r#""data":null"#,
        r#""includeSenderMetadata":true"#,
    ] {
        let (code, ..) = refusal(&format!(r#"{{{member},"x":1,{member}}}"#));
        assert_eq!(code, ErrorCode::MalformedMessage, "{member}");
    }
    assert!(ClientFrame::decode(r#"{"type":"ping","x":1,"x":2}"#).is_ok());
}

#[test]
fn nesting_ends_at_its_limit_wherever_it_stands() {
    for member in ["data", "channel", "anything"] {
        let frame = |depth| format!(r#"{{"type":"publish","{member}":{}}}"#, nested(depth));
        assert!(
            ClientFrame::decode(&frame(limits::FRAME_DEPTH - 1)).is_ok(),
            "{member}"
        );
        let (code, ..) = refusal(&frame(limits::FRAME_DEPTH));
        assert_eq!(code, ErrorCode::MalformedMessage, "{member}");
    }
    assert_eq!(refusal(&"[".repeat(100_000)).0, ErrorCode::MalformedMessage);
    assert_eq!(
        refusal(&"{\"a\":".repeat(100_000)).0,
        ErrorCode::MalformedMessage
    );
    assert!(
        ClientFrame::decode(&format!(r#"{{"type":"ping","x":"{}"}}"#, "[".repeat(1000))).is_ok()
    );
}

#[test]
fn a_channel_is_judged_when_it_is_asked_for() {
    let parse = |value: &str| {
        let text = format!(r#"{{"type":"unsubscribe","channel":{value}}}"#);
        let Command::Unsubscribe { channel } = decode(&text).command else {
            panic!("{text}");
        };
        channel.parse_channel()
    };
    assert_eq!(parse(r#""a\/\u00e9""#).unwrap().as_str(), "a/é");
    for value in [
        "null",
        "7",
        "[\"a\"]",
        "\"\"",
        "\"a\\u0000\"",
        "\"a\\u0085\"",
        "\"\\udc00\"",
    ] {
        assert_eq!(parse(value), Err(ErrorCode::InvalidChannel), "{value}");
    }
    assert_eq!(
        parse(&format!("\"{}\"", "a".repeat(257))),
        Err(ErrorCode::InvalidChannel)
    );
    assert_eq!(parse("\"_Metered/x\""), Err(ErrorCode::ChannelReserved));
    assert_eq!(
        parse("\"\\u005fsystem/x\""),
        Err(ErrorCode::ChannelReserved)
    );
    assert_eq!(Field(None).parse_channel(), Err(ErrorCode::InvalidChannel));
}

#[test]
fn a_peer_is_judged_when_it_is_asked_for() {
    let parse = |value: &str| {
        let text = format!(r#"{{"type":"send","to":{value}}}"#);
        let Command::Send { to, .. } = decode(&text).command else {
            panic!("{text}");
        };
        to.parse_peer()
    };
    assert_eq!(parse("\"bob \\\"B\\\"\"").unwrap().as_str(), "bob \"B\"");
    for value in [
        "null",
        "7",
        "\"\"",
        "\"é\"",
        "\"a\\n\"",
        &format!("\"{}\"", "a".repeat(129)),
    ] {
        assert_eq!(parse(value), Err(ErrorCode::InvalidPeerId), "{value}");
    }
    assert_eq!(Field(None).parse_peer(), Err(ErrorCode::InvalidPeerId));
}

#[test]
fn every_refusal_says_what_is_wrong() {
    let texts = [
        "[]".to_owned(),
        "{".to_owned(),
        r#"{"data":1,"data":1}"#.to_owned(),
        nested(200),
        r#"{"type":"ping","requestId":""}"#.to_owned(),
        r#"{"requestId":"r"}"#.to_owned(),
        r#"{"type":"fly","requestId":"r"}"#.to_owned(),
        r#"{"type":"subscribe","includeSenderMetadata":1}"#.to_owned(),
    ];
    let lines: Vec<String> = texts
        .iter()
        .map(|text| ClientFrame::decode(text).unwrap_err().to_string())
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in "\\PC{0,64}", json in "[\\[\\]{}\":,\\\\a-e0-9 ]{0,64}") {
        let _ = ClientFrame::decode(&text);
        let _ = ClientFrame::decode(&json);
    }

    #[test]
    fn a_publish_survives_any_member_order_and_spelling(
        channel in "[^\\p{Cc}_]{1,40}",
        request in ".{1,30}",
        data in ".{0,40}",
        swapped in any::<bool>(),
    ) {
        prop_assume!(channel.len() <= 256 && request.len() <= 128);
        let quote = |text: &str| serde_json::to_string(text).unwrap();
        let (channel_json, request_json, data_json) = (quote(&channel), quote(&request), quote(&data));
        let text = if swapped {
            format!(r#"{{"data":{data_json},"requestId":{request_json},"channel":{channel_json},"type":"publish"}}"#)
        } else {
            format!(r#"{{ "type" : "publish", "channel":{channel_json}, "requestId":{request_json}, "data":{data_json}}}"#)
        };
        let frame = ClientFrame::decode(&text).unwrap();
        prop_assert_eq!(frame.request, Some(request.parse().unwrap()));
        let Command::Publish { channel: field, data: Some(raw) } = frame.command else {
            return Err(TestCaseError::fail("not a publish"));
        };
        prop_assert_eq!(field.parse_channel(), Ok(channel.parse().unwrap()));
        prop_assert_eq!(raw.get(), data_json.as_str());
    }
}
