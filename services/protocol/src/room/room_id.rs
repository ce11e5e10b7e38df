//! The id of a room: a GUID.
//!
//! Upper and lower case name the same room. Only the hyphenated form is one: a path with anything else in the place of an
//! id finds no room (spec room §1.1).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::NameError;
use crate::names::NameVisitor;

/// A room. Written in lower case with hyphens.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomId(u128);

/// Bytes of the written form.
const LENGTH_BYTES: usize = 36;
/// Where the hyphens stand.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

impl RoomId {
    /// Bytes of the written form, for the bounds of queues that hold one.
    pub const LENGTH_BYTES: usize = LENGTH_BYTES;
}

impl FromStr for RoomId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        digits(text).map(Self)
    }
}

/// The 32 digits of a hyphenated GUID.
pub(super) fn digits(text: &str) -> Result<u128, NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if text.len() > LENGTH_BYTES {
        return Err(NameError::TooLong {
            limit_bytes: LENGTH_BYTES,
        });
    }
    let mut value: u128 = 0;
    let mut end_bytes = 0;
    for (offset_bytes, found) in text.char_indices() {
        let digit = match found.to_digit(16) {
            _ if HYPHENS.contains(&offset_bytes) => (found == '-').then_some(None),
            Some(digit) => Some(Some(u128::from(digit))),
            None => None,
        };
        match digit {
            Some(Some(digit)) => value = value << 4 | digit,
            Some(None) => {}
            None => {
                return Err(NameError::Forbidden {
                    found,
                    offset_bytes,
                });
            }
        }
        end_bytes = offset_bytes + found.len_utf8();
    }
    if end_bytes == LENGTH_BYTES {
        Ok(value)
    } else {
        Err(NameError::TooShort {
            limit_bytes: LENGTH_BYTES,
        })
    }
}

impl fmt::Display for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.0;
        write!(
            f,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            id >> 96,
            id >> 80 & 0xffff,
            id >> 64 & 0xffff,
            id >> 48 & 0xffff,
            id & 0xffff_ffff_ffff,
        )
    }
}

impl fmt::Debug for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RoomId({self})")
    }
}

impl Serialize for RoomId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RoomId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NameVisitor::new("RoomId"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ROOM: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";

    #[test]
    fn upper_and_lower_case_name_the_same_room() {
        let lower: RoomId = ROOM.parse().unwrap();
        let upper: RoomId = ROOM.to_uppercase().parse().unwrap();
        assert_eq!(lower, upper);
        assert_eq!(upper.to_string(), ROOM);
        assert_eq!(
            serde_json::to_string(&upper).unwrap(),
            format!("\"{ROOM}\"")
        );
    }

    #[test]
    fn whatever_else_could_stand_in_a_path_is_no_room() {
        for text in [
            "",
            "room",
            "0f8fad5bd9cb469fa16570867728950e",
            "{0f8fad5b-d9cb-469f-a165-70867728950e}",
            "0f8fad5b-d9cb-469f-a165-70867728950",
            "0f8fad5b-d9cb-469f-a165-70867728950e0",
            "0f8fad5b-d9cb-469f-a165-70867728950g",
            "0f8fad5b-d9cb-469f-a165_70867728950e",
            "0f8fad5bd-9cb-469f-a165-70867728950e",
            "+f8fad5b-d9cb-469f-a165-70867728950e",
            "0f8fad5b-d9cb-469f-a165-7086772895é",
            "0f8fad5b-d9cb-469f-a165-70867728950e ",
            "0f8fad5b%2Dd9cb-469f-a165-70867728950e",
            "../0f8fad5b-d9cb-469f-a165-708677289",
            "４f8fad5b-d9cb-469f-a165-70867728950",
        ] {
            assert!(text.parse::<RoomId>().is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn every_id_reads_back_and_nothing_panics(id in any::<u128>(), text in "\\PC{0,40}") {
            let id = RoomId(id);
            prop_assert_eq!(id.to_string().parse::<RoomId>(), Ok(id));
            if let Ok(read) = text.parse::<RoomId>() {
                prop_assert!(read.to_string().eq_ignore_ascii_case(&text));
            }
        }
    }
}
