//! A tenant and what it has paid for.

use std::num::NonZeroU64;

use cluster::Allowance;
use cluster::quotas::Overage;
use protocol::AppId;
use protocol::close::CloseReason;

use super::{NumberList, TenancyError};
use crate::config::{AppConfig, PlanConfig, PlanPeriod};

/// A tenant. Names in two apps never meet.
#[derive(Debug, PartialEq, Eq)]
pub struct App {
    /// The app's name.
    pub id: AppId,
    /// Whether the app is suspended: nobody is admitted and live sessions close.
    pub suspended: bool,
    /// What the app has paid for.
    pub plan: Plan,
    /// Further names under which a device path or a `tenant` claim may call this app.
    pub tenants: Box<[String]>,
    /// Numbers that the configuration lists.
    pub numbers: NumberList,
}

impl App {
    pub(super) fn compile(config: &AppConfig) -> Result<Self, TenancyError> {
        let numbers = NumberList::compile(&config.numbers);
        Ok(Self {
            id: config.id.clone(),
            suspended: config.suspended,
            plan: Plan::compile(&config.plan),
            tenants: config.tenants.clone().into_boxed_slice(),
            numbers: numbers.map_err(|number| TenancyError::DuplicateNumber {
                app: config.id.clone(),
                number,
            })?,
        })
    }

    /// Whether `tenant` means this app: its id or one of its further names.
    #[must_use]
    pub fn is_called(&self, tenant: &str) -> bool {
        self.id.as_str() == tenant || self.tenants.iter().any(|name| name == tenant)
    }

    /// Whether who was admitted to `former` may stay, now that whatever admitted them belongs to this app.
    ///
    /// # Errors
    /// Why they have to go.
    pub(super) fn keeps_those_of(&self, former: &Self) -> Result<(), CloseReason> {
        if self.id != former.id {
            return Err(CloseReason::KeyRemoved);
        }
        if self.suspended {
            return Err(CloseReason::AppSuspended);
        }
        Ok(())
    }
}

/// What an app has paid for; an absent limit is unlimited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The plan's name, only reported.
    pub name: Option<String>,
    /// Sessions at the same time, over all edges.
    pub max_sessions: Option<NonZeroU64>,
    /// Messages in one period, over all edges.
    pub max_messages: Option<NonZeroU64>,
    /// The period in which messages are counted.
    pub period: PlanPeriod,
    /// Whether a limit that is reached is only counted instead of enforced.
    pub overage: bool,
}

impl Plan {
    /// What the cluster's quotas have to know of it.
    #[must_use]
    pub fn allowance(&self) -> Allowance {
        Allowance {
            sessions: self.max_sessions.map(Into::into),
            messages: self.max_messages.map(Into::into),
            overage: if self.overage {
                Overage::Counted
            } else {
                Overage::Refused
            },
        }
    }

    fn compile(config: &PlanConfig) -> Self {
        Self {
            name: config.name.clone(),
            max_sessions: NonZeroU64::new(config.max_sessions),
            max_messages: NonZeroU64::new(config.max_messages),
            period: config.period,
            overage: config.overage,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_without_numbers_is_unlimited() {
        let plan = Plan::compile(&PlanConfig::default());
        assert_eq!((plan.max_sessions, plan.max_messages), (None, None));
    }
}
