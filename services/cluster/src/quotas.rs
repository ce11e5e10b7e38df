//! How much an app may still use: concurrent sessions, and messages per period (a calendar month, UTC).
//!
//! A session slot is a guard: whoever drops it gives it back, so no exit path can forget. Messages are counted per
//! attempt, refused ones included, and the hot path asks nobody.

use std::sync::Arc;

use protocol::AppId;
use time::{Date, OffsetDateTime};

use crate::Unavailable;
use crate::in_process;
use crate::redis;

/// The handle of one edge.
#[derive(Clone, Debug)]
pub struct Quotas(Backend);

#[derive(Clone, Debug)]
enum Backend {
    InProcess(Arc<in_process::Member>),
    Redis(Arc<redis::Member>),
}

/// What an app's plan allows; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowance {
    /// Sessions at once, over all edges.
    pub sessions: Option<u64>,
    /// Messages per period.
    pub messages: Option<u64>,
    /// What to do at the limit.
    pub overage: Overage,
}

/// What happens at a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overage {
    /// Refuse.
    #[default]
    Refused,
    /// Let it pass and count it.
    Counted,
}

/// Why a session got no slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SlotError {
    /// The plan's concurrent sessions are all taken.
    #[error("the app's concurrent sessions are used up")]
    Exhausted,
    /// The backend could not be asked.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// One of an app's concurrent sessions; dropping it gives it back.
#[derive(Debug)]
pub struct SessionSlot(Slot);

#[derive(Debug)]
enum Slot {
    InProcess(Arc<in_process::Member>, AppId),
    Redis(Arc<redis::Member>, Arc<redis::App>),
}

/// Whether a message may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Spend {
    /// It may.
    Taken,
    /// The period's messages are used up.
    Refused,
}

/// Counts one app's messages; cheap to clone and to ask.
#[derive(Clone, Debug)]
pub struct Meter(Counter);

#[derive(Clone, Debug)]
enum Counter {
    InProcess(Arc<in_process::AppUsage>),
    Redis(Arc<redis::App>),
}

/// What an app has used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The period that the message figures are of.
    pub period: Period,
    /// Sessions open now, over all edges.
    pub sessions: u64,
    /// The most at once in this period.
    pub sessions_peak: u64,
    /// Sessions opened above the limit in this period.
    pub sessions_overage: u64,
    /// Attempts to publish or send, refused ones included.
    pub messages: u64,
    /// Messages let through above the limit.
    pub messages_overage: u64,
}

/// A calendar month in UTC, in Unix seconds, end exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// First second.
    pub start_s: u64,
    /// First second of the next one.
    pub end_s: u64,
}

impl Quotas {
    pub(crate) fn in_process(member: Arc<in_process::Member>) -> Self {
        Self(Backend::InProcess(member))
    }

    pub(crate) fn redis(member: Arc<redis::Member>) -> Self {
        Self(Backend::Redis(member))
    }

    /// Takes one of the app's concurrent sessions, exactly: never more than the allowance over all edges.
    ///
    /// # Errors
    /// None is left and overage is refused, or the backend could not be asked.
    pub async fn open_session(
        &self,
        app: &AppId,
        allowance: Allowance,
        now_s: u64,
    ) -> Result<SessionSlot, SlotError> {
        match &self.0 {
            Backend::InProcess(member) => {
                member.open_session(app, allowance, now_s)?;
                Ok(SessionSlot(Slot::InProcess(
                    Arc::clone(member),
                    app.clone(),
                )))
            }
            Backend::Redis(member) => {
                let counted = member.open_session(app, allowance, now_s).await?;
                Ok(SessionSlot(Slot::Redis(Arc::clone(member), counted)))
            }
        }
    }

    /// The counter of the app's messages.
    #[must_use]
    pub fn meter(&self, app: &AppId) -> Meter {
        match &self.0 {
            Backend::InProcess(member) => Meter(Counter::InProcess(member.app_usage(app))),
            Backend::Redis(member) => Meter(Counter::Redis(member.app(app))),
        }
    }

    /// What the app has used, over all edges.
    ///
    /// # Errors
    /// The backend could not be asked.
    pub async fn usage(&self, app: &AppId, now_s: u64) -> Result<Usage, Unavailable> {
        match &self.0 {
            Backend::InProcess(member) => Ok(member.app_usage(app).read(now_s)),
            Backend::Redis(member) => member.usage(app, now_s).await,
        }
    }
}

impl Meter {
    /// Counts one attempt and says whether it may pass.
    pub fn spend(&self, allowance: Allowance, now_s: u64) -> Spend {
        match &self.0 {
            Counter::InProcess(usage) => usage.spend(allowance, now_s),
            Counter::Redis(app) => app.spend(allowance, now_s),
        }
    }
}

impl Drop for SessionSlot {
    fn drop(&mut self) {
        match &self.0 {
            Slot::InProcess(member, app) => member.close_session(app),
            Slot::Redis(member, app) => member.close_session(app),
        }
    }
}

impl Period {
    /// The month that `now_s` falls into.
    #[must_use]
    pub fn containing(now_s: u64) -> Self {
        let now = i64::try_from(now_s)
            .ok()
            .and_then(|now_s| OffsetDateTime::from_unix_timestamp(now_s).ok());
        // A clock beyond the year 9999 has no month; one endless period is the least wrong answer.
        now.and_then(|now| Self::of_month(now.date()))
            .unwrap_or(Self {
                start_s: 0,
                end_s: u64::MAX,
            })
    }

    fn of_month(day: Date) -> Option<Self> {
        let first = day.replace_day(1).ok()?;
        let next_year = if first.month() == time::Month::December {
            first.year() + 1
        } else {
            first.year()
        };
        let next = Date::from_calendar_date(next_year, first.month().next(), 1).ok()?;
        let unix_s = |date: Date| u64::try_from(date.midnight().assume_utc().unix_timestamp()).ok();
        Some(Self {
            start_s: unix_s(first)?,
            end_s: unix_s(next)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_the_utc_month() {
        // 2026-02-14T12:00:00Z lies in February 2026.
        let period = Period::containing(1_771_070_400);
        assert_eq!(
            period,
            Period {
                start_s: 1_769_904_000,
                end_s: 1_772_323_200
            }
        );
    }

    #[test]
    fn december_ends_with_the_year() {
        // 2027-01-01T00:00:00Z is 1798761600.
        assert_eq!(Period::containing(1_798_761_599).end_s, 1_798_761_600);
        assert_eq!(Period::containing(1_798_761_600).start_s, 1_798_761_600);
    }
}
