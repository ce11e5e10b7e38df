//! What a token says about its bearer (spec §1.5).
//!
//! Owns the types and sizes of the claims. Does not verify signatures, compare `exp` with a clock or look at keys.
//! Invariant: a claim that is present is right; a wrong one (`null` included) is never read as absent, because an absent
//! `channels` or `permissions` means *all that the key allows*.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::limits;
use crate::claims::{self, ClaimsError, optional, required};
use crate::raw_json::{self, present};
use crate::{ChannelPattern, DeviceId, PeerId, Permission, Permissions};

/// The claims this dialect knows; all others are ignored.
#[derive(Clone, Debug)]
pub struct Claims {
    /// Who the bearer is in its app.
    pub sub: PeerId,
    /// When the token ends, in Unix seconds.
    pub exp: u64,
    /// The channels the bearer may use; `None` leaves it at the key's patterns, an empty list allows none.
    pub channels: Option<Vec<ChannelPattern>>,
    /// What the bearer may do; `None` leaves it at the key's actions, an empty set allows nothing.
    pub permissions: Option<Permissions>,
    /// An object for the bearer alone, echoed in its welcome; compact JSON.
    pub metadata: Option<Box<RawValue>>,
    /// An object for other peers to see; compact JSON.
    pub peer_metadata: Option<Box<RawValue>>,
    /// The device that holds one session at a time.
    pub device: Option<DeviceId>,
}

impl Claims {
    /// Reads the decoded payload of a token.
    ///
    /// # Errors
    /// The first claim found missing, ill-typed or over its limit. Sizes are those of the compact JSON, so that the
    /// minting library's taste in whitespace does not decide.
    pub fn from_json(json: &[u8]) -> Result<Self, ClaimsError> {
        let wire: Wire<'_> = claims::payload(json)?;
        Ok(Self {
            sub: required("sub", wire.sub)?,
            exp: required("exp", wire.exp)?,
            channels: list("channels", wire.channels, limits::CLAIM_CHANNELS)?,
            permissions: list::<Permission>(
                "permissions",
                wire.permissions,
                limits::CLAIM_PERMISSIONS,
            )?
            .map(Permissions::from_iter),
            metadata: object("metadata", wire.metadata, limits::METADATA_BYTES)?,
            peer_metadata: object(
                "peerMetadata",
                wire.peer_metadata,
                limits::PEER_METADATA_BYTES,
            )?,
            device: optional("device", wire.device)?,
        })
    }
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    sub: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    exp: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    channels: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    permissions: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    metadata: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present", rename = "peerMetadata")]
    peer_metadata: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    device: Option<&'a RawValue>,
}

fn list<T: DeserializeOwned>(
    claim: &'static str,
    value: Option<&RawValue>,
    limit: usize,
) -> Result<Option<Vec<T>>, ClaimsError> {
    let entries: Option<Vec<T>> = optional(claim, value)?;
    match entries {
        Some(entries) if entries.len() > limit => Err(ClaimsError::TooMany { claim, limit }),
        entries => Ok(entries),
    }
}

