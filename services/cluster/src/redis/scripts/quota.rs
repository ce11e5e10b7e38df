//! Quotas: sessions counted exactly, messages settled in totals and drawn in blocks, both read as one usage.
//!
//! All keys of an app lie in one slot: its sessions, and what it used in each period. Sessions are counted by registration,
//! so that they end with their edge; messages by incarnation, since what was used stays used.

use std::sync::LazyLock;
use std::time::Duration;

use fred::bytes_utils::Str;
use fred::prelude::Value;
use fred::types::scripts::Script;

use super::{BadReply, Call, Reply, number};
use crate::origin::Incarnation;
use crate::quotas::{Allowance, Overage, Period, Usage};

pub(in crate::redis) static OPEN_SESSION: LazyLock<Script> =
    LazyLock::new(|| Script::from_lua(include_str!("../lua/open_session.lua")));
pub(in crate::redis) static CLOSE_SESSION: LazyLock<Script> =
    LazyLock::new(|| Script::from_lua(include_str!("../lua/close_session.lua")));
pub(in crate::redis) static SET_SESSIONS: LazyLock<Script> =
    LazyLock::new(|| Script::from_lua(include_str!("../lua/set_sessions.lua")));
pub(in crate::redis) static SETTLE_MESSAGES: LazyLock<Script> =
    LazyLock::new(|| Script::from_lua(include_str!("../lua/settle_messages.lua")));
pub(in crate::redis) static USAGE: LazyLock<Script> =
    LazyLock::new(|| Script::from_lua(include_str!("../lua/usage.lua")));

/// A period is remembered until well after the next one has begun.
const PERIOD_LIFE: Duration = Duration::from_secs(70 * 24 * 60 * 60);

/// What an edge draws is at most one part in so many, times the edges, of what remains: near the limit blocks get small,
/// so that no edge sits on what another one needs.
const PARTS_PER_EDGE: u64 = 16;

/// The two keys of an app.
#[derive(Clone, Debug)]
pub(in crate::redis) struct AppKeys {
    /// Registration → count.
    pub(in crate::redis) sessions: Str,
    /// What was used in the period; see [`period_name`].
    pub(in crate::redis) used: Str,
}

/// Whether a session was opened, and how many the app has now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::redis) enum Opened {
    Opened(u64),
    Exhausted(u64),
}

/// What an edge has stated anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::redis) struct Restated {
    /// What was counted for it until now; the difference is the drift that is healed.
    pub(in crate::redis) before: u64,
    /// Sessions over all edges now.
    pub(in crate::redis) total: u64,
}

/// What one edge says of an app's messages in a period. Totals: to say it again changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::redis) struct Statement {
    pub(in crate::redis) period: Period,
    /// Attempts of this run of the edge in the period, refused ones included.
    pub(in crate::redis) attempts: u64,
    /// Drawn and not used yet.
    pub(in crate::redis) credit: u64,
    pub(in crate::redis) limit: Option<u64>,
    pub(in crate::redis) overage: Overage,
    /// The most to draw; 0 draws nothing.
    pub(in crate::redis) draw_max: u64,
}

/// What came of a [`Statement`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::redis) struct Settled {
    pub(in crate::redis) drawn: u64,
    /// Attempts of all edges.
    pub(in crate::redis) messages: u64,
}

/// The last part of the name of what was used in a period.
pub(in crate::redis) fn period_name(period: Period) -> String {
    format!("used:{}", period.start_s)
}

/// [`OPEN_SESSION`].
pub(in crate::redis) fn open_session(
    app: AppKeys,
    registration: Incarnation,
    allowance: Allowance,
    dead: &[Incarnation],
) -> Call {
    let mut args = vec![
        registration.to_string().into(),
        limit(allowance.sessions),
        overage(allowance.overage),
        period_life(),
    ];
    args.extend(dead.iter().map(|dead| Value::from(dead.to_string())));
    (app.both(), args)
}

/// The answer to [`open_session`].
pub(in crate::redis) fn parse_open_session(reply: Value) -> Result<Opened, BadReply> {
    let mut reply = Reply::of(reply);
    match (reply.number()?, reply.number()?) {
        (0, total) => Ok(Opened::Exhausted(total)),
        (_, total) => Ok(Opened::Opened(total)),
    }
}

/// [`CLOSE_SESSION`]. If it is not known whether it ran, [`set_sessions`] puts things right.
pub(in crate::redis) fn close_session(app: AppKeys, registration: Incarnation) -> Call {
    (
        app.both(),
        vec![registration.to_string().into(), period_life()],
    )
}

/// [`SET_SESSIONS`]: `count` is what the edge has; 0 in place of a dead one. Opens and closes that are on the way at the
/// same time are counted twice or not at all, so the caller lets them be answered first.
pub(in crate::redis) fn set_sessions(app: AppKeys, registration: Incarnation, count: u64) -> Call {
    let args = vec![
        registration.to_string().into(),
        number(count),
        period_life(),
    ];
    (app.both(), args)
}

/// The answer to [`set_sessions`].
pub(in crate::redis) fn parse_set_sessions(reply: Value) -> Result<Restated, BadReply> {
    let mut reply = Reply::of(reply);
    Ok(Restated {
        before: reply.number()?,
        total: reply.number()?,
    })
}

/// [`SETTLE_MESSAGES`]; `used` is of the statement's period, `edges` are those that share what remains.
pub(in crate::redis) fn settle_messages(
    used: Str,
    incarnation: Incarnation,
    statement: &Statement,
    edges: usize,
) -> Call {
    let args = vec![
        incarnation.to_string().into(),
        number(statement.attempts),
        number(statement.credit),
        limit(statement.limit),
        overage(statement.overage),
        number(PARTS_PER_EDGE * edges.max(1) as u64),
        number(statement.draw_max),
        period_life(),
    ];
    (vec![used], args)
}

/// The answer to [`settle_messages`].
pub(in crate::redis) fn parse_settle_messages(reply: Value) -> Result<Settled, BadReply> {
    let mut reply = Reply::of(reply);
    Ok(Settled {
        drawn: reply.number()?,
        messages: reply.number()?,
    })
}

/// [`USAGE`].
pub(in crate::redis) fn usage(app: AppKeys, dead: &[Incarnation]) -> Call {
    (
        app.both(),
        dead.iter().map(|dead| dead.to_string().into()).collect(),
    )
}

/// The answer to [`usage`] with the keys of `period`.
pub(in crate::redis) fn parse_usage(reply: Value, period: Period) -> Result<Usage, BadReply> {
    let mut reply = Reply::of(reply);
    Ok(Usage {
        period,
        sessions: reply.number()?,
        sessions_peak: reply.number()?,
        sessions_overage: reply.number()?,
        messages: reply.number()?,
        messages_overage: reply.number()?,
    })
}

impl AppKeys {
    fn both(self) -> Vec<Str> {
        vec![self.sessions, self.used]
    }
}

fn limit(limit: Option<u64>) -> Value {
    limit.map_or_else(|| "".into(), number)
}

fn overage(overage: Overage) -> Value {
    match overage {
        Overage::Refused => "refused".into(),
        Overage::Counted => "counted".into(),
    }
}

fn period_life() -> Value {
    number(PERIOD_LIFE.as_millis() as u64)
}

#[cfg(test)]
mod tests;
