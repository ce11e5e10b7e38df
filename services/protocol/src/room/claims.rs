//! What a token says about its bearer, as this dialect reads it (spec room §1.3, §1.5).
//!
//! Owns names and types of the claims. Does not verify signatures and compares nothing with a clock. Invariant: a claim
//! that is present is right, or the token is refused; only the display names may be `null`, as identity providers write
//! them so.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{RoomId, account_id, limits};
use crate::claims::{self, ClaimsError, optional, parsed};
use crate::raw_json::{self, present};
use crate::{DeviceId, PeerId};

/// The claims this dialect knows; all others are ignored.
#[derive(Clone, Debug)]
pub struct Claims {
    /// `sub`: the account.
    pub account: PeerId,
    /// When the token ends, in Unix seconds.
    pub exp: u64,
    /// `preferred_username`: the account's name.
    pub name: Option<String>,
    /// `name`: what it is called on a screen.
    pub nick: Option<String>,
    /// `device`, else `device_id`: the device that holds one session in a room.
    pub device: Option<DeviceId>,
    /// `rooms` and `room`: where the account belongs.
    pub rooms: Rooms,
}

/// The rooms that a token names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Rooms {
    /// The token says nothing about rooms.
    #[default]
    Unsaid,
    /// Every room of the app.
    All,
    /// These, each with the account's role.
    Listed(Vec<(RoomId, i32)>),
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    sub: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    exp: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    preferred_username: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    name: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    device: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    device_id: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    rooms: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    room: Option<&'a RawValue>,
}

impl Claims {
    /// Reads the decoded payload of a token.
    ///
    /// # Errors
    /// The first claim found missing or wrong.
    pub fn from_json(json: &[u8]) -> Result<Self, ClaimsError> {
        let wire: Wire<'_> = claims::payload(json)?;
        let sub = wire.sub.ok_or(ClaimsError::Missing { claim: "sub" })?;
        let sub = raw_json::as_string(sub).and_then(|sub| account_id(&sub).ok());
        let exp = wire.exp.ok_or(ClaimsError::Missing { claim: "exp" })?;
        let exp = serde_json::from_str(exp.get()).ok();
        let mut rooms = Rooms::from_claim(wire.rooms)?;
        rooms.add(wire.room)?;
        let name = |claim, value| claims::display_name(claim, value, limits::NAME_BYTES);
        Ok(Self {
            account: sub.ok_or(ClaimsError::Invalid { claim: "sub" })?,
            exp: exp.ok_or(ClaimsError::Invalid { claim: "exp" })?,
            name: name("preferred_username", wire.preferred_username)?,
            nick: name("name", wire.name)?,
            device: match wire.device {
                Some(device) => Some(parsed("device", device)?),
                None => optional("device_id", wire.device_id)?,
            },
            rooms,
        })
    }
}

impl Rooms {
    /// Reads the `rooms` claim: a list of rooms, a map from room to role, or `"*"`.
    ///
    /// # Errors
    /// It is something else.
    pub fn from_claim(claim: Option<&RawValue>) -> Result<Self, ClaimsError> {
        const INVALID: ClaimsError = ClaimsError::Invalid { claim: "rooms" };
        let Some(claim) = claim else {
            return Ok(Self::Unsaid);
        };
        let json = claim.get();
        match json.as_bytes().first() {
            Some(b'"') => (json == "\"*\"").then_some(Self::All).ok_or(INVALID),
            Some(b'[') => {
                let rooms: Vec<RoomId> = serde_json::from_str(json).map_err(|_| INVALID)?;
                Ok(Self::Listed(
                    rooms.into_iter().map(|room| (room, 0)).collect(),
                ))
            }
            Some(b'{') => {
                let roles: std::collections::BTreeMap<RoomId, i32> =
                    serde_json::from_str(json).map_err(|_| INVALID)?;
                Ok(Self::Listed(roles.into_iter().collect()))
            }
            Some(_) | None => Err(INVALID),
        }
    }

    /// The role that the token gives in `room`; `None` if it does not speak of it.
    #[must_use]
    pub fn role(&self, room: RoomId) -> Option<i32> {
        match self {
            Self::Unsaid => None,
            Self::All => Some(0),
            Self::Listed(rooms) => rooms
                .iter()
                .find(|(listed, _)| *listed == room)
                .map(|(_, role)| *role),
        }
    }

