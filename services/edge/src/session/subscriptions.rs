//! The topics that one session listens to, besides its own peer's.

use cluster::Topic;
use smallvec::SmallVec;

/// A short list, searched from the front: a session holds a hundred at most, most hold one, which needs no heap.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions(SmallVec<[Subscription; 1]>);

/// One of them, with its place in the hub.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) topic: Topic,
    pub(crate) slot: usize,
    /// The cluster has taken the session in; until then the subscription may still fail.
    joined: bool,
}

impl Subscriptions {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn contains(&self, topic: &Topic) -> bool {
        self.slot(topic).is_some()
    }

    pub(crate) fn slot(&self, topic: &Topic) -> Option<usize> {
        self.0
            .iter()
            .find(|subscription| subscription.topic == *topic)
            .map(|subscription| subscription.slot)
    }

    pub(crate) fn insert(&mut self, topic: Topic, slot: usize) {
        self.0.push(Subscription {
            topic,
            slot,
            joined: false,
        });
    }

    /// Notes that the cluster has taken the session in.
    pub(crate) fn note_joined(&mut self, topic: &Topic) {
        if let Some(subscription) = self.0.iter_mut().find(|known| known.topic == *topic) {
            subscription.joined = true;
        }
    }

    /// Whether a join that fails now leaves nothing to fall back to.
    pub(crate) fn is_new(&self, topic: &Topic) -> bool {
        self.0
            .iter()
            .any(|known| known.topic == *topic && !known.joined)
    }

    pub(crate) fn remove(&mut self, topic: &Topic) -> Option<Subscription> {
        let at = self
            .0
            .iter()
            .position(|subscription| subscription.topic == *topic)?;
        Some(self.0.swap_remove(at))
    }

    pub(crate) fn topics(&self) -> Vec<Topic> {
        self.0
            .iter()
            .map(|subscription| subscription.topic.clone())
            .collect()
    }
}
