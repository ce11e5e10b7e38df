//! The claims of a token that we write ourselves (spec §5.1).
//!
//! Owns their names and order. Does not sign, and does not judge the opaque values: what is minted is read back with
//! [`Claims::from_json`](super::Claims::from_json) before it is signed, so that one place decides what a good token is.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::{ChannelPattern, DeviceId, PeerId, Permissions};

/// The claims of a token to be signed; what is `None` is left out.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MintedClaims<'a> {
    /// Who the bearer is in its app.
    pub sub: &'a PeerId,
    /// When the token was made, in Unix seconds.
    pub iat: u64,
    /// When the token ends, in Unix seconds.
    pub exp: u64,
    /// The channels the bearer may use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channels: Option<&'a [ChannelPattern]>,
    /// What the bearer may do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Permissions>,
    /// An object for the bearer alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<&'a RawValue>,
    /// An object for other peers to see.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer_metadata: Option<&'a RawValue>,
    /// The device that holds one session at a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<&'a DeviceId>,
    /// The room dialect's claim, copied through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rooms: Option<&'a RawValue>,
    /// The device dialect's claim, copied through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<&'a RawValue>,
}

impl<'a> MintedClaims<'a> {
    /// The least a token needs: whose it is, and its two times in Unix seconds.
    #[must_use]
    pub const fn new(sub: &'a PeerId, iat: u64, exp: u64) -> Self {
        Self {
            sub,
            iat,
            exp,
            channels: None,
            permissions: None,
            metadata: None,
            peer_metadata: None,
            device: None,
            rooms: None,
            number: None,
        }
    }

    /// The payload of the token.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self)
            .expect("every member is a string, a number, a list or JSON already")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Permission;
    use crate::realtime::Claims;

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).unwrap()
    }

    #[test]
    fn the_least_token_has_three_claims() {
        let peer: PeerId = "alice".parse().unwrap();
        let json = MintedClaims::new(&peer, 1, 2).to_json();
        assert_eq!(json, br#"{"sub":"alice","iat":1,"exp":2}"#);
    }

    #[test]
    fn what_is_minted_reads_back() {
        let peer: PeerId = "al \"ice\"".parse().unwrap();
        let channels = [r"a/\*".parse().unwrap(), "b/**".parse().unwrap()];
        let device: DeviceId = "phone".parse().unwrap();
        let (metadata, rooms, number) =
            (raw(r#"{"a":[1.0]}"#), raw(r#"["lobby"]"#), raw("\"100\""));
        let minted = MintedClaims {
            channels: Some(&channels),
            permissions: Some([Permission::Send].into_iter().collect()),
            metadata: Some(&metadata),
            peer_metadata: Some(&metadata),
            device: Some(&device),
            rooms: Some(&rooms),
            number: Some(&number),
            ..MintedClaims::new(&peer, 1, 2)
        };
        insta::assert_snapshot!(String::from_utf8(minted.to_json()).unwrap());

        let claims = Claims::from_json(&minted.to_json()).unwrap();
        assert_eq!((&claims.sub, claims.exp), (&peer, 2));
        assert_eq!(claims.channels.as_deref(), Some(&channels[..]));
        assert_eq!(claims.permissions, minted.permissions);
        assert_eq!(claims.metadata.unwrap().get(), metadata.get());
        assert_eq!(claims.peer_metadata.unwrap().get(), metadata.get());
        assert_eq!(claims.device, Some(device));
    }
}
