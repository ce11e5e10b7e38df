//! Tokens that are to count no longer.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use cluster::records::RecordsError;
use protocol::{DeviceId, PeerId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::ErrorBody;
use super::{RestError, call};
use crate::auth::Stamp;
use crate::lane::unix_now;
use crate::parts::Parts;
use crate::revocation::{Revocation, Revocations, Target};

/// How long an entry is kept if nobody says: longer than most tokens live.
const LASTS_DEFAULT_S: u64 = 30 * DAY_S;
const LASTS_MAX_S: u64 = 366 * DAY_S;
const DAY_S: u64 = 24 * 60 * 60;

/// What to revoke: one of `jti`, `sub` (with or without `device`) and `all`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RevocationRequest {
    /// The one token with this `jti`.
    #[serde(default)]
    jti: Option<String>,
    /// All tokens of this subject.
    #[serde(default)]
    sub: Option<String>,
    /// Only those that name this device.
    #[serde(default)]
    device: Option<String>,
    /// All tokens of the app.
    #[serde(default)]
    all: bool,
    /// Only those that were made before this time (`iat`), in Unix seconds; absent is now. Not for a `jti`.
    #[serde(default)]
    issued_before: Option<u64>,
    /// How long to remember it, in seconds: at least as long as the tokens live. Absent is 30 days, at most 366.
    #[serde(default)]
    lasts_seconds: Option<u64>,
}

/// An entry of the list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RevocationEntry {
    /// The token's `jti`.
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
    /// The subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    /// The subject's device.
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    /// Whether all tokens of the app are meant.
    all: bool,
    /// Tokens made before this time are meant, in Unix seconds; absent for a `jti`.
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_before: Option<u64>,
    /// When it is forgotten, in Unix seconds.
    ends_at: u64,
}

/// An app's list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RevocationEntries {
    /// What has been revoked and is not forgotten yet, in no order.
    revocations: Vec<RevocationEntry>,
}

#[utoipa::path(
    post, path = "/admin/revocations", operation_id = "revoke_tokens", tag = "tokens", security(("secret_key" = [])),
    request_body = RevocationRequest,
    responses(
        (status = 200, description = "No such token admits any more, and its sessions close on all nodes", body = RevocationEntry),
        (status = 400, description = "Bad body or field", body = ErrorBody),
        (status = 401, description = "Missing or wrong credential", body = ErrorBody),
        (status = 403, description = "The app is suspended", body = ErrorBody),
        (status = 409, description = "The list is full", body = ErrorBody),
        (status = 413, description = "The body is larger than 32 KB", body = ErrorBody),
        (status = 503, description = "The backend cannot be reached", body = ErrorBody),
    ),
)]
pub(in crate::http) async fn revoke(
    State(parts): State<Arc<Parts>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<RevocationEntry>, RestError> {
    let key = call::key(&parts, &headers)?;
    let request: RevocationRequest = call::body(body).await?;
    let (entry, lasts) = request.into_entry(unix_now().as_secs())?;
    let kept = parts.revocations.add(&key.app.id, entry, lasts).await;
    let entry = kept.map_err(|error| match error {
        RecordsError::Full => RestError::revocations_full(Revocations::ENTRIES_MAX),
        RecordsError::Unavailable(_) | RecordsError::TooLarge => RestError::unavailable(),
    })?;
    tracing::info!(app = %key.app.id, key = %key.id, "tokens were revoked");
    Ok(Json(entry.into()))
}

#[utoipa::path(
    get, path = "/admin/revocations", operation_id = "list_revocations", tag = "tokens", security(("secret_key" = [])),
    responses(
        (status = 200, description = "What has been revoked", body = RevocationEntries),
        (status = 401, description = "Missing or wrong credential", body = ErrorBody),
        (status = 403, description = "The app is suspended", body = ErrorBody),
        (status = 503, description = "The backend cannot be reached", body = ErrorBody),
    ),
)]
pub(in crate::http) async fn list(
    State(parts): State<Arc<Parts>>,
    headers: HeaderMap,
) -> Result<Json<RevocationEntries>, RestError> {
    let key = call::key(&parts, &headers)?;
    let entries = parts.revocations.of(&key.app.id).await?;
    Ok(Json(RevocationEntries {
        revocations: entries.into_iter().map(RevocationEntry::from).collect(),
    }))
}

