//! The app's own backend as a source of members.
//!
//! Asked with a signed POST; the answer is kept for a while where every edge finds it, so that a reconnect of a whole room
//! asks once per account and not once per edge. Whoever cannot be asked about is not admitted.

use std::sync::Arc;
use std::time::Duration;

use cluster::records::{Change, Changed, Expected, Kind, Shelf};
use cluster::{Records, Unavailable};
use protocol::AppId;
use protocol::room::{RoomId, checked_profile, limits::NAME_BYTES};
use reqwest::StatusCode;
use reqwest::redirect::Policy;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use super::{Asked, MembershipError, Shown, Word};
use crate::config::Secret;
use crate::http_signature::signed_post;
use crate::metrics::{Metrics, WebhookMetrics, WebhookOutcome};

/// How long a yes holds.
const YES_HOLDS: Duration = Duration::from_secs(30);
/// How long a no holds: short, for whoever was just invited.
const NO_HOLDS: Duration = Duration::from_secs(5);
/// Questions at once; more wait, within their time.
const QUESTIONS_MAX: usize = 64;
/// Largest answer, in bytes.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// The client of one backend.
#[derive(Debug)]
pub(super) struct Webhook {
    url: String,
    secret: Secret,
    timeout: Duration,
    http: reqwest::Client,
    places: Arc<Semaphore>,
    records: Records,
    metrics: WebhookMetrics,
}

/// What the backend is asked.
#[derive(Serialize)]
struct Question<'a> {
    app_id: &'a str,
    account_id: &'a str,
    room_id: RoomId,
    device_id: Option<&'a str>,
    token_claims: &'a RawValue,
    remote_ip: std::net::IpAddr,
}

/// What it answers, and how that is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Verdict {
    allow: bool,
    #[serde(default)]
    role: i32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account: Option<Described>,
}

/// What it knows of the account; whatever else it sends is not looked at.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Described {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nick: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    profile: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    updated_at: Option<String>,
}

/// Why there was no usable answer.
#[derive(Debug, thiserror::Error)]
enum WebhookError {
    #[error("no answer in time")]
    Late,
    #[error("the backend cannot be reached")]
    Http(#[from] reqwest::Error),
    #[error("the backend answered with status {0}")]
    Status(StatusCode),
    #[error("the backend's answer is too large or cannot be read")]
    Unreadable,
}

impl Webhook {
    pub(super) fn new(
        url: &str,
        secret: Secret,
        timeout: Duration,
        records: Records,
        metrics: &Metrics,
    ) -> Self {
        let http = reqwest::Client::builder()
            // Where members are asked for is configured, never told by an answer.
            .redirect(Policy::none())
            .no_proxy()
            .build()
            .unwrap_or_default();
        Self {
            url: url.to_owned(),
            secret,
            timeout,
            http,
            places: Arc::new(Semaphore::new(QUESTIONS_MAX)),
            records,
            metrics: metrics.webhook.clone(),
        }
    }

    pub(super) async fn word(&self, asked: &Asked) -> Result<Word, MembershipError> {
        let shelf = Shelf::of_room(&asked.app, Kind::Verdict, asked.room);
        let name = (&asked.account).into();
        if let Some(kept) = self.records.read(&shelf, &name).await?
            && let Ok(verdict) = serde_json::from_str::<Verdict>(&kept.value)
        {
            self.metrics.requests.count(WebhookOutcome::Cached);
            return Ok(verdict.into_word());
        }
        self.fresh_word(asked).await
    }

