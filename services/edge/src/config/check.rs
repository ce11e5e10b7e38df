//! Values that are wrong by themselves or at odds with each other, beyond what their types say.
//!
//! Reports all of them at once, so that an operator repairs a file in one go.

use std::time::Duration;

use tracing_subscriber::EnvFilter;

use super::{
    Config, DeviceConfig, LimitsConfig, MembershipSource, RoomConfig, Secret, TimingConfig,
    TurnConfig,
};
use crate::tenancy::Tenancy;

/// Settings with what is wrong with them.
#[derive(Debug, Default)]
struct Findings(Vec<(String, String)>);

impl Findings {
    fn require(&mut self, holds: impl FnOnce() -> bool, setting: &str, reason: impl Into<String>) {
        if !holds() {
            self.0.push((setting.to_owned(), reason.into()));
        }
    }
}

/// Everything that is wrong: the setting and the reason.
pub(super) fn problems(config: &Config) -> Vec<(String, String)> {
    let mut findings = Findings::default();
    check_process(config, &mut findings);
    check_limits(config, &mut findings);
    check_timing(&config.timing, &mut findings);
    check_turn(&config.turn, &mut findings);
    check_room(config, &mut findings);
    check_calls(config, &mut findings);
    check_device(&config.device, &mut findings);
    if let Err(error) = Tenancy::new(&config.apps) {
        findings.0.push(("apps".to_owned(), error.to_string()));
    }
    findings.0
}

fn check_process(config: &Config, findings: &mut Findings) {
    findings.require(
        || config.listen.port() == 0 || config.listen != config.admin_listen,
        "admin_listen",
        "must differ from listen",
    );
    let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    findings.require(
        || (1..=64).contains(&config.region.len()) && config.region.bytes().all(is_name_byte),
        "region",
        "must have 1 to 64 of A-Z a-z 0-9 . _ -",
    );
    findings.require(
        || EnvFilter::try_new(&config.log).is_ok(),
        "log",
        "is not a log filter, such as info or info,edge=debug",
    );
    findings.require(|| config.lanes <= 255, "lanes", "must be at most 255");
    findings.require(
        || {
            (1..=32).contains(&config.redis.prefix.len())
                && config.redis.prefix.bytes().all(is_name_byte)
        },
        "redis.prefix",
        "must have 1 to 32 of A-Z a-z 0-9 . _ -",
    );
}

fn check_limits(config: &Config, findings: &mut Findings) {
    let limits = &config.limits;
    findings.require(
        || limits.messages_per_second == 0 || limits.message_burst > 0,
        "limits.message_burst",
        "must be at least 1 while limits.messages_per_second is on, else nobody could send",
    );
    findings.require(
        || limits.mailbox_bytes >= LimitsConfig::MAILBOX_MIN_BYTES,
        "limits.mailbox_bytes",
        format!(
            "must be at least {} and cannot be switched off",
            LimitsConfig::MAILBOX_MIN_BYTES
        ),
    );
    findings.require(
        || {
            limits.unauthenticated_total == 0
                || limits.unauthenticated_per_address <= limits.unauthenticated_total
        },
        "limits.unauthenticated_per_address",
        "must not exceed limits.unauthenticated_total",
    );
}

fn check_timing(timing: &TimingConfig, findings: &mut Findings) {
    for (setting, duration) in timing.all() {
        findings.require(
            || duration <= TimingConfig::LONGEST,
            setting,
            "must be at most 24h",
        );
        findings.require(
            || {
                let may_be_off = ["timing.presence_grace", "timing.lease_audit"];
                duration > Duration::ZERO || may_be_off.contains(&setting)
            },
            setting,
            "must be longer than 0s",
        );
    }
    findings.require(
        || timing.pong < timing.ping,
        "timing.pong",
        "must be shorter than timing.ping",
    );
    findings.require(
        || timing.presence_grace.is_zero() || timing.presence_grace < timing.drain,
        "timing.presence_grace",
        "must be shorter than timing.drain, else a leaving edge could not keep it",
    );
}

