//! Who serves one session: executes its requests in order, and watches over its calls.
//!
//! Who ends a call when somebody does not come back? First the edge that saw the socket go: it waits for the grace time and
//! looks whether the device has a session again. If that edge died too, the edge of whoever is left in the call: its
//! attendant looks from time to time whether the other side has a session, also while it rings. If that one is gone as well, whoever next reads
//! a line that the call is on, at the latest when one of the two comes back, and the record's own end.

use std::time::Duration;

use cluster::Fence;
use hashbrown::HashMap;
use protocol::device::{Ask, CallAsk, CallId, ErrorCode};
use protocol::{AppId, DeviceId, PeerId};
use tokio::time::{Instant, sleep};

use super::ask::unix_ms;
use super::attach::ids;
use super::board::{Board, Denied, Replies};
use super::call::{Call, Role, Stage};
use super::device::Device;
use super::store::{Read, StoreError};
use super::transitions::Applied;
use super::who::{Who, lease_key};

/// Bounds of the time between two looks at a call.
const LOOK_AT_LEAST: Duration = Duration::from_millis(100);
const LOOK_AT_MOST: Duration = Duration::from_secs(15);
/// How much later than an attendant a reader ends a call that has rung for too long.
const OVERDUE_AFTER: Duration = Duration::from_secs(30);

const PASSED_ON: Denied = Denied {
    code: ErrorCode::WrongState,
    reason: "a newer session has the device",
};

/// One session's attendant.
#[derive(Debug)]
pub(crate) struct Attendant {
    board: Board,
    who: Who,
    /// When the session came, as its device's record says.
    attached_ms: u64,
    /// With which the session holds its device.
    fence: Fence,
    /// The calls that the device is in, and who in them has been without a session since when.
    watched: HashMap<CallId, HashMap<Role, Instant>>,
}

impl Attendant {
    pub(super) fn new(board: Board, who: Who, attached_ms: u64, fence: Fence) -> Self {
        Self {
            board,
            who,
            attached_ms,
            fence,
            watched: HashMap::new(),
        }
    }

    /// Executes one request, if the device is still the session's.
    ///
    /// # Errors
    /// It is not carried out: then nothing was replied.
    pub(super) async fn execute(
        &mut self,
        ask: Ask,
        replies: &mut Replies<'_>,
    ) -> Result<(), Denied> {
        self.hold_device().await?;
        match ask {
            Ask::Call { line, call, ask } => {
                let enters = matches!(ask, CallAsk::Outgoing { .. } | CallAsk::Accept { .. });
                let board = self.board.clone();
                let live = board.ask(&self.who, line, &call, ask, replies).await?;
                if let Some(live) = live.filter(|_| enters) {
                    self.watch(live);
                }
            }
            Ask::IceTrickle { line, candidate } => {
                let board = self.board.clone();
                board.trickle(&self.who, line, candidate, replies).await?;
            }
            Ask::PresenceUpdate { settings } => {
                let board = self.board.clone();
                board
                    .publish_presence(&self.who, &settings, replies)
                    .await?;
            }
        }
        Ok(())
    }

    /// A newer session may have the device before the lane of this one has heard of it.
    async fn hold_device(&self) -> Result<(), Denied> {
        let key = lease_key(&self.who.app, &self.who.user, &self.who.device);
        let holder = self.board.0.leases.holder(&key).await;
        let holder = holder.map_err(StoreError::from)?;
        if holder.is_some_and(|holder| holder.fence > self.fence) {
            return Err(PASSED_ON);
        }
        Ok(())
    }

    /// Whom it serves.
    pub(super) const fn who(&self) -> &Who {
        &self.who
    }

    /// A call that the device is in.
    pub(super) fn watch(&mut self, call: CallId) {
        self.watched.entry(call).or_default();
    }

    /// When it wants to look after its calls; `None` while there are none.
    pub(crate) fn looks_in(&self) -> Option<Duration> {
        let patience = self.board.0.patience;
        let often = patience.grace.min(patience.ring) / 4;
        (!self.watched.is_empty()).then(|| often.clamp(LOOK_AT_LEAST, LOOK_AT_MOST))
    }

    /// Looks after its calls.
    pub(crate) async fn look(&mut self) {
        let watched: Vec<CallId> = self.watched.keys().cloned().collect();
        for id in watched {
            match self.look_at(&id).await {
                Ok(true) => {}
                Ok(false) => {
                    self.watched.remove(&id);
                }
                Err(error) => tracing::debug!(%error, call = %id, "a call could not be looked at"),
            }
        }
    }