    /// What the backend says now, whatever it said before.
    pub(super) async fn fresh_word(&self, asked: &Asked) -> Result<Word, MembershipError> {
        let shelf = Shelf::of_room(&asked.app, Kind::Verdict, asked.room);
        let name = (&asked.account).into();
        let began = Instant::now();
        let answered = timeout(self.timeout, self.ask(asked)).await;
        self.metrics.seconds.observe(began.elapsed().as_secs_f64());
        let verdict = match answered.unwrap_or(Err(WebhookError::Late)) {
            Ok(verdict) => verdict,
            Err(error) => {
                self.metrics.requests.count(WebhookOutcome::Failed);
                tracing::warn!(error = %error, "the membership webhook failed, nobody is admitted by it");
                return Err(MembershipError::Unavailable);
            }
        };
        let (outcome, holds) = if verdict.admits() {
            (WebhookOutcome::Allowed, YES_HOLDS)
        } else {
            (WebhookOutcome::Denied, NO_HOLDS)
        };
        self.metrics.requests.count(outcome);
        let value = serde_json::to_string(&verdict).expect("strings and JSON are JSON");
        let change = Change::Put {
            value: value.into(),
            expires_in: Some(holds),
        };
        // What cannot be kept is asked again; the answer counts all the same.
        match self
            .records
            .change(&shelf, &name, change, Expected::Anything)
            .await
        {
            Ok(Changed::Done(_) | Changed::Conflict(_)) => {}
            Err(error) => tracing::debug!(%error, "a webhook's answer was not kept"),
        }
        Ok(verdict.into_word())
    }

    async fn ask(&self, asked: &Asked) -> Result<Verdict, WebhookError> {
        let Ok(_place) = self.places.acquire().await else {
            return Err(WebhookError::Late);
        };
        let question = Question {
            app_id: asked.app.as_str(),
            account_id: asked.account.as_str(),
            room_id: asked.room,
            device_id: asked.device.as_ref().map(|device| device.as_str()),
            token_claims: &asked.claims,
            remote_ip: asked.remote_ip,
        };
        let body = serde_json::to_vec(&question).expect("strings and JSON are JSON");
        let request = signed_post(&self.http, &self.url, &self.secret, body);
        let mut response = request.send().await?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::FORBIDDEN => return Ok(Verdict::NO),
            status => return Err(WebhookError::Status(status)),
        }
        let mut answer = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if answer.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(WebhookError::Unreadable);
            }
            answer.extend_from_slice(&chunk);
        }
        let verdict: Verdict =
            serde_json::from_slice(&answer).map_err(|_| WebhookError::Unreadable)?;
        Ok(verdict.checked())
    }
}

/// Forgets every verdict about a room.
pub(super) async fn forget(
    records: &Records,
    app: &AppId,
    room: RoomId,
) -> Result<usize, Unavailable> {
    records
        .clear(&Shelf::of_room(app, Kind::Verdict, room))
        .await
}

impl Verdict {
    const NO: Self = Self {
        allow: false,
        role: 0,
        account: None,
    };

    const fn admits(&self) -> bool {
        self.allow && self.role >= 0
    }

    /// Leaves out what others could not be shown: the membership counts, a bad profile does not.
    fn checked(mut self) -> Self {
        if let Some(account) = &mut self.account {
            let is_name = |name: &String| (1..=NAME_BYTES).contains(&name.len());
            account.name = account.name.take().filter(is_name);
            account.nick = account.nick.take().filter(is_name);
            account.updated_at = account.updated_at.take().filter(is_name);
            let profile = account.profile.take();
            account.profile = profile.and_then(|profile| checked_profile(&profile).ok());
        }
        self
    }

    fn into_word(self) -> Word {
        if !self.admits() {
            return Word::Stranger;
        }
        let shown = self.account.map(|account| Shown {
            name: account.name,
            nick: account.nick,
            profile: account.profile,
            updated_at: account.updated_at,
        });
        Word::Member(shown.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_negative_role_is_no_member_and_a_bad_profile_is_left_out() {
        let read = |json: &str| serde_json::from_str::<Verdict>(json).unwrap().checked();
        assert!(matches!(
            read(r#"{"allow":true,"role":-1}"#).into_word(),
            Word::Stranger
        ));
        assert!(matches!(
            read(r#"{"allow":false,"role":100}"#).into_word(),
            Word::Stranger
        ));
        let json = r#"{"allow":true,"account":{"name":"al","profile":[],"contacts":["mail"]}}"#;
        let Word::Member(shown) = read(json).into_word() else {
            panic!("a member");
        };
        assert_eq!(
            (shown.name.as_deref(), shown.profile.is_none()),
            (Some("al"), true)
        );
    }
}