fn check_turn(turn: &TurnConfig, findings: &mut Findings) {
    let starts = |url: &str, schemes: &[&str]| schemes.iter().any(|scheme| url.starts_with(scheme));
    findings.require(
        || turn.urls.len() <= TurnConfig::MAX_URLS,
        "turn.urls",
        format!(
            "must have at most {} entries, clients ignore a longer list",
            TurnConfig::MAX_URLS
        ),
    );
    for url in &turn.urls {
        findings.require(
            || {
                starts(url, &["stun:", "stuns:", "turn:", "turns:"])
                    && url.bytes().all(|byte| byte.is_ascii_graphic())
            },
            "turn.urls",
            format!("{url:?} must begin with stun:, stuns:, turn: or turns: and have no spaces"),
        );
        findings.require(
            || url.len() <= TurnConfig::MAX_URL_BYTES,
            "turn.urls",
            format!(
                "an entry is longer than {} bytes, clients ignore the whole list",
                TurnConfig::MAX_URL_BYTES
            ),
        );
    }
    findings.require(
        || {
            !turn.secrets.is_empty()
                || !turn
                    .urls
                    .iter()
                    .any(|url| starts(url, &["turn:", "turns:"]))
        },
        "turn.secrets",
        "must have an entry when turn.urls names a TURN server",
    );
    findings.require(
        || {
            turn.secrets
                .iter()
                .all(|secret| !secret.expose().is_empty())
        },
        "turn.secrets",
        "must not have an empty entry",
    );
    findings.require(
        || (TurnConfig::TTL_MIN_SECONDS..=TurnConfig::TTL_MAX_SECONDS).contains(&turn.ttl_seconds),
        "turn.ttl_seconds",
        format!(
            "must be {} to {}",
            TurnConfig::TTL_MIN_SECONDS,
            TurnConfig::TTL_MAX_SECONDS
        ),
    );
}

fn check_device(device: &DeviceConfig, findings: &mut Findings) {
    let interval = device.keepalive_interval;
    findings.require(
        || interval > Duration::ZERO && interval <= DeviceConfig::KEEPALIVE_LONGEST,
        "device.keepalive_interval",
        "must be longer than 0s and at most 5m",
    );
    findings.require(
        || device.requests_per_second == 0 || device.request_burst > 0,
        "device.request_burst",
        "must be at least 1 while device.requests_per_second is on, else nobody could ask",
    );
    findings.require(
        || (1..=16 * 1024 * 1024).contains(&device.frame_bytes),
        "device.frame_bytes",
        "must be 1 to 16777216 and cannot be switched off",
    );
}

fn check_room(config: &Config, findings: &mut Findings) {
    let room = &config.room;
    findings.require(
        || room.messages_per_second == 0 || room.message_burst > 0,
        "room.message_burst",
        "must be at least 1 while room.messages_per_second is on, else nobody could send",
    );
    findings.require(
        || (1..=16 * 1024 * 1024).contains(&room.frame_bytes),
        "room.frame_bytes",
        "must be 1 to 16777216 and cannot be switched off",
    );
    let repeats = |index: usize| room.membership[..index].contains(&room.membership[index]);
    findings.require(
        || !room.membership.is_empty() && !(0..room.membership.len()).any(repeats),
        "room.membership",
        "must name at least one of token, registry, webhook and open, each once",
    );
    findings.require(
        || room.webhook_url.as_deref().is_none_or(is_http),
        "room.webhook_url",
        "must be an http:// or https:// URL",
    );
    let asks = room.membership.contains(&MembershipSource::Webhook);
    findings.require(
        || !asks || room.webhook_url.is_some(),
        "room.webhook_url",
        "must be given when room.membership names webhook",
    );
    findings.require(
        || !asks || room.webhook_secret.as_ref().is_some_and(is_secret),
        "room.webhook_secret",
        format!(
            "must have at least {} bytes when room.membership names webhook",
            RoomConfig::WEBHOOK_SECRET_MIN_BYTES
        ),
    );
    findings.require(
        || (Duration::from_millis(100)..=Duration::from_secs(30)).contains(&room.webhook_timeout),
        "room.webhook_timeout",
        "must be 100ms to 30s",
    );
    findings.require(
        || {
            let allowed = Duration::from_secs(1)..=TimingConfig::LONGEST;
            room.webhook_recheck.is_zero() || allowed.contains(&room.webhook_recheck)
        },
        "room.webhook_recheck",
        "must be 1s to 24h, or 0 to switch it off",
    );
}

fn check_calls(config: &Config, findings: &mut Findings) {
    let second = Duration::from_secs(1);
    for (setting, duration) in [
        ("calls.ring", config.calls.ring),
        ("calls.grace", config.calls.grace),
    ] {
        findings.require(
            || (second..=TimingConfig::LONGEST).contains(&duration),
            setting,
            "must be 1s to 24h",
        );
    }
    let push = &config.push;
    for (setting, url) in [
        ("push.webhook_url", &push.webhook_url),
        ("push.fcm_url", &push.fcm_url),
    ] {
        findings.require(
            || url.as_deref().is_none_or(is_http),
            setting,
            "must be an http:// or https:// URL",
        );
    }
    findings.require(
        || push.webhook_url.is_none() || push.webhook_secret.as_ref().is_some_and(is_secret),
        "push.webhook_secret",
        format!(
            "must have at least {} bytes when push.webhook_url is given",
            RoomConfig::WEBHOOK_SECRET_MIN_BYTES
        ),
    );
}

fn is_http(url: &str) -> bool {
    let address = url.strip_prefix("https://").or(url.strip_prefix("http://"));
    address.is_some_and(|address| !address.starts_with('/') && !address.is_empty())
        && url.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_secret(secret: &Secret) -> bool {
    secret.expose().len() >= RoomConfig::WEBHOOK_SECRET_MIN_BYTES
}
