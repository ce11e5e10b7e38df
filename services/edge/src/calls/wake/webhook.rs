//! The operator's own backend as the one who wakes devices: a signed POST.

use serde::Serialize;

use super::{Failure, WakeUp, accepted, client, payload};
use crate::calls::push::PushToken;
use crate::config::Secret;
use crate::http_signature::signed_post;

/// The client of one backend.
#[derive(Debug)]
pub(super) struct Webhook {
    url: String,
    secret: Secret,
    http: reqwest::Client,
}

/// What it is told.
#[derive(Serialize)]
struct Told<'a> {
    event: &'static str,
    app_id: &'a str,
    user_id: &'a str,
    device_id: &'a str,
    tokens: &'a [PushToken],
    payload: serde_json::Value,
}

impl Webhook {
    pub(super) fn new(url: &str, secret: Secret) -> Self {
        Self {
            url: url.to_owned(),
            secret,
            http: client(),
        }
    }

    pub(super) async fn post(&self, up: &WakeUp) -> Result<(), Failure> {
        let told = Told {
            event: "incoming_call",
            app_id: up.app.as_str(),
            user_id: up.user.as_str(),
            device_id: up.device.as_str(),
            tokens: &up.tokens,
            payload: payload(up),
        };
        let body = serde_json::to_vec(&told).expect("names and texts are plain JSON");
        let request = signed_post(&self.http, &self.url, &self.secret, body);
        accepted(request.send().await?.status())
    }
}
