//! The apps, topics and peers that appear in the points.

use std::sync::Arc;

use protocol::room::RoomId;
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

pub(super) fn room(number: u8) -> Topic {
    Topic::room(&app(), room_id(number))
}

pub(super) fn account(name: &str) -> Topic {
    Topic::account(&app(), peer_id(name))
}

pub(super) fn room_id(number: u8) -> RoomId {
    format!("0f8fad5b-d9cb-469f-a165-7086772895{number:02x}")
        .parse()
        .expect(CHECKED)
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
