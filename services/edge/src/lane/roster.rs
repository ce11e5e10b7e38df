//! What a lane knows of a topic's members: the roster at one version, kept by deltas.

use std::sync::Arc;

use cluster::{Delta, Members, Naming, Peer, Roster, Version};

/// A followed roster.
#[derive(Debug)]
pub(super) struct FollowedRoster {
    version: Version,
    naming: Naming,
    members: Members<Arc<Peer>>,
}

/// What a delta did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Applied {
    /// It was the next one: the members changed.
    Changed,
    /// As `Changed`, and the topic names its members again: subscribers need a fresh snapshot.
    NamedAgain,
    /// It is older than the roster.
    Known,
    /// Something between was missed, or the history is another: only a new roster helps.
    Gap,
}

impl FollowedRoster {
    pub(super) fn new(roster: Roster) -> Self {
        Self {
            version: roster.version,
            naming: roster.naming,
            members: roster.members.into_iter().collect(),
        }
    }

    pub(super) fn apply(&mut self, delta: &Delta) -> Applied {
        if delta.version.epoch != self.version.epoch
            || delta.version.sequence > self.version.sequence + 1
        {
            return Applied::Gap;
        }
        if delta.version.sequence <= self.version.sequence {
            return Applied::Known;
        }
        for peer in &delta.left {
            self.members.remove(&peer.id);
        }
        for peer in &delta.joined {
            self.members.insert(Arc::clone(peer));
        }
        self.version = delta.version;
        match std::mem::replace(&mut self.naming, delta.naming) {
            Naming::Counted if delta.naming == Naming::Named => Applied::NamedAgain,
            Naming::Counted | Naming::Named => Applied::Changed,
        }
    }

    /// Takes over a newer roster and returns the difference, for those who saw the old one.
    pub(super) fn replace(&mut self, roster: Roster) -> Delta {
        let newer = Self::new(roster);
        let missing = |of: &Self, from: &Self| {
            of.members
                .iter()
                .filter(|peer| from.members.get(&peer.id).is_none())
                .cloned()
                .collect()
        };
        let delta = Delta {
            version: newer.version,
            joined: missing(&newer, self),
            left: missing(self, &newer),
            naming: newer.naming,
        };
        *self = newer;
        delta
    }

    /// The members that a snapshot names: none, if the topic only counts.
    pub(super) fn named(&self) -> impl Iterator<Item = &Peer> {
        let members = match self.naming {
            Naming::Named => Some(self.members.iter()),
            Naming::Counted => None,
        };
        members.into_iter().flatten().map(AsRef::as_ref)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(name: &str) -> Arc<Peer> {
        Arc::new(Peer {
            id: name.parse().unwrap(),
            metadata: None,
        })
    }

    fn version(sequence: u64) -> Version {
        Version { epoch: 1, sequence }
    }

    fn roster(sequence: u64, names: &[&str]) -> Roster {
        Roster {
            version: version(sequence),
            members: names.iter().map(|name| peer(name)).collect(),
            naming: Naming::Named,
        }
    }

    fn delta(sequence: u64, joined: &[&str], left: &[&str], naming: Naming) -> Delta {
        let peers = |names: &[&str]| names.iter().map(|name| peer(name)).collect();
        Delta {
            version: version(sequence),
            joined: peers(joined),
            left: peers(left),
            naming,
        }
    }

    fn names(roster: &FollowedRoster) -> Vec<String> {
        let mut names: Vec<String> = roster.named().map(|peer| peer.id.to_string()).collect();
        names.sort();
        names
    }

    #[test]
    fn only_the_next_delta_applies() {
        let mut followed = FollowedRoster::new(roster(5, &["alice"]));
        assert_eq!(
            followed.apply(&delta(5, &["eve"], &[], Naming::Named)),
            Applied::Known
        );
        assert_eq!(
            followed.apply(&delta(7, &["eve"], &[], Naming::Named)),
            Applied::Gap
        );
        assert_eq!(
            followed.apply(&delta(6, &["bob"], &["alice"], Naming::Named)),
            Applied::Changed
        );
        assert_eq!(names(&followed), ["bob"]);
        let other_history = Delta {
            version: Version {
                epoch: 2,
                sequence: 7,
            },
            ..delta(7, &[], &[], Naming::Named)
        };
        assert_eq!(followed.apply(&other_history), Applied::Gap);
    }

    #[test]
    fn a_topic_that_counts_names_nobody_until_it_names_again() {
        let mut followed = FollowedRoster::new(roster(1, &["alice"]));
        assert_eq!(
            followed.apply(&delta(2, &["bob"], &[], Naming::Counted)),
            Applied::Changed
        );
        assert!(names(&followed).is_empty());
        assert_eq!(
            followed.apply(&delta(3, &[], &["bob"], Naming::Named)),
            Applied::NamedAgain
        );
        assert_eq!(names(&followed), ["alice"]);
    }

    #[test]
    fn a_replaced_roster_tells_the_difference() {
        let mut followed = FollowedRoster::new(roster(1, &["alice", "bob"]));
        let difference = followed.replace(roster(9, &["bob", "carol"]));
        assert_eq!(difference.joined.len(), 1);
        assert_eq!(difference.joined[0].id.as_str(), "carol");
        assert_eq!(difference.left[0].id.as_str(), "alice");
        assert_eq!(names(&followed), ["bob", "carol"]);
    }
}
