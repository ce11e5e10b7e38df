//! How many messages Redis has taken from this edge on each topic.
//!
//! Every parcel states it, so a receiver that finds it larger than what it heard knows how many it missed. Forgets topics on
//! which nothing was said for long; their count begins anew, and a receiver tells that by its being smaller.

use hashbrown::HashMap;

use super::keys::TopicKey;

/// Topics in one of the two generations.
const TOPICS_MAX: usize = 50_000;

/// The counts.
#[derive(Debug, Default)]
pub(super) struct Said {
    young: HashMap<TopicKey, u64>,
    /// What was young before; forgotten when the young ones are too many again.
    old: HashMap<TopicKey, u64>,
}

impl Said {
    /// Messages taken on a topic.
    pub(super) fn on(&self, key: TopicKey) -> u64 {
        let known = self.young.get(&key).or_else(|| self.old.get(&key));
        known.copied().unwrap_or_default()
    }

    /// Redis has taken so many more.
    pub(super) fn add(&mut self, key: TopicKey, messages: u64) {
        let said = self.on(key) + messages;
        if self.young.len() >= TOPICS_MAX && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, said);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> TopicKey {
        TopicKey::from_u128(number as u128)
    }

    #[test]
    fn counts_grow_and_topics_are_apart() {
        let mut said = Said::default();
        said.add(key(1), 2);
        said.add(key(1), 3);
        said.add(key(2), 1);
        assert_eq!(
            (said.on(key(1)), said.on(key(2)), said.on(key(3))),
            (5, 1, 0)
        );
    }

    #[test]
    fn what_is_in_use_is_kept_and_the_rest_is_bounded() {
        let mut said = Said::default();
        for number in 0..5 * TOPICS_MAX {
            said.add(key(usize::MAX), 1);
            said.add(key(number), 1);
        }
        assert_eq!(said.on(key(usize::MAX)), 5 * TOPICS_MAX as u64);
        assert_eq!(said.on(key(0)), 0);
        assert!(said.young.len() + said.old.len() <= 2 * TOPICS_MAX);
    }
}
