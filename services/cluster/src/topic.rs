//! An address on the bus.
//!
//! Channel, room and direct traffic differ in this one value. There is no topic without its app, so two tenants never
//! meet, however they name their channels and peers.

use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::{Arc, LazyLock};

use hashbrown::DefaultHashBuilder;
use protocol::room::RoomId;
use protocol::{AppId, ChannelName, DeviceId, PeerId};

/// Where an envelope goes; cheap to clone, equal by content.
#[derive(Clone, PartialEq, Eq)]
pub struct Topic(Arc<Parts>);

#[derive(PartialEq, Eq)]
struct Parts {
    /// Of the names below, computed once: a message looks its topic up in several maps.
    hash: u64,
    app: AppId,
    address: Address,
}

/// Seeded at random, since clients choose the names.
static HASHER: LazyLock<DefaultHashBuilder> = LazyLock::new(DefaultHashBuilder::default);

/// What inside the app is addressed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// Everybody subscribed to a channel.
    Channel(ChannelName),
    /// Every session of a peer.
    Peer(PeerId),
    /// Everybody in a room.
    Room(RoomId),
    /// Every session of an account, whatever room it is in. An account is a peer in the room dialect; what is sent to one
    /// never reaches a session of another dialect.
    Account(PeerId),
    /// The one session of a device; a user is a peer in the device dialect.
    Device(PeerId, DeviceId),
}

impl Topic {
    /// A channel of `app`.
    #[must_use]
    pub fn channel(app: &AppId, channel: ChannelName) -> Self {
        Self::new(app, Address::Channel(channel))
    }

    /// The inbox of a peer of `app`.
    #[must_use]
    pub fn peer(app: &AppId, peer: PeerId) -> Self {
        Self::new(app, Address::Peer(peer))
    }

    /// A room of `app`.
    #[must_use]
    pub fn room(app: &AppId, room: RoomId) -> Self {
        Self::new(app, Address::Room(room))
    }

    /// All sessions of an account of `app`.
    #[must_use]
    pub fn account(app: &AppId, account: PeerId) -> Self {
        Self::new(app, Address::Account(account))
    }

    /// The session of a device of a user of `app`.
    #[must_use]
    pub fn device(app: &AppId, user: PeerId, device: DeviceId) -> Self {
        Self::new(app, Address::Device(user, device))
    }

    fn new(app: &AppId, address: Address) -> Self {
        let hash = HASHER.hash_one((app, &address));
        Self(Arc::new(Parts {
            hash,
            app: app.clone(),
            address,
        }))
    }

    /// The app that the topic belongs to.
    #[must_use]
    pub fn app(&self) -> &AppId {
        &self.0.app
    }

    /// What is addressed.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.0.address
    }

    /// Whether it is the address of one peer or device: nobody who listens is nobody who is there, and the sender's concern.
    #[must_use]
    pub fn is_direct(&self) -> bool {
        matches!(self.address(), Address::Peer(_) | Address::Device(..))
    }

    /// A number in `0..buckets`, the same for equal topics within one process.
    pub(crate) fn bucket(&self, buckets: usize) -> usize {
        // The low bits choose the place inside a map; the high ones are independent of them.
        (self.0.hash >> 48) as usize % buckets
    }

    /// Bytes this topic's names take, for the bounds of queues that hold it.
    pub(crate) fn size_bytes(&self) -> usize {
        self.0.app.as_str().len()
            + match &self.0.address {
                Address::Channel(channel) => channel.as_str().len(),
                Address::Peer(peer) | Address::Account(peer) => peer.as_str().len(),
                Address::Room(_) => RoomId::LENGTH_BYTES,
                Address::Device(user, device) => user.as_str().len() + device.as_str().len(),
            }
    }
}

impl Hash for Topic {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.hash);
    }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{:?}", self.0.app, self.0.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_name_in_two_apps_is_two_topics() {
        let (one, two): (AppId, AppId) = ("one".parse().unwrap(), "two".parse().unwrap());
        let name: ChannelName = "room".parse().unwrap();
        assert_ne!(
            Topic::channel(&one, name.clone()),
            Topic::channel(&two, name.clone())
        );
        assert_eq!(
            Topic::channel(&one, name.clone()),
            Topic::channel(&one, name)
        );
    }

    #[test]
    fn a_channel_a_peer_and_an_account_of_one_name_are_three_topics() {
        let app: AppId = "one".parse().unwrap();
        assert_ne!(
            Topic::channel(&app, "bob".parse().unwrap()),
            Topic::peer(&app, "bob".parse().unwrap())
        );
        assert_ne!(
            Topic::account(&app, "bob".parse().unwrap()),
            Topic::peer(&app, "bob".parse().unwrap())
        );
    }
}
