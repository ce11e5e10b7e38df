//! Waking devices that are called and have no session (spec device §6.6).
//!
//! The call is on the device's line before anything is sent. Sent from a bounded number of tasks, tried again with growing
//! and random pauses for as long as it rings, and never for a call that was sent before (the caller's edge says so in the
//! call's records). `webhook`: your own backend. `fcm`: Firebase Cloud Messaging.

mod fcm;
mod webhook;

use std::sync::Arc;
use std::time::Duration;

use protocol::device::{CallId, Number};
use protocol::{AppId, DeviceId, PeerId};
use rand::Rng as _;
use reqwest::StatusCode;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::auth::ServiceAccountError;
use crate::calls::push::{PushKind, PushToken};
use crate::config::PushConfig;
use crate::metrics::{CallMetrics, WakeOutcome};
use fcm::Fcm;
use webhook::Webhook;

/// Wake-ups at once; more wait for their turn.
const AT_ONCE_MAX: usize = 64;
/// Wake-ups that wait; what comes beyond is lost, and counted.
const WAITING_MAX: usize = 4_096;
/// How long one attempt may take.
const ATTEMPT_WITHIN: Duration = Duration::from_secs(5);
/// The pause after the first attempt; it doubles with each.
const PAUSE: Duration = Duration::from_millis(250);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(8);

/// Who wakes devices.
#[derive(Clone, Debug)]
pub(crate) struct Wake(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    webhook: Option<Webhook>,
    fcm: Option<Fcm>,
    /// How long a wake-up is worth anything: as long as the call rings.
    worth: Duration,
    places: Semaphore,
    waiting: Arc<Semaphore>,
    metrics: CallMetrics,
    tasks: TaskTracker,
    drain: CancellationToken,
}

/// A device is to be woken for a call.
#[derive(Clone, Debug)]
pub(super) struct WakeUp {
    pub(super) app: AppId,
    pub(super) user: PeerId,
    pub(super) device: DeviceId,
    pub(super) tokens: Vec<PushToken>,
    pub(super) call: CallId,
    pub(super) caller: Number,
    pub(super) caller_name: Option<String>,
    pub(super) has_video: bool,
}

/// Devices cannot be woken as configured.
#[derive(Debug, thiserror::Error)]
#[error("push.fcm_account_file: {path} {source}")]
pub struct WakeError {
    path: String,
    source: ServiceAccountError,
}

