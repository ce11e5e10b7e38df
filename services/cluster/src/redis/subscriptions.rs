//! Brings what Redis sends this edge in line with what its lanes listen to.
//!
//! Topics whose listeners changed are noted here; one task at a time compares them with what the link has and says the
//! difference, many topics in one command. A new link begins with nothing, so everything is noted then. A topic counts as
//! heard only after Redis has confirmed it.

use std::sync::{Arc, Mutex, PoisonError};

use fred::bytes_utils::Str;
use fred::error::Error;
use hashbrown::HashSet;
use tokio::sync::{Notify, mpsc};

use super::entry::Entry;
use super::holds;
use super::keys::TopicKey;
use super::link::Link;
use super::reader::Ended;
use super::shared::Shared;

/// Topics to compare.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    changed: Mutex<HashSet<TopicKey>>,
    noted: Notify,
}

impl Subscriptions {
    /// The listeners of a topic changed.
    pub(super) fn note(&self, key: TopicKey) {
        let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        let was_empty = changed.is_empty();
        changed.insert(key);
        drop(changed);
        if was_empty {
            self.noted.notify_one();
        }
    }

    fn take(&self) -> HashSet<TopicKey> {
        std::mem::take(&mut *self.changed.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What one link hears.
#[derive(Debug)]
pub(super) struct Heard {
    link: Arc<Link>,
    topics: HashSet<TopicKey>,
    /// Tells the reader of topics of which nothing more comes.
    ended: mpsc::Sender<Ended>,
}

impl Heard {
    /// Has a fresh link hear everything that is listened to, the edge's own channel last: whoever reaches that may rely on
    /// the rest.
    pub(super) async fn begin(
        shared: &Arc<Shared>,
        link: Arc<Link>,
        ended: mpsc::Sender<Ended>,
    ) -> Result<Self, Error> {
        let mut heard = Self {
            link,
            topics: HashSet::new(),
            ended,
        };
        shared.subscriptions.take();
        let wanted = shared.table.keys(Entry::is_listened_to);
        heard.adjust(shared, wanted.into_iter().collect()).await?;
        let own = [shared.incarnation, shared.edges.registration()];
        heard.link.subscribe(&[shared.names.notices()]).await?;
        heard
            .link
            .subscribe(&own.map(|name| shared.names.edge_channel(name)))
            .await?;
        Ok(heard)
    }

    /// Follows the listeners until the link fails.
    pub(super) async fn follow(&mut self, shared: &Arc<Shared>) -> Error {
        loop {
            let changed = shared.subscriptions.take();
            if changed.is_empty() {
                shared.subscriptions.noted.notified().await;
                continue;
            }
            if let Err(error) = self.adjust(shared, changed).await {
                return error;
            }
        }
    }

    async fn adjust(
        &mut self,
        shared: &Arc<Shared>,
        changed: HashSet<TopicKey>,
    ) -> Result<(), Error> {
        let (mut wanted, mut unwanted) = (Vec::new(), Vec::new());
        for key in &changed {
            match (shared.table.is_listened_to(*key), self.topics.contains(key)) {
                (true, false) => wanted.push(*key),
                (false, true) => unwanted.push(*key),
                (true, true) | (false, false) => {}
            }
        }
        let channels = |keys: &[TopicKey]| -> Vec<Str> {
            keys.iter().map(|key| shared.names.channel(*key)).collect()
        };
        // Who joins does not wait for those who leave.
        if !wanted.is_empty() {
            self.link.subscribe(&channels(&wanted)).await?;
        }
        self.topics.extend(wanted);
        for key in &unwanted {
            self.topics.remove(key);
        }
        // Also those that were heard all along: somebody may wait for the answer.
        for key in changed.into_iter().filter(|key| self.topics.contains(key)) {
            shared
                .table
                .with_known(key, |entry| entry.stand(&shared.inboxes));
            holds::call(shared, key);
        }
        self.link.unsubscribe(&channels(&unwanted)).await?;
        unwanted
            .retain(|key| shared.table.with_known(*key, |entry| entry.is_departed()) == Some(true));
        if !unwanted.is_empty() {
            self.link.confirm_unsubscribed(&channels(&unwanted)).await?;
            // The reader goes with its link.
            drop(self.ended.send(unwanted).await);
        }
        Ok(())
    }
}
