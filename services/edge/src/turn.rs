//! TURN credentials for `welcome`.
//!
//! Owns the ephemeral credentials that coturn and its kin verify with a shared secret: the name is `<expiry in Unix
//! seconds>:<peer>`, the password an HMAC-SHA1 of it. The first secret signs; the others are there so that an operator
//! can replace one: add the new secret on the TURN servers, put it first here, then remove the old one there. Knows
//! nothing about sessions. Invariant: a list that a token brings always wins (spec realtime §1.3).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use protocol::PeerId;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use sha1::Sha1;

use crate::config::{Secret, TurnConfig};

/// The servers to advertise and what signs for them.
#[derive(Clone, Debug)]
pub struct Turn {
    stun_urls: Box<[String]>,
    turn_urls: Box<[String]>,
    secret: Option<Secret>,
    ttl_seconds: u32,
}

impl Turn {
    /// What the configuration says; `None` if nothing is advertised.
    #[must_use]
    pub fn new(config: &TurnConfig) -> Option<Self> {
        let is_turn = |url: &String| url.starts_with("turn:") || url.starts_with("turns:");
        let (turn_urls, stun_urls): (Vec<_>, Vec<_>) =
            config.urls.iter().cloned().partition(is_turn);
        (!config.urls.is_empty()).then(|| Self {
            stun_urls: stun_urls.into(),
            turn_urls: turn_urls.into(),
            secret: config.secrets.first().cloned(),
            ttl_seconds: config.ttl_seconds,
        })
    }

    /// The list for one peer: STUN servers as they are, TURN servers with a credential that ends `ttl_seconds` after
    /// `now_unix_s`.
    #[must_use]
    pub fn ice_servers(&self, peer: &PeerId, now_unix_s: u64) -> Vec<IceServer> {
        let mut servers = Vec::with_capacity(2);
        if !self.stun_urls.is_empty() {
            servers.push(IceServer {
                urls: self.stun_urls.clone(),
                credential: None,
            });
        }
        if let (Some(secret), false) = (&self.secret, self.turn_urls.is_empty()) {
            let expiry = now_unix_s.saturating_add(u64::from(self.ttl_seconds));
            let username = format!("{expiry}:{peer}");
            let password = password(secret, &username);
            let credential = Some(Credential { username, password });
            servers.push(IceServer {
                urls: self.turn_urls.clone(),
                credential,
            });
        }
        servers
    }
}

/// One entry of `iceServers`, as a browser's `RTCPeerConnection` takes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IceServer {
    urls: Box<[String]>,
    #[serde(flatten)]
    credential: Option<Credential>,
}

#[derive(Clone, PartialEq, Eq, Serialize)]
struct Credential {
    username: String,
    #[serde(rename = "credential")]
    password: String,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// Adds `iceServers` to the `metadata` of a `welcome`. An array of that name in the token's metadata wins and nothing
/// is added; anything else of that name is replaced. Other members stay byte for byte.
#[must_use]
pub fn inject(metadata: Option<Box<RawValue>>, servers: &[IceServer]) -> Option<Box<RawValue>> {
    let claim: Members<'_> = match &metadata {
        Some(claim) => match serde_json::from_str(claim.get()) {
            Ok(members) => members,
            // Claims are objects; what is none has nowhere to put a member.
            Err(_) => return metadata,
        },
        None => Members::default(),
    };
    if claim
        .0
        .iter()
        .any(|(name, value)| name == MEMBER && value.get().starts_with('['))
    {
        return metadata;
    }
    let merged = Merged {
        claim: &claim,
        servers,
    };
    let merged = serde_json::value::to_raw_value(&merged);
    Some(merged.expect("text keys, raw JSON and strings always serialise"))
}

const MEMBER: &str = "iceServers";

/// The members of an object in their order, values unread.
#[derive(Default)]
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

struct Merged<'a> {
    claim: &'a Members<'a>,
    servers: &'a [IceServer],
}

