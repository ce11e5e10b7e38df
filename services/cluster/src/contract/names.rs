//! The apps, topics and peers that appear in the points.

use std::sync::Arc;

use protocol::{AppId, PeerId};

use crate::peer::Peer;
use crate::topic::Topic;

const CHECKED: &str = "the points are written with well-formed names";

pub(super) fn app() -> AppId {
    "app".parse().expect(CHECKED)
}

pub(super) fn another_app() -> AppId {
    "another-app".parse().expect(CHECKED)
}

pub(super) fn channel(name: &str) -> Topic {
    channel_of(&app(), name)
}

pub(super) fn channel_of(app: &AppId, name: &str) -> Topic {
    Topic::channel(app, name.parse().expect(CHECKED))
}

pub(super) fn peer_inbox(name: &str) -> Topic {
    Topic::peer(&app(), peer_id(name))
}

pub(super) fn peer_id(name: &str) -> PeerId {
    name.parse().expect(CHECKED)
}

pub(super) fn peer(name: &str) -> Arc<Peer> {
    Arc::new(Peer {
        id: peer_id(name),
        metadata: None,
    })
}
