//! The first frame: all that a client knows after a reconnect (spec device-session §2.1).

use serde::{Deserialize, Serialize};

use super::{CallId, Json};

/// The state of a device's session; sent once, before everything else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "handshake", rename = "state")]
pub struct State {
    /// The client's own silence after which it sends a keepalive, in milliseconds.
    #[serde(rename = "keepalive_interval")]
    pub keepalive_interval_ms: u64,
    /// The edge's clock, in milliseconds since 1970.
    #[serde(rename = "timestamp")]
    pub timestamp_ms: u64,
    /// Whether the device can be called.
    pub registration: Registration,
    /// As many as the device has lines.
    pub lines: Vec<Option<LineState>>,
    /// Who is watched, as in `number_presence_update`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub presence_infos: Vec<Json>,
    /// The same of their calls, as in `number_dialogs_update`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dialog_infos: Vec<Json>,
}

/// The registration, as far as a cluster without SIP knows one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Registration {
    /// The device can be called.
    #[default]
    Registered,
    /// It cannot.
    Unregistered,
}

/// A line with a call on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LineState {
    /// The call.
    pub call_id: CallId,
    /// What this device heard of it, newest first: the oldest entry tells who called whom, the newest whether it is over.
    pub call_logs: Vec<LogEntry>,
}

/// When something happened, in milliseconds since 1970, and the frame without `line` and `call_id`. In JSON a pair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry(pub u64, pub Json);

impl State {
    /// The frame.
    #[must_use]
    pub fn to_json(&self) -> Json {
        Json::of(self)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{About, Event, Number, What};
    use super::*;

    fn state(lines: Vec<Option<LineState>>) -> State {
        State {
            keepalive_interval_ms: 30_000,
            timestamp_ms: 1_771_070_400_123,
            registration: Registration::Registered,
            lines,
            presence_infos: Vec::new(),
            dialog_infos: Vec::new(),
        }
    }

    #[test]
    fn a_fresh_device_has_free_lines() {
        let json = state(vec![None, None]).to_json();
        insta::assert_snapshot!(json.as_str());
    }

    #[test]
    fn a_call_is_on_its_line_with_its_log() {
        let call: CallId = "call-1".parse().unwrap();
        let number = |text: &str| text.parse::<Number>().unwrap();
        let event = |what| Event {
            about: About::call(1, call.clone()),
            transaction: Some("t".parse().unwrap()),
            what,
        };
        let incoming = event(What::IncomingCall {
            callee: number("2"),
            caller: number("1"),
            caller_display_name: None,
            jsep: Some(Json::of(&"offer")),
        });
        let accepted = event(What::Accepted {
            callee: None,
            jsep: None,
        });
        let line = LineState {
            call_id: call.clone(),
            call_logs: vec![accepted.to_log(2), incoming.to_log(1)],
        };
        let json = state(vec![None, Some(line)]).to_json();
        insta::assert_snapshot!(json.as_str());
    }

    #[test]
    fn a_log_entry_reads_back() {
        let entry = LogEntry(7, Json::of(&"ringing"));
        let json = serde_json::to_string(&entry).unwrap();
        assert_eq!(json, r#"[7,"ringing"]"#);
        assert_eq!(serde_json::from_str::<LogEntry>(&json).unwrap(), entry);
    }
}
