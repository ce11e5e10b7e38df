//! What a token says about its bearer, as this dialect reads it.
//!
//! Owns names and types of the claims. Does not verify signatures and compares nothing with a clock. Invariant: a claim
//! that is present is right, or the token is refused; only `name` may be `null`, as identity providers write it so.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Number, limits};
use crate::claims::{self, ClaimsError, optional, parsed};
use crate::raw_json::present;
use crate::{DeviceId, PeerId};

/// The claims this dialect knows; all others are ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// `sub`: the user.
    pub user: PeerId,
    /// When the token ends, in Unix seconds.
    pub exp: u64,
    /// `device`, else `sid`: what holds one session. Without either the token itself is the device.
    pub device: Option<DeviceId>,
    /// `number`: what others dial to reach the user, where the directory does not say.
    pub number: Option<Number>,
    /// `name`: what is shown to those whom the user calls.
    pub name: Option<String>,
    /// `lines`: how many calls the device can have at once.
    pub lines: u8,
    /// `tenant`: has to be the app's own.
    pub tenant: Option<String>,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    sub: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    exp: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    device: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    sid: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    number: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    name: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    lines: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    tenant: Option<&'a RawValue>,
}

impl Claims {
    /// Reads the decoded payload of a token.
    ///
    /// # Errors
    /// The first claim found missing or wrong.
    pub fn from_json(json: &[u8]) -> Result<Self, ClaimsError> {
        let wire: Wire<'_> = claims::payload(json)?;
        let sub = wire.sub.ok_or(ClaimsError::Missing { claim: "sub" })?;
        let exp = wire.exp.ok_or(ClaimsError::Missing { claim: "exp" })?;
        let device = match wire.device {
            Some(device) => Some(parsed("device", device)?),
            None => optional("sid", wire.sid)?,
        };
        Ok(Self {
            user: parsed("sub", sub)?,
            exp: parsed("exp", exp)?,
            device,
            number: optional("number", wire.number)?,
            name: claims::display_name("name", wire.name, limits::NAME_BYTES)?,
            lines: lines(wire.lines)?,
            tenant: optional("tenant", wire.tenant)?,
        })
    }
}

fn lines(value: Option<&RawValue>) -> Result<u8, ClaimsError> {
    let lines = optional("lines", value)?.unwrap_or(limits::LINES);
    if (1..=limits::LINES_MAX).contains(&lines) {
        Ok(lines)
    } else {
        Err(ClaimsError::Invalid { claim: "lines" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(more: &str) -> Result<Claims, ClaimsError> {
        Claims::from_json(format!(r#"{{"sub":"alice","exp":17{more}}}"#).as_bytes())
    }

    #[test]
    fn all_claims_are_read() {
        let more =
            r#","device":"phone","number":"1001","name":"Alice","lines":4,"tenant":"t","x":[]"#;
        let claims = with(more).unwrap();
        assert_eq!((claims.user.as_str(), claims.exp), ("alice", 17));
        assert_eq!(claims.device.unwrap().as_str(), "phone");
        assert_eq!(claims.number.unwrap().as_str(), "1001");
        assert_eq!(claims.name.as_deref(), Some("Alice"));
        assert_eq!((claims.lines, claims.tenant.as_deref()), (4, Some("t")));
    }

    #[test]
    fn a_device_is_named_by_device_or_sid_or_not_at_all() {
        assert_eq!(with("").unwrap().device, None);
        let device = |more| with(more).unwrap().device.unwrap().to_string();
        assert_eq!(device(r#","sid":"s""#), "s");
        assert_eq!(device(r#","sid":"s","device":"d""#), "d");
    }

    #[test]
    fn a_wrong_claim_is_never_read_as_absent() {
        for claim in ["device", "sid", "number", "lines", "tenant"] {
            for value in ["null", "true", "[1]", "{}", "-1", "1.5"] {
                let error = with(&format!(r#","{claim}":{value}"#)).unwrap_err();
                assert_eq!(error, ClaimsError::Invalid { claim }, "{claim}: {value}");
            }
        }
        for lines in ["0", "17", "256"] {
            assert!(with(&format!(r#","lines":{lines}"#)).is_err(), "{lines}");
        }
        assert!(with(&format!(r#","name":"{}""#, "x".repeat(257))).is_err());
        assert_eq!(with(r#","name":null"#).unwrap().name, None);
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
            let found = Claims::from_json(json.as_bytes()).unwrap_err();
            assert_eq!(found, error, "{json}");
        }
    }
}
