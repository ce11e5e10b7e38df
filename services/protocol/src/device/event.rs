//! What a client hears besides answers (spec device-session §3.2–§3.4): those events that no SIP and no media server is
//! needed for.

use serde::Serialize;

use super::{About, Json, LogEntry, Number, Transaction};

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What it speaks of, as its receiver names it.
    pub about: About,
    /// The request of this very socket that caused it.
    pub transaction: Option<Transaction>,
    /// What happened.
    pub what: What,
}

/// What happened; a variant is named as on the wire. `jsep` and `candidate` are objects, as their sender wrote them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "the spec explains the members; their names are its own"
)]
pub enum What {
    Calling,
    Ringing,
    Proceeding {
        code: u16,
    },
    IncomingCall {
        callee: Number,
        caller: Number,
        #[serde(skip_serializing_if = "Option::is_none")]
        caller_display_name: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        jsep: Option<Json>,
    },
    Accepting,
    Accepted {
        #[serde(skip_serializing_if = "Option::is_none")]
        callee: Option<Number>,
        #[serde(skip_serializing_if = "Option::is_none")]
        jsep: Option<Json>,
    },
    Declining {
        code: u16,
    },
    Hangingup,
    Hangup {
        code: u16,
        reason: String,
    },
    MissedCall {
        callee: Number,
        caller: Number,
        #[serde(skip_serializing_if = "Option::is_none")]
        caller_display_name: Option<String>,
    },
    Holding,
    Resuming,
    Updating,
    Updated,
    UpdatingCall {
        callee: Number,
        caller: Number,
        #[serde(skip_serializing_if = "Option::is_none")]
        caller_display_name: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        jsep: Option<Json>,
    },
    PeerMessage {
        sender: Number,
        #[serde(rename = "type")]
        kind: Json,
        data: Json,
    },
    /// Of the session, the line or the call, as [`Event::about`] says.
    Error {
        code: u16,
        reason: String,
    },
    /// The end of candidates is `{"completed":true}`: a `null` breaks the client (spec device-session §3.3).
    IceTrickle {
        candidate: Json,
    },
    Registering,
    Registered,
    Unregistering,
    Unregistered,
    RegistrationFailed {
        code: u16,
        reason: String,
    },
    NumberPresenceUpdate {
        number: Number,
        presence_info: Vec<PresenceInfo>,
    },
    /// Each info is an object as the spec lists it (spec device-session §3.4).
    NumberDialogsUpdate {
        number: Number,
        dialog_infos: Vec<Json>,
    },
}

/// What a watcher sees of a number. Clients insist on all but the optional members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(
    missing_docs,
    reason = "the spec explains the members; their names are its own"
)]
pub struct PresenceInfo {
    pub id: String,
    pub number: Number,
    pub available: bool,
    pub note: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_icon: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_offset_min: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<String>,
    pub activities: Vec<String>,
    /// ISO 8601.
    pub arrival_time: String,
    /// `sip` or `direct`.
    pub source: &'static str,
}

#[derive(Serialize)]
struct Frame<'a> {
    #[serde(flatten)]
    what: &'a What,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction: Option<&'a Transaction>,
    #[serde(flatten)]
    about: Option<&'a About>,
}

impl Event {
    /// The frame.
    #[must_use]
    pub fn to_json(&self) -> Json {
        Json::of(&Frame {
            what: &self.what,
            transaction: self.transaction.as_ref(),
            about: Some(&self.about),
        })
    }

    /// The event as an entry of its call's log; the client puts `line` and `call_id` in (spec device-session §2.1).
    #[must_use]
    pub fn to_log(&self, at_ms: u64) -> LogEntry {
        let entry = Json::of(&Frame {
            what: &self.what,
            transaction: None,
            about: None,
        });
        LogEntry(at_ms, entry)
    }
}

#[cfg(test)]
mod tests;
