//! One TCP connection of a client, until it is a session or over.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use super::unadmitted::Place;
use crate::lane::Upgraded;

/// What comes after HTTP: everything between the upgrade and the lane.
type Enter = dyn FnOnce(Upgraded) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send;

/// What a door knows about the connection that a request came on.
pub(super) struct Connection {
    /// The other end: a client or a proxy.
    pub(super) peer: SocketAddr,
    /// Given back with the connection.
    _place: Place,
    enter: Mutex<Option<Box<Enter>>>,
}

impl Connection {
    pub(super) const fn new(peer: SocketAddr, place: Place) -> Self {
        Self {
            peer,
            _place: place,
            enter: Mutex::new(None),
        }
    }

    /// The response that comes now accepts an upgrade, and then the connection is `enter`'s.
    pub(super) fn upgrade<F>(&self, enter: impl FnOnce(Upgraded) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut place = self.enter.lock().unwrap_or_else(PoisonError::into_inner);
        *place = Some(Box::new(move |upgraded| Box::pin(enter(upgraded))));
    }

    pub(super) fn is_upgraded(&self) -> bool {
        let enter = self.enter.lock().unwrap_or_else(PoisonError::into_inner);
        enter.is_some()
    }

    /// Whose the connection is once HTTP is over, if anybody's.
    pub(super) fn take_enter(&self) -> Option<Box<Enter>> {
        let mut enter = self.enter.lock().unwrap_or_else(PoisonError::into_inner);
        enter.take()
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut debug = formatter.debug_struct("Connection");
        debug.field("peer", &self.peer).finish_non_exhaustive()
    }
}
