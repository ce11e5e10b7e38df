//! The right of a device to one session in the whole cluster, guarded by an ever-growing number, the fence.
//!
//! Whoever attaches last holds the lease; the holder before it is told at once through its lane's inbox and must go, and
//! only the session that still holds a lease can release it. Takeovers are damped, so that two clients that both insist
//! on one device cannot fight at network speed.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use protocol::room::RoomId;
use protocol::{AppId, DeviceId, PeerId};

use crate::Unavailable;
use crate::in_process;
use crate::origin::{Fenced, Incarnation, SessionId};
use crate::redis;

/// Takeovers within the window that cost nothing; every further one has to wait its turn.
pub const FREE_TAKEOVERS: usize = 3;
/// The window in which takeovers of one lease are counted.
pub const TAKEOVER_WINDOW: Duration = Duration::from_secs(10);
/// How long a damped newcomer waits while the older session goes on serving.
pub const TAKEOVER_WAIT: Duration = Duration::from_secs(1);

/// The handle of one edge.
#[derive(Clone, Debug)]
pub struct Leases(Backend);

#[derive(Clone, Debug)]
enum Backend {
    InProcess(Arc<in_process::Member>),
    Redis(Arc<redis::Member>),
}

/// What is leased: one device of one peer, or all of a peer (`device` absent), inside an app and a dialect.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LeaseKey {
    /// The tenant.
    pub app: AppId,
    /// A phone may hold one session in each dialect.
    pub dialect: &'static str,
    /// The token's subject: a device id is only meaningful together with it.
    pub peer: PeerId,
    /// From the token, never from a query string.
    pub device: Option<DeviceId>,
    /// In the room dialect a device may be in several rooms, once in each.
    pub room: Option<RoomId>,
}

impl LeaseKey {
    /// What an envelope of the holder of `fence` carries.
    #[must_use]
    pub fn fenced(&self, fence: Fence) -> Fenced {
        Fenced {
            device: (redis::lease_hash(self) >> 64) as u64,
            fence,
        }
    }
}

/// The number that orders the holders of one lease: max(stored + 1, the backend's clock in µs, the caller's floor + 1). A
/// plain counter would repeat itself after a failover. Stays below 2^53.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fence(pub u64);

impl Fence {
    /// Below every fence that was ever granted.
    pub const NONE: Self = Self(0);
}

impl fmt::Display for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who holds a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The edge run.
    pub incarnation: Incarnation,
    /// The session there.
    pub session: SessionId,
    /// Its fence.
    pub fence: Fence,
}

/// How an attach went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attach {
    /// The lease is the caller's; `previous` has been told to go.
    Granted {
        /// To be compared with whatever is heard later.
        fence: Fence,
        /// Who held it until now.
        previous: Option<Holder>,
    },
    /// Too many takeovers: wait [`TAKEOVER_WAIT`], then attach again with this place in the line.
    Wait(Place),
    /// A still newer session has taken the caller's place in the line; the caller closes as taken over.
    Superseded,
    /// Another session holds it, and the caller wanted it only if it was free. Nothing was changed.
    Refused(Holder),
}

/// A damped newcomer's place. Only the newest one is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place(pub u64);

/// Whether the caller has waited already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// First attempt.
    First,
    /// Comes back after [`Attach::Wait`].
    Waited(Place),
}

impl Leases {
    pub(crate) fn in_process(member: Arc<in_process::Member>) -> Self {
        Self(Backend::InProcess(member))
    }

    pub(crate) fn redis(member: Arc<redis::Member>) -> Self {
        Self(Backend::Redis(member))
    }

    /// Claims the lease for `session`. `floor` is the highest fence this edge ever saw for the key. A session that claims
    /// what it holds already gets a larger fence and takes over from nobody.
    ///
    /// # Errors
    /// The backend could not be asked. A lease is never granted without it.
    pub async fn attach(
        &self,
        key: &LeaseKey,
        session: SessionId,
        floor: Fence,
        turn: Turn,
    ) -> Result<Attach, Unavailable> {
        match &self.0 {
            Backend::InProcess(member) => Ok(member.attach_lease(key, session, floor, turn)),
            Backend::Redis(member) => member.attach_lease(key, session, floor, turn).await,
        }
    }

    /// Claims the lease only if nobody holds it: [`Attach::Granted`] or [`Attach::Refused`], and nobody is made to wait.
    ///
    /// # Errors
    /// The backend could not be asked.
    pub async fn attach_if_free(
        &self,
        key: &LeaseKey,
        session: SessionId,
        floor: Fence,
    ) -> Result<Attach, Unavailable> {
        match &self.0 {
            Backend::InProcess(member) => Ok(member.attach_free_lease(key, session, floor)),
            Backend::Redis(member) => member.attach_free_lease(key, session, floor).await,
        }
    }

    /// Gives the lease back, if `session` still holds it with this fence; a late clean-up cannot remove a newer holder.
    pub fn release(&self, key: &LeaseKey, session: SessionId, fence: Fence) {
        match &self.0 {
            Backend::InProcess(member) => member.release_lease(key, session, fence),
            Backend::Redis(member) => member.release_lease(key, session, fence),
        }
    }

    /// Who holds the lease now.
    ///
    /// # Errors
    /// The backend could not be asked.
    pub async fn holder(&self, key: &LeaseKey) -> Result<Option<Holder>, Unavailable> {
        match &self.0 {
            Backend::InProcess(member) => Ok(member.lease_holder(key)),
            Backend::Redis(member) => member.lease_holder(key).await,
        }
    }
}
