//! Where a peer can be reached.
//!
//! A peer is reachable at an edge from before its first `welcome` until its last session there is gone. Asked for seldom
//! (REST, takeovers), never on the path of a message: there the receiver count of the publish says the same.

use std::sync::Arc;

use protocol::{AppId, PeerId};

use crate::Unavailable;
use crate::in_process;
use crate::redis;
use crate::topic::Topic;

/// The handle of one edge.
#[derive(Clone, Debug)]
pub struct Directory(Backend);

#[derive(Clone, Debug)]
enum Backend {
    InProcess(Arc<in_process::Member>),
    Redis(Arc<redis::Member>),
}

impl Directory {
    pub(crate) fn in_process(member: Arc<in_process::Member>) -> Self {
        Self(Backend::InProcess(member))
    }

    pub(crate) fn redis(member: Arc<redis::Member>) -> Self {
        Self(Backend::Redis(member))
    }

    /// How many edges hold a session of `peer`.
    ///
    /// # Errors
    /// The backend could not be asked.
    pub async fn edges_holding(&self, app: &AppId, peer: &PeerId) -> Result<usize, Unavailable> {
        let topic = Topic::peer(app, peer.clone());
        match &self.0 {
            Backend::InProcess(member) => Ok(member.edges_on(&topic)),
            Backend::Redis(member) => member.edges_on(&topic).await,
        }
    }
}
