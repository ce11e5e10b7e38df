//! A JSON object as it was written: its members in order, their values untouched.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::limits;
use crate::raw_json;

/// The members of an object. Invariant: no name stands twice, not even in another spelling of a reserved name.
#[derive(Debug)]
pub(super) struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Object<'a> {
    /// Reads a text that is one object; nothing if it is not.
    pub(super) fn read(json: &'a str) -> Option<Self> {
        raw_json::is_object(json)
            .then(|| serde_json::from_str(json).ok())
            .flatten()
    }

    /// The value of a reserved member, whatever its spelling; `null` counts as absent.
    pub(super) fn reserved(&self, name: Reserved) -> Option<&'a RawValue> {
        let found = self
            .0
            .iter()
            .find(|(written, _)| Reserved::of(written) == Some(name));
        found
            .map(|(_, value)| *value)
            .filter(|value| value.get() != "null")
    }

    /// An object of the members that are not reserved, as they were written.
    pub(super) fn unreserved(&self) -> String {
        let mut json = String::from("{");
        for (name, value) in &self.0 {
            if Reserved::of(name).is_some() {
                continue;
            }
            if json.len() > 1 {
                json.push(',');
            }
            let name = serde_json::to_string(name).expect("any text can be written as JSON");
            json.push_str(&name);
            json.push(':');
            json.push_str(value.get());
        }
        json.push('}');
        json
    }
}

/// Members of a packet that are never lifted into a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reserved {
    Type,
    Data,
    To,
    /// A member of the envelope that means nothing from a client.
    Envelope,
    /// Whatever could be taken for the sender: the server alone says who that is.
    Sender,
}

impl Reserved {
    /// Reading is case-insensitive and knows snake and camel case alike (spec room §2.1, §2.4).
    fn of(name: &str) -> Option<Self> {
        const NAMES: [(&str, Reserved); 16] = [
            ("type", Reserved::Type),
            ("data", Reserved::Data),
            ("to", Reserved::To),
            ("endpoint", Reserved::Envelope),
            ("errormessage", Reserved::Envelope),
            ("account", Reserved::Sender),
            ("accountid", Reserved::Sender),
            ("accountinfo", Reserved::Sender),
            ("sender", Reserved::Sender),
            ("senderid", Reserved::Sender),
            ("senderinfo", Reserved::Sender),
            ("senderaccount", Reserved::Sender),
            ("senderaccountid", Reserved::Sender),
            ("senderaccountinfo", Reserved::Sender),
            ("sendername", Reserved::Sender),
            ("identity", Reserved::Sender),
        ];
        let letters = || {
            name.bytes()
                .filter(|byte| !matches!(byte, b'_' | b'-'))
                .map(|byte| byte.to_ascii_lowercase())
        };
        NAMES
            .into_iter()
            .find(|(reserved, _)| letters().eq(reserved.bytes()))
            .map(|(_, reserved)| reserved)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members).map(Object)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object in which each member stands once")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members: Self::Value = Vec::new();
        while let Some(name) = map.next_key::<Name<'de>>()? {
            let value: &'de RawValue = map.next_value()?;
            if members.len() == limits::MEMBERS {
                return Err(de::Error::custom("too many members"));
            }
            let reserved = Reserved::of(&name.0);
            let is_twice = members.iter().any(|(known, _)| {
                *known == name.0
                    || matches!(
                        (reserved, Reserved::of(known)),
                        (Some(Reserved::Type), Some(Reserved::Type))
                            | (Some(Reserved::Data), Some(Reserved::Data))
                            | (Some(Reserved::To), Some(Reserved::To))
                    )
            });
            if is_twice {
                return Err(de::Error::custom("a member stands twice"));
            }
            members.push((name.0, value));
        }
        Ok(members)
    }
}

/// A member's name, borrowed unless it holds escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}