impl Serialize for Merged<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.claim.0.iter().filter(|(name, _)| name != MEMBER) {
            map.serialize_entry(name, value)?;
        }
        map.serialize_entry(MEMBER, self.servers)?;
        map.end()
    }
}

fn password(secret: &Secret, username: &str) -> String {
    let mac = Hmac::<Sha1>::new_from_slice(secret.expose().as_bytes());
    let mut mac = mac.expect("an HMAC takes a key of any length (RFC 2104 §2)");
    mac.update(username.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(urls: &[&str]) -> Turn {
        let config = TurnConfig {
            urls: urls.iter().map(|&url| url.to_owned()).collect(),
            secrets: vec![Secret::new("north"), Secret::new("south")],
            ttl_seconds: 600,
        };
        Turn::new(&config).unwrap()
    }

    fn servers(urls: &[&str]) -> Vec<IceServer> {
        turn(urls).ice_servers(&"alice".parse().unwrap(), 1_715_535_600)
    }

    fn raw(json: &str) -> Option<Box<RawValue>> {
        Some(RawValue::from_string(json.to_owned()).unwrap())
    }

    fn injected(metadata: Option<Box<RawValue>>) -> String {
        inject(metadata, &servers(&["stun:s.example"]))
            .unwrap()
            .get()
            .to_owned()
    }

    #[test]
    fn a_password_is_the_hmac_of_the_name() {
        // printf %s 1715536200:alice | openssl dgst -sha1 -hmac north -binary | base64
        let json = serde_json::to_string(&servers(&["turn:t.example:3478"])).unwrap();
        assert_eq!(
            json,
            r#"[{"urls":["turn:t.example:3478"],"username":"1715536200:alice","credential":"J4Ub/TUTCHQlUXQ206A99UAAzzU="}]"#
        );
    }

    #[test]
    fn stun_servers_get_no_credential() {
        let json = serde_json::to_value(servers(&[
            "turns:t.example",
            "stun:s.example",
            "turn:t.example",
        ]))
        .unwrap();
        assert_eq!(json[0], serde_json::json!({ "urls": ["stun:s.example"] }));
        assert_eq!(
            json[1]["urls"],
            serde_json::json!(["turns:t.example", "turn:t.example"])
        );
    }

    #[test]
    fn without_urls_nothing_is_advertised() {
        assert!(Turn::new(&TurnConfig::default()).is_none());
    }

    #[test]
    fn a_password_is_not_printed() {
        let servers = servers(&["turn:t.example"]);
        let Credential { password, .. } = servers[0].credential.clone().unwrap();
        assert!(!format!("{servers:?} {:?}", turn(&["turn:t.example"])).contains(&password));
    }

    #[test]
    fn the_list_is_added_beside_the_other_members() {
        const LIST: &str = r#""iceServers":[{"urls":["stun:s.example"]}]"#;
        assert_eq!(injected(None), format!("{{{LIST}}}"));
        assert_eq!(injected(raw("{}")), format!("{{{LIST}}}"));
        assert_eq!(
            injected(raw(r#"{"z": 1.50, "a":{"iceServers":[ ]},"é":null}"#)),
            format!(r#"{{"z":1.50,"a":{{"iceServers":[ ]}},"é":null,{LIST}}}"#)
        );
    }

    #[test]
    fn a_list_of_the_token_wins_and_anything_else_of_that_name_is_replaced() {
        for own in [
            r#"{"iceServers":[],"a":1}"#,
            r#"{"ice\u0053ervers": [{"urls":"stun:x"}]}"#,
        ] {
            assert_eq!(injected(raw(own)), own);
        }
        for other in [r#"{"iceServers":null}"#, r#"{"iceServers":{"urls":[]}}"#] {
            assert_eq!(
                injected(raw(other)),
                r#"{"iceServers":[{"urls":["stun:s.example"]}]}"#
            );
        }
    }

    #[test]
    fn metadata_that_is_no_object_is_left_alone() {
        assert_eq!(injected(raw("[1]")), "[1]");
    }
}