/// Why one attempt failed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("no answer in time")]
    Late,
    #[error("the service cannot be reached")]
    Http(#[from] reqwest::Error),
    #[error("the service answered with status {0}")]
    Status(StatusCode),
    #[error("the service's answer cannot be read")]
    Unreadable,
    #[error(transparent)]
    Sign(#[from] crate::auth::SignError),
}

/// Where a wake-up goes.
#[derive(Clone, Copy, Debug)]
enum Way<'a> {
    Webhook(&'a Webhook),
    Fcm(&'a Fcm, &'a PushToken),
}

impl Wake {
    /// # Errors
    /// The key file of the service account is of no use.
    pub(crate) fn new(
        config: &PushConfig,
        worth: Duration,
        metrics: CallMetrics,
        tasks: TaskTracker,
        drain: CancellationToken,
    ) -> Result<Self, WakeError> {
        let webhook = config
            .webhook_url
            .as_ref()
            .zip(config.webhook_secret.clone());
        let fcm = match &config.fcm_account_file {
            None => None,
            Some(path) => {
                let fcm = Fcm::new(path, config.fcm_url.as_deref());
                Some(fcm.map_err(|source| WakeError {
                    path: path.display().to_string(),
                    source,
                })?)
            }
        };
        Ok(Self(Arc::new(Inner {
            webhook: webhook.map(|(url, secret)| Webhook::new(url, secret)),
            fcm,
            worth,
            places: Semaphore::new(AT_ONCE_MAX),
            waiting: Arc::new(Semaphore::new(WAITING_MAX)),
            metrics,
            tasks,
            drain,
        })))
    }

    /// Those of a device's tokens by which this edge can wake it.
    pub(super) fn usable(&self, tokens: &[PushToken]) -> Vec<PushToken> {
        let is_usable = |token: &&PushToken| {
            self.0.webhook.is_some() || (token.kind == PushKind::Fcm && self.0.fcm.is_some())
        };
        tokens.iter().filter(is_usable).cloned().collect()
    }

    /// Sends a wake-up, in its own time.
    pub(super) fn send(&self, up: WakeUp) {
        let Ok(waiting) = Arc::clone(&self.0.waiting).try_acquire_owned() else {
            self.0.metrics.wakes.count(WakeOutcome::Dropped);
            tracing::warn!("too many wake-ups wait, one is not sent");
            return;
        };
        let deadline = Instant::now() + self.0.worth;
        let wake = self.clone();
        self.0.tasks.spawn(async move {
            let _waiting = waiting;
            for way in wake.ways(&up) {
                let outcome = wake.deliver(way, &up, deadline).await;
                wake.0.metrics.wakes.count(outcome);
            }
        });
    }

    /// FCM is asked once for each of its tokens, the webhook once for all others.
    fn ways<'a>(&'a self, up: &'a WakeUp) -> Vec<Way<'a>> {
        let (to_fcm, others): (Vec<_>, Vec<_>) = up
            .tokens
            .iter()
            .partition(|token| token.kind == PushKind::Fcm && self.0.fcm.is_some());
        let fcm = self.0.fcm.iter();
        let mut ways: Vec<_> = fcm
            .flat_map(|fcm| to_fcm.iter().map(move |token| Way::Fcm(fcm, token)))
            .collect();
        if let Some(webhook) = self.0.webhook.as_ref().filter(|_| !others.is_empty()) {
            ways.push(Way::Webhook(webhook));
        }
        ways
    }

    async fn deliver(&self, way: Way<'_>, up: &WakeUp, deadline: Instant) -> WakeOutcome {
        let mut pause = PAUSE;
        loop {
            let failure = match self.attempt(way, up, deadline).await {
                Ok(()) => return WakeOutcome::Sent,
                Err(failure) => failure,
            };
            if failure.is_final() {
                tracing::warn!(error = %failure, app = %up.app, "a wake-up was refused");
                return WakeOutcome::Refused;
            }
            // Anything from half to all of it, so that those who failed together do not come back together.
            let jittered = pause.mul_f64(rand::rng().random_range(0.5..1.0));
            pause = (2 * pause).min(PAUSE_MAX);
            if Instant::now() + jittered >= deadline {
                tracing::warn!(error = %failure, app = %up.app, "a wake-up failed until it was too late");
                return WakeOutcome::Failed;
            }
            self.0.metrics.wakes.count(WakeOutcome::Retried);
            tokio::select! {
                () = sleep(jittered) => {}
                // An edge that leaves makes one more attempt, and no pauses.
                () = self.0.drain.cancelled() => return self.last_attempt(way, up, deadline).await,
            }
        }
    }

    async fn last_attempt(&self, way: Way<'_>, up: &WakeUp, deadline: Instant) -> WakeOutcome {
        match self.attempt(way, up, deadline).await {
            Ok(()) => WakeOutcome::Sent,
            Err(failure) => {
                tracing::warn!(error = %failure, app = %up.app, "a wake-up failed while the edge leaves");
                WakeOutcome::Failed
            }
        }
    }

    async fn attempt(&self, way: Way<'_>, up: &WakeUp, deadline: Instant) -> Result<(), Failure> {
        let by = deadline.min(Instant::now() + ATTEMPT_WITHIN);
        let attempt = async {
            let Ok(_place) = self.0.places.acquire().await else {
                return Err(Failure::Late);
            };
            match way {
                Way::Webhook(webhook) => webhook.post(up).await,
                Way::Fcm(fcm, token) => fcm.post(up, token).await,
            }
        };
        timeout_at(by, attempt).await.unwrap_or(Err(Failure::Late))
    }
}

impl Failure {
    /// Whether another attempt would fare no better.
    fn is_final(&self) -> bool {
        match self {
            Self::Status(status) => {
                let may_pass = [
                    StatusCode::REQUEST_TIMEOUT,
                    StatusCode::TOO_MANY_REQUESTS,
                    StatusCode::UNAUTHORIZED,
                ];
                !status.is_server_error() && !may_pass.contains(status)
            }
            Self::Sign(_) => true,
            Self::Late | Self::Http(_) | Self::Unreadable => false,
        }
    }
}

/// What a service is told of the call, all of it text: a phone knows a call by `callId` (spec device §6.6).
fn payload(up: &WakeUp) -> serde_json::Value {
    let shown = up.caller_name.as_deref().unwrap_or(up.caller.as_str());
    serde_json::json!({
        "callId": up.call,
        "handleType": "number",
        "handleValue": up.caller,
        "displayName": shown,
        "hasVideo": if up.has_video { "true" } else { "false" },
    })
}

fn client() -> reqwest::Client {
    let client = reqwest::Client::builder()
        // Where devices are woken is configured, never told by an answer.
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy();
    client.build().unwrap_or_default()
}

fn accepted(status: StatusCode) -> Result<(), Failure> {
    if status.is_success() {
        Ok(())
    } else {
        Err(Failure::Status(status))
    }
}
