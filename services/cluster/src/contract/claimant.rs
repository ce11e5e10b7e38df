//! A session that claims the lease of all of its peer.

use super::names::app;
use super::patience::eventually;
use super::session::Session;
use crate::leases::{Attach, Fence, Holder, LeaseKey, Place, Turn};

impl Session {
    pub(super) fn lease_key(&self) -> LeaseKey {
        LeaseKey {
            app: app(),
            dialect: "realtime",
            peer: self.peer.id.clone(),
            device: None,
            room: None,
        }
    }

    pub(super) async fn attach(&self) -> Attach {
        self.claim(Fence::NONE, Turn::First).await
    }

    pub(super) async fn attach_after(&self, place: Place) -> Attach {
        self.claim(Fence::NONE, Turn::Waited(place)).await
    }

    pub(super) async fn claim(&self, floor: Fence, turn: Turn) -> Attach {
        let attach = self
            .cluster
            .leases
            .attach(&self.lease_key(), self.id, floor, turn)
            .await;
        attach.expect("the backend answers")
    }

    pub(super) async fn attach_if_free(&self) -> Attach {
        let leases = &self.cluster.leases;
        let attach = leases
            .attach_if_free(&self.lease_key(), self.id, Fence::NONE)
            .await;
        attach.expect("the backend answers")
    }

    pub(super) fn release(&self, fence: Fence) {
        self.cluster
            .leases
            .release(&self.lease_key(), self.id, fence);
    }

    /// Who holds the lease that this session may claim.
    pub(super) async fn holder(&self) -> Option<Holder> {
        let holder = self.cluster.leases.holder(&self.lease_key()).await;
        holder.expect("the backend answers")
    }

    pub(super) async fn lease_becomes_free(&self) {
        eventually("the lease is free", async || {
            self.holder().await.is_none().then_some(())
        })
        .await;
    }

    /// This session as a holder.
    pub(super) fn holding(&self, fence: Fence) -> Holder {
        Holder {
            incarnation: self.cluster.incarnation,
            session: self.id,
            fence,
        }
    }
}

pub(super) fn granted(attach: Attach) -> Fence {
    match attach {
        Attach::Granted { fence, .. } => fence,
        Attach::Wait(_) | Attach::Superseded | Attach::Refused(_) => {
            panic!("not granted but {attach:?}")
        }
    }
}

pub(super) fn waits(attach: Attach) -> Place {
    match attach {
        Attach::Wait(place) => place,
        Attach::Granted { .. } | Attach::Superseded | Attach::Refused(_) => {
            panic!("not damped but {attach:?}")
        }
    }
}
