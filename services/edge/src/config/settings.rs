//! The list of all settings, for machines: documentation, charts and the environment are compared with it.
//!
//! Owns name, default, unit and meaning of every setting. Invariant, kept by the tests below: it has exactly the keys
//! of a serialised [`Config`](super::Config) with their defaults, and `docs/CONFIG.md` names each of them.

use super::setting::{Setting, duration, in_file, list, number, switch, text};

/// Every setting, in the order of the file.
pub const SETTINGS: &[Setting] = &[
    text(
        "listen",
        "127.0.0.1:8080",
        "Address and port for clients; port 0 takes a free one.",
    ),
    text(
        "admin_listen",
        "127.0.0.1:8081",
        "Address and port for health, metrics and the administrator; keep it off the public network.",
    ),
    text(
        "redis_url",
        "none",
        "Redis that the edges share; without it the edge runs alone, everything in this process.",
    ),
    text(
        "edge_id",
        "none",
        "Name of this edge, unique in the cluster; without it a random one at each start.",
    ),
    text("region", "local", "Region that this edge reports."),
    text(
        "log",
        "info",
        "Filter of the log: a level, or a list such as `info,edge=debug`.",
    ),
    text(
        "log_format",
        "auto",
        "`pretty`, `json`, or `auto`: pretty on a terminal, else JSON.",
    ),
    list(
        "trusted_proxies",
        "[]",
        "Networks (CIDR) of your own proxies. `X-Forwarded-For` is believed only from them, read from right to left past their own addresses.",
    ),
    switch(
        "echo_door",
        "false",
        "`GET /echo` repeats what it hears. For conformance tests of the WebSocket layer only: anybody may connect.",
    ),
    number(
        "lanes",
        "0",
        "threads",
        "Threads that own sessions; 0 means one per core.",
    ),
    number(
        "limits.connects_per_minute",
        "60",
        "connects per 60 s",
        "Connects that one source address (IPv6: one /64) may begin; more are answered 429.",
    ),
    number(
        "limits.messages_per_second",
        "100",
        "messages per second",
        "Refill of a session's message bucket; an empty bucket closes the session with 4011.",
    ),
    number(
        "limits.message_burst",
        "200",
        "messages",
        "Size of a session's message bucket.",
    ),
    number(
        "limits.mailbox_bytes",
        "1048576",
        "bytes",
        "Unsent bytes of a session beyond which it is closed as a slow consumer; at least 16384, it cannot be switched off.",
    ),
    number(
        "limits.channels_per_session",
        "100",
        "channels",
        "Channels that one session may hold.",
    ),
    number(
        "limits.unauthenticated_per_address",
        "64",
        "sockets",
        "Sockets of one source address that are not admitted yet.",
    ),
    number(
        "limits.unauthenticated_total",
        "4096",
        "sockets",
        "Sockets of this edge that are not admitted yet.",
    ),
    number(
        "limits.presence_named_members",
        "1000",
        "members",
        "Members above which presence frames stop naming them.",
    ),
    duration("timing.ping", "30s", "Interval of the WebSocket ping."),
    duration(
        "timing.pong",
        "10s",
        "Time for the answer to a ping; shorter than `timing.ping`.",
    ),
    duration(
        "timing.handshake",
        "5s",
        "Time for the request head, and again for the admission.",
    ),
    duration(
        "timing.presence_grace",
        "0s",
        "Room dialect: time during which a member that was lost, not one that left, may return unnoticed; 0 tells at once. `3s` suits calls.",
    ),
    duration(
        "timing.edge_ttl",
        "8s",
        "Life of an edge's heartbeat in Redis; a crashed edge's members leave after it.",
    ),
    duration(
        "timing.lease_audit",
        "15s",
        "How often the edge looks in Redis for devices that its sessions have lost; every twentieth time, at least every five minutes, it compares each lease. 0 switches it off.",
    ),
    duration(
        "timing.drain",
        "20s",
        "Time for an orderly leave; keep it below the platform's own grace period.",
    ),
    text(
        "redis.prefix",
        "sw",
        "What every name in Redis begins with: deployments that share a Redis have different ones.",
    ),
    text(
        "redis.ca_file",
        "none",
        "File with certificates (PEM) to trust beside the system's, for `rediss…` URLs.",
    ),
    duration(
        "redis.topology_poll",
        "500ms",
        "How often Sentinel is asked for the primary, or a Redis Cluster for its slots; 0 switches it off, and a planned failover then splits the cluster for some ten seconds.",
    ),
    duration(
        "redis.probe",
        "1s",
        "How often the edge tries its own way through Redis; two misses rebuild the link. 0 switches it off, and a frozen Redis may go unnoticed.",
    ),
    list(
        "turn.urls",
        "[]",
        "STUN and TURN URLs that `welcome` advertises; empty advertises nothing.",
    ),
    list(
        "turn.secrets",
        "[]",
        "Secrets shared with the TURN servers; the first signs. To replace one: add the new one on the servers, put it first here, then remove the old one on the servers.",
    ),
    number(
        "turn.ttl_seconds",
        "600",
        "seconds",
        "Life of a TURN credential, 60 to 86400.",
    ),
    number(
        "room.messages_per_second",
        "50",
        "messages per second",
        "Room dialect: refill of a session's message bucket.",
    ),
    number(
        "room.message_burst",
        "400",
        "messages",
        "Room dialect: size of a session's message bucket.",
    ),
    number(
        "room.frame_bytes",
        "262144",
        "bytes",
        "Room dialect: the largest frame, 1 to 16777216.",
    ),
    text(
        "room.wire",
        "default",
        "Room dialect: how a client is spoken to that does not say how: `default`, or `guide` for the sample code of the guide.",
    ),
    switch(
        "room.close_on_expiry",
        "true",
        "Room dialect: a session ends with its token, with 4401.",
    ),
    list(
        "room.membership",
        "[\"token\", \"registry\"]",
        "Room dialect: who may say that an account belongs to a room, in this order: `token`, `registry`, `webhook`; `open` admits any account and is for trials only.",
    ),
    text(
        "room.webhook_url",
        "none",
        "Room dialect: where your backend is asked whether an account belongs to a room.",
    ),
    text(
        "room.webhook_secret",
        "none",
        "Room dialect: secret that signs what the webhook is asked.",
    ),
    duration(
        "room.webhook_timeout",
        "5s",
        "Room dialect: time for the webhook's answer; after it nobody is admitted.",
    ),
    duration(
        "room.webhook_recheck",
        "5m",
        "Room dialect: time within which everybody who is in a room by the webhook is asked about again; a no closes with 4403, no answer closes nobody. 0 switches it off.",
    ),
    duration(
        "calls.ring",
        "1m",
        "How long a call rings before the caller hears 480; at least 1s.",
    ),
    duration(
        "calls.grace",
        "1m",
        "How long a call waits for a device that lost its connection; at least 1s, and no less than a client needs to come back, 13 s.",
    ),
    switch(
        "calls.fold_candidates",
        "false",
        "Hold an offer back until its sender's candidates are known, 1 s at most, and write them into it; for phones that do not take trickled ones.",
    ),
    text(
        "push.webhook_url",
        "none",
        "Where your backend is told to wake a device that is called and has no session.",
    ),
    text(
        "push.webhook_secret",
        "none",
        "Secret that signs what that webhook is told; at least 16 bytes.",
    ),
    text(
        "push.fcm_account_file",
        "none",
        "Key file (JSON) of the service account that sends by Firebase Cloud Messaging; tokens of type `fcm` then do not go to the webhook.",
    ),
    text(
        "push.fcm_url",
        "none",
        "Where Firebase Cloud Messaging is asked, for tests; without it `https://fcm.googleapis.com`.",
    ),
    duration(
        "device.keepalive_interval",
        "30s",
        "Device dialect: silence after which a client sends a keepalive, as the state tells it; at most 5m. A client that is silent for twice this time, and for it and 10s, is closed with 4502.",
    ),
    number(
        "device.requests_per_second",
        "50",
        "requests per second",
        "Device dialect: refill of a session's bucket of requests and keepalives.",
    ),
    number(
        "device.request_burst",
        "200",
        "requests",
        "Device dialect: size of a session's bucket of requests and keepalives.",
    ),
    number(
        "device.frame_bytes",
        "65536",
        "bytes",
        "Device dialect: the largest frame, 1 to 16777216.",
    ),
    in_file(
        "apps[].id",
        "required",
        "-",
        "Name of the app: 1 to 64 of `A-Z a-z 0-9 . _ -`.",
    ),
    in_file(
        "apps[].suspended",
        "false",
        "-",
        "A suspended app admits nobody; its live sessions close with 4012.",
    ),
    in_file(
        "apps[].tenants",
        "[]",
        "-",
        "Further names under which a device path or a `tenant` claim may call this app.",
    ),
    in_file(
        "apps[].numbers[].number",
        "required",
        "-",
        "Device dialect: a number of this app that calls a user. It counts before the directory that is kept over REST.",
    ),
    in_file(
        "apps[].numbers[].user",
        "required",
        "-",
        "Device dialect: the user, `sub` of its tokens.",
    ),
    in_file(
        "apps[].numbers[].name",
        "none",
        "-",
        "Device dialect: how the user is shown to those whom it calls.",
    ),
    in_file(
        "apps[].plan.name",
        "none",
        "-",
        "Name of the plan, only reported.",
    ),
    in_file(
        "apps[].plan.max_sessions",
        "0",
        "sessions",
        "Sessions at the same time, over all edges; 0 is unlimited.",
    ),
    in_file(
        "apps[].plan.max_messages",
        "0",
        "messages per period",
        "Messages in one period, over all edges; 0 is unlimited.",
    ),
    in_file(
        "apps[].plan.period",
        "month",
        "-",
        "Period in which messages are counted: `month`, a calendar month in UTC.",
    ),
    in_file(
        "apps[].plan.overage",
        "false",
        "-",
        "Count what is over the plan instead of refusing it.",
    ),
    in_file(
        "apps[].keys[].id",
        "required",
        "-",
        "Name of the key; `pk_…` is publishable, anything else a secret key.",
    ),
    in_file(
        "apps[].keys[].secret",
        "none",
        "-",
        "Secret of a secret key: signs tokens and authorises REST; a publishable key has none.",
    ),
    in_file(
        "apps[].keys[].channel_patterns",
        "required",
        "-",
        "Channels that the key reaches; `*` stops at `/`, `**` does not.",
    ),
    in_file(
        "apps[].keys[].actions",
        "required",
        "-",
        "What the key may do: `publish`, `subscribe`, `presence`, `send`.",
    ),
    in_file(
        "apps[].keys[].allowed_origins",
        "[]",
        "-",
        "Origins of the web pages that may connect, `scheme://host[:port]`; empty allows all.",
    ),
    in_file(
        "apps[].keys[].inject_turn",
        "true",
        "-",
        "Advertise the TURN servers in `welcome`.",
    ),
    in_file(
        "apps[].keys[].one_session_per_peer",
        "false",
        "-",
        "A peer's newer session takes over from its older one, which closes with 4441.",
    ),
    in_file(
        "apps[].issuers[].iss",
        "required",
        "-",
        "The `iss` claim of the issuer's tokens, exactly; unique in the file, 1 to 512 bytes.",
    ),
    in_file(
        "apps[].issuers[].aud",
        "none",
        "-",
        "What the `aud` claim must be, or contain; without it the claim is not looked at.",
    ),
    in_file(
        "apps[].issuers[].algorithm",
        "none",
        "-",
        "The only algorithm: `RS256`, `RS384`, `RS512`, `PS256`, `PS384`, `PS512`, `ES256`, `ES384` or `EdDSA`; without it each key's own.",
    ),
    in_file(
        "apps[].issuers[].key_file",
        "none",
        "-",
        "File with the public keys: one in PEM, a JWK or a JWK set. Either this or `jwks_url`.",
    ),
    in_file(
        "apps[].issuers[].jwks_url",
        "none",
        "-",
        "Endpoint that publishes the public keys as a JWK set; `https`, or `http` on this machine.",
    ),
    in_file(
        "apps[].issuers[].allow_http",
        "false",
        "-",
        "Ask `jwks_url` without TLS: whoever is on the way can then sign tokens.",
    ),
    in_file(
        "apps[].issuers[].allow_private",
        "false",
        "-",
        "`jwks_url` may lead to a private address, such as a service in the same cluster.",
    ),
    in_file(
        "apps[].issuers[].refresh",
        "10m",
        "duration",
        "Time between two fetches of `jwks_url`, 10s to 24h.",
    ),
    in_file(
        "apps[].issuers[].max_lifetime",
        "1day",
        "duration",
        "The longest life of a token, from its `iat` or else from now; 0 is off.",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::Value;

    use super::*;
    use crate::config::{AppConfig, Config};

    /// Every key of the tree with its default as the list writes it; an app with one key shows the keys of `[[apps]]`.
    fn defaults() -> BTreeMap<String, String> {
        let app: AppConfig = serde_json::from_value(serde_json::json!({
            "id": "required", "plan": { "name": "none" },
            "numbers": [{ "number": "required", "user": "required", "name": "none" }],
            "keys": [{ "id": "required", "secret": "none", "channel_patterns": ["required"], "actions": [] }],
            "issuers": [{ "iss": "required" }],
        }))
        .unwrap();
        let config = Config {
            apps: vec![app],
            ..Config::default()
        };
        let mut found = BTreeMap::new();
        flatten("", &serde_json::to_value(config).unwrap(), &mut found);
        found
    }

    fn flatten(path: &str, value: &Value, found: &mut BTreeMap<String, String>) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    let path = if path.is_empty() {
                        name.clone()
                    } else {
                        format!("{path}.{name}")
                    };
                    flatten(&path, member, found);
                }
            }
            Value::Array(entries) if entries.first().is_some_and(Value::is_object) => {
                flatten(&format!("{path}[]"), &entries[0], found);
            }
            Value::Array(entries) => {
                let entries: Vec<_> = entries.iter().map(Value::to_string).collect();
                found.insert(path.to_owned(), format!("[{}]", entries.join(", ")));
            }
            Value::Null => {
                found.insert(path.to_owned(), "none".to_owned());
            }
            Value::String(text) => {
                found.insert(path.to_owned(), text.clone());
            }
            Value::Bool(_) | Value::Number(_) => {
                found.insert(path.to_owned(), value.to_string());
            }
        }
    }

    #[test]
    fn the_list_has_exactly_the_keys_of_the_tree() {
        let listed: Vec<_> = SETTINGS
            .iter()
            .map(|setting| setting.path.to_owned())
            .collect();
        let mut sorted = listed.clone();
        sorted.sort();
        assert_eq!(sorted, defaults().into_keys().collect::<Vec<_>>());
    }

    #[test]
    fn the_list_has_the_defaults_of_the_tree() {
        let defaults = defaults();
        // What has no default, or is redacted, does not show in a serialised tree.
        for setting in SETTINGS
            .iter()
            .filter(|setting| !["required", "none"].contains(&setting.default))
        {
            assert_eq!(setting.default, defaults[setting.path], "{}", setting.path);
        }
    }

    #[test]
    fn the_documentation_names_every_setting_with_variable_default_and_meaning() {
        let document = include_str!("../../../../docs/CONFIG.md");
        for setting in SETTINGS {
            let variable = setting
                .variable()
                .map_or_else(|| "-".to_owned(), |name| format!("`{name}`"));
            let row = format!(
                "| `{}` | {variable} | `{}` | {} | {} |",
                setting.path, setting.default, setting.unit, setting.meaning
            );
            assert!(
                document.contains(&row),
                "docs/CONFIG.md lacks the row\n{row}"
            );
        }
        let rows = document
            .lines()
            .filter(|line| line.starts_with("| `"))
            .count();
        assert_eq!(
            rows,
            SETTINGS.len(),
            "docs/CONFIG.md has a row for a setting that does not exist"
        );
    }
}