    /// Adds the `room` claim: one more room.
    fn add(&mut self, claim: Option<&RawValue>) -> Result<(), ClaimsError> {
        let Some(claim) = claim else { return Ok(()) };
        let room: RoomId = parsed("room", claim)?;
        match self {
            Self::Unsaid => *self = Self::Listed(vec![(room, 0)]),
            Self::All => {}
            Self::Listed(rooms) => {
                if !rooms.iter().any(|(listed, _)| *listed == room) {
                    rooms.push((room, 0));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";
    const OTHER: &str = "7c9e6679-7425-40de-944b-e07fc1f90ae7";

    fn with(more: &str) -> Result<Claims, ClaimsError> {
        Claims::from_json(format!(r#"{{"sub":"alice","exp":17{more}}}"#).as_bytes())
    }

    fn role(more: &str, room: &str) -> Option<i32> {
        with(more).unwrap().rooms.role(room.parse().unwrap())
    }

    #[test]
    fn all_claims_are_read() {
        let claims = with(&format!(
            r#","preferred_username":"al","name":"Alice","device_id":"phone","rooms":["{ROOM}"],"iss":1"#
        ))
        .unwrap();
        assert_eq!((claims.account.as_str(), claims.exp), ("alice", 17));
        assert_eq!(claims.name.as_deref(), Some("al"));
        assert_eq!(claims.nick.as_deref(), Some("Alice"));
        assert_eq!(claims.device.unwrap().as_str(), "phone");
        let both = with(r#","device":"tablet","device_id":"phone""#).unwrap();
        assert_eq!(both.device.unwrap().as_str(), "tablet");
    }

    #[test]
    fn an_account_that_is_a_guid_is_written_in_lower_case() {
        let json = format!(r#"{{"sub":"{}","exp":1}}"#, ROOM.to_uppercase());
        let claims = Claims::from_json(json.as_bytes()).unwrap();
        assert_eq!(claims.account.as_str(), ROOM);
    }

    #[test]
    fn rooms_are_a_list_a_map_a_star_or_one() {
        assert_eq!(role("", ROOM), None);
        assert_eq!(role(r#","rooms":[]"#, ROOM), None);
        assert_eq!(role(r#","rooms":"*""#, ROOM), Some(0));
        assert_eq!(
            role(&format!(r#","rooms":["{}"]"#, ROOM.to_uppercase()), ROOM),
            Some(0)
        );
        let map = format!(r#","rooms":{{"{ROOM}":50,"{OTHER}":-1}}"#);
        assert_eq!((role(&map, ROOM), role(&map, OTHER)), (Some(50), Some(-1)));
        assert_eq!(role(&format!(r#","room":"{ROOM}""#), ROOM), Some(0));
        // The list speaks of the role; the single room adds nothing to it.
        let map = format!(r#","rooms":{{"{ROOM}":-1}},"room":"{ROOM}""#);
        assert_eq!(role(&map, ROOM), Some(-1));
    }

    #[test]
    fn a_wrong_claim_is_never_read_as_absent() {
        for claim in ["rooms", "room", "device", "device_id"] {
            for value in [
                "null",
                "1",
                "true",
                "\"\"",
                "[1]",
                "[\"lobby\"]",
                "{\"lobby\":1}",
            ] {
                let error = with(&format!(r#","{claim}":{value}"#)).unwrap_err();
                assert_eq!(error, ClaimsError::Invalid { claim }, "{claim}: {value}");
            }
        }
        assert!(with(&format!(r#","rooms":{{"{ROOM}":"owner"}}"#)).is_err());
        assert!(with(r#","name":5"#).is_err());
        assert!(with(&format!(r#","name":"{}""#, "x".repeat(257))).is_err());
        assert!(
            with(r#","name":null,"preferred_username":"""#)
                .unwrap()
                .nick
                .is_none()
        );
    }

    #[test]
    fn sub_and_exp_are_required() {
        for (json, error) in [
            ("{}", ClaimsError::Missing { claim: "sub" }),
            (r#"{"sub":"a"}"#, ClaimsError::Missing { claim: "exp" }),
            (
                r#"{"sub":"","exp":1}"#,
                ClaimsError::Invalid { claim: "sub" },
            ),
            (
                r#"{"sub":"a","exp":1.5}"#,
                ClaimsError::Invalid { claim: "exp" },
            ),
            (r#"{"sub":"a","exp":1,"sub":"b"}"#, ClaimsError::NotAnObject),
            ("[]", ClaimsError::NotAnObject),
        ] {
            assert_eq!(
                Claims::from_json(json.as_bytes()).unwrap_err(),
                error,
                "{json}"
            );
        }
    }
}
