//! The keys of one issuer while the edge runs: which are in force, and whether newer ones are wanted.
//!
//! Owns what happens at a name that is not there: whether that is a reason to fetch, and whether waiting is of use. Does
//! not fetch. Invariants: keys in force are found without a lock, and stay in force until newer ones are there; between two
//! fetches lies the cool-down, whatever clients ask for; what is remembered of clients is bounded.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwapOption;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout};

use super::jwks_source::Pace;
use super::{JwksSource, KeySet, PublicKey};

/// The keys of one issuer.
#[derive(Debug)]
pub struct KeyRing {
    keys: ArcSwapOption<KeySet>,
    fetching: Option<Fetching>,
}

/// Why there is no key for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyMissing {
    /// No key of the issuer has this name.
    #[error("the issuer has no such key")]
    Unknown,
    /// No fetch has succeeded yet.
    #[error("the issuer's keys have not been fetched yet")]
    NotFetched,
}

#[derive(Debug)]
struct Fetching {
    source: JwksSource,
    state: Mutex<State>,
    wished: Notify,
    /// How many fetches have ended.
    ended: watch::Sender<u64>,
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct State {
    wish: Wish,
    progress: Progress,
    /// When the newest fetch began.
    began: Option<Instant>,
    /// When the newest fetch that brought keys began.
    brought: Option<Instant>,
    /// When a name that is not there was first asked for, by its hash: names are as long as clients make them.
    asked: HashMap<u64, Instant>,
}

/// Whether somebody has asked for a name that a fetch may bring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Wish {
    #[default]
    None,
    Open,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Progress {
    #[default]
    Idle,
    Running,
}

/// Names that are remembered as asked for. More of them are asked for by guessing only, and cost nothing but the fetch that
/// the cool-down allows anyway.
const ASKED_MAX: usize = 1024;

impl KeyRing {
    /// Keys that do not change.
    #[must_use]
    pub fn fixed(keys: KeySet) -> Self {
        Self {
            keys: ArcSwapOption::from_pointee(keys),
            fetching: None,
        }
    }

    /// Keys that have yet to be fetched.
    #[must_use]
    pub fn fetched(source: JwksSource) -> Self {
        Self {
            keys: ArcSwapOption::empty(),
            fetching: Some(Fetching {
                source,
                state: Mutex::default(),
                wished: Notify::new(),
                ended: watch::Sender::new(0),
                hasher: RandomState::new(),
            }),
        }
    }

    /// The ring to go on with, where the configuration now says `newer` and has said `older`: the older one if nothing has
    /// changed, and else the newer one with the keys that it would fetch anyway.
    #[must_use]
    pub fn succeed(newer: Arc<Self>, older: &Arc<Self>) -> Arc<Self> {
        if newer.source().is_some() && newer.source() == older.source() {
            return Arc::clone(older);
        }
        if let (Some(new), Some(old)) = (&newer.fetching, &older.fetching)
            && new.source.brings_what(&old.source)
        {
            newer.keys.store(older.keys.load_full());
            new.lock().began = old.lock().began;
        }
        newer
    }

    /// Where the keys come from, unless they are fixed.
    #[must_use]
    pub fn source(&self) -> Option<&JwksSource> {
        self.fetching.as_ref().map(|fetching| &fetching.source)
    }

    /// The keys in force.
    #[must_use]
    pub fn keys(&self) -> Option<Arc<KeySet>> {
        self.keys.load_full()
    }

    /// The key of this name. One that is not there is wished for, if a fetch may bring it.
    ///
    /// # Errors
    /// There is no such key, or none at all yet.
    pub fn find(&self, kid: Option<&str>, now: Instant) -> Result<Arc<PublicKey>, KeyMissing> {
        let keys = self.keys.load();
        // Without any keys the next fetch comes by itself.
        let keys = keys.as_ref().ok_or(KeyMissing::NotFetched)?;
        if let Some(key) = keys.find(kid) {
            return Ok(Arc::clone(key));
        }
        if let (Some(fetching), Some(kid)) = (&self.fetching, kid)
            && kid.len() <= KeySet::MAX_KID_BYTES
        {
            fetching.miss(kid, now);
        }
        Err(KeyMissing::Unknown)
    }

    /// How many fetches have ended, for [`KeyRing::freshened`].
    #[must_use]
    pub fn fetches_ended(&self) -> u64 {
        let fetching = self.fetching.as_ref();
        fetching.map_or(0, |fetching| *fetching.ended.borrow())
    }

