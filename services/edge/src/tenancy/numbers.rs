//! The numbers of an app as its configuration lists them.

use std::collections::HashMap;

use protocol::PeerId;
use protocol::device::Number;

use crate::config::NumberConfig;

/// Who has which number (device dialect). What stands here counts before what is written over REST.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct NumberList {
    by_number: HashMap<Number, NumberConfig>,
    /// A user's first number is the one that others see.
    by_user: HashMap<PeerId, Number>,
}

impl NumberList {
    /// # Errors
    /// The number that stands there twice.
    pub(super) fn compile(configs: &[NumberConfig]) -> Result<Self, Number> {
        let mut list = Self::default();
        for config in configs {
            list.by_user
                .entry(config.user.clone())
                .or_insert_with(|| config.number.clone());
            let before = list.by_number.insert(config.number.clone(), config.clone());
            if before.is_some() {
                return Err(config.number.clone());
            }
        }
        Ok(list)
    }

    /// Whose a number is.
    #[must_use]
    pub fn holder(&self, number: &Number) -> Option<&NumberConfig> {
        self.by_number.get(number)
    }

    /// The number by which others see a user.
    #[must_use]
    pub fn of_user(&self, user: &PeerId) -> Option<&NumberConfig> {
        self.holder(self.by_user.get(user)?)
    }

    /// All of them, in no order.
    pub fn all(&self) -> impl Iterator<Item = &NumberConfig> {
        self.by_number.values()
    }
}
