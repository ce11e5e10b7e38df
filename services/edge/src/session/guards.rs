//! What a session holds: taken before it begins, given back by being dropped, so that no exit path can forget one.

use std::time::Duration;

use cluster::leases::{TAKEOVER_WAIT, Turn};
use cluster::quotas::SlotError;
use cluster::{
    Allowance, Attach, Cluster, Fence, Fenced, LeaseKey, Leases, SessionId, SessionSlot,
};
use protocol::AppId;
use protocol::close::CloseReason;
use tokio::time::{Instant, sleep};

use crate::calls::Seat;
use crate::lane::unix_now;
use crate::membership::Enrolled;
use crate::metrics::Metrics;

/// How long a newcomer that took over a device waits for the place of the session that it ended.
const HANDOVER: Duration = Duration::from_secs(1);
/// How often it looks.
const HANDOVER_STEP: Duration = Duration::from_millis(10);
/// How long whoever would take nobody's place waits for a session that may just be closing: its lease is given back a moment
/// after its client has seen the close.
const PARTING: Duration = Duration::from_millis(250);
/// How often it looks.
const PARTING_STEP: Duration = Duration::from_millis(50);

/// Everything that an admitted session holds.
#[derive(Debug)]
pub(crate) struct Guards {
    /// One of the app's concurrent sessions.
    #[expect(dead_code, reason = "held, and given back by being dropped")]
    slot: SessionSlot,
    /// The right to be the device's one session, where the dialect and the token ask for it.
    pub(crate) lease: Option<Box<LeaseGuard>>,
    /// Its place among those who are in a room on somebody's word.
    pub(crate) enrolled: Option<Enrolled>,
    /// Its place at the exchange, from the moment that it can be reached.
    pub(crate) seat: Option<Seat>,
}

/// A held lease.
#[derive(Debug)]
pub(crate) struct LeaseGuard {
    leases: Leases,
    key: LeaseKey,
    session: SessionId,
    fence: Fence,
    fenced: Fenced,
}

/// What a newcomer does when its device changes hands too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// It waits for its turn.
    Waits,
    /// It goes, and hears when to come back: [`CloseReason::TakenOver`].
    Goes,
    /// It takes nobody's place, however often its device changes hands: [`CloseReason::DeviceAttached`].
    Yields,
}

/// What a newcomer wants to hold.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    /// Whose session it is.
    pub(crate) app: &'a AppId,
    /// What the app may use.
    pub(crate) allowance: Allowance,
    /// The device, if the session is bound to one.
    pub(crate) lease: Option<LeaseKey>,
    /// Whether it waits for it.
    pub(crate) patience: Patience,
    /// The session that holds it.
    pub(crate) session: SessionId,
}

/// Whether somebody had to go for a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Took {
    /// The device was free.
    Free,
    /// An older session is closing now, and its place becomes free.
    Over,
}

impl Guards {
    /// Takes everything, or says with which reason the newcomer has to go.
    ///
    /// The device comes first: who takes over a device of an app whose places are all taken gets the place of the session
    /// that it ends, else a phone with a half-dead old connection would be locked out. `in_force` says whether the newcomer's
    /// key still holds: one that was removed while the newcomer waited must not end anybody's session.
    pub(crate) async fn take(
        cluster: &Cluster,
        metrics: &Metrics,
        wanted: Wanted<'_>,
        in_force: impl Fn() -> Result<(), CloseReason>,
    ) -> Result<Self, CloseReason> {
        let Wanted {
            app,
            allowance,
            lease,
            patience,
            session,
        } = wanted;
        let (lease, took) = match lease {
            Some(key) => {
                let (lease, took) = match patience {
                    Patience::Yields => {
                        let lease = LeaseGuard::take_free(cluster, key, session).await?;
                        (lease, Took::Free)
                    }
                    Patience::Waits | Patience::Goes => {
                        let taking =
                            LeaseGuard::take(cluster, metrics, key, session, patience, in_force);
                        taking.await?
                    }
                };
                (Some(Box::new(lease)), took)
            }
            None => (None, Took::Free),
        };
        let slot = slot(cluster, app, allowance, took).await?;
        Ok(Self {
            slot,
            lease,
            enrolled: None,
            seat: None,
        })
    }
}

