//! The claims that mean the same in every dialect (RFC 7519 §4.1).
//!
//! Invariant: a claim that is there is right; a wrong one (`null` included) is never read as absent, since an absent one
//! passes.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::VerifyError;
use crate::tenancy::Issuer;

/// The registered claims of a token whose signature is good.
#[derive(Debug)]
pub(super) struct Registered<'a> {
    /// When the token ends, in Unix seconds.
    pub(super) exp: u64,
    nbf: Option<u64>,
    wire: Wire<'a>,
}

/// Each claim as it stands.
#[derive(Debug, Deserialize)]
struct Wire<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    iss: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    aud: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    exp: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    nbf: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    iat: Option<&'a RawValue>,
}

impl<'a> Registered<'a> {
    /// Reads them; a claim that stands twice is refused.
    pub(super) fn read(claims: &'a str) -> Result<Self, VerifyError> {
        let wire: Wire<'_> = serde_json::from_str(claims).map_err(|_| VerifyError::BadClaims)?;
        Ok(Self {
            exp: optional(wire.exp)?.ok_or(VerifyError::BadClaims)?,
            nbf: optional(wire.nbf)?,
            wire,
        })
    }

    /// Whether now is between `nbf` and `exp`. No leeway: the session's own timer has none either.
    pub(super) fn check_time(&self, now_unix_s: u64) -> Result<(), VerifyError> {
        if self.exp <= now_unix_s {
            return Err(VerifyError::Expired);
        }
        if self.nbf.is_some_and(|nbf| nbf > now_unix_s) {
            return Err(VerifyError::NotYetValid);
        }
        Ok(())
    }

    /// Whether the token keeps to what its issuer may do.
    pub(super) fn check_issuer(&self, issuer: &Issuer, now_unix_s: u64) -> Result<(), VerifyError> {
        // It chose the issuer, so it differs only if it was read in two ways.
        if optional::<String>(self.wire.iss)?.as_deref() != Some(&issuer.iss) {
            return Err(VerifyError::UnknownSigner);
        }
        if let Some(audience) = &issuer.audience
            && !self.is_meant_for(audience)?
        {
            return Err(VerifyError::WrongAudience);
        }
        let issued = optional::<u64>(self.wire.iat)?.map_or(now_unix_s, |iat| iat.min(now_unix_s));
        if issuer
            .max_lifetime_s
            .is_some_and(|limit| self.exp.saturating_sub(issued) > limit)
        {
            return Err(VerifyError::LivesTooLong);
        }
        Ok(())
    }

    fn is_meant_for(&self, audience: &str) -> Result<bool, VerifyError> {
        let Some(claim) = self.wire.aud else {
            return Ok(false);
        };
        let claimed: Audience<'_> =
            serde_json::from_str(claim.get()).map_err(|_| VerifyError::BadClaims)?;
        Ok(match claimed {
            Audience::One(one) => one == audience,
            Audience::Many(many) => many.iter().any(|one| one == audience),
        })
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience<'a> {
    One(#[serde(borrow)] Cow<'a, str>),
    Many(#[serde(borrow)] Vec<Cow<'a, str>>),
}

/// For `deserialize_with`: a claim that is there is `Some`, even if it is `null`.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

fn optional<T: DeserializeOwned>(claim: Option<&RawValue>) -> Result<Option<T>, VerifyError> {
    claim
        .map(|claim| serde_json::from_str(claim.get()).map_err(|_| VerifyError::BadClaims))
        .transpose()
}