    /// Whether the call goes on.
    async fn look_at(&mut self, id: &CallId) -> Result<bool, StoreError> {
        let (board, who) = (self.board.clone(), self.who.clone());
        let Some(read) = board.0.store.call(&who.app, id).await? else {
            return Ok(false);
        };
        let call = read.value;
        let role = call.role_of(&who.user, &who.device);
        let Some(role) = role.filter(|role| call.holds(*role)) else {
            return Ok(false);
        };
        if board.has_rung_out(&call, unix_ms()) {
            board.intervene(&who.app, id, Call::ring_out).await?;
            return Ok(false);
        }
        for peer in call.peers(role).collect::<Vec<_>>() {
            let absent = self.watched.entry(id.clone()).or_default();
            if board.is_reachable(&who.app, &call, peer).await? {
                absent.remove(&peer);
                continue;
            }
            let since = *absent.entry(peer).or_insert_with(Instant::now);
            if since.elapsed() >= board.0.patience.grace {
                let abandon = |call: &mut Call| call.abandon(peer);
                board.intervene(&who.app, id, abandon).await?;
            }
        }
        Ok(true)
    }

    /// The session has ended. What becomes of its calls is seen after the grace time.
    pub(crate) fn leave(self) {
        let Self {
            board,
            who,
            attached_ms,
            fence: _,
            watched: _,
        } = self;
        let (tasks, drain) = (board.0.tasks.clone(), board.0.drain.clone());
        tasks.spawn(async move {
            tokio::select! {
                // The others watch over the calls of an edge that leaves.
                () = drain.cancelled() => {}
                () = sleep(board.0.patience.grace) => {
                    if let Err(error) = board.close_absence(&who, attached_ms).await {
                        tracing::debug!(%error, "the calls of a lost device are left to others");
                    }
                }
            }
        });
    }
}

impl Board {
    pub(super) async fn is_attached(
        &self,
        app: &AppId,
        user: &PeerId,
        device: &DeviceId,
    ) -> Result<bool, StoreError> {
        let key = lease_key(app, user, device);
        Ok(self.0.leases.holder(&key).await?.is_some())
    }

    /// Whether somebody in a call has a session, or may still be woken while it rings.
    async fn is_reachable(&self, app: &AppId, call: &Call, role: Role) -> Result<bool, StoreError> {
        let leg = call.leg(role);
        if self.is_attached(app, &leg.user, &leg.device).await? {
            return Ok(true);
        }
        if role == Role::Caller || call.stage != Stage::Ringing {
            return Ok(false);
        }
        let device = self.0.store.device(app, &leg.user, &leg.device).await?;
        Ok(device.is_some_and(|read| !self.0.wake.usable(&read.value.push).is_empty()))
    }

    /// Ends what a device without a session is still in. A call that rings waits for a device that can be woken.
    async fn close_absence(&self, who: &Who, attached_ms: u64) -> Result<(), StoreError> {
        let (app, user, device) = (&who.app, &who.user, &who.device);
        // Read before it is known whether the device is back: what it does then makes this version an old one.
        let Some(read) = self.0.store.device(app, user, device).await? else {
            return Ok(());
        };
        // Whoever served a later session waits for it in turn.
        let is_back = read.value.attached_ms != attached_ms;
        if is_back || self.is_attached(app, user, device).await? {
            return Ok(());
        }
        self.withdraw_presence(who).await?;
        let can_be_woken = !self.0.wake.usable(&read.value.push).is_empty();
        for id in ids(read.value.holds()) {
            let change = |call: &mut Call| match call.role_of(user, device) {
                Some(Role::Callee(_)) if can_be_woken && call.stage == Stage::Ringing => {
                    Applied::default()
                }
                Some(role) => call.abandon(role),
                None => Applied::default(),
            };
            self.intervene(app, &id, change).await?;
        }
        if !can_be_woken {
            self.forget_if_idle(app, user, device, read).await;
        }
        Ok(())
    }

    /// Forgets a device that nobody can reach, unless it came back or is in a call.
    pub(super) async fn forget_if_idle(
        &self,
        app: &AppId,
        user: &PeerId,
        device: &DeviceId,
        read: Read<Device>,
    ) {
        for id in ids(read.value.holds()) {
            match self.0.store.call(app, &id).await {
                Ok(Some(call)) if !call.value.has_ended() => return,
                Ok(_) => {}
                Err(_) => return,
            }
        }
        let store = &self.0.store;
        if let Err(error) = store.forget_device(app, user, device, read.version).await {
            tracing::debug!(%error, "a device that left is still on record");
        }
    }

    /// Whether a call has rung for long enough.
    fn has_rung_out(&self, call: &Call, now_ms: u64) -> bool {
        self.has_rung_for(call, self.0.patience.ring, now_ms)
    }

    /// Whether a call still rings that its caller's edge should have ended.
    pub(super) fn is_overdue(&self, call: &Call, now_ms: u64) -> bool {
        self.has_rung_for(call, self.0.patience.ring + OVERDUE_AFTER, now_ms)
    }

    fn has_rung_for(&self, call: &Call, time: Duration, now_ms: u64) -> bool {
        let time_ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        call.stage == Stage::Ringing && now_ms >= call.began_ms.saturating_add(time_ms)
    }
}
