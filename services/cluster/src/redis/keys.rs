//! What things are called in Redis.
//!
//! No name holds anything that a client chose: a topic is known by a hash of its names, which two apps cannot share. Every
//! name carries the hash tag of one of [`PARTITIONS`] partitions, so that whatever one script touches lies in one slot of
//! a Redis Cluster; a standalone Redis uses the same names.

use std::fmt::Write as _;

use fred::bytes_utils::Str;
use protocol::AppId;
use sha2::{Digest, Sha256};

use crate::leases::LeaseKey;
use crate::origin::Incarnation;
use crate::records::Shelf;
use crate::topic::{Address, Topic};

/// Slots that topics are spread over.
pub(super) const PARTITIONS: u16 = 256;
/// Slots that leases are spread over: fewer, since every edge reads a log of each in every audit.
pub(super) const LEASE_PARTITIONS: u16 = 32;

/// The name of one topic: 128 bits of a SHA-256, so nobody finds two topics with one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct TopicKey(u128);

/// Makes the names of one deployment: several may share a Redis under different prefixes.
#[derive(Clone, Debug)]
pub(super) struct Names {
    prefix: String,
}

impl TopicKey {
    pub(super) fn of(topic: &Topic) -> Self {
        let app = topic.app().as_str().as_bytes();
        let (kind, name) = match topic.address() {
            Address::Channel(channel) => (b'c', channel.as_str()),
            Address::Peer(peer) => (b'p', peer.as_str()),
            Address::Account(account) => (b'a', account.as_str()),
            Address::Room(room) => (b'r', &*room.to_string()),
            Address::Device(user, device) => {
                let (user, device) = (user.as_str().as_bytes(), device.as_str().as_bytes());
                return Self(hash(&[b"d", app, user, device]));
            }
        };
        Self(hash(&[&[kind], app, name.as_bytes()]))
    }

    /// The key in a name that [`Names::channel`] made; `None` for any other channel of the same Redis.
    pub(super) fn parse(channel: &str) -> Option<Self> {
        let digits = channel.rsplit_once(':')?.1;
        (digits.len() == 32)
            .then(|| u128::from_str_radix(digits, 16).ok())
            .flatten()
            .map(Self)
    }

    pub(super) fn as_u128(self) -> u128 {
        self.0
    }

    pub(super) fn from_u128(number: u128) -> Self {
        Self(number)
    }

    /// A number in `0..buckets`.
    pub(super) fn bucket(self, buckets: usize) -> usize {
        (self.0 >> 64) as usize % buckets
    }

    pub(super) fn partition(self) -> u16 {
        self.0 as u16 % PARTITIONS
    }
}

