//! The realtime dialect's client frames, on arbitrary text.
//!
//! Oracle: a second, plain reading of the text with serde_json's own tree of members, written from the specification.
//! Both must come to the same verdict, and what is handed on must be what stood there.

#![no_main]

use std::fmt;

use libfuzzer_sys::{Corpus, fuzz_target};
use protocol::RequestId;
use protocol::realtime::{ClientFrame, Command, ErrorCode, Field, SenderMetadata};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

fuzz_target!(|input: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(input) else {
        return Corpus::Reject;
    };
    let decoded = ClientFrame::decode(text);
    let code = decoded.as_ref().map(drop).map_err(|error| error.code);
    assert_eq!(code, verdict(text));
    if let Ok(frame) = decoded {
        let members = members(text).expect("the plain reading accepts it");
        assert_says(&frame, &members);
    }
    Corpus::Keep
});

/// What the specification says about the shape of a frame (spec realtime §2).
fn verdict(text: &str) -> Result<(), ErrorCode> {
    let members = members(text).ok_or(ErrorCode::MalformedMessage)?;
    let is_twice = |name: &&str| members.0.iter().filter(|(key, _)| key == name).count() > 1;
    let request = members.get("requestId");
    let has_bad_request = request.is_some_and(|_| request_of(&members).is_none());
    if KNOWN.iter().any(is_twice) || depth(text) > DEPTH_MAX || has_bad_request {
        return Err(ErrorCode::MalformedMessage);
    }
    let kind = members.text("type").ok_or(ErrorCode::MalformedMessage)?;
    match kind.as_str() {
        "unsubscribe" | "publish" | "send" | "ping" => Ok(()),
        "subscribe" => match members.get("includeSenderMetadata").map(RawValue::get) {
            None | Some("true" | "false") => Ok(()),
            Some(_) => Err(ErrorCode::MalformedMessage),
        },
        _ => Err(ErrorCode::UnknownType),
    }
}

/// What is handed on is what stood there.
fn assert_says(frame: &ClientFrame<'_>, members: &Members) {
    let request = frame.request.as_ref().map(RequestId::as_str);
    assert_eq!(request, request_of(members).as_deref());
    let kind = match &frame.command {
        Command::Subscribe {
            channel,
            sender_metadata,
        } => {
            assert_channel(channel, members);
            let is_included = members
                .get("includeSenderMetadata")
                .is_some_and(|value| value.get() == "true");
            assert_eq!(*sender_metadata == SenderMetadata::Include, is_included);
            "subscribe"
        }
        Command::Unsubscribe { channel } => {
            assert_channel(channel, members);
            "unsubscribe"
        }
        Command::Publish { channel, data } => {
            assert_channel(channel, members);
            assert_eq!(
                data.map(RawValue::get),
                members.get("data").map(RawValue::get)
            );
            "publish"
        }
        Command::Send { to, data } => {
            let peer = members.text("to").filter(|peer| {
                (1..=128).contains(&peer.len()) && peer.bytes().all(|b| matches!(b, b' '..=b'~'))
            });
            let parsed = to.parse_peer().ok();
            assert_eq!(parsed.as_ref().map(|peer| peer.as_str()), peer.as_deref());
            assert_eq!(
                data.map(RawValue::get),
                members.get("data").map(RawValue::get)
            );
            "send"
        }
        Command::Ping => "ping",
    };
    assert_eq!(members.text("type").as_deref(), Some(kind));
}

fn assert_channel(field: &Field<'_>, members: &Members) {
    let name = members
        .text("channel")
        .filter(|name| (1..=256).contains(&name.len()) && !name.chars().any(char::is_control));
    let is_reserved = |name: &String| {
        let name = name.to_ascii_lowercase();
        let reserved = ["_metered/", "_internal/", "_system/"];
        reserved.iter().any(|prefix| name.starts_with(prefix))
    };
    let expected = match name {
        None => Err(ErrorCode::InvalidChannel),
        Some(name) if is_reserved(&name) => Err(ErrorCode::ChannelReserved),
        Some(name) => Ok(name),
    };
    let parsed = field.parse_channel().map(|name| name.as_str().to_owned());
    assert_eq!(parsed, expected);
}

fn request_of(members: &Members) -> Option<String> {
    members
        .text("requestId")
        .filter(|id| (1..=128).contains(&id.len()))
}

fn members(text: &str) -> Option<Members> {
    serde_json::from_str(text).ok()
}

/// How deep the arrays and objects of valid JSON are nested.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut bytes = json.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth -= 1,
            b'"' => {
                while let Some(inside) = bytes.next()
                    && inside != b'"'
                {
                    if inside == b'\\' {
                        bytes.next();
                    }
                }
            }
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// The members of an object in their order, repeated ones included.
struct Members(Vec<(String, Box<RawValue>)>);

impl Members {
    fn get(&self, name: &str) -> Option<&RawValue> {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| &**value)
    }

    fn text(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.get(name)?.get()).ok()
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

const KNOWN: [&str; 6] = [
    "type",
    "requestId",
    "channel",
    "to",
    "data",
    "includeSenderMetadata",
];

/// Spec realtime §2.
const DEPTH_MAX: usize = 128;
