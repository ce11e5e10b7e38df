//! What the apps use, over all edges: sessions counted in Redis at every connect, messages drawn from it in blocks.
//!
//! This edge's own count is kept here as well and stated again after every doubt, and once in a while without one; the
//! difference is exported as drift.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fred::error::Error;
use fred::prelude::Value;
use hashbrown::HashMap;
use protocol::AppId;
use tokio::sync::{Notify, RwLock};
use tokio::time::Instant;

use super::link::Link;
use super::meter::Meter;
use super::scripts::quota::{
    self, AppKeys, CLOSE_SESSION, OPEN_SESSION, Opened, SET_SESSIONS, SETTLE_MESSAGES, Statement,
    USAGE,
};
use super::shared::Shared;
use crate::Unavailable;
use crate::origin::Incarnation;
use crate::quotas::{Allowance, Period, SlotError, Spend, Usage};

/// How often what is to be settled is looked for.
const LOOK: Duration = Duration::from_secs(1);
/// How often this edge's own counts are compared.
const COMPARE: Duration = Duration::from_secs(10);
/// Draws at an app's first session here.
const DRAWS_MAX: usize = 4;

/// The apps that ever had a session here.
#[derive(Debug, Default)]
pub(super) struct QuotaTable {
    apps: Mutex<HashMap<AppId, Arc<App>>>,
    drawer: Arc<Notify>,
    clock: Arc<HandedClock>,
}

/// The time as callers last handed it in, going on since.
#[derive(Debug)]
struct HandedClock(Mutex<(u64, Instant)>);

/// One app on this edge.
#[derive(Debug)]
pub(crate) struct App {
    id: AppId,
    meter: Meter,
    clock: Arc<HandedClock>,
    sessions: AtomicU64,
    /// Opens and closes share it; whoever states the count has it alone, with none under way.
    counting: RwLock<()>,
}

impl QuotaTable {
    pub(super) fn app(&self, id: &AppId) -> Arc<App> {
        let mut apps = self.apps.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(app) = apps.get(id) {
            return Arc::clone(app);
        }
        let app = Arc::new(App {
            id: id.clone(),
            meter: Meter::new(Arc::clone(&self.drawer)),
            clock: Arc::clone(&self.clock),
            sessions: AtomicU64::new(0),
            counting: RwLock::default(),
        });
        apps.insert(id.clone(), Arc::clone(&app));
        app
    }

    fn all(&self) -> Vec<Arc<App>> {
        let apps = self.apps.lock().unwrap_or_else(PoisonError::into_inner);
        apps.values().cloned().collect()
    }

    /// States every count again.
    pub(super) async fn offer_all(&self, shared: &Arc<Shared>) {
        let mut drift = 0;
        for app in self.all() {
            match app.state_sessions(shared).await {
                Ok(more) => drift += more,
                Err(Unavailable) => return,
            }
        }
        shared
            .status
            .set(|counts| &counts.quota_drift, drift.cast_unsigned());
    }

    /// A dead edge's sessions no longer count; in an orderly leave, this one's.
    pub(super) async fn forget(
        &self,
        shared: &Arc<Shared>,
        link: &Link,
        registration: Incarnation,
    ) -> Result<(), Error> {
        let apps: Vec<String> = link
            .command("SMEMBERS", vec![shared.names.apps().into()])
            .await?;
        for id in apps {
            let Ok(id) = id.parse::<AppId>() else {
                continue;
            };
            let (keys, args) =
                quota::set_sessions(keys(shared, &id, self.clock.now_s()), registration, 0);
            link.script(&SET_SESSIONS, keys, args).await?;
        }
        Ok(())
    }

    /// Credit that was drawn and not used goes back.
    pub(super) async fn give_back(&self, shared: &Arc<Shared>) {
        for app in self.all() {
            if let Some(statement) = app.meter.give_back() {
                app.settle(shared, &statement).await;
            }
        }
    }
}

impl App {
    /// Counts one attempt; the hot path.
    pub(crate) fn spend(&self, allowance: Allowance, now_s: u64) -> Spend {
        self.meter.spend(allowance, now_s)
    }

    pub(super) async fn open_session(
        &self,
        shared: &Arc<Shared>,
        allowance: Allowance,
        now_s: u64,
    ) -> Result<(), SlotError> {
        self.clock.hand_in(now_s);
        let link = shared
            .links
            .by(shared.deadline())
            .await
            .ok_or(Unavailable)?;
        {
            let _counting = self.counting.read().await;
            let app_keys = keys(shared, &self.id, now_s);
            let (own, dead) = (shared.edges.registration(), shared.edges.dead());
            let (keys, args) = quota::open_session(app_keys, own, allowance, &dead);
            let opened = shared.run(&link, &OPEN_SESSION, keys, args).await?;
            match quota::parse_open_session(opened).map_err(|_| Unavailable)? {
                Opened::Opened(_) => {}
                Opened::Exhausted(_) => return Err(SlotError::Exhausted),
            }
            if self.sessions.fetch_add(1, Ordering::AcqRel) == 0 {
                // So that whoever cleans up after this edge knows where to look.
                let args: Vec<Value> = vec![shared.names.apps().into(), self.id.as_str().into()];
                let noted = link.command::<Value>("SADD", args).await;
                noted
                    .map_err(|error| shared.doubt(link.generation, &error))
                    .ok();
            }
        }
        self.meter.prepare(allowance, now_s);
        for _ in 0..DRAWS_MAX {
            if !self.meter.is_in_want() {
                break;
            }
            let Some(statement) = self.meter.due(now_s, Instant::now()) else {
                break;
            };
            if !self.settle(shared, &statement).await {
                break;
            }
        }
        Ok(())
    }