fn object(
    claim: &'static str,
    value: Option<&RawValue>,
    limit_bytes: usize,
) -> Result<Option<Box<RawValue>>, ClaimsError> {
    let Some(value) = value else { return Ok(None) };
    if !raw_json::is_object(value.get()) {
        return Err(ClaimsError::Invalid { claim });
    }
    let value = raw_json::compact(value);
    if value.get().len() > limit_bytes {
        return Err(ClaimsError::TooLarge { claim, limit_bytes });
    }
    let limit = limits::METADATA_DEPTH;
    if raw_json::is_deeper_than(value.get(), limit) {
        return Err(ClaimsError::TooDeep { claim, limit });
    }
    Ok(Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Claims, ClaimsError> {
        Claims::from_json(json.as_bytes())
    }

    /// Minimal good claims with one more member.
    fn with(claim: &str, value: &str) -> Result<Claims, ClaimsError> {
        read(&format!(
            r#"{{"sub":"alice","exp":1715539200,"{claim}":{value}}}"#
        ))
    }

    fn entries(entry: &str, count: usize) -> String {
        format!("[{}]", vec![entry; count].join(","))
    }

    fn object_of(size_bytes: usize) -> String {
        format!(r#"{{"a":"{}"}}"#, "x".repeat(size_bytes - 8))
    }

    #[test]
    fn all_claims_are_read() {
        let claims = read(
            r#" {"iss":"x","iat":1,"sub":"alice","exp":1715539200,"channels":["app/*","tasks/**"],
                "permissions":["publish","send"],"metadata":{ "a": 1.0 },"peerMetadata":{"n":"Al"},"device":"phone"} "#,
        )
        .unwrap();
        assert_eq!(claims.sub.as_str(), "alice");
        assert_eq!(claims.exp, 1_715_539_200);
        let channels: Vec<_> = claims
            .channels
            .iter()
            .flatten()
            .map(ChannelPattern::as_str)
            .collect();
        assert_eq!(channels, ["app/*", "tasks/**"]);
        assert_eq!(
            claims.permissions,
            Some(
                [Permission::Publish, Permission::Send]
                    .into_iter()
                    .collect()
            )
        );
        assert_eq!(claims.metadata.unwrap().get(), r#"{"a":1.0}"#);
        assert_eq!(claims.peer_metadata.unwrap().get(), r#"{"n":"Al"}"#);
        assert_eq!(claims.device.unwrap().as_str(), "phone");
    }

    #[test]
    fn absent_and_empty_lists_are_different_things() {
        let claims = read(r#"{"sub":"alice","exp":1}"#).unwrap();
        assert!(
            claims.channels.is_none() && claims.permissions.is_none() && claims.device.is_none()
        );
        assert_eq!(with("channels", "[]").unwrap().channels.unwrap(), []);
        assert_eq!(
            with("permissions", "[]").unwrap().permissions,
            Some(Permissions::empty())
        );
    }

    #[test]
    fn a_wrong_claim_is_never_read_as_absent() {
        for claim in [
            "channels",
            "permissions",
            "metadata",
            "peerMetadata",
            "device",
        ] {
            for value in ["null", "1", "true", "\"\"", "[1]", "[[]]", "[\"\"]"] {
                assert_eq!(
                    with(claim, value).unwrap_err(),
                    ClaimsError::Invalid { claim },
                    "{claim}: {value}"
                );
            }
        }
        assert!(with("permissions", r#"["publish","fly"]"#).is_err());
        assert!(with("metadata", "[]").is_err());
        assert!(with("device", "\"a\\u0007\"").is_err());
    }

    #[test]
    fn sub_and_exp_are_required_and_strict() {
        assert_eq!(
            read("{}").unwrap_err(),
            ClaimsError::Missing { claim: "sub" }
        );
        assert_eq!(
            read(r#"{"sub":"a"}"#).unwrap_err(),
            ClaimsError::Missing { claim: "exp" }
        );
        for exp in ["1.0", "1e3", "-1", "\"1\"", "null", "18446744073709551616"] {
            let json = format!(r#"{{"sub":"a","exp":{exp}}}"#);
            assert_eq!(
                read(&json).unwrap_err(),
                ClaimsError::Invalid { claim: "exp" },
                "{exp}"
            );
        }
        for sub in ["\"\"", "\"é\"", "7", &format!("\"{}\"", "a".repeat(129))] {
            let json = format!(r#"{{"sub":{sub},"exp":1}}"#);
            assert_eq!(
                read(&json).unwrap_err(),
                ClaimsError::Invalid { claim: "sub" },
                "{sub}"
            );
        }
    }

    #[test]
    fn lists_end_at_their_limits() {
        assert!(with("channels", &entries("\"a/*\"", 100)).is_ok());
        assert_eq!(
            with("channels", &entries("\"a/*\"", 101)).unwrap_err(),
            ClaimsError::TooMany {
                claim: "channels",
                limit: 100
            }
        );
        assert!(with("permissions", &entries("\"send\"", 16)).is_ok());
        assert!(with("permissions", &entries("\"send\"", 17)).is_err());
    }

    #[test]
    fn metadata_ends_at_its_limits_counted_without_whitespace() {
        assert!(with("metadata", &object_of(8192)).is_ok());
        assert!(with("metadata", &object_of(8193)).is_err());
        assert!(with("peerMetadata", &object_of(4096)).is_ok());
        assert_eq!(
            with("peerMetadata", &object_of(4097)).unwrap_err(),
            ClaimsError::TooLarge {
                claim: "peerMetadata",
                limit_bytes: 4096
            }
        );
        assert!(with("peerMetadata", &format!("{{{}}}", " ".repeat(5000))).is_ok());
        let nested = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
        assert!(with("metadata", &nested(64)).is_ok());
        assert!(with("metadata", &nested(65)).is_err());
    }

    #[test]
    fn what_is_no_object_with_each_claim_once_is_refused() {
        for json in [
            "",
            "null",
            "\"a\"",
            r#"["alice",1]"#,
            r#"{"sub":"a","exp":1"#,
            r#"{"sub":"a","exp":1} {}"#,
            r#"{"sub":"a","exp":1,"sub":"b"}"#,
        ] {
            assert_eq!(read(json).unwrap_err(), ClaimsError::NotAnObject, "{json}");
        }
        assert_eq!(
            Claims::from_json(b"{\"sub\":\"\xff\"}").unwrap_err(),
            ClaimsError::NotAnObject
        );
    }

    #[test]
    fn messages_are_stable() {
        let (claim, limit) = ("channels", 100);
        let all = [
            ClaimsError::NotAnObject,
            ClaimsError::Missing { claim },
            ClaimsError::Invalid { claim },
            ClaimsError::TooMany { claim, limit },
            ClaimsError::TooLarge {
                claim,
                limit_bytes: 4096,
            },
            ClaimsError::TooDeep { claim, limit },
        ];
        let text: Vec<String> = all.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(text.join("\n"));
    }
}