impl RevocationRequest {
    fn into_entry(self, now_s: u64) -> Result<(Revocation, Duration), RestError> {
        let invalid = |reason: &str| Err(RestError::invalid(reason));
        let target = match (self.jti, self.sub, self.device, self.all) {
            (Some(jti), None, None, false) => {
                if !(1..=Stamp::TOKEN_BYTES_MAX).contains(&jti.len()) {
                    return invalid("jti: must have 1 to 256 bytes");
                }
                if self.issued_before.is_some() {
                    return invalid("issued_before: not for a single token");
                }
                Target::Token(jti)
            }
            (None, Some(sub), None, false) => Target::Subject(subject(&sub)?),
            (None, Some(sub), Some(device), false) => {
                let device: Result<DeviceId, _> = device.parse();
                let device =
                    device.map_err(|error| RestError::invalid(format!("device: {error}")))?;
                Target::Device(subject(&sub)?, device)
            }
            (None, None, None, true) => Target::All,
            (..) => return invalid("one of jti, sub (with or without device) and all is needed"),
        };
        // Whole seconds: what was made in this one is meant too.
        let issued_before = self.issued_before.unwrap_or(now_s + 1);
        if issued_before > now_s + 1 {
            return invalid("issued_before: must not be in the future");
        }
        let lasts_s = self.lasts_seconds.unwrap_or(LASTS_DEFAULT_S);
        if !(1..=LASTS_MAX_S).contains(&lasts_s) {
            return invalid("lasts_seconds: must be 1 to 31622400");
        }
        let entry = Revocation {
            target,
            issued_before,
            ends_at: now_s + lasts_s,
        };
        Ok((entry, Duration::from_secs(lasts_s)))
    }
}

fn subject(text: &str) -> Result<PeerId, RestError> {
    text.parse()
        .map_err(|error| RestError::invalid(format!("sub: {error}")))
}

impl From<Revocation> for RevocationEntry {
    fn from(entry: Revocation) -> Self {
        let (mut jti, mut sub, mut device, mut all) = (None, None, None, false);
        match entry.target {
            Target::Token(token) => jti = Some(token),
            Target::Subject(subject) => sub = Some(subject.to_string()),
            Target::Device(subject, name) => {
                (sub, device) = (Some(subject.to_string()), Some(name.to_string()));
            }
            Target::All => all = true,
        }
        Self {
            issued_before: jti.is_none().then_some(entry.issued_before),
            jti,
            sub,
            device,
            all,
            ends_at: entry.ends_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(json: &str) -> Result<(Revocation, Duration), RestError> {
        serde_json::from_str::<RevocationRequest>(json)
            .unwrap()
            .into_entry(1_000)
    }

    #[test]
    fn exactly_one_target_is_needed() {
        for json in [
            r#"{"jti":"t"}"#,
            r#"{"sub":"alice"}"#,
            r#"{"sub":"alice","device":"phone","issued_before":5}"#,
            r#"{"all":true,"lasts_seconds":1}"#,
        ] {
            assert!(entry(json).is_ok(), "{json}");
        }
        for json in [
            "{}",
            r#"{"all":false}"#,
            r#"{"device":"phone"}"#,
            r#"{"jti":"t","sub":"alice"}"#,
            r#"{"sub":"alice","all":true}"#,
            r#"{"jti":""}"#,
            r#"{"jti":"t","issued_before":5}"#,
            r#"{"sub":""}"#,
            r#"{"sub":"alice","issued_before":1002}"#,
            r#"{"sub":"alice","lasts_seconds":0}"#,
            r#"{"sub":"alice","lasts_seconds":31622401}"#,
        ] {
            assert!(entry(json).is_err(), "{json}");
        }
    }

    #[test]
    fn without_a_date_everything_until_now_is_meant() {
        let (entry, lasts) = entry(r#"{"sub":"alice"}"#).unwrap();
        assert_eq!((entry.issued_before, entry.ends_at), (1_001, 2_593_000));
        assert_eq!(lasts, Duration::from_secs(2_592_000));
    }
}
