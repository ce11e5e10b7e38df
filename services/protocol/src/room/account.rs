//! What others are shown of an account: a short fixed list, whatever more the token or a backend knows (spec room §2.5).

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::limits;
use crate::{PeerId, raw_json};

/// An account as the other members see it.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its id.
    pub id: PeerId,
    /// Its account name; the id, if nobody said one.
    pub name: String,
    /// What it is called on a screen; the name, if nobody said one.
    pub nick: String,
    /// An object that may be empty.
    pub profile: Box<RawValue>,
    /// When that was true.
    pub updated_at: String,
}

/// A member of a room, as its peer's metadata carries it from edge to edge.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Participant<'a> {
    /// The [`Account`], written once.
    #[serde(borrow)]
    pub account: &'a RawValue,
    /// Its name.
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    /// When its first session came.
    #[serde(borrow)]
    pub joined_at: Cow<'a, str>,
}

/// An [`Account`] on the wire, its time in both spellings.
#[derive(Serialize)]
struct Written<'a> {
    id: &'a PeerId,
    name: &'a str,
    nick: &'a str,
    profile: &'a RawValue,
    updated_at: &'a str,
    #[serde(rename = "updatedAt")]
    updated_at_camel: &'a str,
}

/// Why a profile is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// It is something else than an object.
    #[error("the profile is not an object")]
    NotAnObject,
    /// Its compact JSON is too long.
    #[error("the profile is larger than {} bytes", limits::PROFILE_BYTES)]
    TooLarge,
    /// It is nested too deep.
    #[error("the profile is nested more than {} deep", limits::PROFILE_DEPTH)]
    TooDeep,
}

impl Account {
    /// An account of which nobody said anything.
    #[must_use]
    pub fn unknown(id: PeerId, updated_at: String) -> Self {
        Self {
            name: id.to_string(),
            nick: id.to_string(),
            profile: empty_object(),
            id,
            updated_at,
        }
    }

    /// The metadata of the account's peer in a room that it joins at `joined_at`.
    #[must_use]
    pub fn to_metadata(&self, joined_at: &str) -> Arc<RawValue> {
        let written = Written {
            id: &self.id,
            name: &self.name,
            nick: &self.nick,
            profile: &self.profile,
            updated_at: &self.updated_at,
            updated_at_camel: &self.updated_at,
        };
        let account = serde_json::value::to_raw_value(&written);
        let account = account.expect("strings and JSON can be written as JSON");
        let participant = Participant {
            account: &account,
            name: Cow::Borrowed(&self.name),
            joined_at: Cow::Borrowed(joined_at),
        };
        let metadata = serde_json::value::to_raw_value(&participant);
        metadata
            .expect("strings and JSON can be written as JSON")
            .into()
    }
}

impl<'a> Participant<'a> {
    /// Reads what [`Account::to_metadata`] wrote; nothing if it is something else.
    #[must_use]
    pub fn from_metadata(metadata: &'a RawValue) -> Option<Self> {
        let participant: Self = serde_json::from_str(metadata.get()).ok()?;
        raw_json::is_object(participant.account.get()).then_some(participant)
    }
}

/// Checks a profile and makes it compact.
///
/// # Errors
/// It is no object, or too large.
pub fn checked_profile(profile: &RawValue) -> Result<Box<RawValue>, ProfileError> {
    if !raw_json::is_object(profile.get()) {
        return Err(ProfileError::NotAnObject);
    }
    let profile = raw_json::compact(profile);
    if profile.get().len() > limits::PROFILE_BYTES {
        return Err(ProfileError::TooLarge);
    }
    if raw_json::is_deeper_than(profile.get(), limits::PROFILE_DEPTH) {
        return Err(ProfileError::TooDeep);
    }
    Ok(profile)
}

/// `{}`.
#[must_use]
pub fn empty_object() -> Box<RawValue> {
    RawValue::from_string("{}".to_owned()).expect("an empty object is JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).unwrap()
    }

    #[test]
    fn an_account_travels_as_metadata_and_comes_back() {
        let account = Account {
            name: "al\"ice".to_owned(),
            profile: raw(r#"{"bio":"<&>"}"#),
            ..Account::unknown("alice".parse().unwrap(), "then".to_owned())
        };
        let metadata = account.to_metadata("now");
        let read = Participant::from_metadata(&metadata).unwrap();
        assert_eq!((&*read.name, &*read.joined_at), ("al\"ice", "now"));
        insta::assert_snapshot!(read.account.get());
    }

    #[test]
    fn metadata_of_another_dialect_is_none() {
        for json in [
            "{}",
            "1",
            r#"{"account":1,"name":"a","joined_at":"b"}"#,
            r#"{"account":{}}"#,
        ] {
            assert!(Participant::from_metadata(&raw(json)).is_none(), "{json}");
        }
    }

    #[test]
    fn a_profile_is_a_small_object() {
        assert_eq!(
            checked_profile(&raw("{ \"a\" : 1 }")).unwrap().get(),
            "{\"a\":1}"
        );
        assert_eq!(
            checked_profile(&raw("[]")).unwrap_err(),
            ProfileError::NotAnObject
        );
        let large = format!("{{\"a\":\"{}\"}}", "x".repeat(4_096));
        assert_eq!(
            checked_profile(&raw(&large)).unwrap_err(),
            ProfileError::TooLarge
        );
        let deep = format!("{}1{}", "{\"a\":".repeat(33), "}".repeat(33));
        assert_eq!(
            checked_profile(&raw(&deep)).unwrap_err(),
            ProfileError::TooDeep
        );
    }
}