impl LeaseGuard {
    /// Attaches to the device, after a wait if it changes hands too often.
    async fn take(
        cluster: &Cluster,
        metrics: &Metrics,
        key: LeaseKey,
        session: SessionId,
        patience: Patience,
        in_force: impl Fn() -> Result<(), CloseReason>,
    ) -> Result<(Self, Took), CloseReason> {
        let leases = &cluster.leases;
        let mut turn = Turn::First;
        loop {
            match leases.attach(&key, session, Fence::NONE, turn).await {
                Ok(Attach::Granted { fence, previous }) => {
                    let took = previous.map_or(Took::Free, |_| Took::Over);
                    return Ok((Self::new(leases, key, session, fence), took));
                }
                Ok(Attach::Wait(place)) => {
                    metrics.takeovers_damped.inc();
                    if patience == Patience::Goes {
                        return Err(CloseReason::TakenOver);
                    }
                    sleep(TAKEOVER_WAIT).await;
                    in_force()?;
                    turn = Turn::Waited(place);
                }
                // Whoever forces its way is refused by nobody.
                Ok(Attach::Superseded | Attach::Refused(_)) => return Err(CloseReason::TakenOver),
                Err(_) => return Err(CloseReason::BackendUnavailable),
            }
        }
    }

    /// Attaches to the device if no other session holds it. One that is just closing gets a moment to be gone.
    async fn take_free(
        cluster: &Cluster,
        key: LeaseKey,
        session: SessionId,
    ) -> Result<Self, CloseReason> {
        let leases = &cluster.leases;
        let deadline = Instant::now() + PARTING;
        loop {
            let attach = leases.attach_if_free(&key, session, Fence::NONE).await;
            match attach.map_err(|_| CloseReason::BackendUnavailable)? {
                Attach::Granted { fence, .. } => return Ok(Self::new(leases, key, session, fence)),
                Attach::Refused(_) | Attach::Wait(_) | Attach::Superseded => {
                    if Instant::now() >= deadline {
                        return Err(CloseReason::DeviceAttached);
                    }
                    sleep(PARTING_STEP).await;
                }
            }
        }
    }

    fn new(leases: &Leases, key: LeaseKey, session: SessionId, fence: Fence) -> Self {
        Self {
            leases: leases.clone(),
            fenced: key.fenced(fence),
            key,
            session,
            fence,
        }
    }

    /// The number with which the device is held.
    pub(crate) const fn fence(&self) -> Fence {
        self.fence
    }

    /// What others compare to tell whether the session still speaks for its device.
    pub(crate) fn fenced(&self) -> Fenced {
        self.fenced
    }

    /// Whether somebody holds the device with a newer fence. Stale news cannot evict the newer session.
    pub(crate) fn is_older_than(&self, fence: Fence) -> bool {
        self.fence < fence
    }
}

impl Drop for LeaseGuard {
    fn drop(&mut self) {
        self.leases.release(&self.key, self.session, self.fence);
    }
}

async fn slot(
    cluster: &Cluster,
    app: &AppId,
    allowance: Allowance,
    took: Took,
) -> Result<SessionSlot, CloseReason> {
    let deadline = Instant::now() + HANDOVER;
    loop {
        match cluster
            .quotas
            .open_session(app, allowance, unix_now().as_secs())
            .await
        {
            Ok(slot) => return Ok(slot),
            Err(SlotError::Exhausted) if took == Took::Over && Instant::now() < deadline => {
                sleep(HANDOVER_STEP).await;
            }
            Err(SlotError::Exhausted) => return Err(CloseReason::OverConcurrentLimit),
            Err(SlotError::Unavailable(_)) => return Err(CloseReason::BackendUnavailable),
        }
    }
}
