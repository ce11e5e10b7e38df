//! The exchange: what the requests of devices do.
//!
//! Runs beside the lanes, since it reads and changes records that all edges share, and a lane never waits. Each session has
//! a [`Seat`] here, where its requests are carried out one after the other; what comes of them is told through the
//! [`Sink`], in one order with whatever else the session hears.
//!
//! - `seat`, `sink`, `party`: a session at the exchange. `attendant`: what its requests do, and who watches over its calls.
//! - `call`, `transitions`, `log`: a call as a pure state machine.
//! - `device`, `store`: devices and calls as records that all edges share. `numbers`: who has which number.
//! - `board`: what works on them. `attach`: what a device finds at its connect; `outgoing`, `fold`: placing a call; `ask`: what is
//!   asked of one; `presence`: what watchers see; `tell`: how the other devices hear of it; `push`, `wake`: reaching a device that has no session.
//!
//! The call's record is the only truth. Every change is made there first, by compare-and-set, and told afterwards, with the
//! version of the record. Two records are changed in an order in which a crash between them leaves nothing but a line that
//! points to no call, which is free.
//!
//! Refuses to know sockets and frames of the WebSocket layer. Invariants: every request is answered exactly once; nothing
//! is carried out for a session whose device has passed on to a newer one.

mod ask;
mod attach;
mod attendant;
mod board;
mod call;
mod device;
mod fold;
mod log;
pub(crate) mod numbers;
mod outgoing;
mod party;
pub(crate) mod presence;
#[cfg(test)]
mod properties;
pub(crate) mod push;
mod seat;
mod sink;
mod store;
mod tell;
mod transitions;
mod wake;
mod who;

use std::sync::Arc;

use cluster::InboxHandle;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::DeviceConfig;
use crate::metrics::Metrics;
pub(crate) use board::{Board, Surroundings};
pub(crate) use party::Party;
pub(crate) use seat::Seat;
pub(crate) use sink::Sink;
pub(crate) use store::StoreError;
pub(crate) use wake::WakeError;
pub(crate) use who::lease_key;

/// The exchange of one edge; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Exchange(Arc<Shared>);

/// What its tasks share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) board: Board,
    pub(crate) metrics: Metrics,
    pub(crate) config: DeviceConfig,
    /// Of every lane of this edge.
    inboxes: Vec<InboxHandle>,
    /// Where requests are carried out, and who waits for that in a drain.
    front: Handle,
    tasks: TaskTracker,
    drain: CancellationToken,
}

impl Exchange {
    /// The calls.
    pub(crate) fn board(&self) -> &Board {
        &self.0.board
    }

    /// Requests are carried out on `front`, on the runtime that this is called on.
    ///
    /// # Errors
    /// Devices cannot be woken as configured.
    pub(crate) fn new(of: Surroundings<'_>, inboxes: Vec<InboxHandle>) -> Result<Self, WakeError> {
        Ok(Self(Arc::new(Shared {
            metrics: of.metrics.clone(),
            config: of.config.device.clone(),
            inboxes,
            front: Handle::current(),
            tasks: of.tasks.clone(),
            drain: of.drain.clone(),
            board: Board::new(of)?,
        })))
    }

    /// Attaches a session that holds its device: it is told its state, or that there is none to be had. The session is
    /// reachable already, so whatever happens from now on it hears as news.
    ///
    /// Dropping the seat is the end of the session.
    pub(crate) fn attach(&self, party: &Arc<Party>) -> Option<Seat> {
        let inbox = self.0.inboxes.get(usize::from(party.session.lane().0))?;
        let sink = Sink::new(inbox.clone(), party.session, Arc::clone(&self.0));
        Some(Seat::new(Arc::clone(&self.0), Arc::clone(party), sink))
    }
}
