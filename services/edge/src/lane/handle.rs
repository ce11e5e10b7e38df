//! How the rest of the edge speaks to a lane.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cluster::{LaneId, SessionId, Topic};
use protocol::PeerId;
use tokio::sync::mpsc;

use super::admit::Admission;
use crate::revocation::RevocationList;
use crate::tenancy::Tenancy;

/// A lane as others see it.
#[derive(Clone, Debug)]
pub(crate) struct LaneHandle {
    id: LaneId,
    commands: mpsc::Sender<Command>,
    serials: Arc<AtomicU64>,
}

/// What a lane can be told.
#[derive(Debug)]
pub(super) enum Command {
    /// Take over a client.
    Admit(Box<Admission>),
    /// Apps and keys have changed.
    Rebind(Arc<Tenancy>),
    /// Tokens have been revoked.
    Revoke(Arc<RevocationList>),
    /// An account is no longer a member of a room.
    EndMembership { room: Topic, account: PeerId },
    /// Send everybody away, spread over a time, and end.
    Drain { spread: Duration },
}

/// The lane's thread has ended, for the edge is stopping; here is what it was handed.
#[derive(Debug)]
pub(crate) struct LaneEnded<T = ()>(pub(crate) T);

impl LaneHandle {
    /// `serials` is shared by all lanes of the edge.
    pub(super) const fn new(
        id: LaneId,
        commands: mpsc::Sender<Command>,
        serials: Arc<AtomicU64>,
    ) -> Self {
        Self {
            id,
            commands,
            serials,
        }
    }

    /// A name for a session that will live on this lane.
    pub(crate) fn new_session_id(&self) -> SessionId {
        SessionId::new(self.id, self.serials.fetch_add(1, Ordering::Relaxed))
    }

    /// Hands a client over.
    pub(crate) async fn admit(
        &self,
        admission: Admission,
    ) -> Result<(), LaneEnded<Box<Admission>>> {
        let Ok(permit) = self.commands.reserve().await else {
            return Err(LaneEnded(Box::new(admission)));
        };
        permit.send(Command::Admit(Box::new(admission)));
        Ok(())
    }

    /// Tells every session that apps and keys have changed.
    pub(crate) async fn rebind(&self, tenancy: Arc<Tenancy>) -> Result<(), LaneEnded> {
        self.send(Command::Rebind(tenancy)).await
    }

    /// Closes the sessions whose tokens have been revoked.
    pub(crate) async fn revoke(&self, list: Arc<RevocationList>) -> Result<(), LaneEnded> {
        self.send(Command::Revoke(list)).await
    }

    /// Closes the sessions that `account` has in a room: it is no longer a member.
    pub(crate) async fn end_membership(
        &self,
        room: Topic,
        account: PeerId,
    ) -> Result<(), LaneEnded> {
        self.send(Command::EndMembership { room, account }).await
    }

    /// Sends everybody away, their closes spread evenly over `spread`.
    pub(crate) async fn drain(&self, spread: Duration) -> Result<(), LaneEnded> {
        self.send(Command::Drain { spread }).await
    }

    async fn send(&self, command: Command) -> Result<(), LaneEnded> {
        self.commands.send(command).await.map_err(|_| LaneEnded(()))
    }
}