    pub(super) fn close_session(self: &Arc<Self>, shared: &Arc<Shared>) {
        let (app, task) = (Arc::clone(self), Arc::clone(shared));
        shared.spawn(async move {
            let _counting = app.counting.read().await;
            app.sessions.fetch_sub(1, Ordering::AcqRel);
            // Without a link the count is stated again over the next one.
            if let Some(link) = task.links.current() {
                let own = task.edges.registration();
                let (keys, args) =
                    quota::close_session(keys(&task, &app.id, app.clock.now_s()), own);
                let _ = task.run(&link, &CLOSE_SESSION, keys, args).await;
            }
        });
    }

    pub(super) async fn usage(&self, shared: &Shared, now_s: u64) -> Result<Usage, Unavailable> {
        let link = shared
            .links
            .by(shared.deadline())
            .await
            .ok_or(Unavailable)?;
        let (keys, args) = quota::usage(keys(shared, &self.id, now_s), &shared.edges.dead());
        let reply = shared.run(&link, &USAGE, keys, args).await?;
        quota::parse_usage(reply, Period::containing(now_s)).map_err(|_| Unavailable)
    }

    /// Returns how many more Redis had counted.
    async fn state_sessions(&self, shared: &Arc<Shared>) -> Result<i64, Unavailable> {
        let link = shared.links.current().ok_or(Unavailable)?;
        let _alone = self.counting.write().await;
        let count = self.sessions.load(Ordering::Acquire);
        let own = shared.edges.registration();
        let (keys, args) =
            quota::set_sessions(keys(shared, &self.id, self.clock.now_s()), own, count);
        let reply = shared.run(&link, &SET_SESSIONS, keys, args).await?;
        let restated = quota::parse_set_sessions(reply).map_err(|_| Unavailable)?;
        Ok(restated.before.cast_signed() - count.cast_signed())
    }

    /// Whether Redis has taken the statement.
    async fn settle(&self, shared: &Shared, statement: &Statement) -> bool {
        let Some(link) = shared.links.current() else {
            self.meter.unsettled();
            return false;
        };
        let used = shared
            .names
            .usage(&self.id, &quota::period_name(statement.period));
        let edges = shared.edges.count();
        let (keys, args) = quota::settle_messages(used, shared.incarnation, statement, edges);
        let settled = shared
            .run(&link, &SETTLE_MESSAGES, keys, args)
            .await
            .and_then(|reply| quota::parse_settle_messages(reply).map_err(|_| Unavailable));
        let is_settled = settled.is_ok();
        match settled {
            Ok(settled) => self.meter.settled(statement, settled, Instant::now()),
            Err(Unavailable) => self.meter.unsettled(),
        }
        is_settled
    }
}

/// Draws and states what is due, until the edge leaves.
pub(super) async fn settle_all(shared: Arc<Shared>) {
    let mut compare_at = Instant::now() + COMPARE;
    let mut look_at = Instant::now() + LOOK;
    loop {
        tokio::select! {
            () = shared.quotas.drawer.notified() => {}
            () = tokio::time::sleep_until(look_at) => look_at = Instant::now() + LOOK,
            () = shared.ended.cancelled() => return,
        }
        for app in shared.quotas.all() {
            while let Some(statement) = app.meter.due(shared.quotas.clock.now_s(), Instant::now()) {
                // What failed is stated again at the next look.
                if !app.settle(&shared, &statement).await {
                    break;
                }
            }
        }
        if Instant::now() >= compare_at {
            compare_at = Instant::now() + COMPARE;
            shared.quotas.offer_all(&shared).await;
        }
    }
}

fn keys(shared: &Shared, app: &AppId, now_s: u64) -> AppKeys {
    let period = Period::containing(now_s);
    AppKeys {
        sessions: shared.names.usage(app, "sessions"),
        used: shared.names.usage(app, &quota::period_name(period)),
    }
}

impl HandedClock {
    fn hand_in(&self, now_s: u64) {
        *self.lock() = (now_s, Instant::now());
    }

    fn now_s(&self) -> u64 {
        let (now_s, at) = *self.lock();
        now_s + at.elapsed().as_secs()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (u64, Instant)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for HandedClock {
    fn default() -> Self {
        let now_s = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        Self(Mutex::new((now_s, Instant::now())))
    }
}
