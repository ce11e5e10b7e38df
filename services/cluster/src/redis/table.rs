//! Every topic that this edge listens to or holds members of.
//!
//! Split into shards, so that lanes on different topics seldom wait for each other. Under a shard's lock only inboxes are
//! locked, never the other way round, and nothing is awaited.

use std::sync::{Mutex, MutexGuard, PoisonError};

use hashbrown::{HashMap, HashSet};
use tokio::sync::Notify;

use super::entry::Entry;
use super::keys::{Names, TopicKey};
use crate::topic::Topic;

const SHARDS: usize = 64;

#[derive(Debug)]
pub(super) struct Table {
    shards: Vec<Mutex<HashMap<TopicKey, Entry>>>,
    /// Topics in which something waits for its time.
    watched: Mutex<HashSet<TopicKey>>,
    noted: Notify,
    names: Names,
}

impl Table {
    pub(super) fn new(names: Names) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            watched: Mutex::default(),
            noted: Notify::new(),
            names,
        }
    }

    /// Changes the entry of `topic`, which is made if there is none and dropped if it is idle afterwards.
    pub(super) fn with<T>(&self, topic: &Topic, change: impl FnOnce(&mut Entry) -> T) -> T {
        let key = TopicKey::of(topic);
        let mut shard = self.shard(key);
        let entry = shard
            .entry(key)
            .or_insert_with(|| Entry::new(topic, self.names.channel(key)));
        let result = change(entry);
        if entry.is_idle() {
            shard.remove(&key);
        }
        result
    }

    /// Changes an entry that is there.
    pub(super) fn with_known<T>(
        &self,
        key: TopicKey,
        change: impl FnOnce(&mut Entry) -> T,
    ) -> Option<T> {
        let mut shard = self.shard(key);
        let entry = shard.get_mut(&key)?;
        let result = change(entry);
        if entry.is_idle() {
            shard.remove(&key);
        }
        Some(result)
    }

    pub(super) fn is_listened_to(&self, key: TopicKey) -> bool {
        self.shard(key).get(&key).is_some_and(Entry::is_listened_to)
    }

    /// The link is gone: nothing is heard, and whoever waits is looked at.
    pub(super) fn fall(&self) {
        self.each(|key, entry| {
            entry.fall();
            if entry.is_waited_for() {
                self.watch(key);
            }
        });
    }

    /// Changes every entry, a shard at a time.
    pub(super) fn each(&self, mut change: impl FnMut(TopicKey, &mut Entry)) {
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            for (key, entry) in &mut *shard {
                change(*key, entry);
            }
        }
    }

    pub(super) fn keys(&self, which: impl Fn(&Entry) -> bool) -> Vec<TopicKey> {
        let mut keys = Vec::new();
        self.each(|key, entry| {
            if which(entry) {
                keys.push(key);
            }
        });
        keys
    }

    /// Sees to it that the topic is looked at soon.
    pub(super) fn watch(&self, key: TopicKey) {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let was_empty = watched.is_empty();
        watched.insert(key);
        drop(watched);
        if was_empty {
            self.noted.notify_one();
        }
    }

    /// Waits until there is a topic to look at.
    pub(super) async fn watched(&self) {
        loop {
            let noted = self.noted.notified();
            if !self
                .watched
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .is_empty()
            {
                return;
            }
            noted.await;
        }
    }

    /// Takes the topics that are to be looked at.
    pub(super) fn take_watched(&self) -> HashSet<TopicKey> {
        std::mem::take(&mut *self.watched.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn shard(&self, key: TopicKey) -> MutexGuard<'_, HashMap<TopicKey, Entry>> {
        self.shards[key.bucket(SHARDS)]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