impl Names {
    pub(super) fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
        }
    }

    /// The pub/sub channel of a topic, and the stem of the keys that hold its members.
    pub(super) fn channel(&self, key: TopicKey) -> Str {
        self.in_partition(key.partition(), format_args!("{:032x}", key.0))
    }

    /// The topics of a partition in which an edge has members: a set of channel names.
    pub(super) fn member_index(&self, partition: u16, registration: Incarnation) -> Str {
        self.in_partition(partition, format_args!("i:{registration}"))
    }

    /// Where edges speak to one edge.
    pub(super) fn edge_channel(&self, registration: Incarnation) -> Str {
        self.in_partition(0, format_args!("edge:{registration}"))
    }

    /// An edge's sign of life.
    pub(super) fn heartbeat(&self, registration: Incarnation) -> Str {
        format!("{}:{{edges}}:live:{registration}", self.prefix).into()
    }

    /// All registrations that are alive or not cleaned up after: a set.
    pub(super) fn registrations(&self) -> Str {
        format!("{}:{{edges}}:all", self.prefix).into()
    }

    /// Held by whoever cleans up after a dead edge.
    pub(super) fn sweep_claim(&self, registration: Incarnation) -> Str {
        format!("{}:{{edges}}:sweep:{registration}", self.prefix).into()
    }

    /// Apps that ever had a session counted: a set of app ids.
    pub(super) fn apps(&self) -> Str {
        format!("{}:{{edges}}:apps", self.prefix).into()
    }

    pub(super) fn lease(&self, key: &LeaseKey) -> (u16, Str) {
        let hash = lease_hash(key);
        let partition = hash as u16 % LEASE_PARTITIONS;
        let name = format!("{}:{{l{partition}}}:lease:{hash:032x}", self.prefix);
        (partition, name.into())
    }

    /// The log of takeovers of a partition of leases: a stream.
    pub(super) fn takeovers(&self, partition: u16) -> Str {
        format!("{}:{{l{partition}}}:takeovers", self.prefix).into()
    }

    /// The records of a shelf.
    pub(super) fn shelf(&self, shelf: &Shelf) -> Str {
        let hash = hash(&[
            shelf.app.as_str().as_bytes(),
            shelf.kind.as_str().as_bytes(),
            shelf.name.as_str().as_bytes(),
        ]);
        format!("{}:{{r{hash:032x}}}:{}", self.prefix, shelf.kind.as_str()).into()
    }

    /// Where every edge hears of changed records.
    pub(super) fn notices(&self) -> Str {
        self.in_partition(0, format_args!("records"))
    }

    /// One of the keys that an app's use is counted in.
    pub(super) fn usage(&self, app: &AppId, what: &str) -> Str {
        let hash = hash(&[app.as_str().as_bytes()]);
        format!("{}:{{q{hash:032x}}}:{what}", self.prefix).into()
    }

    fn in_partition(&self, partition: u16, rest: std::fmt::Arguments<'_>) -> Str {
        let mut name = String::with_capacity(self.prefix.len() + 42);
        // Writing to a string cannot fail.
        let _ = write!(name, "{}:{{p{partition}}}:{rest}", self.prefix);
        name.into()
    }
}

/// A number that stands for a lease's key wherever the key itself is too long.
pub(crate) fn lease_hash(key: &LeaseKey) -> u128 {
    let device = key.device.as_ref().map_or("", |device| device.as_str());
    let room = key.room.map_or_else(String::new, |room| room.to_string());
    hash(&[
        key.app.as_str().as_bytes(),
        key.dialect.as_bytes(),
        key.peer.as_str().as_bytes(),
        &[u8::from(key.device.is_some())],
        device.as_bytes(),
        room.as_bytes(),
    ])
}

/// Length-prefixed, so that no two lists of parts are the same bytes.
pub(crate) fn hash(parts: &[&[u8]]) -> u128 {
    let mut sha = Sha256::new();
    for part in parts {
        sha.update((part.len() as u64).to_be_bytes());
        sha.update(part);
    }
    let digest = sha.finalize();
    digest[..16]
        .iter()
        .fold(0, |hash, byte| hash << 8 | u128::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(app: &str, name: &str) -> TopicKey {
        TopicKey::of(&Topic::channel(
            &app.parse().unwrap(),
            name.parse().unwrap(),
        ))
    }

    #[test]
    fn a_channel_name_leads_back_to_its_topic() {
        let key = channel("app", "room");
        let name = Names::new("sw").channel(key);
        assert_eq!(TopicKey::parse(&name), Some(key));
        assert_eq!(TopicKey::parse("sw:{p0}:edge:0123456789abcdef"), None);
    }

    #[test]
    fn names_that_only_look_alike_differ() {
        let peer = TopicKey::of(&Topic::peer(
            &"app".parse().unwrap(),
            "room".parse().unwrap(),
        ));
        let keys = [
            channel("app", "room"),
            channel("ap", "proom"),
            channel("other", "room"),
            peer,
        ];
        for (n, key) in keys.iter().enumerate() {
            assert_eq!(keys.iter().position(|other| other == key), Some(n));
        }
    }

    #[test]
    fn whatever_a_client_calls_itself_stays_out_of_the_names() {
        let name = Names::new("sw").channel(channel("app", "{p0}:*\u{e9}"));
        assert!(name.bytes().all(|byte| byte.is_ascii_graphic()));
        assert_eq!(name.matches('{').count(), 1);
    }
}
