//! Firebase Cloud Messaging, HTTP v1: one message for each token, by a service account.
//!
//! The access token is bought with a signed assertion (RFC 7523) and kept until shortly before its end, or until FCM says
//! that it does not count any more.

use std::path::Path;
use std::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::{Failure, WakeUp, accepted, client, payload};
use crate::auth::{ServiceAccount, ServiceAccountError};
use crate::calls::push::PushToken;
use crate::lane::unix_now;

/// What an access token has to allow.
const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// Where FCM is.
const URL: &str = "https://fcm.googleapis.com";
/// A token is not used in the last part of its life.
const MARGIN: Duration = Duration::from_secs(60);
/// Largest answer of the token endpoint, in bytes.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// The client of one project.
#[derive(Debug)]
pub(super) struct Fcm {
    account: ServiceAccount,
    url: String,
    http: reqwest::Client,
    /// Held while a token is bought, so that one is.
    access: Mutex<Option<Access>>,
}

#[derive(Clone)]
struct Access {
    token: String,
    until: Instant,
}

#[derive(Deserialize)]
struct Bought {
    access_token: String,
    expires_in: u64,
}

impl Fcm {
    pub(super) fn new(account: &Path, url: Option<&str>) -> Result<Self, ServiceAccountError> {
        let account = ServiceAccount::read(account)?;
        let url = url.unwrap_or(URL).trim_end_matches('/');
        Ok(Self {
            url: format!("{url}/v1/projects/{}/messages:send", account.project),
            account,
            http: client(),
            access: Mutex::default(),
        })
    }

    pub(super) async fn post(&self, up: &WakeUp, token: &PushToken) -> Result<(), Failure> {
        let access = self.access().await?;
        // High priority, and worth nothing once the phone would find no call.
        let message = serde_json::json!({ "message": {
            "token": token.value,
            "data": payload(up),
            "android": { "priority": "HIGH", "ttl": "0s" },
        }});
        let request = self.http.post(&self.url).bearer_auth(&access.token);
        let status = request.json(&message).send().await?.status();
        if status == StatusCode::UNAUTHORIZED {
            self.forget(&access).await;
        }
        accepted(status)
    }

    async fn access(&self) -> Result<Access, Failure> {
        let mut kept = self.access.lock().await;
        if let Some(access) = kept.as_ref().filter(|access| access.until > Instant::now()) {
            return Ok(access.clone());
        }
        let now_s = unix_now().as_secs();
        let assertion = self.account.assertion(SCOPE, now_s)?;
        let form = format!(
            "grant_type={}&assertion={assertion}",
            GRANT.replace(':', "%3A")
        );
        let mut response = self
            .http
            .post(&self.account.token_uri)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form)
            .send()
            .await?;
        accepted(response.status())?;
        let mut answer = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if answer.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(Failure::Unreadable);
            }
            answer.extend_from_slice(&chunk);
        }
        let bought: Bought = serde_json::from_slice(&answer).map_err(|_| Failure::Unreadable)?;
        let life = Duration::from_secs(bought.expires_in).saturating_sub(MARGIN);
        let access = Access {
            token: bought.access_token,
            until: Instant::now() + life,
        };
        *kept = Some(access.clone());
        Ok(access)
    }

    /// A token that was revoked before its end.
    async fn forget(&self, refused: &Access) {
        let mut kept = self.access.lock().await;
        if kept
            .as_ref()
            .is_some_and(|kept| kept.token == refused.token)
        {
            *kept = None;
        }
    }
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Access([redacted])")
    }
}
