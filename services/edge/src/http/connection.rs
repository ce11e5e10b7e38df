//! One TCP connection of a client, until it is a session or over.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::unadmitted::Place;
use crate::lane::Upgraded;

/// What comes after HTTP: everything between the upgrade and the lane.
type Enter = dyn FnOnce(Upgraded) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send;

/// What a door knows about the connection that a request came on.
pub(super) struct Connection {
    /// The other end: a client or a proxy.
    pub(super) peer: SocketAddr,
    #[expect(dead_code, reason = "held, and given back with the connection")]
    place: Place,
    enter: Mutex<Option<Box<Enter>>>,
}

impl Connection {
    pub(super) const fn new(peer: SocketAddr, place: Place) -> Self {
        Self {
            peer,
            place,
            enter: Mutex::new(None),
        }
    }

    /// The response that comes now accepts an upgrade, and then the connection is `enter`'s.
    pub(super) fn upgrade<F>(&self, enter: impl FnOnce(Upgraded) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        *self.enter() = Some(Box::new(move |upgraded| Box::pin(enter(upgraded))));
    }

    pub(super) fn is_upgraded(&self) -> bool {
        self.enter().is_some()
    }

    /// Whose the connection is once HTTP is over, if anybody's.
    pub(super) fn take_enter(&self) -> Option<Box<Enter>> {
        self.enter().take()
    }

    fn enter(&self) -> MutexGuard<'_, Option<Box<Enter>>> {
        self.enter.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut debug = formatter.debug_struct("Connection");
        debug.field("peer", &self.peer).finish_non_exhaustive()
    }
}