    /// Waits until more fetches have ended than the `seen` ones, if one is under way or may begin now, and only for as long
    /// as a login should take. Whether looking again is of use.
    pub async fn freshened(&self, seen: u64, now: Instant) -> bool {
        let Some(fetching) = &self.fetching else {
            return false;
        };
        let mut ended = fetching.ended.subscribe();
        if *ended.borrow_and_update() != seen {
            return true;
        }
        if !fetching.is_worth_waiting(now) {
            return false;
        }
        let patience = fetching.source.pace.patience;
        timeout(patience, ended.wait_for(|&count| count != seen))
            .await
            .is_ok_and(|changed| changed.is_ok())
    }
}

/// For whoever fetches.
impl KeyRing {
    /// Waits until a token has asked for a name that a fetch may bring.
    pub(super) async fn wished(&self) {
        let Some(fetching) = &self.fetching else {
            return std::future::pending().await;
        };
        loop {
            let wished = fetching.wished.notified();
            if fetching.lock().wish == Wish::Open {
                return;
            }
            wished.await;
        }
    }

    /// When the next fetch may begin at the earliest.
    pub(super) fn rested_at(&self, now: Instant) -> Instant {
        let Some(fetching) = &self.fetching else {
            return now;
        };
        let began = fetching.lock().began;
        began.map_or(now, |began| began + fetching.source.pace.cool_down)
    }

    /// Notes that a fetch begins.
    pub(super) fn begin(&self, now: Instant) {
        if let Some(fetching) = &self.fetching {
            let mut state = fetching.lock();
            state.progress = Progress::Running;
            state.began = Some(now);
        }
    }

    /// Notes that the fetch has ended; newer keys are in force from now on. Whether they differ from those before.
    pub(super) fn end(&self, newer: Option<KeySet>) -> bool {
        let Some(fetching) = &self.fetching else {
            return false;
        };
        let is_change = newer.is_some() && self.keys.load().as_deref() != newer.as_ref();
        let has_brought = newer.is_some();
        // In force before anybody is told.
        if is_change {
            self.keys.store(newer.map(Arc::new));
        }
        let mut state = fetching.lock();
        state.progress = Progress::Idle;
        // Who asked meanwhile looks again, and wishes again if there is reason to.
        state.wish = Wish::None;
        if has_brought {
            state.brought = state.began;
        }
        drop(state);
        fetching.ended.send_modify(|count| *count += 1);
        is_change
    }
}

/// Two rings are equal if they come to the same keys: what has been fetched so far does not count.
impl PartialEq for KeyRing {
    fn eq(&self, other: &Self) -> bool {
        match (self.source(), other.source()) {
            (None, None) => self.keys() == other.keys(),
            (ours, theirs) => ours == theirs,
        }
    }
}

impl Eq for KeyRing {}

impl Fetching {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that is done under the lock can leave it half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn miss(&self, kid: &str, now: Instant) {
        let name = self.hasher.hash_one(kid);
        let mut state = self.lock();
        if state.wish == Wish::Open && state.asked.len() >= ASKED_MAX {
            // Guessing at full speed: there is nothing left to note.
            return;
        }
        if state.wants(name, &self.source.pace, now) && state.wish == Wish::None {
            state.wish = Wish::Open;
            drop(state);
            self.wished.notify_one();
        }
    }

    fn is_worth_waiting(&self, now: Instant) -> bool {
        let state = self.lock();
        let has_rested = state
            .began
            .is_none_or(|began| now >= began + self.source.pace.cool_down);
        match state.progress {
            Progress::Running => true,
            // Keys that were never fetched are not wished for, but on their way as soon as may be.
            Progress::Idle => has_rested && (state.wish == Wish::Open || state.brought.is_none()),
        }
    }
}

impl State {
    /// Whether a name that is not there is a reason to fetch: not if a fetch that began after it was first asked for has not
    /// brought it, until that is long ago.
    fn wants(&mut self, name: u64, pace: &Pace, now: Instant) -> bool {
        let is_recent = |asked: Instant| now.saturating_duration_since(asked) < pace.absence;
        if let Some(&asked) = self.asked.get(&name)
            && is_recent(asked)
        {
            return self.brought.is_none_or(|brought| brought < asked);
        }
        if self.asked.len() >= ASKED_MAX {
            self.asked.retain(|_, asked| is_recent(*asked));
        }
        if self.asked.len() < ASKED_MAX {
            self.asked.insert(name, now);
        }
        true
    }
}

#[cfg(test)]
mod tests;
